"""What suits which GPU, and which modes a machine's model files allow."""

from pathlib import Path
from typing import Any

import pytest

from comfy_client.gpu import GpuFacts
from contract.errors import ErrorCode, WorkerError
from worker.early_start import own_node_folder
from worker.engine_setup import advised_block_swap, choose_precision
from worker.model_search import find_models
from worker.settings import Settings
from workflows.graph import Precision
from workflows.models import read_models

ADA = GpuFacts("cuda", "RTX 4090", 25.4, (8, 9), "2.9.1", sage=True)


@pytest.mark.parametrize(
    ("facts", "suits"),
    [
        (GpuFacts(), Precision("fp32", "sdpa", "fp32", "fp32")),
        (ADA, Precision("fp16_fast", "sageattn", "bf16", "fp16")),
        (GpuFacts("cuda", "B200", 190.0, (10, 0), "2.9.1"), Precision("fp16_fast", "sdpa", "bf16", "fp16", False)),
        (GpuFacts("cuda", "old torch", 24.0, (8, 6), "2.6.0"), Precision("fp16", "sdpa", "bf16", "fp16")),
    ],
)
def test_the_gpu_decides(facts: GpuFacts, suits: Precision) -> None:
    assert choose_precision(Settings(), facts) == suits


@pytest.mark.parametrize(
    ("base", "memory", "offload"),
    [
        ("q4_k_m", 141.0, False),
        ("q8_0", 80.0, False),
        ("fp8", 141.0, False),
        ("fp8", 48.0, True),
        ("q4_k_m", 48.0, True),
    ],
)
def test_weights_are_kept_on_a_gpu_that_has_room_for_them_twice(base: str, memory: float, offload: bool) -> None:
    """Those of the other mode may lie there, too."""
    chosen = choose_precision(Settings.model_validate({"base_model": base}), GpuFacts("cuda", "", memory))
    assert chosen.force_offload is offload


def test_every_part_can_be_overridden() -> None:
    own = Settings(
        base_precision="bf16",
        attention_mode="comfy",
        vae_precision="fp16",
        wav2vec_precision="bf16",
        force_offload=False,
    )
    assert choose_precision(own, ADA) == Precision("bf16", "comfy", "fp16", "bf16", False)


@pytest.mark.parametrize(
    ("memory", "base", "blocks"),
    [(0, "fp8", 0), (80, "fp8", 0), (25, "q4_k_m", 10), (25, "fp8", 20), (16, "q4_k_m", 30)],
)
def test_small_gpus_are_advised_to_swap(memory: float, base: str, blocks: int) -> None:
    assert advised_block_swap(GpuFacts("cuda", "", memory), base) == blocks


def test_comfyui_sees_our_pack_and_nothing_beside_it(tmp_path: Path) -> None:
    for _ in range(2):  # as a worker that starts again where another one was
        folder = own_node_folder(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["comfy_nodes"]
    assert (folder / "comfy_nodes" / "__init__.py").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def _settings(folder: Path, **more: Any) -> Settings:
    return Settings(model_roots=(folder,), model_cache=folder / "none", comfyui_dir=folder / "none", **more)


def _put(folder: Path, *modes: str) -> None:
    for model in read_models():
        if set(model.modes) & set(modes) and model.variant in (None, "default", "q4_k_m"):
            (folder / model.folder).mkdir(parents=True, exist_ok=True)
            (folder / model.folder / model.file).touch()


def test_auto_takes_the_modes_that_are_complete(tmp_path: Path) -> None:
    _put(tmp_path, "infinitetalk")
    modes, files = find_models(_settings(tmp_path))
    assert modes == ("infinitetalk",)
    assert all(place.is_file() for _, place in files)
    _put(tmp_path, "multitalk")
    assert find_models(_settings(tmp_path))[0] == ("multitalk", "infinitetalk")


def test_a_file_that_a_copy_cut_off_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The start goes on: other weights under the same name may be meant."""
    _put(tmp_path, "infinitetalk")
    listed = {model.file: model for model in read_models()}
    for path in tmp_path.rglob("*.*"):
        with path.open("wb") as file:
            file.truncate(listed[path.name].bytes or 1_000_000)
    find_models(_settings(tmp_path))
    assert caplog.messages == []
    (vae,), (base,) = tmp_path.glob("vae/*"), tmp_path.glob("diffusion_models/*.gguf")
    with vae.open("r+b") as file:
        file.truncate(200_000_000)
    base.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    find_models(_settings(tmp_path))
    (said,) = caplog.messages
    assert f"{vae} has 200000000 bytes, not {listed[vae.name].bytes}; " in said
    assert f"{base} has 42 bytes, not those of a model" in said
    assert "--repair" in said


def test_the_talk_variant_decides_which_files_infinitetalk_needs(tmp_path: Path) -> None:
    _put(tmp_path, "multitalk", "infinitetalk")
    assert find_models(_settings(tmp_path, talk_model="q8_0"))[0] == ("multitalk",)
    for model in read_models():
        if model.variant == "q8_0":
            (tmp_path / model.folder / model.file).touch()
    modes, files = find_models(_settings(tmp_path, talk_model="q8_0"))
    assert modes == ("multitalk", "infinitetalk")
    names = {place.name for _, place in files}
    assert "Wan2_1-InfiniteTalk_Single_Q8.gguf" in names
    assert "Wan2_1-InfiniTetalk-Single_fp16.safetensors" not in names


@pytest.mark.parametrize("modes", ["all", "multitalk"])
def test_a_mode_that_must_be_there_is_missed_by_file(tmp_path: Path, modes: str) -> None:
    _put(tmp_path, "infinitetalk")
    with pytest.raises(WorkerError) as caught:
        find_models(_settings(tmp_path, modes=modes))
    assert caught.value.code is ErrorCode.MODELS_MISSING
    assert caught.value.message == (
        "Required models are missing: WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors "
        "(below MODEL_ROOTS; scripts/download_models.sh gets them, ENGINE=simulator needs none)"
    )


def _missed(folder: Path, **more: Any) -> set[str]:
    """The files that the message names."""
    with pytest.raises(WorkerError) as caught:
        find_models(_settings(folder, **more))
    listed = caught.value.message.removeprefix("Required models are missing: ").partition(" (")[0]
    return set(listed.split(", "))


def test_where_no_mode_is_complete_the_files_of_one_are_named(tmp_path: Path) -> None:
    """One mode is enough: that which lacks the fewest files, MultiTalk where they lack as many."""
    nothing = _missed(tmp_path)
    assert "WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors" in nothing
    assert not any("InfiniTetalk" in name or "InfiniteTalk" in name for name in nothing)
    assert nothing < _missed(tmp_path, modes="all")
    _put(tmp_path, "infinitetalk")
    vae = "wan_2.1_vae.safetensors"
    next(tmp_path.rglob(vae)).unlink()
    assert _missed(tmp_path) == {vae}
    assert len(_missed(tmp_path, modes="all")) == 2
