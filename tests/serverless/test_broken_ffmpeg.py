"""An ffmpeg that is killed, or does not work at all: no caller is blamed, and the worker leaves after two."""

from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.marks import slow
from tests.serverless.stores import quick

BROKEN = """#!/bin/sh
if [ -e {mark} ]; then case "$*" in *{what}*) {fault} ;; esac; fi
exec {ffmpeg} "$@"
"""
DECODING, ENCODING = "voice_", "image2pipe"


def breakable(folder: Path, what: str, fault: str) -> tuple[Path, str]:
    """The file that breaks ffmpeg while it exists, and such an ffmpeg."""
    programs, mark = folder / "bin", folder / "broken"
    programs.mkdir()
    script = programs / "ffmpeg"
    script.write_text(BROKEN.format(mark=mark, what=what, fault=fault, ffmpeg=get_ffmpeg_exe()))
    script.chmod(0o755)
    return mark, str(script)


@pytest.mark.parametrize(
    ("what", "fault", "code"),
    [
        (DECODING, "kill -9 $$", "internal_error"),
        (ENCODING, "kill -9 $$", "encode_failed"),
        *slow(("", "exit 127", "internal_error")),
    ],
    ids=["killed in decoding", "killed in encoding", "broken"],
)
def test_two_jobs_that_this_machine_failed_retire_it(tmp_path: Path, what: str, fault: str, code: str) -> None:
    mark, path = breakable(tmp_path, what, fault)
    with quick(tmp_path, None, {"IMAGEIO_FFMPEG_EXE": path}) as stand:
        mark.touch()
        stand.give("first")
        first = stand.assert_failed("first", code, retryable=True)
        assert "stopPod" not in first
        stand.give("second")
        second = stand.plane.wait_until(lambda: stand.plane.results("second"))[0].body
        assert second["output"]["error_code"] == code
        assert second["stopPod"] is True
        assert stand.worker.ended() == 0


def test_a_file_that_is_no_sound_is_still_the_callers(tmp_path: Path) -> None:
    """Twice, and the worker stays."""
    mark, path = breakable(tmp_path, DECODING, "true")
    mark.touch()
    with quick(tmp_path, None, {"IMAGEIO_FFMPEG_EXE": path}) as stand:
        broken = tmp_path / "broken.flac"
        broken.write_bytes(b"fLaC" + bytes(2000))
        for job_id in ("one", "two"):
            stand.give(job_id, audio_urls=[str(broken)])
            stand.assert_failed(job_id, "audio_invalid", retryable=False)
        stand.assert_next_works()
