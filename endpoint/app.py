"""The application: every route, and who may use it."""

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from contract.schema import schemas
from endpoint.caller_api import Caller, Health
from endpoint.dispatch import Dispatch
from endpoint.films import film_routes
from endpoint.limits import Rates
from endpoint.links import Links
from endpoint.playground import playground_routes
from endpoint.runpod import Remote
from endpoint.store_api import store_routes
from endpoint.worker_api import worker_routes


def make_app(
    dispatch: Dispatch,
    links: Links,
    rates: Rates,
    health: Health,
    *,
    endpoint_id: str,
    worker_key: str,
    remote: Remote | None = None,
) -> FastAPI:
    """Without `guard.Guard`, which belongs around it.

    Args:
        remote: an endpoint on RunPod that the page may send jobs to, beside this one.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(Caller(dispatch, links, rates, health).routes(endpoint_id))
    app.include_router(worker_routes(dispatch, endpoint_id, worker_key))
    app.include_router(store_routes(links.store, links))
    app.include_router(film_routes(links.store.signer))
    app.include_router(playground_routes())
    if remote is not None:
        app.include_router(remote.routes())
    published = {name: text for name, text in schemas().items() if name.endswith(".json")}

    @app.get("/schema/{name}")
    async def schema(name: str) -> Response:
        if name not in published:
            raise HTTPException(404, f"there are {' and '.join(published)}")
        return Response(published[name], media_type="application/schema+json")

    @app.get("/endpoint")
    async def about() -> dict[str, Any]:
        """For a page, or a client, that wants to know what it talks to."""
        found = {"id": endpoint_id, "upload_max_bytes": links.store.limits.file_bytes}
        return found if remote is None else {**found, "runpod": remote.endpoint_id}

    app.add_exception_handler(StarletteHTTPException, _as_error)
    app.add_exception_handler(RequestValidationError, _as_bad_request)
    return app


async def _as_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - it is registered for these alone
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _as_bad_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 400)
