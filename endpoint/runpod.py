"""An endpoint on RunPod, behind this one: the page asks here, and the key stays in this process."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from endpoint.films import film_of
from endpoint.intake import read_object
from endpoint.limits import BODY_BYTES, LONGEST_WAIT, MEGABYTE
from endpoint.links import each_text
from endpoint.outside import client_for
from endpoint.store import Store, StoreError

KEY, BASE = "RUNPOD_API_KEY", "RUNPOD_BASE_URL"
RUNPOD = "https://api.runpod.ai/v2"
SECONDS = httpx.Timeout(30.0, read=LONGEST_WAIT + 30.0)


@dataclass(frozen=True)
class RunPod:
    """Which endpoint, and how it is reached."""

    endpoint_id: str
    key: str = field(repr=False)
    base: str = RUNPOD


class Remote:
    """The routes below /v2/ENDPOINT_ID, which pass requests on.

    Args:
        store: of this endpoint; a file that a caller has put there travels inside the request, as RunPod's workers
            cannot read it.
    """

    def __init__(self, runpod: RunPod, store: Store) -> None:
        self._runpod, self._store = runpod, store

    @property
    def endpoint_id(self) -> str:
        """As RunPod has it."""
        return self._runpod.endpoint_id

    def routes(self) -> APIRouter:
        """For the application."""
        router = APIRouter(prefix=f"/v2/{self.endpoint_id}")
        for kind in ("run", "runsync"):
            router.add_api_route(f"/{kind}", self._submit(kind), methods=["POST"])
        for kind in ("cancel", "retry"):
            router.add_api_route(f"/{kind}/{{job_id}}", self._pass_on("POST", kind), methods=["POST"])
        router.add_api_route("/status/{job_id}", self._pass_on("GET", "status"), methods=["GET", "POST"])
        router.add_api_route("/health", self.health, methods=["GET"])
        router.add_api_route("/purge-queue", self.purge, methods=["POST"])
        router.add_api_route("/film/{job_id}", self.film, methods=["GET"])
        return router

    async def health(self) -> JSONResponse:
        """What RunPod says of its workers."""
        return await self._answer("GET", "health")

    async def purge(self) -> JSONResponse:
        """Cancel all that waits."""
        return await self._answer("POST", "purge-queue")

    async def film(self, job_id: str, request: Request) -> dict[str, str]:
        """Where the page plays the job's video."""
        told = json.loads(bytes((await self._answer("GET", f"status/{quote(job_id, safe='')}")).body))
        return {"url": film_of(told.get("output"), self._store.signer, _base_of(request))}

    def _submit(self, kind: str) -> Callable[..., Any]:
        async def submit(request: Request, wait: str | None = None) -> JSONResponse:
            body = await read_object(request, BODY_BYTES[kind])
            whole = json.dumps(each_text(body, lambda text: self._inlined(text, _base_of(request)))).encode()
            if len(whole) > BODY_BYTES[kind]:
                raise HTTPException(413, _too_large(len(whole), BODY_BYTES[kind]))
            return await self._answer("POST", kind, whole, {"wait": wait} if wait else {})

        return submit

    def _pass_on(self, method: str, kind: str) -> Callable[..., Any]:
        async def pass_on(job_id: str) -> JSONResponse:
            return await self._answer(method, f"{kind}/{quote(job_id, safe='')}")

        return pass_on

    def _inlined(self, text: str, base: str) -> str:
        """A file of the store as a data: URI; any other text as it is."""
        if not text.startswith(f"{base}/files/"):
            return text
        path, _, signature = text.removeprefix(base).partition("?signature=")
        try:
            file, kind = self._store.find(path, signature)
        except StoreError as error:
            raise HTTPException(error.status, str(error)) from error
        if file.stat().st_size > max(BODY_BYTES.values()):
            raise HTTPException(413, _too_large(file.stat().st_size, BODY_BYTES["run"]))
        return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"

    async def _answer(
        self, method: str, path: str, body: bytes | None = None, query: dict[str, str] | None = None
    ) -> JSONResponse:
        """RunPod's answer; its refusal of the key is this endpoint's fault, not the caller's."""
        headers = {"Authorization": f"Bearer {self._runpod.key}", "Content-Type": "application/json"}
        url = f"{self._runpod.base}/{self.endpoint_id}/{path}"
        try:
            async with client_for(url, SECONDS) as client:
                answer = await client.request(method, url, content=body, headers=headers, params=query)
            found = answer.json()
        except httpx.HTTPError as error:
            raise HTTPException(502, f"RunPod does not answer ({type(error).__name__})") from error
        except ValueError:
            found = {}
        if answer.status_code in (401, 403):
            raise HTTPException(502, f"RunPod does not accept the key: set {KEY} where this endpoint is started")
        if answer.status_code == httpx.codes.NOT_FOUND and path in ("run", "runsync", "health"):
            raise HTTPException(502, f"RunPod knows no endpoint {self.endpoint_id}, or this key may not use it")
        if answer.is_error:
            said = found.get("error") if isinstance(found, dict) else None
            raise HTTPException(answer.status_code, said or f"RunPod answers {answer.status_code}")
        return JSONResponse(found)


def _base_of(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _too_large(size: int, most: int) -> str:
    return (
        f"with these files the request has {size / MEGABYTE:.1f} MB, and RunPod takes {most / MEGABYTE:g}: send smaller"
        " ones (MP3 in place of WAV, JPEG in place of PNG), or use `talking-video run`, which uploads to your bucket"
    )
