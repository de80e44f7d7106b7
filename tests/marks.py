"""Cases of a table that prove the same as those beside them, at length: `make test-long` runs them."""

from collections.abc import Iterable
from typing import Any

import pytest


def slow(*cases: Any) -> list[Any]:
    """The cases, marked; those with several values are tuples."""
    return [_marked(case) for case in cases]


def wide(*cases: Any) -> list[Any]:
    """The same for `make test-wide`."""
    return [_with(pytest.mark.wide, case) for case in cases]


def sampled(cases: Iterable[Any], every: int) -> list[Any]:
    """The first case and each `every`th from it as they are, the others marked."""
    return [_marked(case) if number % every else case for number, case in enumerate(cases)]


def _marked(case: Any) -> Any:
    return _with(pytest.mark.slow, case)


def _with(mark: pytest.MarkDecorator, case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=mark)
