"""A worker without an ffmpeg on its PATH, as in the image, does not begin with a warning that it may not work."""

import subprocess
import sys


def test_no_warning_where_no_ffmpeg_is_on_the_path() -> None:
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", "import media.voices, media.layout_picture"]
    done = subprocess.run(command, env={"PATH": "/nonexistent"}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
