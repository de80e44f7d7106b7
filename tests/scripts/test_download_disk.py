"""A full disk is seen before the download where sizes are known, and told apart from other failures where not."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.model_runs import HANG_SECONDS, SCRIPT, Runs, add_program, entry, noise
from tests.scripts.model_server import Answer, each_file, serving
from tests.serverless.disks import small_disk

KIB = 1024
MIB = 1 << 20  # aria2c's pieces
FIRST = slice(34, 35)  # in its control file: the byte of which the top bit is the first piece
CONTENT = noise(900 * KIB)


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", "1m") as disk:
        yield disk


def test_too_little_space_is_said_before_anything_is_fetched(curl_runs: Runs, small_disk: Path) -> None:
    curl_runs.list_files(entry("one", CONTENT), entry("two"))
    with serving(each_file({"one": CONTENT, "two": CONTENT})) as server:
        ended = curl_runs.run(server.url, dest=small_disk)
    assert ended.code == 3
    assert server.of("GET") == []
    assert "1.1MB free, but 1.9MB are still to come" in ended.log


def test_what_is_there_needs_no_space(runs: Runs, small_disk: Path) -> None:
    """900 KiB fit into 1 MiB only if the 800 KiB of the .part file are taken off."""
    runs.list_files(entry("file", CONTENT))
    (small_disk / "vae").mkdir()
    (small_disk / "vae" / "file.part").write_bytes(CONTENT[: 800 * KIB])
    with serving(each_file({"file": CONTENT})) as server:
        ended = runs.run(server.url, dest=small_disk)
    assert ended.code == 0, ended.log
    assert (small_disk / "vae" / "file").read_bytes() == CONTENT


def test_a_disk_that_fills_up_ends_the_run(runs: Runs, small_disk: Path) -> None:
    """Nobody tells the size; no further file is begun."""
    large = noise(3000 * KIB)
    sum_only = {**entry("large", large), "bytes": None}
    runs.list_files(sum_only, entry("second", b"small"))
    with serving(lambda _: Answer(content=large, sized=False)) as server:
        ended = runs.run(server.url, "--jobs", "1", dest=small_disk)
    assert ended.code == 3
    assert "the disk took no more after" in ended.log
    assert {request.path.rsplit("/", 1)[-1] for request in server.seen} == {"large"}


def test_a_run_with_space_goes_on_after_a_full_disk(runs: Runs, small_disk: Path) -> None:
    """aria2c, on a full disk, leaves a control file without contents, which it cannot read any more."""
    large = noise(3000 * KIB)
    runs.list_files({**entry("large", large), "bytes": None})  # else the lack of space is seen beforehand
    heads = each_file({"large": b""})
    with serving(lambda seen: heads(seen) if seen.method == "HEAD" else Answer(content=large)) as server:
        full = runs.run(server.url, dest=small_disk)
        assert full.code == 3, full.log
        assert "No space left on device" in full.log
        if runs.tool == "aria2c":
            assert (small_disk / "vae" / "large.part.aria2").read_bytes() == b""
        subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
        ended = runs.run(server.url, dest=small_disk)
    assert ended.code == 0, ended.log
    assert runs.pauses() == []
    assert {path.name for path in (small_disk / "vae").iterdir()} == {"large", "large.sha256"}
    assert (small_disk / "vae" / "large").read_bytes() == large


def test_a_full_disk_costs_aria2c_little_of_what_had_come(aria2c_runs: Runs, small_disk: Path, tmp_path: Path) -> None:
    """It takes the control file along, without which nobody knows where the holes are."""
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    large = noise(24 << 20)
    aria2c_runs.list_files({**entry("large", large), "bytes": None})
    (tmp_path / "own").mkdir()
    add_program(tmp_path / "own", "aria2c", f'exec {shutil.which("aria2c")} "$@" --auto-save-interval=1')
    aria2c_runs.variables |= {"PATH": f"{tmp_path}/own:{aria2c_runs.programs}", "PROGRESS_SECONDS": "0.05"}
    release = threading.Event()
    heads = each_file({"large": b""})
    held = Answer(content=large, sent=1200 * KIB, hold=release)
    part, control = small_disk / "vae" / "large.part", small_disk / "vae" / "large.part.aria2"
    with serving(lambda seen: heads(seen) if seen.method == "HEAD" else held) as server:
        with aria2c_runs.start(server.url, dest=small_disk) as process:
            assert process.stdout
            lines = 0
            while lines < 2 and (line := process.stdout.readline()):
                lines += line.startswith("  ...") and control.exists() and control.read_bytes()[FIRST] >= b"\x80"
            release.set()
            log, _ = process.communicate(timeout=HANG_SECONDS)
        assert (process.returncode, "No space left on device" in log) == (3, True), log
        kept = part.stat().st_size
        assert (kept, control.exists()) == (MIB, False)
        assert part.read_bytes() == large[:kept]
        subprocess.run(["mount", "-o", "remount,size=40m", small_disk], check=True)
        before = len(server.starts())
        ended = aria2c_runs.run(server.url, dest=small_disk)
    assert ended.code == 0, ended.log
    assert "from the start" not in ended.log
    assert kept in server.starts()[before:]
    assert (small_disk / "vae" / "large").read_bytes() == large


@pytest.mark.parametrize("damage", [b"", b"\0\1\0\0\0\0", b"\0" * 80, b"damaged" * 20], ids=len)
def test_a_damaged_control_file_of_aria2c_costs_no_more_than_what_had_come(aria2c_runs: Runs, damage: bytes) -> None:
    aria2c_runs.list_files(entry("file", CONTENT))
    aria2c_runs.put("file.part", CONTENT[: 300 * KIB])
    aria2c_runs.put("file.part.aria2", damage)
    with serving(each_file({"file": CONTENT})) as server:
        ended = aria2c_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert "control file" in ended.log
    assert aria2c_runs.present() == {"vae/file": CONTENT}


def test_a_limit_to_the_size_of_files_is_no_network_failure(runs: Runs) -> None:
    """Needs no root: the shell's own limit makes the write fail."""
    runs.list_files(entry("file", CONTENT))
    with serving(each_file({"file": CONTENT})) as server:
        limited = subprocess.run(
            ["bash", "-c", f'ulimit -f 500; trap "" XFSZ; exec {SCRIPT} --dest {runs.dest}'],
            env=runs.environment(server.url),
            check=False,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
        )
    assert limited.returncode == 3, limited.stderr
    assert "the disk took no more after" in limited.stderr
    assert runs.pauses() == []
