"""What this user may not read or write is named, with the cause; what is made, the worker can read."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.scripts.model_runs import HANG_SECONDS, SCRIPT, Ended, Runs, add_program, entry, noise
from tests.scripts.model_server import each_file, linked, serving

CONTENT = noise(50_000)
SERVED = each_file({"file": CONTENT}, linked(CONTENT))
NOBODY = 65534
# Root as an NFS server with root_squash sees it: without its privilege, files of others are theirs.
SQUASHED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-chown,-fowner")
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


def run(runs: Runs, url: str, *arguments: str, by: tuple[str, ...] = (), folder: Path | None = None) -> Ended:
    """As `Runs.run`, started by another program, in a folder of its own, without --dest."""
    done = subprocess.run(
        [*(shutil.which(by[0]) or "", *by[1:]), str(SCRIPT), *arguments] if by else [str(SCRIPT), *arguments],
        env=runs.environment(url),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


@root
@pytest.mark.parametrize("arguments", [(), ("--verify",), ("--repair",)], ids=["fetch", "verify", "repair"])
@pytest.mark.parametrize("place", ["vae", "vae/file"])
def test_what_may_not_be_read_is_neither_missing_nor_wrong(curl_runs: Runs, place: str, arguments: tuple[str]) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.put("file", CONTENT)
    os.chown(curl_runs.dest / place, NOBODY, NOBODY)
    (curl_runs.dest / place).chmod(0o600)
    with serving(SERVED) as server:
        ended = run(curl_runs, server.url, "--dest", str(curl_runs.dest), *arguments, by=SQUASHED)
    assert ended.code == 1
    (said,) = ended.log.splitlines()
    assert said.startswith("ERROR: user 0 may not ")
    assert said.endswith(f"{curl_runs.dest}/{place}")
    assert server.seen == []


@root
@pytest.mark.parametrize("place", ["", "vae", "vae/file.part"])
def test_what_may_not_be_written_is_told_before_anything_is_fetched(runs: Runs, place: str) -> None:
    runs.list_files(entry("file", CONTENT))
    runs.put("file.part", CONTENT[:10_000])
    os.chown(runs.dest / place, NOBODY, NOBODY)
    with serving(SERVED) as server:
        ended = run(runs, server.url, "--dest", str(runs.dest), by=SQUASHED)
    assert ended.code == 1
    (said,) = ended.log.splitlines()
    assert said.startswith("ERROR: user 0 ")
    assert str(runs.dest / place) in said
    assert server.seen == []
    assert runs.present() == {"vae/file.part": CONTENT[:10_000]}


@root
def test_another_users_lock_is_no_hindrance(curl_runs: Runs) -> None:
    """Root fetched some files; who owns the folder fetches the rest."""
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.dest.mkdir()
    (curl_runs.dest / ".download.lock").touch()
    os.chown(curl_runs.dest / ".download.lock", NOBODY, NOBODY)
    with serving(SERVED) as server:
        ended = run(curl_runs, server.url, "--dest", str(curl_runs.dest), by=SQUASHED)
    assert ended.code == 0, ended.log


def test_a_volume_that_takes_no_locks_gets_its_models(curl_runs: Runs, tmp_path: Path) -> None:
    """Not every network file system has them."""
    curl_runs.list_files(entry("file", CONTENT))
    (tmp_path / "own").mkdir()
    add_program(tmp_path / "own", "flock", "echo flock: 9: No locks available >&2; exit 71")
    curl_runs.variables["PATH"] = f"{tmp_path / 'own'}:{curl_runs.programs}"
    with serving(SERVED) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert "takes no lock" in ended.lines("WARNING")[0]
    assert curl_runs.present() == {"vae/file": CONTENT}


@pytest.mark.parametrize("mask", ["077", "007"])
def test_the_worker_may_read_what_was_made_under_any_umask(runs: Runs, mask: str) -> None:
    """It is another user."""
    runs.list_files(entry("file"))
    with serving(SERVED) as server:
        by = ("bash", "-c", f'umask {mask}; exec "$0" "$@"')
        assert run(runs, server.url, "--dest", str(runs.dest), by=by).code == 0
    made = [runs.dest, *runs.dest.rglob("*")]
    assert {path.name for path in made} >= {"models", "vae", "file", "file.sha256"}
    assert [path for path in made if path.stat().st_mode & (0o055 if path.is_dir() else 0o044) == 0] == []
    assert all(path.stat().st_mode & 0o005 == 0o005 for path in made if path.is_dir())


@pytest.mark.parametrize("name", ["vae", "vae/file", "vae/file.part"])
def test_something_else_in_the_place_is_told(curl_runs: Runs, name: str) -> None:
    """A folder under the file's name would be taken for the place to put it in."""
    curl_runs.list_files(entry("file", CONTENT))
    place = curl_runs.dest / name
    if name == "vae":
        curl_runs.dest.mkdir()
        place.touch()
    else:
        place.mkdir(parents=True)
    with serving(SERVED) as server:
        ended = curl_runs.run(server.url, "--repair")
    assert ended.code == 1
    assert str(place) in ended.lines("ERROR")[0]
    assert (server.seen, len(list(curl_runs.dest.rglob("*")))) == ([], 2 if name == "vae" else 3)


def test_a_file_in_the_place_of_the_folder_is_told(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.dest.touch()
    ended = curl_runs.run("http://127.0.0.1:9")
    assert (ended.code, ended.lines("ERROR")) == (
        1,
        [f"ERROR: {curl_runs.dest} is no folder: name another one with --dest"],
    )


@pytest.mark.parametrize("named", ["models", "--dest=~/models", "a models/", "-models"])
def test_a_folder_is_the_one_that_was_meant(runs: Runs, tmp_path: Path, named: str) -> None:
    """With CDPATH, `cd` goes to a folder of that name elsewhere; `~` behind a `=` is no shell's business."""
    runs.list_files(entry("file", CONTENT))
    (tmp_path / "elsewhere" / "models").mkdir(parents=True)
    runs.variables["CDPATH"] = str(tmp_path / "elsewhere")
    with serving(SERVED) as server:
        arguments = (named,) if named.startswith("--") else ("--dest", named)
        ended = run(runs, server.url, *arguments, folder=tmp_path)
    assert ended.code == 0, ended.log
    folder = tmp_path / named.removeprefix("--dest=~/")
    assert (folder / "vae" / "file").read_bytes() == CONTENT
    assert not list((tmp_path / "elsewhere").rglob("file"))


def test_without_a_temporary_folder_it_says_so(curl_runs: Runs, tmp_path: Path) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.variables["TMPDIR"] = str(tmp_path / "absent")
    ended = curl_runs.run("http://127.0.0.1:9")
    assert (ended.code, len(ended.lines("ERROR"))) == (1, 1)
    assert "TMPDIR" in ended.log
