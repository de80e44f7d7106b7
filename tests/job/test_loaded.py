"""Models stay loaded from job to job, those of another mode too: seen in which nodes the simulator runs, whose cache is
held against the real server's (tests/real)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.fields import Mode
from job.loaded import ROOM_BYTES, ROOM_FOR_COPY_BYTES, Loaded
from tests.simulator.simulator_process import Simulator, tone, write_wav
from tests.workflows.graph_checker import problems
from tests.workflows.graph_samples import arguments, plan
from workflows.graph import References, build_graph

LOADERS = {"model", "talk", "lora", "vae", "clip", "clip_vision", "wav2vec"}
Jobs = Callable[..., set[str]]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Jobs]:
    """Runs a job of a mode on a simulator of its own; gives the loaders that ran."""
    Image.new("RGB", (64, 64), (90, 120, 150)).save(tmp_path / "portrait.png")
    write_wav(tmp_path / "voice.wav", tone(1.5))
    simulator = Simulator("--speed", "0", temp=tmp_path)

    def run(loaded: Loaded, mode: Mode, **changes: Any) -> set[str]:
        files = {"references": References(tmp_path / "portrait.png"), "voices": (tmp_path / "voice.wav",)}
        small = plan(33, mode=mode, window_frames=33, width=64, height=64)
        made = arguments(mode, plan=small, frames_parent=tmp_path, **{**files, **changes})
        graph = build_graph(**made)
        loaded.keep_beside(graph, mode, str((mode, changes)))
        done = simulator.run(graph)
        assert done.succeeded, done.history
        assert len(list(tmp_path.rglob("frame_*.png"))) % 33 == 0
        return LOADERS & (set(graph) - done.cached)

    yield run
    simulator.stop()


def test_each_mode_finds_its_models_again_where_there_is_room(job: Jobs) -> None:
    loaded = Loaded(lambda: ROOM_BYTES)
    assert job(loaded, "multitalk") == LOADERS
    assert job(loaded, "infinitetalk") == {"model", "talk"}
    assert job(loaded, "multitalk") == set()
    assert job(loaded, "infinitetalk", blocks_to_swap=20) == {"model"}, "of a mode the newest stay"
    assert job(loaded, "multitalk", speed_lora_strength=None, scheduler="unipc") == {"model"}
    assert job(loaded, "infinitetalk", blocks_to_swap=20) == set(), "a LoRA that this job is without stays"
    assert loaded.models == {
        "('multitalk', {'speed_lora_strength': None, 'scheduler': 'unipc'})",
        "('infinitetalk', {'blocks_to_swap': 20})",
    }


@pytest.mark.parametrize(
    "loaded",
    [
        Loaded(lambda: ROOM_BYTES - 1),
        Loaded(lambda: ROOM_FOR_COPY_BYTES - 1, mapped=False),
        Loaded(lambda: ROOM_BYTES, holds_two=False),
    ],
    ids=["ram", "copy", "gpu"],
)
def test_without_room_in_ram_or_on_the_gpu_the_models_of_one_mode_stay(job: Jobs, loaded: Loaded) -> None:
    for mode in ("multitalk", "infinitetalk", "multitalk"):
        job(loaded, mode)
        assert len(loaded.models) == 1
    assert job(loaded, "infinitetalk") == {"model", "talk"}


def test_a_lora_of_another_strength_has_the_same_id_and_goes() -> None:
    loaded = Loaded(lambda: ROOM_BYTES)
    graphs = [
        build_graph(**arguments("multitalk", speed_lora_strength=0.7)),
        build_graph(**arguments("infinitetalk", speed_lora_strength=1.0)),
    ]
    for graph, mode in zip(graphs, ("multitalk", "infinitetalk"), strict=True):
        loaded.keep_beside(graph, mode, mode)  # type: ignore[arg-type]
        assert problems(graph) == []
    assert loaded.models == {"infinitetalk"}


def test_what_failed_is_forgotten() -> None:
    loaded = Loaded(lambda: ROOM_BYTES)
    loaded.keep_beside(build_graph(**arguments("multitalk")), "multitalk", "models")
    loaded.forget()
    graph = build_graph(**arguments("infinitetalk"))
    loaded.keep_beside(graph, "infinitetalk", "others")
    assert graph == build_graph(**arguments("infinitetalk"))
