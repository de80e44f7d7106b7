"""The file store: addresses that permit one upload, reading in parts, and nothing else of this machine."""

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.endpoint.served import Served, served

SOUND = os.urandom(5000)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("store")) as running:
        yield running


def offer(endpoint: Served, name: str = "voice.mp3", size: int = len(SOUND)) -> dict[str, Any]:
    found: dict[str, Any] = endpoint.ask("POST", "/files", json={"name": name, "size": size}).json()
    return found


def test_an_upload_is_taken_once_and_read_in_parts(endpoint: Served) -> None:
    made = offer(endpoint, "../../etc/my  vöice\r\n.MP3")
    upload, address = made["upload"]["url"], made["url"]
    assert made["upload"]["method"] == "PUT"
    assert endpoint.ask("GET", address).status_code == 404
    assert endpoint.ask("PUT", upload, data=SOUND[:-1]).status_code == 400
    assert endpoint.ask("PUT", upload, data=SOUND + b"x").status_code == 413
    assert endpoint.ask("PUT", upload, data=SOUND).status_code == 201
    assert endpoint.ask("PUT", upload, data=SOUND).status_code == 409
    whole = endpoint.ask("GET", address)
    assert hashlib.sha256(whole.content).digest() == hashlib.sha256(SOUND).digest()
    assert (whole.headers["Content-Type"], whole.headers["Accept-Ranges"]) == ("audio/mpeg", "bytes")
    part = endpoint.ask("GET", address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, SOUND[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(SOUND)}"
    assert endpoint.ask("GET", address, headers={"Range": "bytes=9999-"}).status_code == 416
    assert endpoint.ask("HEAD", address).headers["Content-Length"] == str(len(SOUND))
    assert endpoint.ask("GET", f"{address}&download=1").headers["Content-Disposition"].startswith("attachment")


def test_an_address_permits_what_it_was_made_for(endpoint: Served) -> None:
    made, other = offer(endpoint), offer(endpoint)
    upload, address = made["upload"]["url"], made["url"]
    changed = [
        upload.replace("size=5000", "size=5001"),
        upload.replace("expires=1", "expires=2"),
        upload.replace("voice.mp3", "voice.html"),
        upload.split("&signature=")[0],
        f"{other['upload']['url'].split('?')[0]}?{upload.split('?')[1]}",
    ]
    assert [endpoint.ask("PUT", one, data=SOUND).status_code for one in changed] == [403] * len(changed)
    assert endpoint.ask("PUT", upload.replace("expires=", "expires=x"), data=SOUND).status_code == 400
    assert endpoint.ask("PUT", upload, data=SOUND).status_code == 201
    reads = [address.split("?")[0], f"{address}x", f"{address.split('?')[0]}?{other['url'].split('?')[1]}"]
    assert [endpoint.ask("GET", one).status_code for one in reads] == [403] * 3
    outside = "/files/uploads/..%2F..%2Fsigning-key"  # however it came to be signed
    assert endpoint.ask("GET", f"{endpoint.base}{endpoint.store.signed(outside)}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"name": "a.png", "size": 1_000_001}, 413),
        ({"name": "a.png", "size": 0}, 413),
        ({"name": "a.png", "size": -5}, 413),
        ({"name": "a.png", "size": True}, 400),
        ({"name": "a.png"}, 400),
        ({"name": 7, "size": 7}, 400),
        ([], 400),
        ({"name": "x" * 20_000, "size": 7}, 413),
    ],
)
def test_uploads_have_limits(endpoint: Served, asked: Any, status: int) -> None:
    answer = endpoint.ask("POST", "/files", json=asked)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_there_is_room_for_so_much_and_a_day_later_for_more(endpoint: Served) -> None:
    large = os.urandom(990_000)
    for _ in range(2):
        made = offer(endpoint, size=len(large))
        assert endpoint.ask("PUT", made["upload"]["url"], data=large).status_code == 201
    assert "room" in offer(endpoint, size=len(large))["error"]
    for folder in (endpoint.store.folder / "uploads").iterdir():
        os.utime(folder, (0, 0))
    assert "url" in offer(endpoint, size=len(large))
    assert endpoint.ask("GET", made["url"]).status_code == 404


def test_what_a_browser_could_run_is_served_as_something_else(endpoint: Served) -> None:
    for name in ("page.html", "picture.svg", "script.js", "mark.xml"):
        made = offer(endpoint, name, 9)
        endpoint.ask("PUT", made["upload"]["url"], data=b"<script/>")
        answer = endpoint.ask("GET", made["url"])
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_an_answer_has_addresses_in_place_of_paths(endpoint: Served) -> None:
    store = endpoint.store
    for place in (store.results / "talks" / "anna.mp4", store.keep / "kept" / "lost.mp4"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"an mp4")
    job_id = endpoint.submit()
    endpoint.take()
    told = {
        "output_video_url": f"{endpoint.base}/files/results/talks/anna.mp4",
        "error": ["why"],
        "kept_video": str(store.keep / "kept" / "lost.mp4"),
        "elsewhere": "https://videos.example.com/a.mp4",
    }
    endpoint.tell(job_id, {"output": told})
    answer = endpoint.ask("GET", f"status/{job_id}")
    assert str(store.folder) not in answer.text
    output = answer.json()["output"]
    assert output["elsewhere"] == told["elsewhere"]
    for name in ("output_video_url", "kept_video"):
        assert endpoint.ask("GET", output[name]).content == b"an mp4"
