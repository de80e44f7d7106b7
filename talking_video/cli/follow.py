"""Following one job, with a keyboard beside it: Ctrl-C cancels, twice leaves."""

from pathlib import Path

from talking_video.cli.say import say, showing
from talking_video.client import Job
from talking_video.download import save_inline
from talking_video.errors import EXIT_INTERRUPTED, JobError, TalkingVideoError
from talking_video.reply import Quote, Result, duration


class InterruptedByUserError(TalkingVideoError):
    """From the keyboard."""

    exit_code = EXIT_INTERRUPTED


def ended(job: Job, *, cancels: bool = True) -> Result | Quote:
    """Show the job's progress until it has ended.

    Args:
        cancels: whether Ctrl-C ends the job, too.

    Raises:
        JobError: there is no video; where it came inside the reply, it was saved.
        InterruptedByUserError.
    """
    try:
        with showing() as show:
            for event in job.events():
                show.event("", event)  # the person knows its id
        return job.result()
    except KeyboardInterrupt:
        raise interrupted(job, cancels=cancels) from None
    except JobError as error:
        saved = save_inline(job.status(), job.id, Path.cwd()) if error.status == "FAILED" else None
        if saved is not None:
            say(f"the video could not be stored, and came with the error: {saved}")
        raise


def interrupted(job: Job, *, cancels: bool) -> InterruptedByUserError:
    """What to say after Ctrl-C; meanwhile another one leaves the job alone."""
    if not cancels:
        return InterruptedByUserError(f"left: {job.id} goes on")
    say(f"cancelling {job.id}; Ctrl-C again leaves it alone")
    try:
        job.cancel()
    except KeyboardInterrupt:
        return InterruptedByUserError(f"left: {job.id} may go on; talking-video watch {job.id}")
    except TalkingVideoError as error:
        return InterruptedByUserError(f"{job.id} may go on: {error}")
    return InterruptedByUserError(f"{job.id} is cancelled")


def times_of(result: Result) -> str:
    """For a person."""
    waited = f", after {duration(result.waited)} in the queue" if result.waited and result.waited >= 1 else ""
    return f"made in {duration(result.seconds)}{waited}" if result.seconds is not None else "made"
