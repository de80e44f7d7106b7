"""ComfyUI is begun before everything else, and what is wrong is told in the order of the checks all the same."""

import re
from pathlib import Path

from tests.programs import FreshProgram
from tests.serverless.control_plane import ControlPlane
from tests.serverless.stores import store
from tests.serverless.test_fitness import Machine, alive_with, unhealthy
from tests.serverless.worker import Worker
from tests.worker.bench import Bench
from tests.worker.test_read_ahead import cached, cold_file

# What it was started with; then it never answers.
SERVER = 'echo "$@" >>"$0.begun"; exec sleep 1000'


def test_comfyui_is_begun_before_the_first_check_and_ends_with_it(tmp_path: Path) -> None:
    """The first check waits for ComfyUI here: had that not been begun, nobody would ever end the wait."""
    begun, ffmpeg = tmp_path / "python.begun", tmp_path / "ffmpeg"
    ffmpeg.write_text(f"#!/bin/sh\nwhile [ ! -s {begun} ]; do sleep 0.05; done\nexit 1\n")
    ffmpeg.chmod(0o755)
    with store() as bucket, ControlPlane() as plane:
        settings = Machine(tmp_path, bucket).comfyui(SERVER)
        weights = cold_file(next((tmp_path / "models" / "text_encoders").iterdir()))
        settings |= {"IMAGEIO_FFMPEG_EXE": str(ffmpeg), "READ_AHEAD": "false"}
        with Worker(plane, Bench(tmp_path), FreshProgram, **settings) as worker:
            assert worker.ended() == 1
        (told,) = unhealthy(plane.pings)
    assert (told["check"], told["reason"]) == ("ffmpeg", "WorkerError: ffmpeg does not run")
    assert alive_with(str(tmp_path)) == []
    assert cached(weights) == 0


def test_the_card_decides_in_the_end_and_the_weights_are_read_meanwhile(tmp_path: Path) -> None:
    """Device nodes decide how ComfyUI is begun; here they may be wrong, as the probe says that there is a card."""
    with store() as bucket, ControlPlane() as plane:
        settings = Machine(tmp_path, bucket).comfyui(SERVER)
        weights = cold_file(next((tmp_path / "models" / "text_encoders").iterdir()))
        with Worker(plane, Bench(tmp_path), FreshProgram, **settings) as worker:
            assert worker.ended() == 1
        (told,) = unhealthy(plane.pings)
    assert "comfyui did not answer within 2 s" in told["reason"]
    *before, last = (tmp_path / "python.begun").read_text().splitlines()
    assert "--cpu" not in last
    assert ["--cpu" in line for line in before] == ([True] if before else [])
    assert alive_with(str(tmp_path)) == []
    (nodes,) = re.findall(r'custom_nodes: "(.*)"', Path(last.split("-paths-config ")[1].split()[0]).read_text())
    assert [path.name for path in Path(nodes).iterdir()] == ["comfy_nodes"]  # of more ComfyUI would complain
    assert cached(weights) > 0.9 * weights.stat().st_size  # the kernel may have taken some back
