"""The command's entry, and the one place where errors become sentences and exit codes."""

import signal
import sys
from typing import Any

import typer

from talking_video.cli import batch, compare, jobs
from talking_video.cli.say import say
from talking_video.errors import EXIT_INTERRUPTED, TalkingVideoError

HELP = """A portrait and one to four voices in, a video in which these people speak out.

--endpoint ID with RUNPOD_API_KEY in the environment, or --local. Exit codes: 0 done, 1 the job failed, 2 the request
cannot be sent, 3 refused (key, endpoint, job), 4 no answer, 130 interrupted.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
jobs.register(app)
batch.register(app)
compare.register(app)


def main() -> None:
    """Run the command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except TalkingVideoError as error:
        _leave(str(error), error.exit_code)
    except KeyboardInterrupt:
        _leave("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_INTERRUPTED)


def _leave(text: str, code: int) -> Any:
    say(f"error: {text}")
    sys.exit(code)
