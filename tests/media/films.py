"""Videos to dub, made by ffmpeg: small, and dark at first, brighter with each second."""

import subprocess
from pathlib import Path

DARK, PER_SECOND = 20, 20  # of 255
FASTEST = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p")


def make_film(
    path: Path,
    seconds: float = 5.0,
    *,
    size: str = "256x256",
    rate: str = "30",
    filters: str = "",
    sound: bool = False,
    options: tuple[str, ...] = FASTEST,
) -> Path:
    """A grey that grows brighter, and a tone of about -15 dBFS where there is sound."""
    grey = f"color=black:s={size}:r={rate}:d={seconds},format=gray,geq=lum='{DARK}+{PER_SECOND}*T'"
    inputs = ["-f", "lavfi", "-i", grey + (f",{filters}" if filters else "")]
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=660:duration={seconds}:sample_rate=48000", "-c:a", "aac"]
    ffmpeg(*inputs, *options, str(path))
    return path


def ffmpeg(*arguments: str) -> None:
    """Run it; what it makes is there at its end."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def brightness_at(seconds: float) -> float:
    """Of such a video, 0 to 255."""
    return DARK + PER_SECOND * seconds
