"""What holds for every test: signals as a terminal leaves them, and properties that no busy neighbour can fail."""

import gc
import os
import signal
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import settings

from tests import programs, wide

WAITING = ("tests/serverless/", "tests/worker/test_road", "tests/worker/test_failures", "tests/hostile/test_secrets")
BESIDE = 3  # files of other tests

# The suite starts Python several hundred times: without its bytecode each would compile all sources anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

gc.disable()  # until everything is collected, of which nothing is garbage

settings.register_profile("suite", deadline=None, database=None, derandomize=True)
settings.load_profile("suite")


def pytest_configure() -> None:
    """`nohup` and `&` have signals ignored, which every program that a test starts would inherit. One that is caught
    is as by default in a new program, while this process still does not end by it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    # Tests make and measure media with the ffmpeg of the worker, which `make setup` puts beside Python.
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # Every worker and simulator would read all authorities that this machine trusts, 0.1 s of processor each, and no
    # test asks a server that one of them has signed.
    os.environ["SSL_CERT_FILE"] = os.devnull


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are taken out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for processes comes early, beside what keeps the processors busy; otherwise it would be left alone
    at the end, or at the beginning."""
    wide.mark(items)
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    others = iter([file for file in files if not file.startswith(WAITING)])
    order = [name for file in files if file.startswith(WAITING) for name in (file, *islice(others, BESIDE))]
    items[:] = [item for file in (*order, *others) for item in files[file]]


def pytest_unconfigure() -> None:
    """What programs were started from ends."""
    programs.end()


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: no collection of garbage, of which some tests ask for one,
    needs to walk through it again."""
    gc.freeze()
    gc.enable()
