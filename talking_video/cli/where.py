"""Which endpoint a command talks to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from talking_video import endpoints, local
from talking_video.api import Api
from talking_video.cli.say import say
from talking_video.errors import RequestError

Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        "-e",
        help="its id at RunPod, or an address http://…/v2/ID",
        envvar=endpoints.ENDPOINT,
        metavar="ID",
    ),
]
Local = Annotated[bool, typer.Option("--local", "-l", help="the endpoint of this machine; started where none runs")]
ENDPOINT_NEEDED = (
    "which endpoint? --endpoint ID (or RUNPOD_ENDPOINT_ID) with RUNPOD_API_KEY in the environment, or --local"
)


@dataclass(frozen=True)
class Where:
    """What the command line says."""

    endpoint: str | None
    local: bool


@contextmanager
def reached(where: Where) -> Iterator[Api]:
    """The endpoint, for as long as the block lasts.

    Raises:
        RequestError: none is named. RefusedError: there is no key. UnreachableError: none can be started.
    """
    if where.local:
        running = endpoints.running_here()
        if running is not None:
            yield endpoints.at(running, os.environ)
            return
        say("starting an endpoint for this command (make endpoint starts one that stays)")
        with local.started() as address:
            yield endpoints.at(address, os.environ)
    elif where.endpoint and where.endpoint.startswith(("http://", "https://")):
        yield endpoints.at(where.endpoint, os.environ)
    elif where.endpoint:
        yield endpoints.runpod(where.endpoint, os.environ)
    else:
        raise RequestError(ENDPOINT_NEEDED)
