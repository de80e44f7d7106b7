"""Model files are found in order, and ComfyUI is told where, in a file that it can read."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from comfy_client.model_paths import WantedFile, find_file, write_extra_model_paths

VAE = WantedFile("vae", "wan_2.1_vae.safetensors", "Comfy-Org/Wan", "split_files/vae/wan_2.1_vae.safetensors")
TAE = WantedFile("vae", "taew2_1.safetensors", "r", "p")
NOBODY = 65534


def _put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_first_root_that_has_the_file_is_taken(tmp_path: Path) -> None:
    roots = [tmp_path / "image", tmp_path / "volume", tmp_path / "comfy"]
    last = _put(roots[2] / "vae" / VAE.file)
    assert find_file(VAE, roots, tmp_path / "hub") == last
    first = _put(roots[1] / "vae" / VAE.file)
    assert find_file(VAE, roots, tmp_path / "hub") == first


def test_runpods_cached_models_come_last(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    cached = _put(hub / "models--Comfy-Org--Wan" / "snapshots" / "abc" / VAE.path)
    assert find_file(VAE, [tmp_path / "volume"], hub) == cached
    assert find_file(VAE, [tmp_path / "volume"], tmp_path / "none") is None
    own = _put(tmp_path / "volume" / "vae" / VAE.file)
    assert find_file(VAE, [tmp_path / "volume"], hub) == own


def test_one_cached_repository_may_hold_the_files_of_several(tmp_path: Path) -> None:
    gathered = _put(tmp_path / "models--me--all-of-them" / "snapshots" / "abc" / "vae" / VAE.file)
    assert find_file(VAE, [], tmp_path) == gathered
    cached = _put(tmp_path / "models--Comfy-Org--Wan" / "snapshots" / "abc" / VAE.path)
    assert find_file(VAE, [], tmp_path) == cached


def test_a_folder_of_the_files_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "vae" / VAE.file).mkdir(parents=True)
    assert find_file(VAE, [tmp_path], tmp_path / "hub") is None


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder that every user may enter, and this test as a user who has no privileges."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        os.seteuid(os.getuid())


def test_a_file_that_this_user_cannot_read_is_not_there_and_the_log_says_so(
    everybodys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    roots = [everybodys / "image", everybodys / "closed", everybodys / "volume"]
    for root in roots:
        _put(root / "vae" / VAE.file)
    (roots[0] / "vae" / VAE.file).chmod(0)
    roots[1].chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    assert find_file(VAE, roots, everybodys / "hub") == roots[2] / "vae" / VAE.file
    assert find_file(VAE, roots[:2], everybodys / "hub") is None
    os.seteuid(os.getuid())
    roots[1].chmod(0o755)
    assert f"{roots[0] / 'vae' / VAE.file} cannot be read" in caplog.text
    assert f"{roots[1] / 'vae' / VAE.file} cannot be read" in caplog.text


def test_comfyui_finds_exactly_what_was_found(tmp_path: Path) -> None:
    """Also where its own order would be another one: it has one search folder for each kind, of links."""
    odd, other = tmp_path / 'a "b": c', tmp_path / "other"
    talk = WantedFile("diffusion_models", "talk", "r", "p")
    files = [(VAE, _put(odd / "vae" / VAE.file)), (talk, _put(other / "talk")), (TAE, _put(other / "vae" / TAE.file))]
    _put(other / "vae" / VAE.file)
    for _ in range(2):  # also after an earlier start
        write_extra_model_paths(files, [tmp_path / "one", tmp_path / "two"], tmp_path / "paths.yaml")
    read = yaml.safe_load((tmp_path / "paths.yaml").read_text())
    assert read["nodes"] == {"custom_nodes": f"{tmp_path / 'one'}\n{tmp_path / 'two'}"}
    assert read["models"].pop("is_default") is True
    links = {link: link.resolve() for folder in read["models"].values() for link in Path(folder).iterdir()}
    assert links == {Path(read["models"][wanted.folder]) / wanted.file: path for wanted, path in files}
