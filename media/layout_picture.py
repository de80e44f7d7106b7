"""A picture of what a video will be made of: the frame with each speaker's region, and below it the voices in time."""

import base64
import math
import wave
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from media.audio import LISTENER_RATE, MODEL_RATE
from media.masks import PixelBox
from media.segments import AudioSegment
from media.small_jpeg import jpeg_within
from media.voices import FULL_SCALE, Placed, Timeline

LONGEST_SIDE = 560
ROW_HEIGHT, GAP, SCALE_HEIGHT = 34, 6, 18
TEXT_SIZE = 13
MOST_BYTES = 44_900  # of the JPEG: as base64 a little less than 60 kB
PAPER, INK, FAINT = (250, 250, 248), (40, 40, 44), (205, 205, 200)
# Told apart by people who do not see red or green: Okabe and Ito's palette.
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))
PREFIX = "data:image/jpeg;base64,"


def levels_of(timeline: Timeline, parts: int) -> list[list[float]]:
    """Of each voice: the loudest sample, 0 to 1, in each of `parts` equal parts of the timeline."""
    return [_levels(item, timeline.length / LISTENER_RATE / parts, parts) for item in timeline.voices]


def _levels(item: Placed, seconds: float, parts: int) -> list[float]:
    """As `levels_of`, of one voice, in parts of so many seconds."""
    start, found = round(item.start * MODEL_RATE / LISTENER_RATE), []
    with wave.open(str(item.voice.model), "rb") as sound:
        length = min(sound.getnframes(), round(item.length * MODEL_RATE / LISTENER_RATE))
        for part in range(parts):
            begin, end = (round((part + more) * seconds * MODEL_RATE) - start for more in (0, 1))
            first, last = max(begin, 0), min(end, length)
            if first >= last:
                found.append(0.0)
                continue
            sound.setpos(first)
            heard = AudioSegment(sound.readframes(last - first), sample_width=2, frame_rate=MODEL_RATE, channels=1)
            found.append(round(min(heard.max / FULL_SCALE, 1.0), 3))
    return found


def draw_preview(
    frame: Image.Image, boxes: Sequence[PixelBox] | None, levels: Sequence[Sequence[float]], seconds: float
) -> str:
    """A data: URI of a JPEG of less than 60 kB.

    Args:
        frame: the picture that the video begins with.
        boxes: a region a speaker, in pixels of the frame; None: nothing is marked.
        levels: of each speaker's voice, in equal parts of the video.
        seconds: length of the video.
    """
    scale = min(1.0, LONGEST_SIDE / max(frame.size))
    size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    strip = len(levels) * (ROW_HEIGHT + GAP) + GAP + SCALE_HEIGHT
    sheet = Image.new("RGB", (max(size[0], LONGEST_SIDE // 2), size[1] + strip), PAPER)
    sheet.paste(frame.resize(size, Image.Resampling.LANCZOS), ((sheet.width - size[0]) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    for number, box in enumerate(boxes or ()):
        left = (sheet.width - size[0]) // 2
        corners = [left + box.left * scale, box.top * scale, left + box.right * scale - 1, box.bottom * scale - 1]
        draw.rectangle(corners, outline=COLOURS[number], width=3)
        _tag(draw, number, corners[0], corners[1])
    for number, voice in enumerate(levels):
        _draw_voice(draw, number, voice, sheet.width, size[1] + GAP + number * (ROW_HEIGHT + GAP))
    _draw_scale(draw, seconds, sheet.width, sheet.height - SCALE_HEIGHT)
    return PREFIX + base64.b64encode(_jpeg(sheet)).decode()


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT_SIZE)


def _tag(draw: ImageDraw.ImageDraw, number: int, left: float, top: float) -> None:
    """The speaker's number on a patch of the speaker's colour."""
    draw.rectangle([left, top, left + TEXT_SIZE + 5, top + TEXT_SIZE + 6], fill=COLOURS[number])
    draw.text((left + 6, top + 2), str(number + 1), fill="white", font=_font())


def _draw_voice(draw: ImageDraw.ImageDraw, number: int, levels: Sequence[float], width: int, top: int) -> None:
    """Louder parts are higher; the root keeps soft speech visible, and silence is the bare line."""
    left, middle = TEXT_SIZE + 12, top + ROW_HEIGHT / 2
    draw.line([left, middle, width - GAP, middle], fill=FAINT)
    part = (width - GAP - left) / max(len(levels), 1)
    for place, level in enumerate(levels):
        half = math.sqrt(level) * ROW_HEIGHT / 2
        if half >= 1:
            begin = left + place * part
            draw.rectangle([begin, middle - half, begin + max(part - 1, 0), middle + half], fill=COLOURS[number])
    _tag(draw, number, 0, top + (ROW_HEIGHT - TEXT_SIZE - 6) / 2)


def _draw_scale(draw: ImageDraw.ImageDraw, seconds: float, width: int, top: int) -> None:
    font, left, end = _font(), TEXT_SIZE + 12, f"{seconds:.1f} s"
    draw.text((left, top), "0 s", fill=INK, font=font)
    draw.text((width - GAP - draw.textlength(end, font=font), top), end, fill=INK, font=font)


def _jpeg(sheet: Image.Image) -> bytes:
    """At the best quality that is small enough; a picture that never is, such as noise, comes smaller."""
    while (jpeg := jpeg_within(sheet, MOST_BYTES)) is None:
        sheet = sheet.resize((max(1, sheet.width * 3 // 4), max(1, sheet.height * 3 // 4)), Image.Resampling.LANCZOS)
    return jpeg
