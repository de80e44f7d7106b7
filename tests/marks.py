"""Cases of a table that prove the same as those beside them, at length: `make test-long` runs them."""

from typing import Any

import pytest


def slow(*cases: Any) -> list[Any]:
    """The cases, marked; those with several values are tuples."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]
