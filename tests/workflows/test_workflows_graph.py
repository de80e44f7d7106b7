"""Every graph that a job can need is one that the real server takes: classes, inputs, types, ranges, links."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest

import workflows.graph
from contract.fields import ColorMatch, Mode, Scheduler
from tests.workflows.graph_checker import REPOSITORY, choices, declared, links, problems
from tests.workflows.graph_reading import inputs, template
from tests.workflows.graph_samples import MODES, GraphArguments, arguments, by_mode, every_kind_of_job, plan
from worker.settings import Settings
from workflows.graph import Precision, build_graph, output_node, sampler_node, workflow_version


@by_mode
def test_a_template_is_valid_as_it_stands(mode: Mode) -> None:
    assert problems(template(mode)) == []


@pytest.mark.parametrize("job", every_kind_of_job())
def test_every_kind_of_job_makes_a_valid_graph(job: GraphArguments) -> None:
    graph = build_graph(**job)
    assert problems(graph) == []
    assert json.loads(json.dumps(graph)) == graph


@by_mode
@pytest.mark.parametrize(
    "extreme",
    [
        {"seed": 0, "cfg_scale": 0.1, "shift": 0.1, "audio_scale": 0.0, "audio_cfg_scale": 0.0, "steps": 1},
        {
            "seed": 2**63 - 1,
            "cfg_scale": 20.0,
            "shift": 100.0,
            "audio_scale": 10.0,
            "audio_cfg_scale": 10.0,
            "steps": 50,
        },
        {"speed_lora_strength": 0.0, "blocks_to_swap": 0, "width": 256, "height": 256},
        {"speed_lora_strength": 2.0, "blocks_to_swap": 40, "width": 1536, "height": 1536},
        {
            "width": 512,
            "height": 1856,
            "tiled_vae": True,
            "positive_prompt": 'a "|" [1] (b:1.2) \n é',
            "cfg_scale": 2.0,
        },
        {"plan": plan(1)},
        {"plan": plan(10_000)},
        {"plan": plan(10_000, mode="infinitetalk")},
        {"plan": plan(10_001, most_frames=90_000)},
        {"plan": plan(90_000, mode="infinitetalk", most_frames=90_000)},
        *({"plan": plan(300, window_frames=window)} for window in range(33, 82, 4)),
    ],
    ids=lambda extreme: ",".join(f"{k}={v}" for k, v in extreme.items())[:40],
)
def test_the_edges_of_a_request_are_within_the_nodes_ranges(mode: Mode, extreme: dict[str, Any]) -> None:
    assert problems(build_graph(**arguments(mode, 2, **extreme))) == []


@by_mode
@pytest.mark.parametrize("scheduler", get_args(Scheduler))
def test_the_server_knows_every_scheduler(mode: Mode, scheduler: str) -> None:
    assert problems(build_graph(**arguments(mode, scheduler=scheduler))) == []


def test_the_requests_choices_are_the_servers() -> None:
    assert set(choices("WanVideoSampler", "scheduler")) - set(get_args(Scheduler)) == {"flowmatch_causvid"}
    assert set(choices("WanVideoImageToVideoMultiTalk", "colormatch")) == set(get_args(ColorMatch))


@pytest.mark.parametrize("color_match", get_args(ColorMatch))
def test_the_server_knows_every_color_match(color_match: str) -> None:
    assert problems(build_graph(**arguments("multitalk", color_match=color_match))) == []


@pytest.mark.parametrize(
    ("setting", "class_type", "name", "field"),
    [
        ("attention_mode", "WanVideoModelLoader", "attention_mode", "attention"),
        ("base_precision", "WanVideoModelLoader", "base_precision", "base"),
        ("vae_precision", "WanVideoVAELoader", "precision", "vae"),
        ("wav2vec_precision", "Wav2VecModelLoader", "base_precision", "wav2vec"),
    ],
)
def test_the_settings_precisions_are_the_servers(setting: str, class_type: str, name: str, field: str) -> None:
    (choice,) = (part for part in get_args(Settings.model_fields[setting].annotation) if part is not type(None))
    allowed = get_args(choice)
    assert len(allowed) > 1
    assert set(allowed) <= set(choices(class_type, name))
    for mode, value in product(MODES, allowed):
        assert problems(build_graph(**arguments(mode, precision=Precision(**{field: value})))) == []


@by_mode
def test_the_two_nodes_that_matter_are_found(mode: Mode) -> None:
    graph = build_graph(**arguments(mode))
    assert graph[sampler_node(graph)]["class_type"] == "WanVideoSampler"
    shown = graph[output_node(graph)]
    assert shown["class_type"] == "PreviewAny"
    source, output = shown["inputs"]["source"]
    assert (graph[source]["class_type"], output) == ("WanVideoPassImagesFromSamples", 1)  # the frames folder
    assert links(graph, source) == {sampler_node(graph)}


@by_mode
@pytest.mark.parametrize(("edit", "changes"), [(lambda t: t, False), (lambda t: t.replace("11.0", "10.0", 1), True)])
def test_the_version_changes_with_the_templates_text_and_only_then(
    mode: Mode, edit: Callable[[str], str], changes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: workflow_version(name) for name in MODES}
    for name in MODES:
        text = (REPOSITORY / "workflows" / f"{name}.json").read_text(encoding="utf-8")
        (tmp_path / f"{name}.json").write_text(edit(text) if name == mode else text, encoding="utf-8")
    monkeypatch.setattr(workflows.graph, "FOLDER", tmp_path)
    after = {name: workflow_version(name) for name in MODES}
    assert {name for name in MODES if before[name] != after[name]} == ({mode} if changes else set())
    assert all(version.startswith(f"{name}-") for name, version in before.items())
    assert before["multitalk"] != before["infinitetalk"]


def test_every_input_that_tells_the_modes_apart_is_declared() -> None:
    known = declared("WanVideoImageToVideoMultiTalk")
    assert set(MODES) < set(known["mode"][0])
    for mode in MODES:
        windows = inputs(build_graph(**arguments(mode, plan=plan(mode=mode))), "Windows")
        assert windows["motion_frame"] == {"multitalk": 25, "infinitetalk": 9}[mode]
