"""A cancelled job stops the server's work, leaves nothing behind, and the next job runs."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import requests

from comfy_client.supervisor import RunningServer
from handler import make_handler
from tests.worker.bench import Bench, Simulator
from worker.engine_setup import ReadyEngine
from worker.settings import Settings
from worker.startup import make_resources
from workflows.graph import Precision


def _queue(url: str) -> tuple[int, int]:
    found: dict[str, Any] = requests.get(f"{url}/queue", timeout=10).json()
    return len(found["queue_running"]), len(found["queue_pending"])


async def _until_running(url: str) -> None:
    while (await asyncio.to_thread(_queue, url))[0] == 0:
        await asyncio.sleep(0)


@pytest.mark.parametrize("stops", [1, 3])
def test_a_cancelled_job_frees_the_server_and_the_disk(
    bench: Bench, start_simulator: Callable[..., Simulator], stops: int
) -> None:
    """However often the stop is asked for."""
    server = start_simulator("--speed", "0.2")
    settings = Settings(input_roots=(bench.folder,), output_dir=bench.folder / "output", work_dir=bench.work)
    resources = make_resources(settings, ReadyEngine(RunningServer(server.url), Precision(), ("multitalk",)))
    handle = make_handler(lambda: resources)
    job = {
        "image_url": bench.picture(),
        "audio_urls": [bench.voice("v.wav", [(1.0, 0.5)])],
        "width": 256,
        "height": 256,
    }

    async def cancel_one() -> None:
        task = asyncio.ensure_future(handle({"id": "doomed", "input": job}))
        await _until_running(server.url)
        for _ in range(stops):
            task.cancel()
            await asyncio.wait([task], timeout=0.01)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _queue(server.url) == (0, 0)
        assert bench.leftovers() == []
        reply = await handle({"id": "next", "input": {**job, "fps": 5}})
        assert reply["error_code"] == "invalid_input"

    asyncio.run(cancel_one())
    assert requests.get(f"{server.url}/history", timeout=10).json() == {}
