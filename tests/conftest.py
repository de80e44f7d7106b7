"""What holds for every test: signals as a terminal leaves them, and properties that no busy neighbour can fail."""

import gc
import signal

from hypothesis import settings

settings.register_profile("suite", deadline=None, database=None, derandomize=True)
settings.load_profile("suite")


def pytest_configure() -> None:
    """`nohup` and `&` have signals ignored, which every program that a test starts would inherit. One that is caught
    is as by default in a new program, while this process still does not end by it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: no collection of garbage, of which some tests ask for one,
    needs to walk through it again."""
    gc.collect()
    gc.freeze()
