"""Servers that tell everybody what they were told: their errors repeat the address, the headers and the body."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.storage.scripted_server import Answer, Scripted, Seen, scripted_server
from tests.storage.storage_servers import FakeBucket


@dataclass
class Gossip:
    """Answers by the first part of a path: sources, PUT URLs and buckets, some fine, some failing."""

    portrait: bytes
    voice: bytes
    bucket: FakeBucket = field(default_factory=FakeBucket)
    videos: list[bytes] = field(default_factory=list)
    shaky: int = 0
    end: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: Seen) -> Answer:
        """As a scripted server asks for it."""
        kind = request.path.split("/")[1]
        if kind.isdecimal():
            return _failure(int(kind), request)
        answers = {
            "portrait": Answer(200, self.portrait),
            "voice": Answer(200, self.voice),
            "broken": Answer(200, b"\x89PNG\r\n" + _repeated(request)),
            "moved": Answer(302, _repeated(request), headers={"Location": request.query.get("to", [""])[0]}),
            "cut": Answer(200, b"RIFF", length=4000),
            "silent": Answer(after=self.end),
            "reset": Answer(hang_up=True),
        }
        return answers[kind] if kind in answers else self._store(kind, request)

    def _store(self, kind: str, request: Seen) -> Answer:
        if kind == "put":
            self.videos.append(request.body)
            return Answer(201)
        if kind == "shaky":
            self.shaky += 1
            return _failure(503, request) if self.shaky == 1 else Answer(200)
        if request.method == "PUT" and "refused" in request.path:
            return _failure(403, request)
        return self.bucket(request)


def _repeated(request: Seen) -> bytes:
    lines = [f"{request.method} {request.target}", *(f"{name}: {value}" for name, value in request.headers.items())]
    return "\n".join(lines).encode() + request.body[:100]


def _failure(status: int, request: Seen) -> Answer:
    text = _repeated(request).decode("latin-1").replace("&", "&amp;").replace("<", "")
    code = "AccessDenied" if status < 500 else "InternalError"
    body = f"<Error><Code>{code}</Code><Message>{text}</Message><RequestId>4711</RequestId></Error>"
    return Answer(status, body.encode(), headers={"X-Told": request.target, "WWW-Authenticate": request.target})


@contextmanager
def gossiping(portrait: bytes, voice: bytes) -> Iterator[tuple[Gossip, Scripted]]:
    """A running one."""
    gossip = Gossip(portrait, voice)
    with scripted_server(gossip) as server:
        try:
            yield gossip, server
        finally:
            gossip.end.set()
