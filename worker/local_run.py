"""`--test_input`: one job on the command line, answered on standard output."""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from contract.errors import ErrorCode, WorkerError
from contract.job import Job

OPTION = "--test_input"
Handle = Callable[[Job], Awaitable[dict[str, Any]]]


class LocalRun:
    """The reply, and nothing else, on standard output, as JSON for a person or a script."""

    def __init__(self) -> None:
        self._out = sys.stdout
        self.answered = False

    @staticmethod
    def asked_for(arguments: list[str]) -> bool:
        """Whether the command line has a test input."""
        return any(argument.split("=", 1)[0] == OPTION for argument in arguments)

    @staticmethod
    def find_fault(arguments: list[str]) -> WorkerError | None:
        """What is wrong with a test input that is no job at all: the SDK would answer it with a traceback, or run
        another job."""
        index = next(i for i, argument in enumerate(arguments) if argument.split("=", 1)[0] == OPTION)
        text = "".join(arguments[index].split("=", 1)[1:] or arguments[index + 1 : index + 2])
        try:
            job = json.loads(text)
        except ValueError:
            job = None
        if isinstance(job, dict) and isinstance(job.get("input"), dict) and job["input"]:
            return None
        message = 'Invalid input: --test_input takes a JSON object like {"input": {"image_url": …}}'
        return WorkerError(ErrorCode.INVALID_INPUT, message)

    def say(self, reply: dict[str, Any]) -> None:
        """Print a reply."""
        self.answered = True
        self._out.write(json.dumps(reply, indent=2, ensure_ascii=False) + "\n")
        self._out.flush()

    def wrap(self, handle: Handle) -> Handle:
        """The handler, printing its reply."""

        async def handle_and_say(job: Job) -> dict[str, Any]:
            reply = await handle(job)
            self.say(reply)
            return dict(reply)

        return handle_and_say
