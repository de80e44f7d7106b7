"""The MP4 that a caller gets says that AI made it, and holds nothing of the caller's; hashes are those of that file."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from media.mark import COMMENT
from tests.media.certificates import certificate
from tests.media.test_media_signing import told
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.worker.bench import Bench, Run
from tests.worker.test_road import finished

IPTC_TYPE = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"  # as platforms look for it
PRIVATE = "a prompt of the caller's own"


def _job(bench: Bench, **more: Any) -> dict[str, Any]:
    voice = bench.voice("voice.wav", [(0.6, 0.5)])
    size = {"width": 256, "height": 256, "positive_prompt": PRIVATE, "metadata": {"customer": "c-1017"}}
    return {"image_url": bench.picture(size=(256, 256)), "audio_urls": [voice], **size, **more}


def _tags(path: Path) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags", "-of", "json", str(path)]
    tags: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["format"]["tags"]
    return tags


def _path(run: Run) -> Path:
    return Path(unquote(urlsplit(run.reply["output_video_url"]).path))


def _is_of(info: dict[str, Any], data: bytes) -> bool:
    return (info["sha256"], info["file_size_mb"]) == (hashlib.sha256(data).hexdigest(), round(len(data) / 1e6, 3))


def test_every_video_says_that_ai_made_it(bench: Bench) -> None:
    run = bench.run(_job(bench))
    data = finished(run).path.read_bytes()
    assert _tags(_path(run))["comment"] == COMMENT
    assert IPTC_TYPE in data[: data.index(b"mdat")]
    assert run.reply["video_info"]["marks"] == ["metadata"]
    assert _is_of(run.reply["video_info"], data)
    assert not [word for word in (PRIVATE, "c-1017", "portrait.png", "voice.wav") if word.encode() in data]


def test_a_worker_that_is_told_not_to_does_not(bench: Bench) -> None:
    run = bench.run(_job(bench), MARK_AI="false")
    data = finished(run).path.read_bytes()
    assert run.reply["video_info"]["marks"] == []
    assert "comment" not in _tags(_path(run))
    assert b"trainedAlgorithmicMedia" not in data


def test_what_an_upload_url_gets_is_marked_and_signed(bench: Bench) -> None:
    chain, key = certificate()
    (bench.folder / "key.pem").write_text(key)
    uploads: list[bytes] = []

    def take(request: Seen) -> Answer:
        uploads.append(request.body)
        return Answer(201)

    with scripted_server(take) as server:
        job = _job(bench, upload_url=f"{server.url}/put/video.mp4?signature=x")
        run = bench.run(job, C2PA_CERT=chain, C2PA_KEY=str(bench.folder / "key.pem"))
    assert run.code == 0, run.log
    (data,) = [body for body in uploads if body]
    assert run.reply["video_info"]["marks"] == ["metadata", "c2pa"]
    assert _is_of(run.reply["video_info"], data)
    video = bench.folder / "uploaded.mp4"
    video.write_bytes(data)
    found = told(video)
    assert found["validation_state"] == "Valid"
    assert "WAN 2.1 I2V 14B with MultiTalk" in json.dumps(found)
    assert not [word for word in (PRIVATE, "c-1017", "portrait.png", "voice.wav") if word in json.dumps(found)]
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_key_without_its_certificate_is_no_half_of_a_mark(bench: Bench) -> None:
    run = bench.run(_job(bench), C2PA_KEY=str(bench.folder / "key.pem"))
    assert (run.code, run.reply["error_code"], run.reply["error_stage"]) == (1, "settings_invalid", "start")
    assert "C2PA_CERT and C2PA_KEY belong together" in run.reply["error"]


def test_a_worker_that_cannot_sign_does_not_start(bench: Bench) -> None:
    """And does not say a line of the key."""
    (chain, _), (_, key) = certificate(), certificate()
    run = bench.run(_job(bench), C2PA_CERT=chain, C2PA_KEY=key.replace("\n", "\\n"), LOG_LEVEL="DEBUG")
    assert run.code == 1
    assert (run.reply["error_code"], run.reply["error_stage"]) == ("settings_invalid", "start")
    assert "C2PA_KEY does not belong to C2PA_CERT" in run.reply["error"]
    assert "the simulator is ready" not in run.log
    assert not [line for line in key.splitlines()[1:-1] if line in run.log + run.printed]
