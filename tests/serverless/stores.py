"""Places for videos that misbehave: a bucket whose answers go wrong for chosen jobs, and a server that takes a PUT."""

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import requests

from tests.serverless.control_plane import PATIENCE
from tests.serverless.gates import Bucket
from tests.serverless.stand import Stand, standing
from tests.storage.scripted_server import Answer, Scripted, Seen, scripted_server
from tests.storage.storage_servers import ACCESS_KEY, SECRET_KEY, FakeBucket, s3_error
from tests.worker.bench import probe

MOUNT = Path("/dev/shm")  # noqa: S108 - a mount that every Linux has
QUESTION = {"1": {"class_type": "PreviewAny", "inputs": {"source": "?"}}}


def kind_of(request: Seen) -> str:
    """What a request of an upload is for: begin, part, complete, abort, delete, look or get."""
    if request.method == "POST":
        return "complete" if "uploadId" in request.query else "begin"
    if request.method == "DELETE":
        return "abort" if "uploadId" in request.query else "delete"
    return {"PUT": "part", "HEAD": "look", "GET": "get"}[request.method]


@dataclass
class Fault:
    """What a bucket answers to these kinds of requests, to each kind so many times."""

    answer: Answer
    kinds: tuple[str, ...]
    times: float = float("inf")
    shown: dict[str, int] = field(default_factory=dict)

    def of(self, request: Seen) -> Answer | None:
        """Its answer, or None where it leaves the request alone."""
        kind = kind_of(request)
        if kind not in self.kinds or self.shown.get(kind, 0) >= self.times:
            return None
        self.shown[kind] = self.shown.get(kind, 0) + 1
        return self.answer


class Store(Bucket):
    """An S3 that remembers what it has and knows its keys.

    Attributes:
        faults: what goes wrong, by a part of the request's path, such as a job's id.
        trusted: the access keys that may do everything; all others are refused.
        region: what requests must be signed for, where it is not None; others are told so.
        has: path and bytes of each object.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, Fault] = {}
        self.trusted = {ACCESS_KEY}
        self.region: str | None = None
        self._held = FakeBucket()

    @property
    def has(self) -> dict[str, bytes]:
        return self._held.objects

    @property
    def unfinished(self) -> int:
        """Uploads that were begun, and neither completed nor aborted."""
        return len(self._held.uploads)

    def answer(self, request: Seen) -> Answer:
        """As the scripted server asks for it."""
        signed = request.headers.get("authorization", "") or unquote(request.target)
        key = re.search(r"Credential=([^/]+)/\d+/([^/]+)/", signed)
        if key is None or key[1] not in self.trusted:
            return s3_error(403, "InvalidAccessKeyId")
        if self.region not in {None, key[2]}:
            return replace(s3_error(301, "PermanentRedirect"), headers={"x-amz-bucket-region": str(self.region)})
        for part, fault in self.faults.items():
            told = fault.of(request) if part in request.path else None
            if told is not None:
                return told
        if request.method == "PUT" and self.gate is not None:
            self.gate.pass_through()
        told = self._held(request)
        if kind_of(request) == "complete" and told.status == 200:
            self.stored.append(request.path)
        return told

    def config(self, bucket: str, **change: str) -> dict[str, str]:
        """A job's s3Config that leads here."""
        keys = {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY}
        return {**keys, "bucketName": bucket, "endpointUrl": self.url, **change}


@contextmanager
def store(*, keeps: bool = False) -> Iterator[Store]:
    """A running one. `keeps`: its connections stay open between requests, as S3's do."""
    made = Store()
    with scripted_server(made.answer, keeps=keeps) as server:
        made.url = server.url
        yield made


@contextmanager
def taker(status: int) -> Iterator[Scripted]:
    """A server that answers each PUT with this status; what came is in `seen`."""
    with scripted_server(lambda _: Answer(status)) as server:
        yield server


@contextmanager
def volume() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder on a mounted volume, empty and then gone, and the settings of a worker that keeps there."""
    folder = MOUNT / f"keep-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder, {"VOLUME_DIR": str(MOUNT), "KEEP_DIR": str(folder)}
    finally:
        shutil.rmtree(folder)


def quick(
    folder: Path, bucket: Bucket | None, settings: Mapping[str, str] | None = None
) -> AbstractContextManager[Stand]:
    """A worker that does not wait: its engine takes no time, and its uploads are tried twice."""
    quickly = {"SIMULATOR_SPEED": "0", "S3_ATTEMPTS": "2", **(settings or {})}
    return standing(folder, bucket, hold_seconds=1.0, **quickly)


@contextmanager
def prompts(stand: Stand, number: int) -> Iterator[None]:
    """Meanwhile the engine is sent so many graphs."""
    before = _ask_number(stand)
    yield
    assert _ask_number(stand) - before - 1 == number


def _ask_number(stand: Stand) -> int:
    """The engine numbers all prompts, this question among them."""
    url = stand.worker.engine_url
    told = requests.post(f"{url}/prompt", json={"prompt": QUESTION}, timeout=PATIENCE).json()
    while not requests.get(f"{url}/history/{told['prompt_id']}", timeout=PATIENCE).json():
        pass
    requests.post(f"{url}/history", json={"delete": [told["prompt_id"]]}, timeout=PATIENCE)
    return int(told["number"])


def result(stand: Stand, job_id: str, number: int = 1) -> dict[str, Any]:
    """The body of a job's result, of its second one, and so on; the worker is ready for the next job by then."""
    found = stand.plane.wait_until(lambda: stand.plane.results(job_id)[number - 1 :])
    stand.plane.wait_until_asked()
    return found[0].body


def undelivered(body: dict[str, Any], code: str) -> dict[str, Any]:
    """The output of a job whose video could not be stored."""
    assert body["error"].startswith("The video is finished but could not be stored: ")
    assert (body["output"]["error_code"], body["output"]["error_stage"]) == (code, "upload")
    output: dict[str, Any] = body["output"]
    return output


def download(url: str, to: Path) -> bytes:
    """What is at a presigned URL: an MP4 that plays."""
    answer = requests.get(url, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    to.write_bytes(answer.content)
    assert_plays(to)
    return answer.content


def assert_plays(video: Path) -> None:
    """It is a whole MP4 of the smallest job."""
    seen = probe(video)
    assert (seen.codecs, seen.size) == ({"h264", "aac"}, (256, 256))
    assert seen.frames > 10


def files_in(folder: Path) -> set[str]:
    """Below a folder, by their paths in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
