"""How the videos of this worker say that AI made them, by its settings."""

from contract.errors import ErrorCode, Stage, WorkerError
from job.marking import CANNOT_SIGN, Marks
from media.signing import SigningError
from worker.settings import Settings


def marks_of(settings: Settings) -> Marks:
    """Raises WorkerError SETTINGS_INVALID where C2PA_CERT or C2PA_KEY cannot be used."""
    if settings.c2pa_cert is None and settings.c2pa_key is None:
        return Marks(settings.mark_ai)
    key = settings.c2pa_key.get_secret_value() if settings.c2pa_key else None
    try:
        if settings.c2pa_cert is None or key is None:
            raise SigningError("C2PA_CERT and C2PA_KEY belong together: set both, or neither")
        from media.credentials import load_signer  # noqa: PLC0415 - it takes a while, for those who sign

        signer = load_signer(settings.c2pa_cert, key, settings.c2pa_timestamp_url)
    except SigningError as error:
        message = CANNOT_SIGN.format(error)
        raise WorkerError(ErrorCode.SETTINGS_INVALID, message, stage=Stage.START) from error
    return Marks(settings.mark_ai, signer)
