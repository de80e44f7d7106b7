"""Requests that bring their media along, as data: URIs: they can be sent as they are, to any endpoint.

The pictures are smaller than those of examples/: each request stays far below the 10 MB that RunPod's /run takes.
"""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

LONGEST_SIDE = 960
KINDS = {".mp3": "audio/mpeg", ".mp4": "video/mp4"}
WOMAN = "A woman with long brown hair in a green jacket speaks to the camera, static camera"
PAIR = "A woman in a green jacket on the left and a man in a blue sweater on the right talk, static camera"


def data_uri(file: Path) -> str:
    """A sound or a video as it is; a picture as JPEG."""
    if file.suffix in KINDS:
        kind, content = KINDS[file.suffix], file.read_bytes()
    else:
        picture = Image.open(file).convert("RGB")
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        out = BytesIO()
        picture.save(out, "JPEG", quality=85)
        kind, content = "image/jpeg", out.getvalue()
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def ready_requests(media: Path) -> dict[str, dict[str, Any]]:
    """By name, with media of this folder."""
    duo, anna, ben, hello = (data_uri(media / name) for name in ("duo.png", "anna.mp3", "ben.mp3", "hello.mp3"))
    portrait, best = data_uri(media / "portrait.png"), {"mode": "infinitetalk", "resolution": "480p"}
    talk = {"positive_prompt": PAIR, "image_url": duo, "audio_urls": [anna, ben], "timing": "turns", **best}
    return {
        "hello": {"positive_prompt": WOMAN, "image_url": portrait, "audio_urls": [hello], **best},
        "talk": talk,
        "quote": {**talk, "dry_run": True},
        "dub": {
            "positive_prompt": WOMAN,
            "video_url": data_uri(media / "scene.mp4"),
            "audio_urls": [hello],
            "keep_sound": "under",
            **best,
        },
    }


def write_ready(folder: Path) -> None:
    """One JSON file a request, in `folder`/ready."""
    (folder / "ready").mkdir(exist_ok=True)
    for name, fields in ready_requests(folder).items():
        text = json.dumps({"input": fields}, indent=2) + "\n"
        (folder / "ready" / f"{name}.json").write_text(text, encoding="utf-8")
