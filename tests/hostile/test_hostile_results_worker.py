"""The same through a worker process: what a job names is refused before the GPU works, the worker's own storage is
the operator's choice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.servers import Raw, http, says
from tests.serverless.gates import bucket
from tests.serverless.stand import Stand, standing
from tests.worker.bench import Bench

NOBODY = "10.9.8.7"
PLACES = {
    "loopback": "http://127.0.0.1",
    "allowed-port": "http://127.0.0.1:{trap}",
    "name": "http://localhost:{trap}",
    "metadata": "http://169.254.169.254",
    "six": "https://[::1]",
    "port": "http://93.184.216.34:8188",
}


@pytest.fixture(scope="module")
def trap() -> Iterator[Raw]:
    """A server of this machine that no job may reach, on a port that is allowed."""
    with Raw(says(http())) as server:
        yield server


@pytest.fixture(scope="module")
def stand(trap: Raw, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A worker whose own bucket is at 127.0.0.1, where no job may go. All jobs are handed out together."""
    folder, ports = tmp_path_factory.mktemp("results"), f"80,443,{trap.port}"
    with (
        bucket() as own,
        standing(folder, own, SIMULATOR_SPEED="0", ALLOW_PRIVATE_HOSTS=NOBODY, ALLOWED_PORTS=ports) as stand,
    ):
        jobs: list[dict[str, Any]] = [{"id": "own", "input": stand.input()}]
        for name, text in PLACES.items():
            place = text.format(trap=trap.port)
            config = {"accessId": "id", "accessSecret": "hush", "endpointUrl": place, "bucketName": "b"}
            jobs.append({"id": f"{name}-url", "input": stand.input(upload_url=f"{place}/v.mp4?token=hush")})
            jobs.append({"id": f"{name}-s3", "input": stand.input(), "s3Config": config})
        stand.plane.give(*jobs)
        yield stand


@pytest.mark.parametrize("kind", ["url", "s3"])
@pytest.mark.parametrize("name", PLACES)
def test_a_place_inside_is_refused_before_the_gpu_works(stand: Stand, trap: Raw, name: str, kind: str) -> None:
    job_id = f"{name}-{kind}"
    reply = stand.plane.wait_for_result(job_id)
    output = reply["output"]
    assert (output["error_code"], output["error_stage"]) == ("storage_misconfigured", "validate")
    assert " cannot be used: the address " in reply["error"]
    assert "hush" not in str(reply)
    assert "127.0.0.1" not in reply["error"]
    assert [told["stage"] for told in stand.plane.progress(job_id) if told["stage"] != "validate"] == []
    assert trap.connections == 0


def test_a_test_job_on_the_command_line_takes_the_same_road(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"ALLOW_PRIVATE_HOSTS": NOBODY})
    config = {"accessId": "id", "accessSecret": "hush", "endpointUrl": "http://127.0.0.1/b"}
    job = {"image_url": bench.picture(), "audio_urls": [bench.voice("v.wav", [(1.0, 0.5)])]}
    run = bench.run(job, {"s3Config": config})
    assert (run.code, run.reply["error_code"], run.reply["error_stage"]) == (1, "storage_misconfigured", "validate")
    assert "hush" not in run.printed + run.log


def test_the_workers_own_bucket_is_where_the_operator_says(stand: Stand) -> None:
    assert stand.plane.wait_for_result("own")["output"]["status"] == "completed"
    assert stand.is_stored("own")
