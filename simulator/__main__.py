"""`python -m simulator`: a stand-in for a ComfyUI server.

It prints one line, `listening on http://HOST:PORT`, when it answers, and ends with exit code 0 on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

from aiohttp import web

from simulator import faults
from simulator.catalog import Catalog
from simulator.clock import Clock
from simulator.execution import Machine
from simulator.folders import Folders
from simulator.hub import Hub
from simulator.server import Server

PR_SET_PDEATHSIG = 1
PARENT_CHECK_SECONDS = 1.0
GOODBYE_SECONDS = 0.2


def _fault(text: str) -> faults.Fault | faults.FaultFile:
    if text.startswith("@"):
        return faults.FaultFile(Path(text[1:]))
    try:
        return faults.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description=__doc__,
        epilog=faults.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8188, help="0: any free port")
    parser.add_argument("--speed", type=float, default=1.0, help="10: ten times faster; 0: no waiting at all")
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="SPEC", help="see below; repeatable"
    )
    parser.add_argument("--models-missing", action="append", default=[], metavar="NAME", help="leave a model file out")
    parser.add_argument("--nodes-missing", action="append", default=[], metavar="NAME", help="leave a node class out")
    parser.add_argument(
        "--frames", type=Path, metavar="FOLDER", help="PNGs that are handed out in turns, in place of drawn frames"
    )
    parser.add_argument("--input-directory", type=Path, help="default: a temporary folder, removed at exit")
    parser.add_argument("--output-directory", type=Path, help="default: a temporary folder, removed at exit")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when the process that started this one ends"
    )
    return parser.parse_args()


def _follow_parent(parent: int, stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """End with the parent process.

    The kernel's signal also comes when only the thread that started this process ends, so it asks to look, not to stop;
    looking once a second catches what the signal misses.
    """

    def look() -> None:
        if os.getppid() != parent:
            stop.set()

    def look_again() -> None:
        look()
        loop.call_later(PARENT_CHECK_SECONDS, look_again)

    loop.add_signal_handler(signal.SIGUSR1, look)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)
    look_again()


async def _serve(arguments: argparse.Namespace, folders: Folders, parent: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.exit_with_parent:
        _follow_parent(parent, stop, loop)
    hub = Hub(loop)
    plan = faults.FaultPlan(arguments.fault, hub.silence, hub.drop, hub.say)
    catalog = Catalog(arguments.models_missing, arguments.nodes_missing)
    machine = Machine(hub, catalog, folders, Clock(arguments.speed), plan)
    listener = socket.create_server((arguments.host, arguments.port))
    runner = web.AppRunner(Server(machine).app(), access_log=None, shutdown_timeout=GOODBYE_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    publishing = asyncio.create_task(hub.publish())
    sys.stdout.write(f"listening on http://{arguments.host}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await stop.wait()
    publishing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await publishing
    await hub.close()
    await runner.cleanup()


def main() -> None:
    """Serve until told to stop."""
    parent = os.getppid()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="simulator-", ignore_cleanup_errors=True) as own:
        folders = Folders(
            (arguments.input_directory or Path(own) / "input").absolute(),
            (arguments.output_directory or Path(own) / "output").absolute(),
            (Path(own) / "temp").absolute(),
            arguments.frames.absolute() if arguments.frames else None,
        )
        for folder in (folders.input, folders.output, folders.temp):
            folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(arguments, folders, parent))


if __name__ == "__main__":
    main()
