"""Somebody who does the jobs of a served endpoint, as a test wants them done."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.endpoint.served import KEY, Served

Job = dict[str, Any]
Work = Callable[[Job, Served], dict[str, Any]]


def video_of(endpoint: Served, name: str, content: bytes, **more: Any) -> dict[str, Any]:
    """The body of a worker that has stored this as its video."""
    (endpoint.store.results / name).write_bytes(content)
    info = {"sha256": hashlib.sha256(content).hexdigest(), "file_size_mb": round(len(content) / 1e6, 3)}
    output = {
        "output_video_url": f"{endpoint.base}/files/results/{name}",
        "video_info": {**info, "duration_seconds": 2.0},
        "generation_params": {"seed": 7},
        "warnings": ["the image is animated"],
        **more,
    }
    return {"output": output}


@contextmanager
def working(endpoint: Served, work: Work) -> Iterator[list[Job]]:
    """Takes every job in turn and answers with what `work` gives; gives the jobs that it has taken."""
    taken: list[Job] = []
    end = threading.Event()

    def loop() -> None:
        while not end.is_set():
            answer = endpoint.ask("GET", "job-take/w", headers={"Authorization": KEY})
            if answer.status_code != 200:
                end.wait(0.02)
                continue
            job = answer.json()
            taken.append(job)
            body = work(job, endpoint)
            if body:
                endpoint.tell(job["id"], body)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield taken
    finally:
        end.set()
        thread.join()
