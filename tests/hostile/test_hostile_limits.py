"""What holds ffmpeg: the time, the memory, the disk, the environment and the reach of a run on a caller's file."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.request import parse_request
from job.preparation import PreparedJob
from media.audio import decode
from media.ffmpeg import FfmpegError, run
from sources.fetch import Inputs
from tests.hostile.picture_files import png
from tests.hostile.sound_files import SEEDS, box, make_seed, outside_reference, wav
from tests.job.prepared import prepare
from tests.marks import sampled

PYTHON = sys.executable
ID3 = b"ID3\4\0\0\0\0\0\0"


def _script(text: str) -> list[str]:
    return [PYTHON, "-c", text]


def test_a_program_gets_no_environment_but_ours_and_works_in_the_jobs_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("LD_PRELOAD", "")
    printed, _ = run(_script("import os; print(sorted(os.environ), os.getcwd())"), tmp_path, Cancellation())
    assert "hidden" not in printed
    assert "S3_SECRET_ACCESS_KEY" not in printed
    assert "LD_PRELOAD" not in printed
    assert str(tmp_path) in printed


@pytest.mark.parametrize(
    "text",
    [
        "b = bytearray(400_000_000)",
        "open('large', 'wb').write(bytes(50_000_000))",
        "[open('/dev/null') for _ in range(100)]",
        "import sys; [sys.stderr.write('x' * 99_999) for _ in range(400)]",
        "import os; os.close(0); raise SystemExit(1)",
    ],
    ids=["memory", "file", "descriptors", "messages", "exit_code"],
)
def test_a_program_that_takes_too_much_fails(text: str, tmp_path: Path) -> None:
    with pytest.raises(FfmpegError):
        run(_script(text), tmp_path, Cancellation())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3_000_000


@pytest.mark.parametrize("target", ["sound.wav", "pipe:1"])
def test_ffmpeg_ends_where_its_file_is_full(target: str, tmp_path: Path) -> None:
    sound = ["-f", "lavfi", "-i", "anullsrc=r=48000", "-t", "600", "-f", "wav", target]
    with pytest.raises(FfmpegError) as caught:
        run(["ffmpeg", "-nostdin", "-v", "error", *sound], tmp_path, Cancellation())
    assert f"exit {-signal.SIGXFSZ}" in caught.value.log
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3_000_000


def test_a_program_has_nothing_to_read_from(tmp_path: Path) -> None:
    assert run(_script("import sys; print(repr(sys.stdin.read()))"), tmp_path, Cancellation())[0] == "''\n"


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(FfmpegError) as caught:
        run(_script(parent), tmp_path, Cancellation(), seconds=2)
    assert "took more than 2 s" in caught.value.log
    _wait_for_the_end_of(int((tmp_path / "pid").read_text()))


def test_a_cancel_ends_a_program(tmp_path: Path) -> None:
    cancel, runs = Cancellation(), tmp_path / "runs"
    os.mkfifo(runs)

    def cancel_once_it_runs() -> None:
        runs.read_bytes()
        cancel.cancel()

    waiting = threading.Thread(target=cancel_once_it_runs, daemon=True)
    waiting.start()
    with pytest.raises(WorkerError) as caught:
        run(_script("import time; open('runs', 'w').close(); time.sleep(600)"), tmp_path, cancel)
    waiting.join()
    assert caught.value.code is ErrorCode.CANCELLED


def _wait_for_the_end_of(pid: int) -> None:
    with suppress(ProcessLookupError):  # it has ended, and been reaped
        end = os.pidfd_open(pid)
        try:
            assert select.select([end], [], [], 20)[0], "it still runs"
        finally:
            os.close(end)


@contextmanager
def _listener() -> Iterator[tuple[str, list[str]]]:
    """An address, and what was asked for there."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/secret", asked
        finally:
            server.shutdown()
            thread.join()


def test_an_m4a_whose_sound_lies_elsewhere_reads_nothing_there(tmp_path: Path) -> None:
    """With the option that the worker leaves off, ffmpeg does open the other file: the recipe is a real one."""
    m4a = make_seed(tmp_path, "voice.m4a", SEEDS["voice.m4a"])
    other = tmp_path / "other.m4a"
    other.write_bytes(m4a)
    outside = tmp_path / "outside.m4a"
    outside.write_bytes(outside_reference(m4a, str(other).encode()))
    with pytest.raises(WorkerError) as caught:
        decode(outside, tmp_path, "v", 10, Cancellation())
    assert caught.value.code is ErrorCode.AUDIO_INVALID
    willing = ["-enable_drefs", "1", "-use_absolute_path", "1"]
    command = ["ffmpeg", "-v", "error", "-nostdin", *willing, "-i", str(outside), str(tmp_path / "read.wav")]
    subprocess.run(command, check=True)
    assert (tmp_path / "read.wav").stat().st_size > 10_000


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:9,\n{}\n", "ffconcat version 1.0\nfile {}\n", "{}", "file '{}'\n"])
@pytest.mark.parametrize("before", sampled([b"", ID3, b"RIFF\0\0\0\0WAVE", b"OggS", b"\xff\xfb\x90\x64"], 2))
def test_no_address_in_a_file_is_ever_called(text: str, before: bytes, tmp_path: Path) -> None:
    with _listener() as (address, asked):
        source = tmp_path / "voice.source"
        source.write_bytes(before + text.format(address).encode())
        with pytest.raises(WorkerError) as caught:
            decode(source, tmp_path, "v", 10, Cancellation())
    assert caught.value.code is ErrorCode.AUDIO_INVALID
    assert asked == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<!DOCTYPE html><html>", "a web page (HTML) (a share link"),
        (b"#EXTM3U\nfile:///etc/passwd", "a playlist"),
        (b"1\n00:00:00,000 --> 00:00:09,000\nHello", "subtitles"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "a session description"),
        (b"ffconcat version 1.0\n", "a concat script"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI film"),
        (b"riff.\x91\xcf\x11\xa5\xd6\x28\xdb", "a Wave64 file"),
        (b"\1\2\3\4" * 9, "a file of an unknown kind"),
        (b"hello", "text"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_sound_is_named_and_told_what_to_send(data: bytes, name: str, tmp_path: Path) -> None:
    source = tmp_path / "voice.source"
    source.write_bytes(data)
    with pytest.raises(WorkerError) as caught:
        decode(source, tmp_path, "v", 10, Cancellation())
    assert caught.value.message.startswith(name)
    assert "send WAV, MP3, M4A, AAC, OGG, Opus, FLAC, WebM, AIFF, CAF, AMR or WMA" in caught.value.message


def _prepared(folder: Path, seconds: float, limit: float, **fields: object) -> tuple[PreparedJob, list[str]]:
    """A silent voice of so many seconds, through everything before the GPU."""
    voice, portrait = folder / "voice.source", folder / "image.source"
    voice.write_bytes(wav(8_000, 1, 8, bytes([128, 138]) * round(seconds * 4_000)))
    portrait.write_bytes(png(64, 64))
    raw = {"image_url": "a", "audio_urls": ["b"], "width": 256, "height": 256, **fields}
    warnings: list[str] = []
    inputs = Inputs(portrait, (voice,))
    return prepare(
        parse_request(raw), inputs, folder, warnings, Cancellation(), audio_max_seconds=limit, video_max_seconds=600
    ), warnings


def test_a_voice_may_last_as_long_as_the_limit_and_not_longer(tmp_path: Path) -> None:
    assert _prepared(tmp_path, 2, 2)[0].plan.frames == 50
    with pytest.raises(WorkerError) as caught:
        _prepared(tmp_path, 2.2, 2)
    assert caught.value.code is ErrorCode.AUDIO_TOO_LONG
    assert "speaker 1 is longer than 2 s; send max_audio_duration 2 or less" in caught.value.message


@pytest.mark.parametrize(("asked", "frames"), [(1.0, 25), (2.0, 50)])
def test_who_asks_for_a_cut_below_the_limit_gets_it(asked: float, frames: int, tmp_path: Path) -> None:
    prepared, warnings = _prepared(tmp_path, 9, 2, max_audio_duration=asked)
    assert prepared.plan.frames == frames
    assert any("was cut there" in warning for warning in warnings)


@pytest.mark.parametrize("asked", [1e308, 2**62, 400.0])
def test_a_cut_beyond_the_limit_is_none(asked: float, tmp_path: Path) -> None:
    assert _prepared(tmp_path, 1, 2, max_audio_duration=asked)[0].plan.frames == 25
    with pytest.raises(WorkerError) as caught:
        _prepared(tmp_path, 9, 2, max_audio_duration=asked)
    assert caught.value.code is ErrorCode.AUDIO_TOO_LONG


def test_a_film_without_sound_is_told_so(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    picture = ["-f", "lavfi", "-i", "color=red:s=64x64:d=1", "-c:v", "libx264"]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *picture, str(source)], check=True)
    with pytest.raises(WorkerError) as caught:
        decode(source, tmp_path, "v", 10, Cancellation())
    assert caught.value.message == "the file has no sound track"


def test_a_box_of_a_recipe_has_its_size() -> None:
    assert box(b"free", b"abc") == b"\0\0\0\x0bfreeabc"
