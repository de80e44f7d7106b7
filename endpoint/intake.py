"""What a caller may send: sizes, forms and ranges, each refused with a sentence."""

import json
import math
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from endpoint.jobs import Submission
from endpoint.limits import (
    LONGEST_EXECUTION,
    LONGEST_TTL,
    LONGEST_WAIT,
    MEGABYTE,
    SHORTEST_EXECUTION,
    SHORTEST_TTL,
    SHORTEST_WAIT,
    TTL_SECONDS,
    WAIT_SECONDS,
)

READ_ON = 4  # times the limit: a caller that is cut off in its body does not see the answer
POLICY = ("executionTimeout", "ttl", "lowPriority")


async def read_body(request: Request, most: int) -> bytes:
    """The body of a request. Raises HTTPException 413 beyond `most` bytes."""
    body, read = bytearray(), 0
    async for piece in request.stream():
        read += len(piece)
        if read > READ_ON * most:
            break
        if read <= most:
            body += piece
    if read > most:
        raise HTTPException(
            413, f"the request has more than {most / MEGABYTE:g} MB; send URLs in place of data: sources"
        )
    return bytes(body)


async def read_object(request: Request, most: int) -> dict[str, Any]:
    """The JSON object in a body. Raises HTTPException 400 or 413."""
    try:
        found = json.loads(await read_body(request, most))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise HTTPException(400, 'send an object like {"input": {"image_url": …}}')
    return found


def submission_of(body: dict[str, Any]) -> Submission:
    """A caller's job. Raises HTTPException 400 with what is wrong beside `input`, which is the worker's to judge."""
    if not isinstance(body.get("input"), dict):
        raise HTTPException(400, 'send an object like {"input": {"image_url": …}}: input is missing, or no object')
    _check_webhook(body.get("webhook"))
    if not isinstance(body.get("s3Config", {}), dict):
        raise HTTPException(400, "s3Config is an object with accessId, accessSecret, endpointUrl and bucketName")
    policy = body.get("policy")
    if policy is None:
        policy = {}
    if not isinstance(policy, dict) or set(policy) - set(POLICY):
        raise HTTPException(400, f"policy is an object with {', '.join(POLICY)}")
    if not isinstance(policy.get("lowPriority", False), bool):
        raise HTTPException(400, "policy.lowPriority is true or false")
    return Submission(
        body,
        _seconds(policy, "executionTimeout", SHORTEST_EXECUTION, LONGEST_EXECUTION),
        _seconds(policy, "ttl", SHORTEST_TTL, LONGEST_TTL) or TTL_SECONDS,
        last=policy.get("lowPriority", False),
    )


def wait_seconds(text: str | None) -> float:
    """How long /runsync waits. Raises HTTPException 400."""
    if text is None:
        return WAIT_SECONDS
    if not text.isascii() or not text.isdigit() or not SHORTEST_WAIT <= int(text[:9]) / 1000 <= LONGEST_WAIT:
        raise HTTPException(400, "wait is a number of milliseconds from 1000 to 300000")
    return int(text) / 1000


def _check_webhook(value: object) -> None:
    if value is None:
        return
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise HTTPException(400, "webhook is an http(s) URL")


def _seconds(policy: dict[str, Any], name: str, least: float, most: float) -> float | None:
    value = policy.get(name)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not least <= value / 1000 <= most:
        raise HTTPException(
            400, f"policy.{name} is a number of milliseconds from {least * 1000:.0f} to {most * 1000:.0f}"
        )
    return float(value) / 1000
