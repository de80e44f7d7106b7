"""Make the README's picture and the Hub's icon: `python scripts/make_pictures.py FILM.mp4 [ROOT]`.

FILM is what `make demo EXAMPLE=two-turns` leaves. Written below ROOT (default: this repository):
docs/pictures/film.webp, frames of the film over its two voices, on no ground, so that it stands on a light page
and on a dark one; and .runpod/icon.png with the page's own icon. With one film and one Pillow every run writes the
same bytes.
"""

import subprocess
import sys
import wave
from array import array
from io import BytesIO
from itertools import accumulate, pairwise
from pathlib import Path

from drawing import Colour, Shape, curve, path
from PIL import Image, ImageDraw, ImageFont

REPOSITORY = Path(__file__).resolve().parent.parent
VOICES = (("Anna", "anna.wav"), ("Ben", "ben.wav"))
COLOURS: tuple[Colour, ...] = ((232, 112, 58), (56, 139, 233))  # seen on white and on near-black
QUIET: Colour = (128, 137, 148)
FPS, FRAMES = 25, 4
WIDTH, GAP, ROUND = 1640, 24, 18
HEADER = 36  # rows of the film in which the simulator says what it is; the strip says it at its end
FRAME = ((WIDTH - GAP * (FRAMES - 1)) // FRAMES, 240)
WAVE_TOP, WAVE_TALL, BAR, STEP = 286, 120, 5, 8
HEIGHT = WAVE_TOP + WAVE_TALL + 44
ICON, FINE = 512, 4
INK: Colour = (29, 29, 27)
LIPS: Colour = (194, 65, 12)
# Each lip from corner to corner, in units of the page's icon, whose disc is 30 across.
MOUTH = ("-10,0 -6,-3.400 -2.600,-4.700 0,-3.900 2.600,-4.700 6,-3.400 10,0", "10,0 6,4.600 0,7 -6,4.600 -10,0")
OPEN = ("-7,0 -3,-1.300 0,-0.800 3,-1.300 7,0", "7,0 3.600,2.600 0,3.500 -3.600,2.600 -7,0")


def loudness(name: str) -> list[float]:
    """The loudest sample, 0 to 1, of each frame's time."""
    with wave.open(str(REPOSITORY / "examples" / name), "rb") as file:
        samples = array("h", file.readframes(file.getnframes()))
        part = file.getframerate() // FPS
    return [max(map(abs, samples[at : at + part])) / 32768 for at in range(0, len(samples), part)]


def loudest_frames(levels: list[float]) -> list[int]:
    """One of each equal part of the time, where a mouth is wide open."""
    bounds = [round(len(levels) * part / FRAMES) for part in range(FRAMES + 1)]
    return [max(range(start, end), key=lambda at: sum(levels[at - 1 : at + 2])) for start, end in pairwise(bounds)]


def frame_of(film: Path, number: int) -> Image.Image:
    """One frame, without the simulator's header, in the strip's size."""
    choose = ["-vf", f"select='eq(n,{number})'", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "pipe:1"]
    shown = subprocess.run(["ffmpeg", "-v", "error", "-i", str(film), *choose], check=True, capture_output=True).stdout
    whole = Image.open(BytesIO(shown)).convert("RGB")
    below = HEADER + round(whole.width * FRAME[1] / FRAME[0])
    return whole.crop((0, HEADER, whole.width, below)).resize(FRAME, Image.Resampling.LANCZOS)


def rounded(picture: Image.Image, radius: int) -> Image.Image:
    """With see-through corners."""
    large = Image.new("L", (picture.width * FINE, picture.height * FINE))
    ImageDraw.Draw(large).rounded_rectangle((0, 0, *large.size), radius * FINE, fill=255)
    found = picture.convert("RGBA")
    found.putalpha(large.resize(picture.size, Image.Resampling.LANCZOS))
    return found


def film_strip(film: Path) -> Image.Image:
    """Frames of the film above its voices; a line leads from each frame to its moment."""
    voices = [loudness(name) for _, name in VOICES]
    levels = [level for voice in voices for level in voice]
    begins = [0, *accumulate(map(len, voices))]
    sheet = Image.new("RGBA", (WIDTH, HEIGHT))
    pen, words = ImageDraw.Draw(sheet), ImageFont.load_default(26)
    middle = WAVE_TOP + WAVE_TALL // 2
    for place, number in enumerate(loudest_frames(levels)):
        left, moment = place * (FRAME[0] + GAP), round(WIDTH * (number + 0.5) / len(levels))
        sheet.paste(rounded(frame_of(film, number), ROUND), (left, 0))
        pen.line((left + FRAME[0] // 2, FRAME[1] + 8, moment, WAVE_TOP - 8), fill=QUIET, width=2)
        pen.ellipse((moment - 5, WAVE_TOP - 12, moment + 5, WAVE_TOP - 2), fill=QUIET)
    for x in range(0, WIDTH - BAR, STEP):
        at = min(len(levels) - 1, x * len(levels) // WIDTH)
        half = max(2, round(levels[at] * WAVE_TALL / 2 / max(levels)))
        colour = COLOURS[0 if at < begins[1] else 1]
        pen.rounded_rectangle((x, middle - half, x + BAR - 1, middle + half), 2, fill=colour)
    for (name, _), start, colour in zip(VOICES, begins[:2], COLOURS, strict=True):
        pen.text((WIDTH * start // len(levels), HEIGHT - 34), name, font=words, fill=colour)
    end = f"{len(levels) / FPS:.1f} s, simulated"
    pen.text((WIDTH - pen.textlength(end, font=words), HEIGHT - 34), end, font=words, fill=QUIET)
    return sheet


def icon() -> Image.Image:
    """A mouth on a dark disc, as endpoint/page/icon.svg has it."""
    size = ICON * FINE
    large = Image.new("RGBA", (size, size))
    pen = ImageDraw.Draw(large)

    def placed(lips: tuple[str, str]) -> Shape:
        at, unit = (size / 2, size / 2), size / 32
        return [point for lip in lips for point in curve(path(lip, wide=unit, tall=unit, at=at))]

    pen.ellipse((size / 32, size / 32, size * 31 / 32, size * 31 / 32), fill=INK)
    pen.polygon(placed(MOUTH), fill=(255, 255, 255))
    pen.polygon(placed(OPEN), fill=LIPS)
    return large.resize((ICON, ICON), Image.Resampling.LANCZOS)


def main(film: Path, root: Path) -> None:
    """Write both."""
    (root / "docs" / "pictures").mkdir(parents=True, exist_ok=True)
    (root / ".runpod").mkdir(exist_ok=True)
    film_strip(film).save(root / "docs" / "pictures" / "film.webp", quality=86, method=6)
    icon().save(root / ".runpod" / "icon.png", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else REPOSITORY)
