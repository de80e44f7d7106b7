"""A bucket that is entered at the address that its store names, whatever the settings say."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TypeVar

from contract.errors import Stage, WorkerError
from storage.address import WrongAddressError, ask_region, heed, in_region, may_be_virtual
from storage.guarded import Guard
from storage.s3_client import RetryPolicy, S3Client, open_client
from storage.s3_config import S3Config
from storage.s3_errors import storage_errors

logger = logging.getLogger(__name__)

T = TypeVar("T")
MOST_MOVES = 3


class Bucket:
    """Opens clients. What the store tells of its region and of its URLs is remembered for the next ones.

    A client is opened for each call: a worker may be frozen between two jobs (FlashBoot), and must wake up with
    neither dead connections nor old temporary credentials.

    Args:
        config: the bucket, as the settings name it.
        guard: judges the endpoint, on every connection, and makes them; None: the bucket is the worker's own.
    """

    def __init__(self, config: S3Config, guard: Guard | None) -> None:
        self._config = config
        self._guard = guard

    @property
    def config(self) -> S3Config:
        """With the region and the addressing style that are known by now."""
        return self._config

    @property
    def is_own(self) -> bool:
        """Whether the operator named it, not a job."""
        return self._guard is None

    def open(self, policy: RetryPolicy, stage: Stage, stop: threading.Event | None = None) -> S3Client:
        """A client at the address known by now. Raises as `open_client`."""
        client = open_client(self._config, policy, stage, stop, self._guard)
        heed(client, self._config, learns=False)
        return client

    def using(self, policy: RetryPolicy, stage: Stage, stop: threading.Event, work: Callable[[S3Client], T]) -> T:
        """What `work` returns; it is done anew for each other address that the store names.

        Raises:
            WorkerError: what botocore raises, as `storage_errors` tells it, and what `work` raises.
        """
        attempt = partial(self._attempt, policy=policy, stage=stage, stop=stop, work=work)
        for _ in range(MOST_MOVES):
            try:
                return attempt(self._config, learns=True)
            except WrongAddressError as wrong:
                config = self._after(wrong, policy, stage, stop)
                if config is None:
                    break
                if not wrong.certain:
                    try:
                        done = attempt(config, learns=False)
                    except WorkerError:
                        break  # the store meant something else
                    self._adopt(config)
                    return done
                self._adopt(config)
        return attempt(self._config, learns=False)

    def learn(self, wrong: WrongAddressError, policy: RetryPolicy, stage: Stage, stop: threading.Event) -> bool:
        """Remember the address that a store named; whether it is another one."""
        config = self._after(wrong, policy, stage, stop)
        if config is not None:
            self._adopt(config)
        return config is not None

    def _attempt(
        self,
        config: S3Config,
        *,
        learns: bool,
        policy: RetryPolicy,
        stage: Stage,
        stop: threading.Event,
        work: Callable[[S3Client], T],
    ) -> T:
        client_of_work = open_client(config, policy, stage, stop, self._guard)
        with storage_errors(config.bucket, stage, own=self.is_own), closing(client_of_work) as client:
            heed(client, config, learns=learns)
            return work(client)

    def _after(
        self, wrong: WrongAddressError, policy: RetryPolicy, stage: Stage, stop: threading.Event
    ) -> S3Config | None:
        """The config at the other address, or None where none is known."""
        if wrong.virtual:
            return replace(self._config, addressing_style="virtual") if may_be_virtual(self._config) else None
        region = wrong.region
        if region is None:
            with closing(self.open(policy, stage, stop)) as client:
                region = ask_region(client, self._config.bucket)
        found = in_region(self._config, region) if region else self._config
        return found if found != self._config else None

    def _adopt(self, config: S3Config) -> None:
        if config.region != self._config.region:
            given = self._config.region or "none"
            logger.warning("the bucket is in region %s; set it to save round trips (now: %s)", config.region, given)
        if config.addressing_style != self._config.addressing_style:
            logger.info("the storage wants the bucket in front of its host")
        self._config = config
