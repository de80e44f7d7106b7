"""An endpoint that the client talks to, unless a file has one of its own."""

from collections.abc import Iterator

import pytest

from tests.endpoint.served import Served, served


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("store")) as running:
        yield running
