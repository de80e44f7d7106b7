"""Every number of a request: its range, its forms, and what is none."""

import math

import pytest

from contract.request import parse_request
from tests.contract.contract_samples import (
    FRACTIONS,
    NOT_NUMBERS,
    NUMBERS,
    WHOLE_NUMBERS,
    Number,
    beyond,
    job,
    parse,
    refusal,
)

by_name = pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)


@by_name
def test_a_number_is_taken_up_to_the_edges_of_its_range(number: Number) -> None:
    for edge in (number.low, number.high):
        kept = number.read(parse_request(number.job(edge)))
        assert kept == edge or (number.name == "seed" and edge == -1)


@by_name
def test_a_number_outside_its_range_is_refused_with_the_range(number: Number) -> None:
    for value, bound in zip(beyond(number, whole=number in WHOLE_NUMBERS), (number.low, number.high), strict=True):
        message = refusal(number.job(value))
        assert f"{number.name}: " in message
        assert f" {bound:g}" in message or f" {bound}" in message


@by_name
def test_what_is_no_number_is_refused_by_name(number: Number) -> None:
    for value in NOT_NUMBERS:
        assert refusal(number.job(value)).startswith(f"Invalid input: {number.name}: ")


@pytest.mark.parametrize("number", WHOLE_NUMBERS, ids=lambda number: number.name)
def test_a_fraction_is_no_whole_number(number: Number) -> None:
    assert all("integer" in refusal(number.job(value)) for value in (30.5, 300.000001, "30.5"))


@pytest.mark.parametrize("number", WHOLE_NUMBERS, ids=lambda number: number.name)
def test_a_whole_number_may_be_written_with_a_point(number: Number) -> None:
    whole = 20 if number.low < 256 else 512
    kept = number.read(parse_request(number.job(float(whole))))
    assert (kept, type(kept)) == (whole, int)
    for outside in beyond(number, whole=True):
        assert f"{number.name}: " in refusal(number.job(float(outside)))


def test_a_seed_with_a_point_is_exact_or_refused() -> None:
    assert [parse(seed=seed).seed for seed in (1e6, 2.0**53)] == [1_000_000, 2**53]
    assert parse(seed=0.0).seed > 0
    for seed in (2.0**53 + 2, 1e18, 1e300):
        assert refusal(job(seed=seed)).startswith("Invalid input: seed: send an integer without point or exponent")


@pytest.mark.parametrize("number", FRACTIONS, ids=lambda number: number.name)
def test_a_whole_number_is_a_fraction_too(number: Number) -> None:
    assert number.read(parse_request(number.job(1))) == 1.0


def test_a_null_seed_is_chosen() -> None:
    assert parse(seed=None).seed > 0


@by_name
@pytest.mark.parametrize("form", ["{}", " {}\n", "+{}", "\u00a0{}\u200b"])
def test_a_number_may_come_as_text(number: Number, form: str) -> None:
    sent = 20 if number.low < 20 <= number.high else 1 if number.high >= 1 > number.low else 512
    assert number.read(parse_request(number.job(form.format(sent)))) == sent
    if number in WHOLE_NUMBERS:
        assert number.read(parse_request(number.job(form.format(f"{sent}.0")))) == sent
        assert "integer" in refusal(number.job(f"{sent}.5"))


@pytest.mark.parametrize("name", ["seed", "width", "steps", "cfg_scale"])
def test_a_number_too_long_to_print_is_refused_like_any_other(name: str) -> None:
    assert f"{name}: " in refusal(job(**{name: 10**5000}))


@pytest.mark.parametrize("value", [5e-324, 0.5, 10, 400.0, 1e9])
def test_a_longest_audio_is_any_time_above_zero(value: float) -> None:
    assert parse(max_audio_duration=value).max_audio_duration == value


@pytest.mark.parametrize("value", [0, 0.0, -1, math.nan, math.inf, "0", "10 s", True], ids=repr)
def test_no_other_longest_audio(value: object) -> None:
    assert refusal(job(max_audio_duration=value)).startswith("Invalid input: max_audio_duration: ")


@pytest.mark.parametrize("window", range(33, 82, 4))
def test_a_window_is_four_times_a_whole_number_plus_one(window: int) -> None:
    for sent in (window, float(window), str(window)):
        kept = parse(window_frames=sent).window_frames
        assert (kept, type(kept)) == (window, int)


@pytest.mark.parametrize("window", [29, 32, 34, 35, 36, 80, 82, 85, 0, -33, 10**30, "82", 65.5, 66.0, True, [81]])
def test_any_other_window_is_refused_with_those_there_are(window: object) -> None:
    message = refusal(job(window_frames=window))
    assert message.startswith("Invalid input: window_frames: ")
    assert all(words in message for words in ("'fit'", "33", "81"))


@pytest.mark.parametrize("seed", [1, 2**53, 2**63 - 1])
def test_a_seed_is_kept(seed: int) -> None:
    assert parse(seed=seed).seed == seed


@pytest.mark.parametrize("raw", [job(), job(seed=0), job(seed=-1), job(seed="-1")], ids=["none", "zero", "-1", "text"])
def test_seed_zero_chooses_one_that_every_caller_can_read_back(raw: dict[str, object]) -> None:
    chosen = {parse_request(raw).seed for _ in range(20)}
    assert len(chosen) == 20
    assert all(0 < seed < 2**53 for seed in chosen)
