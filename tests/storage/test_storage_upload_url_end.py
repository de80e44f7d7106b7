"""When an upload URL ends, as its query tells."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from contract.errors import Stage, WorkerError
from storage.upload_url import PresignedPut
from tests.storage.storage_servers import MISCONFIGURED


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


SOON = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
HOUR_AGO = SOON - timedelta(hours=2)


@pytest.mark.parametrize("ends", [HOUR_AGO, SOON])
@pytest.mark.parametrize(
    "query",
    [
        lambda ends: f"X-Amz-Date={stamp(ends - timedelta(days=1))}&X-Amz-Expires=86400",
        lambda ends: f"X-Goog-Expires=60&X-Goog-Date={stamp(ends - timedelta(minutes=1))}",
        lambda ends: f"AWSAccessKeyId=id&Expires={int(ends.timestamp())}&Signature=s",
        lambda ends: f"se={ends:%Y-%m-%dT%H%%3A%M%%3A%SZ}&sig=s",
        lambda ends: f"se={ends:%Y-%m-%dT%H:%M:%S%%2B00:00}&sig=s",
    ],
)
def test_the_end_of_a_url_is_read_from_its_query(query: Callable[[datetime], str], ends: datetime) -> None:
    storage = PresignedPut(f"https://host/talk.mp4?{query(ends)}")
    assert storage.expires_at == ends
    if ends == SOON:
        storage.check()
        return
    with pytest.raises(WorkerError, match="has expired") as caught:
        storage.check()
    assert (caught.value.code, caught.value.stage) == (MISCONFIGURED, Stage.START)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "X-Amz-Expires=60",
        "X-Amz-Date=yesterday&X-Amz-Expires=60",
        "X-Amz-Date=20200101T000000Z&X-Amz-Expires=soon",
        "X-Amz-Date=20200101T000000Z&X-Amz-Expires=99999999999999",
        "Expires=never",
        "se=2020-01-01",
        "se=never&sig=s",
    ],
)
def test_an_end_that_cannot_be_read_is_left_to_the_server(query: str) -> None:
    storage = PresignedPut(f"https://host/talk.mp4?{query}")
    assert storage.expires_at is None
    storage.check()
