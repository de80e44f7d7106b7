"""The edge of `handler.py` in the process of the test."""

from typing import Any

from comfy_client.supervisor import RunningServer
from contract.cancel import Cancellation
from handler import answer
from job.resources import Resources
from tests.worker.bench import Bench
from worker.engine_setup import ReadyEngine
from worker.settings import Settings
from worker.startup import make_resources
from workflows.graph import Precision


def resources_here(bench: Bench, server: str, **settings: Any) -> Resources:
    """Of a worker with the bench's folders and this running server."""
    places = {"input_roots": (bench.folder,), "output_dir": bench.folder / "output", "work_dir": bench.work}
    ready = ReadyEngine(RunningServer(server), Precision(), ("multitalk",))
    return make_resources(Settings(**{**places, **settings}), ready)


def answered_here(job_input: dict[str, Any], resources: Resources) -> dict[str, Any]:
    """What the caller of a job gets."""
    return answer({"id": "here", "input": job_input}, resources, Cancellation())
