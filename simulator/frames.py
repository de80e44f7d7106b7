"""Stand-in frames: the caller's portrait, each speaker's region moving with their loudness, and a 'SIMULATED' mark.

A person who watches the video sees at once whether sound, picture, speakers and length belong together: a region's
lower half drops like a jaw and a bar at its edge rises while that speaker is loud, and nothing of it moves while the
speaker is silent. No pixel of another speaker's region ever changes.

Frames are drawn as bands of rows. Loudness has `LEVELS` steps, so a band looks one of few ways; each is packed once and
kept (bounded in bytes). Only the strip with the window and frame number is new in every frame.
"""

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from simulator import png

LEVELS = 12
SPEAKER_COLOURS = ((255, 96, 64), (64, 160, 255), (96, 220, 96), (240, 200, 48))
DARK = (24, 24, 28)
PROMPT_COLOURS = ((24, 24, 120), (120, 24, 24), (24, 100, 24), (110, 90, 0), (100, 24, 110), (0, 100, 110))
JAW_TRAVEL = 0.08
CENTRE_BOX = (0.30, 0.35, 0.70, 0.75)
STATIC_PACKING, MOVING_PACKING = 6, 1
KEPT_BYTES = 96 * 1024 * 1024


@dataclass(frozen=True)
class Speaker:
    """Where one speaker is drawn. box: (left, top, right, bottom) in pixels; pixels: L mask of what may change; moving:
    L mask of the moving content inside the outline; both W x H and already free of other speakers and of the mark."""

    box: tuple[int, int, int, int]
    pixels: Image.Image
    moving: Image.Image
    colour: tuple[int, int, int]


def centre_mask(size: tuple[int, int]) -> Image.Image:
    """The region of a single speaker without masks: 30-70 % of the width, 35-75 % of the height."""
    width, height = size
    left, top, right, bottom = CENTRE_BOX
    mask = Image.new("L", size, 0)
    mask.paste(255, (round(width * left), round(height * top), round(width * right), round(height * bottom)))
    return mask


def _fitted_font(text: str, width: int, most: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    size = most
    font = ImageFont.load_default(size)
    while size > 6 and font.getlength(text) > width:
        size -= 1
        font = ImageFont.load_default(size)
    return font


class Artist:
    """Draws the frames of one clip.

    portrait: RGB, the size of the frames; masks: one L mask of the same size per speaker; levels: per speaker the
    loudness 0..1 of each frame (frames past the end are silent); told: what every frame says of the settings.
    """

    def __init__(
        self, portrait: Image.Image, masks: Sequence[Image.Image], levels: Sequence[Sequence[float]], told: str = ""
    ) -> None:
        self.size = portrait.size
        self._told = told
        self._steps = [[round(value * LEVELS) for value in track] for track in levels]
        width, height = self.size
        self._mark_font = _fitted_font("SIMULATED", round(width * 0.9), max(10, width // 9))
        self._mark_rows = min(height // 4, round(max(10, width // 9) * 1.2))
        self._strip_rows = max(8, min(height // 8, width // 24))
        self._strip_font = _fitted_font(
            f"window 1000 frame 00000 {told}", width - 4, max(7, round(self._strip_rows * 0.85))
        )
        self._covered = self._mark_rows + self._strip_rows
        self._speakers = self._place(masks)
        self._base = self._with_mark(self._outlined(portrait))
        self._head = png.head(width, height)
        self._kept: OrderedDict[tuple[int, tuple[int, ...]], png.Band] = OrderedDict()
        self._kept_bytes = 0
        self._runs = self._split_rows()

    def frame(self, index: int, window: int, prompt: int | None = None) -> list[bytes]:
        """The pieces of the PNG file of frame `index` (from 0), drawn in window `window` (from 1), in file order.

        `prompt` is which of several (from 1) the window takes: the strip then has its number, and a colour for it.
        """
        steps = tuple(track[index] if index < len(track) else 0 for track in self._steps)
        bands = [self._mark, png.band(self._strip(index, window, prompt), MOVING_PACKING)]
        bands += [self._run(number, steps) for number in range(len(self._runs))]
        return [self._head, *(part.chunk for part in bands), png.tail(bands)]

    def write(self, path: Path, index: int, window: int, prompt: int | None = None) -> None:
        """Write frame `index` in pieces under its final name, as the real server does: readers may meet half a file."""
        with path.open("wb", buffering=0) as target:
            for piece in self.frame(index, window, prompt):
                target.write(piece)

    def _place(self, masks: Sequence[Image.Image]) -> list[Speaker]:
        thickness = 5 if min(self.size) >= 256 else 3
        solid = [mask.point([0] + [255] * 255) for mask in masks]
        speakers = []
        for number, mask in enumerate(solid):
            others = Image.new("L", self.size, 0)
            for other in solid[:number] + solid[number + 1 :]:
                others = ImageChops.lighter(others, other)
            others.paste(255, (0, 0, self.size[0], self._covered))
            box = mask.getbbox() or (0, 0, 0, 0)
            moving = ImageChops.subtract(mask.filter(ImageFilter.MinFilter(thickness)), others)
            colour = SPEAKER_COLOURS[number % len(SPEAKER_COLOURS)]
            speakers.append(Speaker(box, ImageChops.subtract(mask, others), moving, colour))
        return speakers

    def _outlined(self, portrait: Image.Image) -> Image.Image:
        base = portrait.convert("RGB")
        for speaker in self._speakers:
            outline = ImageChops.subtract(speaker.pixels, speaker.moving)
            base.paste(speaker.colour, (0, 0), outline)
        return base

    def _with_mark(self, base: Image.Image) -> Image.Image:
        area = (0, 0, self.size[0], self._mark_rows)
        dimmed = Image.blend(base.crop(area), Image.new("RGB", (self.size[0], self._mark_rows), DARK), 0.7)
        drawing = ImageDraw.Draw(dimmed)
        centre = (self.size[0] // 2, self._mark_rows // 2)
        drawing.text(centre, "SIMULATED", fill=(255, 255, 255), font=self._mark_font, anchor="mm")
        base.paste(dimmed, area)
        self._mark = png.band(dimmed, STATIC_PACKING)
        return base

    def _strip(self, index: int, window: int, prompt: int | None) -> Image.Image:
        colour = DARK if prompt is None else PROMPT_COLOURS[(prompt - 1) % len(PROMPT_COLOURS)]
        strip = Image.new("RGB", (self.size[0], self._strip_rows), colour)
        centre = (self.size[0] // 2, self._strip_rows // 2)
        place = f"window {window}" if prompt is None else f"prompt {prompt}"
        text = f"{place} frame {index:05d} {self._told}"
        ImageDraw.Draw(strip).text(centre, text, fill=(230, 230, 230), font=self._strip_font, anchor="mm")
        return strip

    def _split_rows(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """The rows under the mark as (top, bottom, speakers that move in them)."""
        edges = {self._covered, self.size[1]}
        for speaker in self._speakers:
            edges |= {min(max(row, self._covered), self.size[1]) for row in (speaker.box[1], speaker.box[3])}
        rows = sorted(edges)
        runs = []
        for top, bottom in itertools.pairwise(rows):
            present = (
                n for n, speaker in enumerate(self._speakers) if speaker.box[1] < bottom and speaker.box[3] > top
            )
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
            picture = self._moved(picture, self._speakers[speaker], steps[speaker])
        packed = png.band(picture.crop((0, top, self.size[0], bottom)), MOVING_PACKING if present else STATIC_PACKING)
        self._kept[key] = packed
        self._kept_bytes += len(packed.chunk)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1].chunk)
        return packed

    def _moved(self, picture: Image.Image, speaker: Speaker, step: int) -> Image.Image:
        if step == 0:
            return picture
        left, top, right, bottom = speaker.box
        width, height = right - left, bottom - top
        middle = top + round(height * 0.55)
        travel = max(1, round(height * JAW_TRAVEL * step / LEVELS))
        changed = picture.copy()
        changed.paste(picture.crop((left, middle, right, bottom - travel)), (left, middle + travel))
        changed.paste(DARK, (left, middle, right, middle + travel))
        moved = Image.composite(changed, picture, speaker.moving)
        bar = Image.new("L", self.size, 0)
        bar.paste(255, (left, bottom - max(1, round(height * step / LEVELS)), left + max(4, width // 16), bottom))
        moved.paste(speaker.colour, (0, 0), ImageChops.darker(bar, speaker.pixels))
        return moved
