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


def chosen(request: pytest.FixtureRequest, name: str) -> list[Any]:
    """The values of a parameter in those tests of a file that run, for a fixture that prepares for all of them."""
    mine = [item for item in request.session.items if isinstance(item, pytest.Function)]
    calls = [item.callspec.params for item in mine if item.module is request.module and hasattr(item, "callspec")]
    return list(dict.fromkeys(params[name] for params in calls if name in params))


def _marked(case: Any) -> Any:
    return _with(pytest.mark.slow, case)


def _with(mark: pytest.MarkDecorator, case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=mark)
