"""Scenes on windows: each time goes to the window that begins nearest, and every window knows what it shows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.fields import Mode
from tests.workflows.graph_checker import problems
from tests.workflows.graph_samples import MODES, arguments, plan
from workflows.graph import build_graph
from workflows.scenes import WindowPrompts, begins_at, by_window, first_frame, prompts_of, window_at


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, database=None, derandomize=True)
@given(frames=st.integers(90, 3000), window=st.sampled_from([33, 65, 81]), share=st.floats(0.001, 0.999))
def test_a_time_goes_to_the_window_that_begins_nearest(mode: Mode, frames: int, window: int, share: float) -> None:
    made = plan(frames, mode=mode, window_frames=window)
    seconds = share * frames / 25
    starts = [first_frame(made, number) for number in range(made.windows)]
    assert starts[0] == 0
    assert starts[-1] < frames <= starts[-1] + made.window - made.overlap, "each window shows something"
    chosen = window_at(made, seconds)
    assert chosen > 0, "what comes first is seen first"
    nearest = min(abs(start - seconds * 25) for start in starts[1:])
    assert abs(starts[chosen] - seconds * 25) == pytest.approx(nearest, abs=1e-3)


def test_edges() -> None:
    made = plan(200, mode="infinitetalk", window_frames=81)  # windows begin at 0, 81 and 153
    assert [window_at(made, seconds) for seconds in (0, 0.001, 3.24, 4.68, 4.69, 7.9)] == [0, 1, 1, 1, 2, 2]
    assert [begins_at(made, number) for number in range(3)] == [0, 3.24, 6.12]
    with pytest.raises(ValueError, match="no second window"):
        window_at(plan(50, mode="infinitetalk"), 1.0)


def test_what_changes_holds_until_the_next_change() -> None:
    assert by_window("a", []) == ("a",)
    assert by_window("a", [(0, "b")]) == ("b",)
    assert by_window("a", [(2, "b"), (2, "c"), (4, "a")]) == ("a", "a", "c", "c", "a")
    assert prompts_of(["a", "b", "a", "c"]) == WindowPrompts(("a", "b", "c"), (0, 1, 0, 2))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("cfg", "guidance"), [(1.0, None), (5.0, "cfg"), (1.0, "nag")])
def test_each_prompt_is_encoded_once_and_our_node_hands_them_to_the_windows(
    mode: Mode, cfg: float, guidance: str | None
) -> None:
    prompts = WindowPrompts(("first", "second (2)", "third"), (0, 1, 0, 2))
    graph = build_graph(**arguments(mode, prompts=prompts, cfg_scale=cfg, negative_guidance=guidance))
    assert problems(graph) == []
    stack = graph["text"]
    assert stack["class_type"] == "TalkingVideoPrompts"
    assert stack["inputs"]["windows"] == "1,2,1,3"
    texts = [graph[stack["inputs"][f"prompt_{number}"][0]]["inputs"]["text"] for number in (1, 2, 3)]
    assert texts == ["first", r"second \(2\)", "third"]
    assert ("negative" in stack["inputs"]) == (guidance == "cfg")
    encoded = [node for node in graph.values() if node["class_type"] == "CLIPTextEncode"]
    assert len(encoded) == 3 + (guidance is not None), "and the negative one, for cfg or for NAG"


def test_one_prompt_in_place_of_the_jobs_own_needs_no_node_of_ours() -> None:
    graph = build_graph(**arguments("infinitetalk", prompts=WindowPrompts(("another",), (0,))))
    assert graph["text"]["class_type"] == "WanVideoTextEmbedBridge"
    assert graph["positive"]["inputs"]["text"] == "another"
