"""The requests that the RunPod SDK makes in production mode: docs/facts/runpod.md#taking-jobs and what follows."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from endpoint.desk import Desk, Gone

PLACES = frozenset({"job-take", "job-take-batch", "job-stop", "job-done", "ping"})  # what follows /v2/ENDPOINT/


def environment(base_url: str, endpoint_id: str, worker: str, key: str) -> dict[str, str]:
    """What RunPod puts into the environment of a worker. The SDK fills `$ID` and `$RUNPOD_POD_ID` in."""
    base = f"{base_url}/v2/{endpoint_id}"
    return {
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=none",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=none",
        "RUNPOD_AI_API_KEY": key,
        "RUNPOD_POD_ID": worker,
        "RUNPOD_ENDPOINT_ID": endpoint_id,
    }


def worker_routes(desk: Desk, endpoint_id: str, key: str) -> APIRouter:
    """Below /v2/ENDPOINT_ID, for workers that show `key`."""

    def known(request: Request) -> None:
        if not secrets.compare_digest(request.headers.get("Authorization", "").encode(), key.encode()):
            raise HTTPException(401, "this is for the endpoint's own workers")

    router = APIRouter(prefix=f"/v2/{endpoint_id}", dependencies=[Depends(known)])

    @router.get("/job-take/{worker}")
    async def take(worker: str, request: Request) -> Response:
        async with _connection(request) as gone:
            jobs = await desk.take(worker, 1, gone)
        return _jobs(jobs[0] if len(jobs) == 1 else list(jobs))

    @router.get("/job-take-batch/{worker}")
    async def take_batch(worker: str, request: Request, batch_size: int = 1) -> Response:
        async with _connection(request) as gone:
            return _jobs(list(await desk.take(worker, batch_size, gone)))

    @router.get("/job-stop/{worker}")
    async def stops(worker: str, request: Request) -> dict[str, Any]:
        async with _connection(request) as gone:
            return {"jobsToStop": list(await desk.stops(worker, gone))}

    @router.post("/job-done/{worker}/{job_id}")
    async def done(worker: str, job_id: str, request: Request) -> Response:
        body = await _read(request)
        return JSONResponse({}, await desk.told(worker, job_id, body, request.headers))

    @router.get("/ping/{worker}")
    async def ping(worker: str, request: Request) -> dict[str, Any]:
        query = dict(request.query_params)
        desk.beat(worker, tuple(filter(None, query.get("job_id", "").split(","))), query)
        return {}

    return router


def _jobs(found: object) -> Response:
    return JSONResponse(found) if found else Response(status_code=204)


async def _read(request: Request) -> dict[str, Any]:
    """The body, which is JSON under a form's content type."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is no JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is no JSON object")
    return body


@asynccontextmanager
async def _connection(request: Request) -> AsyncIterator[Gone]:
    async def wait_for_its_end() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.create_task(wait_for_its_end())
    try:
        yield gone
    finally:
        gone.cancel()
