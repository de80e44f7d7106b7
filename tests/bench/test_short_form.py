"""The short form of the benchmarks: what comes out the same on every machine is not a fifth worse than committed."""

import re

import pytest

from tests.bench import counted
from tests.bench.__main__ import pure
from tests.bench.figures import WORSE, Figure
from tests.bench.record import PAGE, committed


def test_what_needs_no_clock_is_as_good_as_it_was() -> None:
    before, now = committed().figures, [*pure(), *counted.figures()]
    assert [one.name for one in now] == [one.name for one in committed().same], "run `make bench ARGS=--pure`"
    assert [one for one in now if one.is_worse_than(before[one.name].value)] == []
    assert [one for one in now if one.goal is not None and one.is_worse_than(one.goal)] == []


def test_the_page_says_what_was_measured() -> None:
    assert PAGE.read_text(encoding="utf-8") == committed().page(), "run `make bench ARGS=--pure`"
    assert len(re.findall(r"^\d{4}-\d\d-\d\d, .+ with \d+ threads .+:$", committed().page(), re.MULTILINE)) > 3


@pytest.mark.parametrize(("exact", "value", "worse"), [(False, 1.19, False), (False, 1.21, True), (True, 1.01, True)])
def test_a_fifth_is_worse_and_of_a_count_anything(exact: bool, value: float, worse: bool) -> None:
    assert Figure("", value, "", exact=exact).is_worse_than(1.0) is worse
    assert WORSE == 1.2
