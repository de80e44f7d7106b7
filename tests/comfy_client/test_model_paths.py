"""Model files are found in order, and ComfyUI is told where, in a file that it can read."""

from pathlib import Path

import yaml

from comfy_client.model_paths import WantedFile, find_file, write_extra_model_paths

VAE = WantedFile("vae", "wan_2.1_vae.safetensors", "Comfy-Org/Wan", "split_files/vae/wan_2.1_vae.safetensors")


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


def test_a_folder_of_the_files_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "vae" / VAE.file).mkdir(parents=True)
    assert find_file(VAE, [tmp_path], tmp_path / "hub") is None


def test_comfyui_reads_every_folder_once(tmp_path: Path) -> None:
    odd = tmp_path / 'a "b": c'
    files = [(VAE, odd / "vae" / VAE.file), (WantedFile("vae", "other", "r", "p"), odd / "vae" / "other")]
    write_extra_model_paths(files, [tmp_path / "one", tmp_path / "two"], tmp_path / "paths.yaml")
    read = yaml.safe_load((tmp_path / "paths.yaml").read_text())
    assert read == {
        "models": {"is_default": True, "vae": str(odd / "vae")},
        "nodes": {"custom_nodes": f"{tmp_path / 'one'}\n{tmp_path / 'two'}"},
    }
