"""The job API that callers use: docs/endpoint.md, docs/calling.md."""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from endpoint.dispatch import Dispatch, WrongStateError
from endpoint.films import film_of
from endpoint.intake import read_object, submission_of, wait_seconds
from endpoint.jobs import JobRecord
from endpoint.limits import BODY_BYTES, Rates
from endpoint.links import Links

log = logging.getLogger(__name__)
Health = Callable[[], dict[str, Any]]


class Caller:
    """The routes below /v2/ENDPOINT_ID.

    Args:
        dispatch: the queue.
        links: what addresses of this endpoint's own store are for callers, and for workers.
        health: the answer to /health.
    """

    def __init__(self, dispatch: Dispatch, links: Links, rates: Rates, health: Health) -> None:
        self._dispatch, self._links, self._rates, self._health = dispatch, links, rates, health

    def routes(self, endpoint_id: str) -> APIRouter:
        """For the application."""
        router = APIRouter(prefix=f"/v2/{endpoint_id}")
        router.add_api_route("/run", self.run, methods=["POST"])
        router.add_api_route("/runsync", self.runsync, methods=["POST"])
        router.add_api_route("/status/{job_id}", self.status, methods=["GET", "POST"])
        router.add_api_route("/cancel/{job_id}", self.cancel, methods=["POST"])
        router.add_api_route("/retry/{job_id}", self.retry, methods=["POST"])
        router.add_api_route("/purge-queue", self.purge, methods=["POST"])
        router.add_api_route("/health", self.health, methods=["GET"])
        router.add_api_route("/film/{job_id}", self.film, methods=["GET"])
        return router

    async def run(self, request: Request) -> JSONResponse:
        """Submit a job."""
        record = await self._submit(request, "run")
        return JSONResponse({"id": record.id, "status": record.state.value})

    async def runsync(self, request: Request, wait: str | None = None) -> JSONResponse:
        """Submit a job and wait for its end, for a while."""
        seconds = wait_seconds(wait)
        record = await self._submit(request, "runsync")
        with suppress(TimeoutError):
            await asyncio.wait_for(record.over.wait(), seconds)
        return self._envelope(record, request)

    async def status(self, job_id: str, request: Request) -> JSONResponse:
        """Where a job is, and its reply once it has ended."""
        self._count("status")
        return self._envelope(self._known(job_id), request)

    async def cancel(self, job_id: str) -> JSONResponse:
        """End a job that waits or runs."""
        self._count("cancel")
        record = self._known(job_id)
        self._dispatch.cancel(record)
        return JSONResponse({"id": record.id, "status": record.state.value})

    async def retry(self, job_id: str) -> JSONResponse:
        """Queue a failed job again. Raises HTTPException: 400 where it has not failed."""
        record = self._known(job_id)
        try:
            self._dispatch.retry(record)
        except WrongStateError as error:
            raise HTTPException(400, str(error)) from error
        return JSONResponse({"id": record.id, "status": record.state.value})

    async def purge(self) -> JSONResponse:
        """Cancel all that waits."""
        self._count("purge-queue")
        return JSONResponse({"removed": self._dispatch.purge(), "status": "completed"})

    async def health(self) -> JSONResponse:
        """How many jobs and workers there are, by what they do."""
        return JSONResponse(self._health())

    async def film(self, job_id: str, request: Request) -> dict[str, str]:
        """Where the page plays the job's video."""
        told = self._links.outward(self._known(job_id).envelope, request)
        return {"url": film_of(told.get("output"), self._links.store.signer, self._links.base_of(request))}

    async def _submit(self, request: Request, kind: str) -> JobRecord:
        self._count(kind)
        body = await read_object(request, BODY_BYTES[kind])
        submission = submission_of(self._links.inward(body, request))
        return self._dispatch.submit(submission, sync=kind == "runsync")

    def _envelope(self, record: JobRecord, request: Request) -> JSONResponse:
        return JSONResponse(self._links.outward(record.envelope, request))

    def _known(self, job_id: str) -> JobRecord:
        record = self._dispatch.find(job_id)
        if record is None:
            raise HTTPException(404, f"there is no job {job_id[:80]!r}: it never was, or its result is no longer kept")
        return record

    def _count(self, kind: str) -> None:
        seconds = self._rates.wait_for(kind)
        if seconds is not None:
            headers = {"Retry-After": str(math.ceil(seconds))}
            raise HTTPException(429, f"too many requests of this kind; ask again in {math.ceil(seconds)} s", headers)
