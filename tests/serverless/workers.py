"""Workers for tests that make the engine start again: after three times in ten minutes a worker leaves."""

from contextlib import ExitStack
from typing import Any

import pytest

from tests.serverless.gates import Bucket
from tests.serverless.stand import Stand, standing

MOST_RESTARTS = 2  # the third retires the worker


class Workers:
    """Starts another worker when the one before has no restart left. They end with the `with` block.

    Args:
        folders: where they get their folders from.
        bucket, settings: of each, as `standing` takes them.
    """

    def __init__(self, folders: pytest.TempPathFactory, bucket: Bucket | None = None, **settings: Any) -> None:
        self._folders, self._bucket, self._settings = folders, bucket, settings
        self._stack = ExitStack()
        self._stand: Stand | None = None
        self._left = 0

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def with_restarts(self, count: int) -> Stand:
        """A worker whose engine may start again so often, for a test that uses them all."""
        if self._stand is None or self._left < count:
            self._stack.close()
            self._stand = self._stack.enter_context(
                standing(self._folders.mktemp("worker"), self._bucket, **self._settings)
            )
            self._left = MOST_RESTARTS
        self._left -= count
        return self._stand
