"""Stand-in frames: the caller's portrait, whose mouths open with the voices, and the word SIMULATED.

A person who watches the video sees at once whether sound, picture, speakers and length belong together: in each
speaker's region a mouth opens, and a thin bar rises, as loud as that speaker is; nothing of it moves while the speaker
is silent. No pixel of another speaker's region ever changes. The line at the top says what this is, and where it is.

Frames are drawn as bands of rows. Loudness has `LEVELS` steps, so a band looks one of few ways; each is packed once and
kept (bounded in bytes). Only the line at the top is new in every frame.
"""

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from simulator import png
from simulator.faces import Mouth, find_mouths
from simulator.mouths import choose_mouth, reach_of, speak

LEVELS = 12
SPEAKER_COLOURS = ((255, 140, 96), (96, 190, 255), (128, 230, 128), (250, 214, 90))
DARK = (20, 20, 24)
WORD = "SIMULATED"
PLACES = ("window {window}  frame {index:05d}", "frame {index:05d}", "{index:05d}")
LEAST_FONT = 7
OUTLINE = 0.45  # how much of a region's outline one sees
PROMPT_COLOURS = ((24, 24, 120), (120, 24, 24), (24, 100, 24), (110, 90, 0), (100, 24, 110), (0, 100, 110))
STATIC_PACKING, MOVING_PACKING = 6, 1
KEPT_BYTES = 96 * 1024 * 1024
Area = tuple[int, int, int, int]


@dataclass(frozen=True)
class Speaker:
    """Where one speaker is drawn, in pixels. pixels: L mask of what may change, free of other speakers and of the line
    at the top; reach: what changes with the mouth; bar: where the loudness stands."""

    mouth: Mouth
    pixels: Image.Image
    outline: Image.Image
    reach: Area
    bar: Area
    colour: tuple[int, int, int]

    def moves_in(self, top: int, bottom: int) -> bool:
        """Whether anything of it does between these rows."""
        return any(area[1] < bottom and area[3] > top for area in (self.reach, self.bar))


def whole_frame(size: tuple[int, int]) -> Image.Image:
    """The region of a single speaker without masks."""
    return Image.new("L", size, 255)


def _font_for(places: Sequence[str], width: int, size: int) -> tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """The first of these lines that fits behind the word, a little smaller perhaps, and its font; else the last one."""
    for place in places:
        for smaller in range(size, max(round(0.7 * size), LEAST_FONT) - 1, -1):
            font = ImageFont.load_default(smaller)
            if font.getlength(f"{WORD}  {place.format(window=100, index=0)}") <= width:
                return place, font
    return place, ImageFont.load_default(LEAST_FONT)


class Artist:
    """Draws the frames of one clip.

    portrait: RGB, the size of the frames; masks: one L mask of the same size per speaker; levels: per speaker the
    loudness 0..1 of each frame (frames past the end are silent); told: what every frame says of the settings.
    """

    def __init__(
        self, portrait: Image.Image, masks: Sequence[Image.Image], levels: Sequence[Sequence[float]], told: str = ""
    ) -> None:
        self.size = portrait.size
        self._steps = [[round(value * LEVELS) for value in track] for track in levels]
        width, height = self.size
        self._line_rows = min(height // 8, max(9, round(0.032 * width) + 8))
        places = [f"{PLACES[0]}  {told}".strip(), *PLACES]
        self._where, self._font = _font_for(places, width - 8, round(0.66 * self._line_rows))
        self._speakers = self._place(masks, find_mouths(portrait))
        self._base = self._outlined(portrait)
        self._above = Image.blend(
            self._base.crop((0, 0, width, self._line_rows)), Image.new("RGB", (width, self._line_rows), DARK), 0.72
        )
        self._head = png.head(width, height)
        self._kept: OrderedDict[tuple[int, tuple[int, ...]], png.Band] = OrderedDict()
        self._kept_bytes = 0
        self._runs = self._split_rows()

    def frame(self, index: int, window: int, prompt: int | None = None) -> list[bytes]:
        """The pieces of the PNG file of frame `index` (from 0), drawn in window `window` (from 1), in file order.

        `prompt` is which of several (from 1) the window takes: the line at the top has its number then, and a colour
        for it.
        """
        steps = tuple(track[index] if index < len(track) else 0 for track in self._steps)
        bands = [png.band(self._line(index, window, prompt), MOVING_PACKING)]
        bands += [self._run(number, steps) for number in range(len(self._runs))]
        return [self._head, *(part.chunk for part in bands), png.tail(bands)]

    def write(self, path: Path, index: int, window: int, prompt: int | None = None) -> None:
        """Write frame `index` in pieces under its final name, as the real server does: readers may meet half a file."""
        with path.open("wb", buffering=0) as target:
            for piece in self.frame(index, window, prompt):
                target.write(piece)

    def _place(self, masks: Sequence[Image.Image], mouths: Sequence[Mouth]) -> list[Speaker]:
        thickness = 5 if min(self.size) >= 256 else 3
        solid = [mask.point([0] + [255] * 255) for mask in masks]
        speakers = []
        for number, mask in enumerate(solid):
            others = Image.new("L", self.size, 0)
            for other in solid[:number] + solid[number + 1 :]:
                others = ImageChops.lighter(others, other)
            others.paste(255, (0, 0, self.size[0], self._line_rows))
            outline = ImageChops.subtract(mask, mask.filter(ImageFilter.MinFilter(thickness)))
            mouth = choose_mouth(mouths, mask)
            colour = SPEAKER_COLOURS[number % len(SPEAKER_COLOURS)]
            pixels = ImageChops.subtract(mask, others)
            outline = ImageChops.darker(outline, pixels)
            speakers.append(Speaker(mouth, pixels, outline, reach_of(mouth), self._bar_of(mask, thickness), colour))
        return speakers

    def _bar_of(self, mask: Image.Image, thickness: int) -> Area:
        """At the left edge of a region, over the lower part of it."""
        left, top, _, bottom = mask.getbbox() or (0, 0, 0, 0)
        broad = max(3, self.size[0] // 120)
        return left + thickness, top + round(0.6 * (bottom - top)), left + thickness + broad, bottom - thickness

    def _outlined(self, portrait: Image.Image) -> Image.Image:
        base = portrait.convert("RGB")
        for speaker in self._speakers:
            base.paste(speaker.colour, (0, 0), speaker.outline.point([round(OUTLINE * value) for value in range(256)]))
        return base

    def _line(self, index: int, window: int, prompt: int | None) -> Image.Image:
        line, middle = self._above.copy(), self._line_rows // 2
        drawing = ImageDraw.Draw(line)
        if prompt is not None:
            drawing.rectangle((0, 0, *line.size), fill=PROMPT_COLOURS[(prompt - 1) % len(PROMPT_COLOURS)])
        drawing.text((4, middle), WORD, fill=(255, 255, 255), font=self._font, anchor="lm")
        place = self._where.format(window=window, index=index)
        place = place if prompt is None else place.replace(f"window {window}", f"prompt {prompt}")
        drawing.text((self.size[0] - 4, middle), place, fill=(214, 214, 218), font=self._font, anchor="rm")
        return line

    def _split_rows(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """The rows under the line as (top, bottom, speakers that move in them)."""
        edges = {self._line_rows, self.size[1]}
        for speaker in self._speakers:
            for area in (speaker.reach, speaker.bar):
                edges |= {min(max(row, self._line_rows), self.size[1]) for row in (area[1], area[3])}
        runs = []
        for top, bottom in itertools.pairwise(sorted(edges)):
            present = (n for n, speaker in enumerate(self._speakers) if speaker.moves_in(top, bottom))
            runs.append((top, bottom, tuple(present)))
        return runs

    def _run(self, number: int, steps: tuple[int, ...]) -> png.Band:
        top, bottom, present = self._runs[number]
        key = (number, tuple(steps[speaker] for speaker in present))
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        picture = self._base
        for speaker in present:
            picture = self._speaking(picture, self._speakers[speaker], steps[speaker])
        packed = png.band(picture.crop((0, top, self.size[0], bottom)), MOVING_PACKING if present else STATIC_PACKING)
        self._kept[key] = packed
        self._kept_bytes += len(packed.chunk)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1].chunk)
        return packed

    def _speaking(self, picture: Image.Image, speaker: Speaker, step: int) -> Image.Image:
        if step == 0:
            return picture
        changed = picture.copy()
        changed.paste(speak(picture, speaker.mouth, step / LEVELS), speaker.reach[:2])
        left, top, right, bottom = speaker.bar
        changed.paste(speaker.colour, (left, bottom - max(1, round((bottom - top) * step / LEVELS)), right, bottom))
        return Image.composite(changed, picture, speaker.pixels)
