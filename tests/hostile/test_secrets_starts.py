"""Secrets of a worker that does not start, that runs one job of the command line, and that serves the local API."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hostile.marks import leaks, leaks_of_files, leaks_of_reply, mark
from tests.hostile.secret_jobs import QUERY, SIGNED, TOLD, USER, Jobs
from tests.hostile.secret_places import gossiping
from tests.serverless.control_plane import ControlPlane
from tests.serverless.worker import Worker
from tests.worker.bench import Bench
from tests.worker.local_api import api_bench

KEY_ID, SECRET_KEY = mark("KeyId"), mark("SecretKey")
KEYS = {"S3_BUCKET": "own", "S3_ACCESS_KEY_ID": KEY_ID, "S3_SECRET_ACCESS_KEY": SECRET_KEY}
RUNPOD_KEYS = {"BUCKET_ACCESS_KEY_ID": KEY_ID, "BUCKET_SECRET_ACCESS_KEY": SECRET_KEY}
LOUD = {"LOG_LEVEL": "DEBUG", "HF_TOKEN": mark("HfToken"), "RUNPOD_AI_API_KEY": mark("ApiKey")}


def _bench(folder: Path) -> Bench:
    folder.mkdir()
    bench = Bench(folder, {**LOUD, "KEEP_DIR": str(folder / "keep")})
    bench.picture(size=(256, 256))
    bench.voice("voice.wav", [(0.6, 0.5)])
    return bench


def _starts(url: str) -> dict[str, dict[str, str]]:
    """Settings with which no worker starts, by names."""
    return {
        "lines-in-a-key": {**KEYS, "S3_ENDPOINT_URL": url, "S3_ACCESS_KEY_ID": f"{KEY_ID}\n{KEY_ID}"},
        "no-address": {**KEYS, "S3_ENDPOINT_URL": mark("Value"), "S3_PRESIGN_SECONDS": mark("Value")},
        "bucket-user": {**RUNPOD_KEYS, "BUCKET_ENDPOINT_URL": url.replace("//", f"//{USER}") + f"/own{SIGNED}"},
        "no-engine": {"ENGINE": "comfyui", "COMFYUI_URL": f"http://{USER}127.0.0.1:9/{QUERY}"},
    }


def test_a_worker_that_does_not_start_tells_none(tmp_path: Path) -> None:
    with gossiping(b"", b"") as (_, server), ThreadPoolExecutor(2) as pool:
        starts = _starts(server.url)
        bench = _bench(tmp_path / "bench")
        job = {"image_url": "portrait.png", "audio_urls": ["voice.wav"]}
        runs = {name: pool.submit(bench.run, job, **settings) for name, settings in starts.items()}
        ended = {name: run.result() for name, run in runs.items()}
    assert {name: run.code for name, run in ended.items()} == dict.fromkeys(starts, 1)
    assert {name: found for name, run in ended.items() if (found := leaks((run.log + run.printed).encode()))} == {}
    assert all("bad settings" in run.log or "failed at" in run.log for run in ended.values())


def test_on_runpod_it_tells_none_with_its_heartbeats(tmp_path: Path) -> None:
    bench = _bench(tmp_path / "bench")
    with gossiping(b"", b"") as (_, server), ControlPlane() as plane:
        with Worker(plane, bench, **KEYS, S3_ENDPOINT_URL=f"{server.url}/403") as worker:
            assert worker.ended() != 0
        assert "refused CreateMultipartUpload" in worker.log
        assert "refused CreateMultipartUpload" in repr(plane.pings)
        assert leaks(worker.log.encode()) == set()
        assert leaks(repr(plane.pings).encode()) == set()


def test_a_job_of_the_command_line_and_of_the_local_api(tmp_path: Path) -> None:
    here = _bench(tmp_path / "here")
    portrait, voice = (here.folder / name for name in ("portrait.png", "voice.wav"))
    with gossiping(portrait.read_bytes(), voice.read_bytes()) as (gossip, server):
        jobs = Jobs(server.url)
        jobs.add("fine", "", upload_url=f"{server.url}/put/v.mp4{SIGNED}")
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(here.run, jobs.all[0]["input"])
            with api_bench(tmp_path / "api", LOUD) as api:
                served = api.run(jobs.all[0]["input"])
            run = running.result()
    assert (run.code, served.code) == (0, 0)
    assert len(gossip.videos) == 2
    assert {mark for video in gossip.videos for mark in leaks(video)} == set()
    assert leaks(run.log.encode()) == set()
    for output in (run.reply, served.reply):
        assert leaks_of_reply(output, ()) == set()
    assert leaks_of_files(tmp_path, TOLD) == {}
