"""A worker, its control plane and its folders together, with the smallest jobs and the questions of every test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.serverless.control_plane import ControlPlane
from tests.serverless.gates import Bucket
from tests.serverless.worker import Worker
from tests.worker.bench import Bench

SMALL = 256
SHORT_SECONDS = 0.6
STOP_SECONDS = 60.0  # less than the patience after which a gate opens by itself
LONG_SECONDS = 30.0  # of a job that is stopped before its end


@dataclass
class Stand:
    """What a test holds."""

    plane: ControlPlane
    bench: Bench
    worker: Worker
    bucket: Bucket | None = None

    def input(self, **change: Any) -> dict[str, Any]:
        """The input of the smallest job."""
        return {
            "image_url": "portrait.png",
            "audio_urls": ["short.wav"],
            "width": SMALL,
            "height": SMALL,
            **change,
        }

    def give(self, job_id: str, **change: Any) -> None:
        """Hand out the smallest job, with these fields changed."""
        self.plane.give({"id": job_id, "input": self.input(**change)})

    def break_engine(self, *faults: str) -> None:
        """The engine's next prompts meet these, as `simulator/faults.py` has them; earlier ones are forgotten."""
        faults_of(self.bench).write_text("\n".join(faults))

    def assert_broken(self) -> None:
        """All the faults have happened."""
        assert faults_of(self.bench).read_text() == ""

    def video(self, job_id: str) -> Path:
        """Where a job's video is put, unless there is a bucket."""
        return self.bench.folder / "output" / f"{job_id}.mp4"

    def is_stored(self, job_id: str) -> bool:
        """Whether a job's video is where it belongs."""
        if self.bucket is not None:
            return any(path.endswith(f"/{job_id}.mp4") for path in self.bucket.stored)
        return self.video(job_id).exists() and self.video(job_id).stat().st_size > 1000

    def assert_clean(self) -> None:
        """Nothing is left of any job, on the disk and in the engine."""
        assert self.worker.leftovers() == []
        assert self.worker.engine_holds() == {"remembered": 0, "running": 0, "waiting": 0}

    def assert_over(self) -> None:
        """The worker asks for a job, and nothing is left of the one before."""
        self.plane.wait_until_asked()
        self.assert_clean()

    def assert_stopped(self, *job_ids: str) -> None:
        """These jobs are over; nobody was told a result, and nothing is left of them but a video that was stored."""
        self.plane.wait_until_asked(STOP_SECONDS)
        assert [post for job_id in job_ids for post in self.plane.results(job_id)] == []
        self.assert_clean()

    def assert_failed(self, job_id: str, code: str, *, retryable: bool) -> dict[str, Any]:
        """The job has no video, for this reason; returns what its caller gets."""
        body = self.plane.wait_for_result(job_id)
        assert isinstance(body["error"], str)
        assert (body["output"]["error_code"], body["output"]["retryable"]) == (code, retryable), body
        assert not self.is_stored(job_id)
        return body

    def assert_next_works(self, **more: Any) -> None:
        """The next job, with what it has besides its input, becomes a video, and nothing is left of it either."""
        job_id = f"next-{len(self.plane.taken)}"
        self.plane.give({"id": job_id, "input": self.input(), **more})
        result = self.plane.wait_for_result(job_id)
        assert result["output"]["status"] == "completed", result
        assert self.is_stored(job_id)
        self.assert_over()


def faults_of(bench: Bench) -> Path:
    """The file from which the engine takes its faults."""
    return bench.folder / "faults"


@contextmanager
def standing(
    folder: Path, bucket: Bucket | None = None, *, hold_seconds: float = 1.0, **environment: str
) -> Iterator[Stand]:
    """A worker that is ready for jobs, and stores its videos in the bucket if there is one.

    `hold_seconds` as `ControlPlane` has it: few let a worker end soon, many let it hear of a stop at once.
    """
    bench = Bench(folder)
    bench.picture("portrait.png", (SMALL, SMALL))
    bench.voice("short.wav", [(SHORT_SECONDS, 0.5)])
    bench.voice("long.wav", [(LONG_SECONDS, 0.5)])
    store = bucket.environment() if bucket else {}
    settings = {"SIMULATOR_FAULTS": f"@{faults_of(bench)}", **store, **environment}
    with ControlPlane(hold_seconds) as plane, Worker(plane, bench, **settings) as worker:
        plane.wait_until_asked()
        yield Stand(plane, bench, worker, bucket)
