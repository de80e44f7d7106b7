"""A job's inputs made ready in one go, as the pipeline does it in two."""

from pathlib import Path

from contract.cancel import Cancellation
from contract.request import Request
from job.preparation import PreparedJob, lay_out_job, write_files
from sources.fetch import Inputs


def prepare(
    request: Request, inputs: Inputs, folder: Path, warnings: list[str], cancel: Cancellation, **longest: float
) -> PreparedJob:
    """Laid out and written; `longest` is `audio_max_seconds` and `video_max_seconds`."""
    layout = lay_out_job(request, inputs, folder, warnings, cancel, **longest)  # type: ignore[arg-type]
    return write_files(layout, folder, cancel)
