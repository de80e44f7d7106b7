"""Finished videos for the page: wherever one lies, it plays and is saved from an address of this endpoint.

A video in a bucket has an address of another origin, which the page's policy shuts out, and which takes no further word
in its query. So the endpoint reads it for the page. It reads only what it has signed itself, for a job's reply.
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from endpoint.outside import client_for
from endpoint.signing import Signer

PATH = "/films"
SECONDS = httpx.Timeout(30.0)  # without a byte
PASSED_ON = ("content-length", "content-range", "accept-ranges", "etag", "last-modified")
# Whatever lies there: it is taken for a video, and no browser runs it in the name of this endpoint.
HEADERS = {
    "Content-Type": "video/mp4",
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def film_of(reply: Any, signer: Signer, base: str) -> str:
    """Where the page plays the video of a job's reply: an address of this endpoint, whose own begin with `base`.

    Raises:
        HTTPException: 409, with a sentence, where the reply has no video, or one that cannot be opened from here.
    """
    url = reply.get("output_video_url") if isinstance(reply, dict) else None
    if not isinstance(url, str):
        raise HTTPException(409, "this job has no video")
    if url.startswith(f"{base}/files/"):
        return url
    if not url.startswith(("http://", "https://")):
        raise HTTPException(
            409, f"the video lies at {url}, which only the workers can open: give the endpoint a bucket (S3_BUCKET)"
        )
    return f"{PATH}?url={quote(url, safe='')}&signature={signer.sign('FILM', url)}"


def film_routes(signer: Signer) -> APIRouter:
    """For addresses that `film_of` has made."""
    router = APIRouter()

    @router.get(PATH)
    async def film(request: Request, url: str = "", signature: str = "", download: bool = False) -> StreamingResponse:
        if not signer.accepts(signature, "FILM", url):
            raise HTTPException(403, "this address was not signed for a video")
        answer, pieces = await _opened(url, request.headers.get("range"))
        headers = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        saved = {"Content-Disposition": 'attachment; filename="talking-video.mp4"'} if download else {}
        return StreamingResponse(pieces, answer.status_code, {**headers, **HEADERS, **saved})

    return router


async def _opened(url: str, part: str | None) -> tuple[httpx.Response, AsyncIterator[bytes]]:
    """The answer's head, and its bytes, after which the connection ends."""
    client = client_for(url, SECONDS)
    try:
        asked = {"Accept-Encoding": "identity", **({"Range": part} if part else {})}
        answer = await client.send(client.build_request("GET", url, headers=asked), stream=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        await client.aclose()
        raise HTTPException(502, f"the place of the video does not answer ({type(error).__name__})") from error
    if answer.status_code not in (200, 206):
        await client.aclose()
        raise HTTPException(502, f"the place of the video answers {answer.status_code}: its address may have expired")

    async def pieces() -> AsyncIterator[bytes]:
        try:
            async for piece in answer.aiter_raw():
                yield piece
        finally:
            await client.aclose()

    return answer, pieces()
