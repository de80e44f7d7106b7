"""Several videos side by side in one, each with its name below; by ffmpeg."""

import math
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from talking_video.cli.say import say
from talking_video.errors import RequestError, TalkingVideoError

LABEL_PIXELS = 40
LETTER = 0.6  # width of a letter, of its height
LARGEST_LETTER = 24
LAST_CHARS = 400
SIZE = re.compile(rb"Video: .*?[ ,](\d{2,5})x(\d{2,5})")


def require_ffmpeg() -> str:
    """The path of the one on PATH, or of that beside this Python. Raises RequestError where there is none: nothing
    should be made that cannot be shown."""
    found = shutil.which("ffmpeg") or shutil.which("ffmpeg", path=str(Path(sys.executable).parent))
    if found is None:
        raise RequestError("ffmpeg is missing: compare needs it (Debian: apt-get install ffmpeg)")
    return found


def mosaic(videos: Sequence[tuple[Path, str]], target: Path) -> None:
    """Rows and columns of the videos, all as large as the first, with the sound of the first.

    Raises:
        TalkingVideoError: ffmpeg failed; the single videos are where they were.
    """
    width, height = _size(videos[0][0])
    with TemporaryDirectory(prefix="talking-video-labels-") as scratch:
        for number, (_, name) in enumerate(videos):
            (Path(scratch) / f"{number}.txt").write_text(name, encoding="utf-8")
        error = _run(videos, target, Path(scratch), _filter([name for _, name in videos], width, height, labelled=True))
        if error:  # with a drawtext, or the fonts for it, missing
            plain = _run(videos, target, Path(scratch), _filter([""] * len(videos), width, height, labelled=False))
            if not plain:
                say("ffmpeg here cannot write text (drawtext): the variants stand in the order of the table")
                return
        if error:
            raise TalkingVideoError(f"ffmpeg could not put the videos side by side: {error[-LAST_CHARS:]}")


def _size(video: Path) -> tuple[int, int]:
    done = subprocess.run([require_ffmpeg(), "-hide_banner", "-i", str(video)], capture_output=True, check=False)
    found = SIZE.search(done.stderr)
    if found is None:
        raise TalkingVideoError(f"{video} is no video that ffmpeg can read")
    return int(found[1]), int(found[2])


def _run(videos: Sequence[tuple[Path, str]], target: Path, folder: Path, graph: str) -> str:
    """What ffmpeg complains of; nothing where all went well."""
    inputs = [part for video, _ in videos for part in ("-i", str(video.absolute()))]
    encode = ["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart"]
    part = target.absolute().with_name(f".{target.name}.part.mp4")
    maps = ["-map", "[all]", "-map", "0:a?"]
    command = [require_ffmpeg(), "-nostdin", "-y", "-v", "error", *inputs, "-filter_complex", graph, *maps]
    done = subprocess.run(
        [*command, *encode, str(part)], cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        part.unlink(missing_ok=True)
        return done.stderr.strip() or f"it ended with {done.returncode}"
    part.replace(target)
    return ""


def _filter(names: Sequence[str], width: int, height: int, *, labelled: bool) -> str:
    """Labels are read from files, so that no character of them is one of ffmpeg's language."""
    columns = math.ceil(math.sqrt(len(names)))
    chains, places = [], []
    fit = f"scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1,setsar=1"
    for number, name in enumerate(names):
        size = max(10, min(LARGEST_LETTER, int(width / (LETTER * max(1, len(name))))))
        text = (
            f",drawtext=textfile={number}.txt:expansion=none:fontcolor=white:fontsize={size}:x=(w-text_w)/2"
            f":y=h-{LABEL_PIXELS}+({LABEL_PIXELS}-text_h)/2"
        )
        chains.append(
            f"[{number}:v]{fit},pad={width}:{height + LABEL_PIXELS}:0:0:black{text if labelled else ''}[v{number}]"
        )
        places.append(f"{number % columns * width}_{number // columns * (height + LABEL_PIXELS)}")
    ends = "".join(f"[v{number}]" for number in range(len(names)))
    stack = f"{ends}xstack=inputs={len(names)}:layout={'|'.join(places)}:fill=black[all]"
    return ";".join([*chains, stack])
