"""Small files in the place of 35 GB of models, so that an image with models can be built and proved anywhere.

The image gets a list that names the small files, by the Dockerfile's own way for a list, and fetches them from a server
on this machine that gives them under the real paths, to those who have its token. `scripts/make_tiny_models.py` makes
such files, with which a real ComfyUI works on a processor.
"""

import hashlib
import json
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

LIST = Path(__file__).resolve().parent.parent / "workflows" / "models.json"


@dataclass(frozen=True)
class StandInModels:
    """Where the small files are, the folder with their list, and the server with the token that it asks for."""

    files: Path
    list_folder: Path
    endpoint: str
    token: str


def small_list(files: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """The list of models with sizes and sha256 of the files that are there, and these by the path of their address."""
    listed = json.loads(LIST.read_text(encoding="utf-8"))
    served = {}
    for model in listed["models"]:
        path = files / model["folder"] / model["file"]
        if path.is_file():
            served[f"/{model['repository']}/resolve/{model['revision']}/{model['path']}"] = path
            with path.open("rb") as file:
                model |= {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return listed, served


def _handler(served: Mapping[str, Path], token: str) -> type[SimpleHTTPRequestHandler]:
    class Handler(SimpleHTTPRequestHandler):
        def send_head(self) -> BinaryIO | None:
            """A file for those who have the token."""
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.send_error(HTTPStatus.UNAUTHORIZED)
                return None
            return super().send_head()

        def translate_path(self, path: str) -> str:
            return str(served.get(path, "/nonexistent"))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it
            """Nothing: the build's log tells what it fetches."""

    return Handler


@contextmanager
def standin_models(files: Path) -> Iterator[StandInModels]:
    """The files below `files` (`<folder>/<file>`, as in a folder of models), served on 127.0.0.1 for as long as the
    `with` block lasts."""
    listed, served = small_list(files)
    token = f"hf_{secrets.token_hex(16)}"
    with (
        tempfile.TemporaryDirectory(prefix="model-list-") as folder,
        ThreadingHTTPServer(("127.0.0.1", 0), _handler(served, token)) as server,
    ):
        (Path(folder) / "models.json").write_text(json.dumps(listed, indent=2), encoding="utf-8")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield StandInModels(files, Path(folder), f"http://127.0.0.1:{server.server_port}", token)
        finally:
            server.shutdown()
            thread.join()
