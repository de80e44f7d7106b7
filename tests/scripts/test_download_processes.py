"""Runs beside each other, runs that are stopped, and what they say meanwhile."""

import os
import re
import select
import signal
import threading
from pathlib import Path

import pytest

from tests.scripts.model_runs import HANG_SECONDS, Runs, entry, noise
from tests.scripts.model_server import Answer, Seen, serving

CONTENT = noise(4_000_000)
MIB = 1 << 20  # where aria2c divides a file
ENDING_SECONDS = 20  # far less than a server here holds an answer back


def session_of(process: Path) -> str:
    try:
        return (process / "stat").read_text(encoding="utf-8").rsplit(")", 1)[-1].split()[3]
    except OSError:  # it has just ended
        return ""


def has_ended(process: Path) -> bool:
    """Whether a process has ended, or ends now: a signal that was sent needs a moment to arrive."""
    try:
        descriptor = os.pidfd_open(int(process.name))
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], ENDING_SECONDS)[0])
    finally:
        os.close(descriptor)


def processes_of(session: int) -> list[str]:
    own = [process for process in Path("/proc").glob("[0-9]*") if session_of(process) == str(session)]
    return [process.name for process in own if not has_ended(process)]


def test_the_second_of_two_runs_waits_and_finds_everything(runs: Runs) -> None:
    runs.list_files(entry("file", CONTENT))
    release = threading.Event()
    held = Answer(content=CONTENT, sent=1000, hold=release)
    with serving(lambda _: held) as server, runs.start(server.url) as first:
        server.began.get(timeout=HANG_SECONDS)
        with runs.start(server.url) as second:
            assert second.stdout
            assert "another run is at work" in second.stdout.readline()
            release.set()
            log, _ = first.communicate(timeout=HANG_SECONDS)
            asked = len(server.seen)
            later, _ = second.communicate(timeout=HANG_SECONDS)
    assert (first.returncode, second.returncode) == (0, 0), log + later
    assert "done vae/file" in log
    assert "there vae/file" in later
    assert len(server.seen) == asked
    assert runs.present() == {"vae/file": CONTENT}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_leaves_a_part_file_to_go_on_with_and_no_process(runs: Runs, number: signal.Signals) -> None:
    runs.list_files(entry("file", CONTENT))
    runs.variables["PROGRESS_SECONDS"] = "0.05"
    release = threading.Event()
    with serving(lambda _: Answer(content=CONTENT, sent=600_000, hold=release)) as server:
        with runs.start(server.url) as process:
            assert process.stdout
            while not re.search(r": [1-9]\d* % of", process.stdout.readline()):
                pass  # nothing is on the disk yet
            os.kill(process.pid, number)
            rest, _ = process.communicate(timeout=HANG_SECONDS)
            left = processes_of(process.pid)
        release.set()
    assert process.returncode == 128 + number, rest
    assert "the next run goes on" in rest
    assert left == []
    part = len(runs.present()["vae/file.part"])
    assert list(runs.temporary.iterdir()) == []

    with serving(lambda _: Answer(content=CONTENT)) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert any(start % MIB for start in server.starts())
    assert runs.tool == "aria2c" or server.starts() == [part]
    assert runs.present() == {"vae/file": CONTENT}


def test_a_run_stopped_while_it_waits_for_another_ends_at_once(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    release = threading.Event()
    held = Answer(content=CONTENT, sent=1000, hold=release)
    with serving(lambda _: held) as server, curl_runs.start(server.url) as first:
        server.began.get(timeout=HANG_SECONDS)
        with curl_runs.start(server.url) as second:
            assert second.stdout
            second.stdout.readline()
            second.terminate()
            second.communicate(timeout=HANG_SECONDS)
            assert (second.returncode, processes_of(second.pid)) == (143, [])
        release.set()
        first.communicate(timeout=HANG_SECONDS)
    assert first.returncode == 0


def test_progress_is_told_in_lines(runs: Runs) -> None:
    runs.list_files(entry("file", CONTENT))
    runs.variables["PROGRESS_SECONDS"] = "0.05"
    release = threading.Event()
    with (
        serving(lambda _: Answer(content=CONTENT, sent=600_000, hold=release)) as server,
        runs.start(server.url) as process,
    ):
        assert process.stdout
        seen = []
        for line in process.stdout:
            seen.append(line)
            if " % of 4.0MB" in line:
                release.set()
        process.wait(HANG_SECONDS)
    assert process.returncode == 0, seen
    assert any(line.startswith("  ... vae/file: ") and line.endswith(" MB/s\n") for line in seen)
    assert "\r" not in "".join(seen)


def test_as_many_files_come_at_a_time_as_asked(curl_runs: Runs) -> None:
    """Two answers wait for each other, so that both must be on their way; a third one is never there with them."""
    names = ["a", "b", "c", "d"]
    curl_runs.list_files(*(entry(name, CONTENT) for name in names))
    pair = threading.Barrier(2)
    going: set[str] = set()
    most = 0

    class Both(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pair.wait(timeout)
            return True

    def script(request: Seen) -> Answer:
        nonlocal most
        name = request.path.rsplit("/", 1)[-1]
        if request.method == "HEAD":
            return Answer(content=CONTENT)
        going.difference_update(path.name for path in (curl_runs.dest / "vae").glob("?"))
        going.add(name)
        most = max(most, len(going))
        return Answer(content=CONTENT, sent=1000, hold=Both())

    with serving(script) as server:
        ended = curl_runs.run(server.url, "--jobs", "2")
    assert ended.code == 0, ended.log
    assert most == 2
    assert len(server.of("GET")) == 4
