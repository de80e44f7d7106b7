"""Which endpoint is meant, and what is known of it."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from talking_video import local
from talking_video.api import KEY, RUNPOD, Api, EndpointStore
from talking_video.bucket import Bucket
from talking_video.errors import RefusedError, TalkingVideoError
from talking_video.sources import Uploads

TOKEN, ENDPOINT, BASE = "TALKING_VIDEO_TOKEN", "RUNPOD_ENDPOINT_ID", "RUNPOD_BASE_URL"


def runpod(
    endpoint_id: str,
    environment: Mapping[str, str],
    *,
    key: str | None = None,
    base: str | None = None,
    uploads: Uploads | None = None,
) -> Api:
    """An endpoint on RunPod.

    Raises:
        RefusedError: there is no key, or this is no id.
    """
    if not re.fullmatch(r"[\w-]+", endpoint_id):
        raise RefusedError(f"{endpoint_id!r} is no id at RunPod; an address begins with http:// or https://")
    key = key or environment.get(KEY)
    if not key:
        raise RefusedError(f"{KEY} is not set: make a key in RunPod's console (Settings, API keys), and export {KEY}=…")
    where = (base or environment.get(BASE) or RUNPOD).rstrip("/")
    return Api(f"{where}/{endpoint_id}", key, uploads or Bucket.of_environment(environment), look_seconds=2.0)


def at(address: str, environment: Mapping[str, str], *, key: str | None = None) -> Api:
    """An endpoint by the address of its job API, such as http://127.0.0.1:8000/v2/local, or of its page; its store
    takes files."""
    parts = urlsplit(address)
    origin = address.split("/v2/", maxsplit=1)[0] if "/v2/" in parts.path else f"{parts.scheme}://{parts.netloc}"
    token = key or environment.get(TOKEN)
    found = local.about(origin, token)
    if found and "/v2/" not in parts.path:
        address = f"{origin}/v2/{found['id']}"
    largest = found.get("upload_max_bytes") if found else None
    store = EndpointStore(origin, token, largest if isinstance(largest, int) else None) if found else None
    return Api(address.rstrip("/"), token, store or Bucket.of_environment(environment), look_seconds=0.5)


def named(endpoint: str | None, environment: Mapping[str, str], *, key: str | None = None) -> Api:
    """An endpoint by its id at RunPod or its address; None: the one that the environment names.

    Raises:
        TalkingVideoError: none is named.
        RefusedError: as `runpod`.
    """
    name = endpoint or environment.get(ENDPOINT)
    if not name:
        raise TalkingVideoError(
            "which endpoint? its id at RunPod, or an address such as http://127.0.0.1:8000/v2/local"
        )
    if name.startswith(("http://", "https://")):
        return at(name, environment, key=key)
    return runpod(name, environment, key=key)


def running_here() -> str | None:
    """The address of the job API of this machine's endpoint, or None where none runs."""
    found = local.about(local.ORIGIN)
    return f"{local.ORIGIN}/v2/{found['id']}" if found else None
