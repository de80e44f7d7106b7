"""The page on which a person tries the worker: its files, and the project's own portrait and voices to begin with."""

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, RedirectResponse

FOLDER = Path(__file__).resolve().parent / "page"
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SAMPLES = ("duo.png", "anna.wav", "ben.wav")
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Its own files and this endpoint, files that the person chose (blob:), and pictures in answers (data:). Nothing inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}


def playground_routes() -> APIRouter:
    """/ leads to /playground/."""
    router = APIRouter()

    @router.get("/")
    async def root() -> RedirectResponse:
        return RedirectResponse("/playground/")

    @router.get("/playground/")
    async def page() -> FileResponse:
        return _file("index.html")

    @router.get("/playground/{name}")
    async def file(name: str) -> FileResponse:
        return _file(name)

    @router.get("/playground/sample/{name}")
    async def sample(name: str) -> FileResponse:
        if name not in SAMPLES:
            raise HTTPException(404, f"there are {' and '.join(SAMPLES)}")
        return FileResponse(EXAMPLES / name, headers=HEADERS)

    return router


def _file(name: str) -> FileResponse:
    known = {path.name: path for path in FOLDER.iterdir() if path.suffix in KINDS}
    if name not in known:
        raise HTTPException(404, "the page has no such file")
    return FileResponse(known[name], media_type=KINDS[known[name].suffix], headers=HEADERS)
