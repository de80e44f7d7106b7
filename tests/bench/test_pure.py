"""The short form of the benchmarks: what comes out the same on every machine is not a fifth worse than its goal."""

from tests.bench.__main__ import pure, worse


def test_what_needs_no_clock_is_as_good_as_it_was() -> None:
    figures = pure()
    assert len(figures) > 4
    assert worse(figures) == []
