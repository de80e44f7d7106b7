"""A job to send: its fields as the worker takes them, with local files in place of addresses wherever one likes."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from talking_video.errors import RequestError
from talking_video.fields import InputFields, Source
from talking_video.schema import check_names

BESIDE = ("webhook", "policy", "s3Config")


class Request:
    """One job.

        Request("me.jpg", "me.m4a", mode="infinitetalk")

    Args:
        image: the portrait: a local file, an address, or a data: URI; or leave it out and send `image_url`.
        voices: one each, speakers from left to right.
        webhook, policy, s3_config: what stands beside `input` (docs/calling.md).
        folder: against which paths of local files are read; default: the current one.
        fields: everything else, by the names of docs/request.md.

    Raises:
        RequestError: a field has no such name, or a source is given twice.
    """

    def __init__(
        self,
        image: Source | None = None,
        *voices: Source,
        webhook: str | None = None,
        policy: Mapping[str, Any] | None = None,
        s3_config: Mapping[str, Any] | None = None,
        folder: str | PathLike[str] = ".",
        **fields: Unpack[InputFields],
    ) -> None:
        self.folder = Path(folder)
        self.input: dict[str, Any] = dict(fields)
        if image is not None:
            self._put("image_url", image)
        if voices:
            self._put("audio_urls", list(voices))
        self._check()
        beside = {"webhook": webhook, "policy": policy, "s3Config": s3_config}
        self.beside: dict[str, Any] = {name: value for name, value in beside.items() if value is not None}

    @classmethod
    def from_job(cls, job: Mapping[str, Any], folder: str | PathLike[str] = ".") -> "Request":
        """Of what /run takes: an object with `input`, or the input alone.

        Raises:
            RequestError: it is neither.
        """
        inner = job.get("input", job)
        if not isinstance(inner, Mapping):
            raise RequestError('a job is an object like {"input": {"image_url": …, "audio_urls": […]}}')
        unknown = [name for name in job if "input" in job and name not in ("input", "id", *BESIDE)]
        if unknown:
            raise RequestError(f"beside input stand {', '.join(BESIDE)}, not {unknown[0]}")
        beside = {name: job.get(name) if "input" in job else None for name in BESIDE}
        made = cls(folder=folder, webhook=beside["webhook"], policy=beside["policy"], s3_config=beside["s3Config"])
        made.input = dict(inner)
        made._check()
        return made

    @classmethod
    def from_file(cls, file: str | PathLike[str]) -> "Request":
        """Of a JSON file; paths in it are read against its own folder.

        Raises:
            RequestError: it cannot be read.
        """
        try:
            job = json.loads(Path(file).read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"it is no JSON ({error})"
            raise RequestError(f"{file} cannot be read: {reason}") from error
        if not isinstance(job, dict):
            raise RequestError(f'{file}: a job is an object like {{"input": {{"image_url": …}}}}')
        return cls.from_job(job, Path(file).parent)

    def but(self, **fields: Any) -> "Request":
        """The same with other fields; None takes one out."""
        changed = {name: value for name, value in {**self.input, **fields}.items() if value is not None}
        return Request.from_job({"input": changed, **self.beside}, self.folder)

    def _check(self) -> None:
        problem = check_names(list(self.input))
        if problem:
            raise RequestError(problem)

    def _put(self, name: str, value: Any) -> None:
        if name in self.input:
            raise RequestError(f"{name} is given twice")
        self.input[name] = value
