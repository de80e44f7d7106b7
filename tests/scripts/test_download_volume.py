"""Where the models go when nobody says it, what a fresh volume is given, and that a look downloads nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.model_runs import Runs, add_program, entry
from tests.scripts.model_server import each_file, linked, serving
from tests.serverless.disks import small_disk

CONTENT = b"a model"
SERVED = each_file({"file": CONTENT}, linked(CONTENT))
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A volume as RunPod mounts it: root:root, 0755."""
    with small_disk(tmp_path / "volume", "1m") as disk:
        disk.chmod(0o755)
        yield disk


def test_without_a_volume_a_folder_must_be_named(curl_runs: Runs, tmp_path: Path) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    (tmp_path / "plain").mkdir()
    curl_runs.variables["VOLUME_DIRS"] = f"{tmp_path}/plain:{tmp_path}/absent"
    ended = curl_runs.run(NOWHERE, dest="")
    assert ended.code == 2
    assert "--dest" in ended.lines("ERROR")[0]
    assert list((tmp_path / "plain").iterdir()) == []
    assert curl_runs.run(NOWHERE, "--list", dest="").code == 0


def test_a_pods_volume_is_one(curl_runs: Runs, tmp_path: Path) -> None:
    """A pod has it at /workspace."""
    curl_runs.list_files(entry("file", CONTENT))
    (tmp_path / "own").mkdir()
    add_program(tmp_path / "own", "mountpoint", '[ "${!#}" = /workspace ]')
    curl_runs.variables["PATH"] = f"{tmp_path / 'own'}:{curl_runs.programs}"
    ended = curl_runs.run(NOWHERE, "--verify", dest="")
    assert (ended.code, "/workspace/models" in ended.lines("ERROR")[0]) == (5, True)


def test_the_first_volume_that_is_mounted_is_taken_and_opened_for_the_worker(curl_runs: Runs, volume: Path) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.variables["VOLUME_DIRS"] = f"{volume.parent}/absent:{volume}"
    with serving(SERVED) as server:
        ended = curl_runs.run(server.url, dest="")
    assert ended.code == 0, ended.log
    assert (volume / "models" / "vae" / "file").read_bytes() == CONTENT
    for name in ("talking-video", "videos"):
        made = (volume / name).stat()
        assert (made.st_mode & 0o7777, made.st_gid) == (0o2775, 0)


@pytest.mark.parametrize("folder", ["models", "ComfyUI/models"])
def test_a_volume_is_opened_wherever_on_it_the_models_are(curl_runs: Runs, volume: Path, folder: str) -> None:
    """The worker looks in both, and writes to the same two folders."""
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.variables["VOLUME_DIRS"] = f"{volume}/"
    with serving(SERVED) as server:
        assert curl_runs.run(server.url, dest=volume / folder).code == 0
    assert {path.name for path in volume.iterdir()} == {folder.split("/", maxsplit=1)[0], "talking-video", "videos"}


def test_elsewhere_nothing_but_the_models_is_made(curl_runs: Runs, volume: Path) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(SERVED) as server:
        assert curl_runs.run(server.url, dest=volume / "models").code == 0
    assert [path.name for path in volume.iterdir()] == ["models"]


@pytest.mark.parametrize("there", [True, False])
def test_verify_downloads_nothing(curl_runs: Runs, there: bool) -> None:
    curl_runs.list_files(entry("file", CONTENT), entry("missing", CONTENT))
    if there:
        curl_runs.put("file", CONTENT)
    with serving(SERVED) as server:
        ended = curl_runs.run(server.url, "--verify")
    assert ended.code == 5
    assert server.seen == []
    assert curl_runs.dest.exists() is there
    if there:
        assert "there vae/file, sha256 proved" in ended.log
        assert "vae/missing is missing" in ended.lines("ERROR")[0]


def test_verify_looks_at_what_this_user_may_only_read(curl_runs: Runs) -> None:
    """As in an image, or on a volume that is read-only. A folder in the place of the lock stops root, too."""
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.put("file", CONTENT)
    (curl_runs.dest / ".download.lock").mkdir()
    with serving(SERVED) as server:
        looked, fetched = curl_runs.run(server.url, "--verify"), curl_runs.run(server.url, "--repair")
    assert (looked.code, looked.lines("there")) == (0, ["there vae/file, sha256 proved"]), looked.log
    assert fetched.code == 1
    assert fetched.lines("ERROR")[0].endswith(f"may not write to {curl_runs.dest}: Is a directory")


def test_repair_fetches_what_is_missing_too(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(SERVED) as server:
        assert curl_runs.run(server.url, "--repair").code == 0
    assert curl_runs.present() == {"vae/file": CONTENT}
