"""What a prompt's messages mean: steps and windows, whatever else counts beside them."""

from collections.abc import Iterable
from typing import Any

import pytest

from comfy_client.progress import Position, ProgressReader

STEPS = 4
WEIGHTS = [(value, 1233) for value in (1, 600, 1233, 0)]
Ticks = list[tuple[int, int]]


def vae(most: int, tiles: int) -> Ticks:
    """What a tiled VAE tells of one picture."""
    return [(value, most) for value in (*range(1, most + 1), 0)] * tiles


def steps(window: int, announced: int, count: int = STEPS) -> Ticks:
    return [((window - 1) * count + step, announced) for step in range(1, count + 1)]


def tick(value: object, most: object, **more: object) -> dict[str, Any]:
    data = {"value": value, "max": most, "prompt_id": "p", "node": "sampler", **more}
    return {"type": "progress", "data": data}


def heard(reader: ProgressReader, ticks: Iterable[tuple[int, int]]) -> list[Position]:
    """Each position once."""
    positions = [reader.position]
    for value, most in ticks:
        assert reader.read(tick(value, most))
        positions += [reader.position] * (reader.position != positions[-1])
    return positions[1:]


@pytest.mark.parametrize("mode", ["infinitetalk", "multitalk"])
@pytest.mark.parametrize(("windows", "announced", "count"), [(4, 20, 4), (4, 24, 4), (1, 20, 20), (2, 12, 4)])
def test_a_tiled_vae_is_not_taken_for_the_sampler(mode: str, windows: int, announced: int, count: int) -> None:
    """Windows of 77 pictures are 20 in the VAE, which for 281 frames is also what the sampler counts to."""
    reader = ProgressReader("p", "sampler", windows, count, announced, vae_ticks=20)
    assert heard(reader, WEIGHTS) == [Position(1, windows, 0, count)]
    for window in range(1, windows + 1):
        motion = vae(1 if window == 1 else 3, 9) if mode == "infinitetalk" else []
        assert heard(reader, [*vae(20, 9), *motion]) == []
        made = [Position(window, windows, step, count) for step in range(1, count + 1)]
        assert heard(reader, steps(window, announced, count)) == made
        assert heard(reader, vae(20, 6)) == []


def test_messages_that_were_lost_beside_a_tiled_vae_are_made_up_for() -> None:
    """A socket that was cut in the first window, and again while the VAE counts."""
    reader = ProgressReader("p", "sampler", 4, STEPS, 20, vae_ticks=20)
    first = [*vae(20, 4), *steps(1, 20), *vae(20, 9), *vae(20, 9)[:5], *vae(20, 9)[12:]]
    assert heard(reader, [*first, *steps(2, 20)])[-1] == Position(2, 4, 4, STEPS)
    gap = [*vae(20, 3), *steps(4, 20)]
    assert heard(reader, [*gap, *vae(20, 1)])[-1] == Position(4, 4, 4, STEPS)


def test_without_a_tiled_vae_each_step_counts_at_once_and_gaps_do_not_matter() -> None:
    reader = ProgressReader("p", "sampler", 4, STEPS, 20)
    assert heard(reader, [*WEIGHTS, *steps(1, 20)]) == [Position(1, 4, step, STEPS) for step in range(STEPS + 1)]
    assert heard(reader, steps(3, 20)[2:]) == [Position(3, 4, 3, STEPS), Position(3, 4, 4, STEPS)]
    assert heard(reader, [(3, 20)]) == [], "what comes again is no step back"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "progress"},
        {"type": "progress", "data": None},
        {"type": ["progress"], "data": {"prompt_id": "p"}},
        {"type": "executing", "data": {"prompt_id": "p", "node": ["sampler"]}},
        {"type": "execution_error", "data": {"prompt_id": "p"}},
        tick(None, 20),
        tick(1, "20"),
        tick("1", 20),
        tick([1], 20),
        tick(float("nan"), 20),
        tick(1, float("inf")),
        tick(1, 20, node={"a": 1}),
        tick(-1, 20),
        tick(1, 0),
    ],
)
def test_an_odd_message_moves_nothing(message: dict[str, Any]) -> None:
    reader = ProgressReader("p", "sampler", 4, STEPS, 20)
    reader.read(message)
    reader.ended(message)
    assert not reader.position.done
