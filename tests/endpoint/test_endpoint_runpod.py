"""An endpoint on RunPod behind this one: requests, files and films go through, and the key stays here."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoint.runpod import RunPod
from tests.client.workers import video_of, working
from tests.endpoint.endpoint_process import running_endpoint
from tests.endpoint.served import Served, served

KEY = "rpa_key-of-the-owner"
FILM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40
SOUND = b"ID3" + bytes(200)


@pytest.fixture(scope="module")
def runpod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """RunPod's part: it answers to the key alone."""
    with served(tmp_path_factory.mktemp("runpod"), token=KEY, any_host=True, endpoint_id="far") as running:
        yield running


@pytest.fixture(scope="module")
def here(runpod: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """This machine's endpoint, with RunPod's behind it."""
    behind = RunPod("far", KEY, f"{runpod.base}/v2")
    with served(tmp_path_factory.mktemp("here"), largest=30_000_000, runpod=behind) as running:
        yield running


def _far(here: Served, method: str, what: str, body: Any = None) -> Any:
    """A page's request for the endpoint behind: it shows no key."""
    answer = here.ask(method, f"/v2/far/{what}", json=body)
    assert KEY not in answer.text
    return answer


def _uploaded(here: Served, name: str, content: bytes) -> str:
    offer = here.ask("POST", "/files", json={"name": name, "size": len(content)}).json()
    assert here.ask("PUT", offer["upload"]["url"], data=content).status_code == 201
    return str(offer["url"])


def _film(here: Served, job_id: str) -> str:
    return f"{here.base}{_far(here, 'GET', f'film/{job_id}').json()['url']}"


def test_a_job_takes_its_files_along_and_its_film_plays_here(here: Served, runpod: Served) -> None:
    assert here.ask("GET", "/endpoint").json()["runpod"] == "far"
    sent = {"image_url": "https://example.com/me.png", "audio_urls": [_uploaded(here, "me.mp3", SOUND)]}
    with working(runpod, lambda _, server: video_of(server, "film.mp4", FILM)) as taken:
        done = _far(here, "POST", "runsync?wait=30000", {"input": sent, "policy": {"ttl": 60000}}).json()
    voice = f"data:audio/mpeg;base64,{base64.b64encode(SOUND).decode()}"
    assert taken[0]["input"] == {"image_url": "https://example.com/me.png", "audio_urls": [voice]}
    assert taken[0]["policy"] == {"ttl": 60000}
    assert (done["status"], done["output"]["video_info"]["duration_seconds"]) == ("COMPLETED", 2.0)
    assert done["output"]["output_video_url"].startswith(runpod.base)
    film = _film(here, done["id"])
    whole = here.ask("GET", film)
    assert (whole.status_code, whole.content, whole.headers["Content-Type"]) == (200, FILM, "video/mp4")
    part = here.ask("GET", film, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["Content-Range"] == f"bytes 4-7/{len(FILM)}"
    saved = here.ask("GET", f"{film}&download=true")
    assert (saved.content, saved.headers["Content-Disposition"][:10]) == (FILM, "attachment")


def test_status_cancel_retry_health_and_purge_go_through(here: Served, runpod: Served) -> None:
    job_id = _far(here, "POST", "run", {"input": {"image_url": "a"}}).json()["id"]
    assert _far(here, "GET", f"status/{job_id}").json() == {"id": job_id, "status": "IN_QUEUE"}
    assert _far(here, "GET", "health").json()["jobs"]["inQueue"] == 1
    runpod.take()
    runpod.tell(job_id, {"error": "why", "output": {"error_code": "x"}})
    assert _far(here, "GET", f"status/{job_id}").json()["output"] == {"error_code": "x"}
    assert _far(here, "POST", f"retry/{job_id}").json()["status"] == "IN_QUEUE"
    assert _far(here, "POST", f"cancel/{job_id}").json()["status"] == "CANCELLED"
    refused = _far(here, "POST", f"retry/{job_id}")
    assert (refused.status_code, "CANCELLED" in refused.json()["error"]) == (400, True)
    _far(here, "POST", "run", {"input": {"image_url": "a"}})
    assert _far(here, "POST", "purge-queue").json()["removed"] == 1
    assert _far(here, "GET", "status/nobody").status_code == 404


def test_what_is_too_large_for_a_request_is_said_before_it_is_sent(here: Served, runpod: Served) -> None:
    large = _uploaded(here, "long.wav", bytes(8_000_000))  # a third more as base64
    refused = _far(here, "POST", "run", {"input": {"audio_urls": [large]}})
    assert refused.status_code == 413
    assert "10.7 MB" in refused.json()["error"]
    assert "MP3" in refused.json()["error"]
    assert runpod.take() == {}


@pytest.mark.parametrize(
    ("key", "endpoint_id", "said"),
    [("wrong", "far", "RUNPOD_API_KEY"), (KEY, "nobody", "knows no endpoint nobody")],
)
def test_what_runpod_refuses_is_said_in_words(
    runpod: Served, tmp_path: Path, key: str, endpoint_id: str, said: str
) -> None:
    with served(tmp_path, runpod=RunPod(endpoint_id, key, f"{runpod.base}/v2")) as here:
        answer = here.ask("POST", f"/v2/{endpoint_id}/run", json={"input": {}})
    assert answer.status_code == 502, "not 401, for which the page would ask its owner for a token"
    assert said in answer.json()["error"]


def test_a_runpod_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with served(tmp_path, runpod=RunPod("far", KEY, "http://127.0.0.1:9/v2")) as here:
        answer = _far(here, "GET", "health")
    assert (answer.status_code, "RunPod does not answer" in answer.json()["error"]) == (502, True)


def test_no_address_is_read_for_anybody_that_no_job_gave(here: Served, runpod: Served) -> None:
    assert here.ask("GET", f"/films?url={runpod.base}/v2/far/health&signature=x").status_code == 403
    assert _far(here, "GET", "film/nobody").status_code == 404


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("file:///runpod-volume/videos/a.mp4", 409, "S3_BUCKET"),
        ("http://127.0.0.1:9/gone.mp4", 502, "does not answer"),
    ],
)
def test_a_film_that_cannot_be_shown_is_explained(
    here: Served, runpod: Served, url: str, status: int, said: str
) -> None:
    job_id = _far(here, "POST", "run", {"input": {"image_url": "a"}}).json()["id"]
    runpod.take()
    runpod.tell(job_id, {"output": {"output_video_url": url}})
    answer = _far(here, "GET", f"film/{job_id}")
    if answer.status_code == 200:
        answer = here.ask("GET", answer.json()["url"])
    assert (answer.status_code, said in answer.json()["error"]) == (status, True)


def test_the_key_is_in_no_log_and_in_no_worker(runpod: Served, tmp_path: Path) -> None:
    environment = {"RUNPOD_API_KEY": KEY, "RUNPOD_BASE_URL": f"{runpod.base}/v2"}
    with running_endpoint(tmp_path, "--runpod", "far", **environment) as endpoint:
        endpoint.wait_for_log("worker-1 is ready for jobs")
        for process in endpoint.family():
            assert KEY.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
            process.close()
        origin = endpoint.api.split("/v2/")[0]
        assert runpod.ask("GET", f"{origin}/v2/far/health").json()["jobs"]["inProgress"] == 0
    assert KEY not in "\n".join(endpoint.log)
