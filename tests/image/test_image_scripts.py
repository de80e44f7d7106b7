"""The scripts that fetch the build's sources and tell whether a container is healthy."""

from pathlib import Path

import pytest

from tests.image.docker_scripts import DOCKER, run


def _git(folder: Path, *command: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    done = run("git", *identity, *command, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def upstream(tmp_path: Path) -> tuple[Path, str]:
    """A repository whose branch has moved on since the pinned commit."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    _git(folder, "init", "--quiet")
    _git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    for text in ("pinned", "newer"):
        (folder / "file").write_text(text)
        _git(folder, "add", "file")
        _git(folder, "commit", "--quiet", "-m", text)
    return folder, _git(folder, "rev-parse", "HEAD~1")


def test_the_pinned_commit_is_fetched_without_history(upstream: tuple[Path, str], tmp_path: Path) -> None:
    repository, commit = upstream
    done = run(DOCKER / "fetch_commit.sh", f"file://{repository}", commit, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "file").read_text() == "pinned"
    assert not (tmp_path / "out" / ".git").exists()


@pytest.mark.parametrize("commit", ["master", "HEAD", "a125cd8", ""])
def test_a_name_that_can_move_is_refused(commit: str, upstream: tuple[Path, str], tmp_path: Path) -> None:
    assert run(DOCKER / "fetch_commit.sh", f"file://{upstream[0]}", commit, tmp_path / "out").returncode == 2
    assert not (tmp_path / "out").exists()


def test_a_commit_that_is_not_there_fails(upstream: tuple[Path, str], tmp_path: Path) -> None:
    done = run(DOCKER / "fetch_commit.sh", f"file://{upstream[0]}", "0" * 40, tmp_path / "out")
    assert done.returncode not in (0, 2)


WORKER = ("/opt/worker-venv/bin/python", "-u", "handler.py")
COMFYUI = ("/opt/comfyui-venv/bin/python", "main.py", "--listen", "127.0.0.1", "--port", "40123")
SIMULATOR = ("/opt/worker-venv/bin/python", "-m", "simulator", "--port", "40123")


@pytest.mark.parametrize(
    ("processes", "environment", "healthy"),
    [
        ([WORKER, COMFYUI], {}, True),
        ([("/sbin/docker-init", "--", "python"), WORKER, COMFYUI], {}, True),
        ([WORKER, SIMULATOR], {}, True),
        ([WORKER], {}, False),
        ([COMFYUI], {}, False),
        ([], {}, False),
        ([WORKER], {"COMFYUI_URL": "http://127.0.0.1:8188"}, True),
        ([COMFYUI], {"COMFYUI_URL": "http://127.0.0.1:8188"}, False),
    ],
)
def test_health(processes: list[tuple[str, ...]], environment: dict[str, str], healthy: bool, tmp_path: Path) -> None:
    for number, process in enumerate(processes, start=1):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes("\0".join(process).encode() + b"\0")
    (tmp_path / "99").mkdir()  # a process that ended while it was looked at
    done = run(DOCKER / "healthcheck.sh", tmp_path, environment=environment)
    assert (done.returncode == 0) == healthy, done.stdout + done.stderr
    assert bool(done.stdout) != healthy
