"""The command line of the endpoint, and what it makes of the environment for its workers."""

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from endpoint.dispatch import EXECUTION_SECONDS
from endpoint.limits import MEGABYTE
from endpoint.runpod import BASE, KEY, RUNPOD, RunPod
from endpoint.store import Store, StoreLimits

PORT = 8000
OWN_BUCKET = ("S3_BUCKET", "BUCKET_ENDPOINT_URL", "STORAGE")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SIMULATOR_SPEED = "2"
TOKEN = "ENDPOINT_TOKEN"  # noqa: S105 - the name of a variable
MOST_WORKERS = 16
ID = r"[A-Za-z0-9_-]{1,64}"


@dataclass(frozen=True)
class Options:
    """What the endpoint is asked to be."""

    host: str
    port: int
    workers: int
    endpoint_id: str
    token: str | None
    folder: Path
    execution_seconds: float
    limits: StoreLimits
    runpod: RunPod | None = None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.host)

    def inner_base(self, port: int) -> str:
        """Where the workers find it."""
        host = self.host if self.host not in ("0.0.0.0", "::", "localhost") else "127.0.0.1"  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def hosts(self, port: int) -> frozenset[str] | None:
        """What a caller may call it; None: anything, as every call shows the token."""
        if self.token is not None and not self.is_local:
            return None
        return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def read_options(arguments: list[str], environment: Mapping[str, str]) -> Options:
    """Ends the process with 2 and a sentence where they cannot be used."""
    parser = _parser(environment)
    found = parser.parse_args(arguments)
    for problem in _problems(found, environment):
        parser.error(problem)
    runpod = (
        RunPod(found.runpod, environment[KEY], (environment.get(BASE) or RUNPOD).rstrip("/")) if found.runpod else None
    )
    limits = StoreLimits(int(found.upload_max_mb * MEGABYTE), int(found.store_max_gb * 1000 * MEGABYTE))
    return Options(
        found.host,
        found.port,
        found.workers,
        found.id,
        found.token or None,
        found.folder.absolute(),
        found.execution_timeout,
        limits,
        runpod,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m endpoint",
        description="RunPod's job API on this machine, with the real worker behind it. Its engine is the simulator,"
        " or what ENGINE, COMFYUI_URL or COMFYUI_DIR name; all other settings of the worker are environment variables.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1); others need --token")
    parser.add_argument("--port", type=int, default=PORT, help=f"{PORT}; 0: any free one")
    parser.add_argument("--workers", type=int, default=1, help="how many worker processes (1)")
    parser.add_argument("--id", default="local", help="id of the endpoint in its addresses (local)")
    parser.add_argument("--runpod", metavar="ID", help=f"the page may send jobs to this endpoint, too; needs {KEY}")
    parser.add_argument("--token", default=environment.get(TOKEN), help=f"callers must show it; or {TOKEN}")
    parser.add_argument("--folder", type=Path, default=Path("output/endpoint"), help="for files (output/endpoint)")
    parser.add_argument(
        "--execution-timeout", type=float, default=EXECUTION_SECONDS, help="seconds of a job without a policy (3600)"
    )
    parser.add_argument("--upload-max-mb", type=float, default=500, help="the largest upload (500)")
    parser.add_argument("--store-max-gb", type=float, default=10, help="all uploads together (10)")
    return parser


def _problems(found: argparse.Namespace, environment: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with them, each in a sentence."""
    if not 1 <= found.workers <= MOST_WORKERS:
        yield f"--workers is a number from 1 to {MOST_WORKERS}"
    if not 0 <= found.port <= 65535:
        yield "--port is a number from 0 to 65535"
    if not re.fullmatch(ID, found.id):
        yield "--id has letters, digits, '-' and '_' only"
    if min(found.execution_timeout, found.upload_max_mb, found.store_max_gb) <= 0:
        yield "--execution-timeout, --upload-max-mb and --store-max-gb are above 0"
    if not found.token and not _is_loopback(found.host):
        yield f"--host {found.host} lets other machines in: set a --token that callers must show, or leave --host out"
    if found.runpod and (found.runpod == found.id or not re.fullmatch(ID, found.runpod)):
        yield "--runpod is the id of an endpoint on RunPod, and another one than --id"
    if found.runpod and not environment.get(KEY):
        yield f"--runpod needs {KEY}: make a key in RunPod's console (Settings, API keys), and export {KEY}=…"


def worker_settings(environment: Mapping[str, str], store: Store, base: str, number: int) -> dict[str, str]:
    """The settings of one worker: those of this environment, and where it fetches from and stores.

    `base` is the endpoint as workers know it; it is the one private place that they may fetch from besides those that
    the environment names.
    """
    given = {name: value for name, value in environment.items() if not name.startswith("RUNPOD_") and name != TOKEN}
    chosen = {
        "ENGINE": engine_of(environment),
        "SIMULATOR_SPEED": SIMULATOR_SPEED,
        "KEEP_DIR": str(store.keep),
        "LOG_FORMAT": "text",
        "RUNPOD_LOG_LEVEL": "WARN",
    }
    if EXAMPLES.is_dir():
        chosen["INPUT_ROOTS"] = str(EXAMPLES)
    if not any(environment.get(name) for name in OWN_BUCKET):
        chosen["STORAGE"] = "local"
        if not environment.get("OUTPUT_BASE_URL"):  # a folder alone, such as the image sets, is one that nobody serves
            chosen["OUTPUT_BASE_URL"] = f"{base}/files/results"
            given["OUTPUT_DIR"] = str(store.results)
    hosts = [*filter(None, [environment.get("ALLOW_PRIVATE_HOSTS")]), base.removeprefix("http://")]
    mine = {
        "ALLOW_PRIVATE_HOSTS": ",".join(hosts),
        "WORK_DIR": str(store.folder / "work" / f"worker-{number + 1}"),
        "PYTHONUNBUFFERED": "1",
    }
    return {**chosen, **{name: value for name, value in given.items() if value}, **mine}


def engine_of(environment: Mapping[str, str]) -> str:
    """ComfyUI where one is configured, else the simulator."""
    configured = any(environment.get(name) for name in ("COMFYUI_URL", "COMFYUI_DIR"))
    return environment.get("ENGINE") or ("comfyui" if configured else "simulator")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
