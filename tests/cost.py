"""`pytest -p tests.cost …`: what each test costs of the processor, with all programs that it starts and that end in it.

The dearest are shown at the end, and written to the file that COST names, one JSON object a line: with several
processes (`-n`) that file is where to look.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import pytest

from tests import programs

SHOWN = 20
costs: dict[str, float] = {}


def _seconds() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) + programs.seconds_used()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """With its fixtures: those of a file are paid for by its first test, and their ends by its last."""
    before = _seconds()
    result = yield
    costs[item.nodeid] = round(_seconds() - before, 2)
    if "COST" in os.environ:
        with Path(os.environ["COST"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": item.nodeid, "seconds": costs[item.nodeid]}) + "\n")
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The dearest tests of this process."""
    for name, seconds in sorted(costs.items(), key=lambda cost: -cost[1])[:SHOWN]:
        terminalreporter.write_line(f"{seconds:8.2f} s {name}")
