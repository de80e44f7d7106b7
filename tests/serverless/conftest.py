"""What several files of these tests stand beside: a bucket, and an encoder that can be held."""

from collections.abc import Iterator

import pytest

from tests.serverless.gates import Bucket, EncoderGate, bucket


@pytest.fixture(scope="module")
def store() -> Iterator[Bucket]:
    with bucket() as store:
        yield store


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderGate:
    return EncoderGate(tmp_path_factory.mktemp("encoder"))
