"""The playground in Debian's Chromium, before an endpoint of its own; without Chromium its tests are skipped."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.endpoint.endpoint_process import RunningEndpoint, running_endpoint
from tests.worker.bench import Bench

PATIENCE = 120_000  # milliseconds
# A microphone that beeps once a second, and nobody to ask whether the page may hear it.
MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Minutes with the two cores of a small machine: part of the long tests."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *MICROPHONE])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    with running_endpoint(tmp_path_factory.mktemp("endpoint"), SIMULATOR_SPEED="1") as running:
        yield running


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A person's own: a portrait, a voice of two seconds, a long one, and something that is no sound."""
    bench = Bench(tmp_path_factory.mktemp("files"))
    bench.picture("me.png", (400, 704))
    bench.voice("me.wav", [(0.5, 0.0), (1.5, 0.5)])
    bench.voice("long.wav", [(30.0, 0.5)])
    (bench.folder / "broken.wav").write_bytes(b"this is no sound" * 99)
    return bench


@pytest.fixture
def page(browser: Browser, endpoint: RunningEndpoint, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page as it opens; at its end it has told no error of its own."""
    options = request.node.get_closest_marker("browser_options")
    with opened(browser, endpoint, **(options.kwargs if options else {})) as page:
        yield page


@contextmanager
def opened(browser: Browser, endpoint: RunningEndpoint, **options: Any) -> Iterator[Page]:
    """The page of an endpoint, for as long as the block lasts; at its end it has told no error of its own."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto(endpoint.api.split("/v2/")[0])
    page.wait_for_selector("#front label")
    yield page
    context.close()
    assert faults == []
