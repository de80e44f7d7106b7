"""A caller's PUT URL as storage, against servers that obey, falter, refuse and hang."""

import logging
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import Storage, StoredVideo
from storage.upload_url import PresignedPut
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.storage.storage_servers import FAILED, MISCONFIGURED, VIDEO, failure

SECRET = "X-Amz-Signature=c0ffee"


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def first_then_ok(*first: Answer) -> Callable[[Seen], Answer]:
    left = iter(first)
    return lambda _: next(left, Answer(200))


def put(url: str, video: Path, attempts: int = 3) -> StoredVideo:
    return PresignedPut(url, attempts=attempts, pause_seconds=0.01).put(video, "ignored.mp4", Cancellation())


def test_the_video_arrives_as_a_video_and_the_url_loses_its_secret(video: Path) -> None:
    with scripted_server(lambda _: Answer(201)) as server:
        storage: Storage = PresignedPut(f"{server.url}/videos/a%20b.mp4?{SECRET}#part")
        storage.check(Stage.VALIDATE)
        stored = storage.put(video, "ignored.mp4", Cancellation())
        assert storage.find("ignored.mp4", len(VIDEO)) is None
    assert stored == StoredVideo(f"{server.url}/videos/a%20b.mp4", len(VIDEO), None)
    (request,) = server.seen
    assert (request.method, request.target, request.body) == ("PUT", f"/videos/a%20b.mp4?{SECRET}", VIDEO)
    assert request.headers["content-type"] == "video/mp4"
    assert request.headers["content-length"] == str(len(VIDEO))
    assert {"transfer-encoding", "authorization", "x-ms-blob-type"}.isdisjoint(request.headers)


def test_azure_gets_the_header_that_it_wants(video: Path) -> None:
    with scripted_server(lambda _: Answer(201)) as server:
        put(f"{server.url}/container/a.mp4?sv=2024-01-01&sig=abc", video)
    assert server.seen[0].headers["x-ms-blob-type"] == "BlockBlob"


@pytest.mark.parametrize("fault", [Answer(500), Answer(503), Answer(429), Answer(408), Answer(hang_up=True)])
def test_a_passing_fault_is_tried_again_from_the_first_byte(video: Path, fault: Answer) -> None:
    with scripted_server(first_then_ok(fault, fault)) as server:
        assert put(server.url, video).size_bytes == len(VIDEO)
    assert [request.body for request in server.seen] == [VIDEO] * 3


def test_a_connection_that_breaks_in_the_middle_is_tried_again(video: Path) -> None:
    content = os.urandom(9 * 1024 * 1024)
    video.write_bytes(content)
    breaks = iter([True])

    def pace(_: int) -> None:
        if next(breaks, False):
            raise ConnectionResetError

    with scripted_server(lambda _: Answer(200), pace=pace) as server:
        put(server.url, video)
    assert len(server.broken) == 1
    assert [request.body for request in server.seen] == [content]


@pytest.mark.parametrize(("fault", "words"), [(Answer(502), "answered 502"), (Answer(hang_up=True), "not reached")])
def test_a_lasting_fault_fails_the_job_after_the_attempts_asked_for(video: Path, fault: Answer, words: str) -> None:
    with scripted_server(lambda _: fault) as server, pytest.raises(WorkerError, match=words) as caught:
        put(f"{server.url}?{SECRET}", video)
    assert (caught.value.code, caught.value.stage) == (FAILED, Stage.UPLOAD)
    assert len(server.seen) == 3


def test_retry_after_is_honoured(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    with scripted_server(first_then_ok(Answer(429, headers={"Retry-After": "1"}))) as server:
        put(server.url, video)
    assert "sent again in 1.0 s" in caplog.text
    assert len(server.seen) == 2


def test_retry_after_is_honoured_within_bounds(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    cancel = Cancellation()
    answer = Answer(503, headers={"Retry-After": "86400"})
    with scripted_server(lambda _: answer) as server, ThreadPoolExecutor(1) as pool:
        future = pool.submit(PresignedPut(server.url).put, video, "a.mp4", cancel)
        server.wait_until(lambda: bool(server.seen))
        cancel.cancel()  # the pause ends with it
        assert failure(lambda: future.result(20))[0] is ErrorCode.CANCELLED
    assert "sent again in 30.0 s" in caplog.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, r"was refused \(400\)"),
        (401, r"was refused \(401\)"),
        (403, r"was refused \(403\)"),
        (404, r"no bucket or container \(404\)"),
        (410, r"has expired \(410\)"),
        (412, r"was refused \(412\)"),
        (413, r"no video of this size \(413\)"),
        (301, r"leads elsewhere \(301\)"),
        (307, r"leads elsewhere \(307\)"),
    ],
)
def test_a_refusal_is_final(video: Path, status: int, words: str) -> None:
    answer = Answer(status, headers={"Location": "/elsewhere"})
    with scripted_server(lambda _: answer) as server, pytest.raises(WorkerError, match=words) as caught:
        put(f"{server.url}?{SECRET}", video)
    assert (caught.value.code, caught.value.stage) == (MISCONFIGURED, Stage.UPLOAD)
    assert len(server.seen) == 1


def test_a_url_that_expired_while_the_gpu_worked_is_told_from_a_refused_one(video: Path) -> None:
    answer = Answer(403)
    with scripted_server(lambda _: answer) as server, pytest.raises(WorkerError, match=r"has expired \(403\)"):
        put(f"{server.url}?Expires=1700000000", video)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "talk.mp4",
        "ftp://host/talk.mp4",
        "file:///talk.mp4",
        "http://",
        "http:///talk.mp4",
        "http://host:0/talk.mp4",
        "http://host:port/talk.mp4",
        "http://[::1/talk.mp4",
        "http://user@host/talk.mp4",
        "http://user:secret@host/talk.mp4",
        "http://host/a b.mp4",
        "http://host/ü.mp4",
        "http://host/a\r\nX: y",
    ],
)
def test_a_url_that_cannot_work_is_found_without_a_request(video: Path, url: str) -> None:
    storage = PresignedPut(url)
    assert failure(storage.check) == (MISCONFIGURED, Stage.START)
    assert failure(lambda: storage.check(Stage.VALIDATE)) == (MISCONFIGURED, Stage.VALIDATE)
    assert failure(lambda: storage.put(video, "talk.mp4", Cancellation())) == (MISCONFIGURED, Stage.UPLOAD)


def test_proxies_and_netrc_of_the_environment_are_not_used(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login us password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with scripted_server(lambda _: Answer(200)) as server:
        put(server.url, video)
    assert "authorization" not in server.seen[0].headers


class Refusing:
    """A guard that knows the place, and then does not."""

    def check(self, url: str) -> None:
        """Lets everything pass."""

    def proxies(self, url: str) -> dict[str, str]:  # noqa: ARG002
        return {}

    def connect(self, host: str, port: int) -> socket.socket:  # noqa: ARG002
        raise WorkerError(ErrorCode.SOURCE_REFUSED, "not there")


def test_a_guard_that_refuses_ends_the_job_for_good(video: Path) -> None:
    storage = PresignedPut("http://127.0.0.1:1/a.mp4", guard=Refusing())
    storage.check(Stage.VALIDATE)
    with pytest.raises(WorkerError, match="The upload_url cannot be used: not there") as caught:
        storage.put(video, "a.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (MISCONFIGURED, Stage.UPLOAD)


def test_a_cancel_while_the_place_takes_the_bytes_slowly(video: Path, release: threading.Event) -> None:
    size = 32 * 1024 * 1024  # more than the two ends of a connection hold
    os.truncate(video, size)
    reading, cancel = threading.Event(), Cancellation()

    def stall(_: int) -> None:
        reading.set()
        release.wait(30)

    with scripted_server(lambda _: Answer(200), pace=stall) as server, ThreadPoolExecutor(1) as pool:
        future = pool.submit(PresignedPut(server.url).put, video, "a.mp4", cancel)
        assert reading.wait(20)
        cancel.cancel()
        cancel.cancel()
        assert failure(lambda: future.result(20))[0] is ErrorCode.CANCELLED
        release.set()
        server.wait_until(lambda: bool(server.broken))
    assert server.seen == []
    assert len(server.broken[0].body) < size


def test_a_cancel_while_the_place_is_silent(video: Path, release: threading.Event) -> None:
    cancel = Cancellation()
    with scripted_server(lambda _: Answer(after=release)) as server, ThreadPoolExecutor(1) as pool:
        future = pool.submit(PresignedPut(server.url).put, video, "a.mp4", cancel)
        server.wait_until(lambda: bool(server.seen))
        cancel.cancel()
        assert failure(lambda: future.result(20))[0] is ErrorCode.CANCELLED
        assert not release.is_set()


def test_a_job_that_is_cancelled_already_sends_nothing(video: Path) -> None:
    cancel = Cancellation()
    cancel.cancel()
    with scripted_server(lambda _: Answer(200)) as server:
        assert failure(lambda: PresignedPut(server.url).put(video, "a.mp4", cancel))[0] is ErrorCode.CANCELLED
    assert server.seen == []


def test_a_video_that_is_gone_fails_the_job(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="could not be read: No such file") as caught:
        put("http://127.0.0.1:1/a.mp4", tmp_path / "gone.mp4")
    assert (caught.value.code, caught.value.stage) == (FAILED, Stage.UPLOAD)


@pytest.mark.parametrize("answer", [Answer(200), Answer(403), Answer(500), Answer(307), Answer(hang_up=True)])
def test_the_url_is_never_told(video: Path, answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="storage")
    told = ""
    with scripted_server(lambda _: answer) as server:
        host = server.url.removeprefix("http://")
        storage = PresignedPut(f"{server.url}/hidden/path.mp4?{SECRET}", attempts=2, pause_seconds=0.01)
        try:
            storage.put(video, "a.mp4", Cancellation())
        except WorkerError as error:
            told = "".join([error.message, error.detail, *traceback.format_exception(error)])
        told += repr(storage) + caplog.text
    for secret in (SECRET, "c0ffee", host, "hidden"):
        assert secret not in told
