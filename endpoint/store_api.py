"""The routes of the file store: offers for uploads, uploads, and reading, in parts too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from endpoint.intake import read_object
from endpoint.links import Links
from endpoint.store import OTHER_KIND, Store, StoreError

OFFER_BYTES = 10_000  # of a request for an upload
PRIVATE = {"Cache-Control": "private, max-age=3600"}
# Whatever a caller has uploaded under whatever name: no browser runs it in the name of this endpoint.
HARMLESS = {**PRIVATE, "Content-Security-Policy": "default-src 'none'; sandbox"}


def store_routes(store: Store, links: Links) -> APIRouter:
    """Below /files."""
    router = APIRouter(prefix="/files")

    @router.post("")
    async def offer(request: Request) -> JSONResponse:
        asked = await read_object(request, OFFER_BYTES)
        name, size = asked.get("name"), asked.get("size")
        if not isinstance(name, str) or not isinstance(size, int) or isinstance(size, bool):
            raise HTTPException(400, 'send {"name": "voice.mp3", "size": 123456}: the name of the file, and its bytes')
        with _refusing():
            made = store.offer(name, size)
        base = links.base_of(request)
        return JSONResponse(
            {
                "upload": {"method": "PUT", "url": f"{base}{made.put}", "expires": made.expires, "size": size},
                "url": f"{base}{made.get}",
            }
        )

    @router.put("/uploads/{upload}/{name}")
    async def put(request: Request, expires: int = 0, size: int = 0, signature: str = "") -> Response:
        with _refusing():
            await store.put(request.url.path, expires, size, signature, request.stream())
        return Response(status_code=201)

    @router.api_route("/{area}/{key:path}", methods=["GET", "HEAD"])
    async def get(request: Request, signature: str = "", download: bool = False) -> Any:
        with _refusing():
            file, kind = store.find(request.scope["raw_path"].decode("ascii"), signature)
        how = "attachment" if download else "inline"
        headers = HARMLESS if kind == OTHER_KIND else PRIVATE
        return FileResponse(file, media_type=kind, headers=headers, filename=file.name, content_disposition_type=how)

    return router


@contextmanager
def _refusing() -> Iterator[None]:
    """What the store refuses becomes the HTTP answer."""
    try:
        yield
    except StoreError as error:
        raise HTTPException(error.status, str(error)) from error
