"""Every way a job can fail, as one table.

Raised as `WorkerError` where the cause is known, caught once at the edge. The message of a
`WorkerError` goes to the caller: one line, no path, no secret, no traceback. What only the
operator may see goes into `detail`, which is logged.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """The stations of a job, in order. `error_stage` and the progress name them."""

    START = "start"
    VALIDATE = "validate"
    FETCH = "fetch"
    PREPARE = "prepare"
    LOAD = "load"
    SAMPLE = "sample"
    ENCODE = "encode"
    UPLOAD = "upload"


class ErrorCode(StrEnum):
    """`error_code` of the reply; each is described in `ERRORS`."""

    MISSING_PARAMETER = "missing_parameter"
    INVALID_INPUT = "invalid_input"
    SOURCE_REFUSED = "source_refused"
    SOURCE_TOO_LARGE = "source_too_large"
    IMAGE_UNAVAILABLE = "image_unavailable"
    IMAGE_INVALID = "image_invalid"
    VIDEO_UNAVAILABLE = "video_unavailable"
    VIDEO_INVALID = "video_invalid"
    VIDEO_TOO_LONG = "video_too_long"
    AUDIO_UNAVAILABLE = "audio_unavailable"
    AUDIO_INVALID = "audio_invalid"
    AUDIO_TOO_SHORT = "audio_too_short"
    AUDIO_TOO_LONG = "audio_too_long"
    REGION_INVALID = "region_invalid"
    MODELS_MISSING = "models_missing"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    GRAPH_REJECTED = "graph_rejected"
    GENERATION_FAILED = "generation_failed"
    OUT_OF_MEMORY = "out_of_memory"
    GPU_FAULT = "gpu_fault"
    ENGINE_CRASHED = "engine_crashed"
    JOB_TOO_LARGE = "job_too_large"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INTERRUPTED = "interrupted"
    ENCODE_FAILED = "encode_failed"
    WORKER_UNFIT = "worker_unfit"
    STORAGE_MISCONFIGURED = "storage_misconfigured"
    STORAGE_FAILED = "storage_failed"
    CANCELLED = "cancelled"
    SETTINGS_INVALID = "settings_invalid"
    INTERNAL = "internal_error"


@dataclass(frozen=True)
class ErrorKind:
    """What a code means: the stage where it usually arises, whether the same job may succeed later, and what to do."""

    stage: Stage
    retryable: bool
    meaning: str


SAVES_MEMORY = "a smaller size may pass, or use_block_swap true with blocks_to_swap 30 to 40"
ERRORS: dict[ErrorCode, ErrorKind] = {
    ErrorCode.MISSING_PARAMETER: ErrorKind(Stage.VALIDATE, False, "A required field is absent; the message names it."),
    ErrorCode.INVALID_INPUT: ErrorKind(
        Stage.VALIDATE, False, "A field is unknown, out of range or contradicts another; the message says what to send."
    ),
    ErrorCode.SOURCE_REFUSED: ErrorKind(
        Stage.FETCH, False, "A source is of a kind, or at a place, this worker does not read from."
    ),
    ErrorCode.SOURCE_TOO_LARGE: ErrorKind(Stage.FETCH, False, "A source has more bytes than allowed."),
    ErrorCode.IMAGE_UNAVAILABLE: ErrorKind(
        Stage.FETCH,
        True,
        "The portrait could not be downloaded; `retryable` is false where its server says so for good.",
    ),
    ErrorCode.IMAGE_INVALID: ErrorKind(Stage.PREPARE, False, "The portrait is not a picture this worker can read."),
    ErrorCode.VIDEO_UNAVAILABLE: ErrorKind(
        Stage.FETCH, True, "The video to dub could not be downloaded; `retryable` as for the portrait."
    ),
    ErrorCode.VIDEO_INVALID: ErrorKind(Stage.PREPARE, False, "The video to dub is none that this worker can decode."),
    ErrorCode.VIDEO_TOO_LONG: ErrorKind(
        Stage.PREPARE,
        False,
        "More of the video to dub is needed than this worker decodes; the message has the numbers.",
    ),
    ErrorCode.AUDIO_UNAVAILABLE: ErrorKind(
        Stage.FETCH, True, "A voice could not be downloaded; the message names it, `retryable` as for the portrait."
    ),
    ErrorCode.AUDIO_INVALID: ErrorKind(Stage.PREPARE, False, "A voice is not audio this worker can decode."),
    ErrorCode.AUDIO_TOO_SHORT: ErrorKind(Stage.PREPARE, False, "The voices last less than 0.5 s in all."),
    ErrorCode.AUDIO_TOO_LONG: ErrorKind(Stage.PREPARE, False, "The voices need more frames than one graph can make."),
    ErrorCode.REGION_INVALID: ErrorKind(
        Stage.PREPARE,
        False,
        "Regions overlap, or are too small, once the picture is fitted; or auto, and not as many faces as speakers.",
    ),
    ErrorCode.MODELS_MISSING: ErrorKind(Stage.LOAD, False, "Model files that this job needs are not installed."),
    ErrorCode.ENGINE_UNAVAILABLE: ErrorKind(Stage.LOAD, True, "ComfyUI does not answer, or ended during the job."),
    ErrorCode.GRAPH_REJECTED: ErrorKind(Stage.LOAD, False, "ComfyUI refused the graph; the message has its reason."),
    ErrorCode.GENERATION_FAILED: ErrorKind(Stage.SAMPLE, False, "A node of the graph failed; the message names it."),
    ErrorCode.OUT_OF_MEMORY: ErrorKind(
        Stage.SAMPLE,
        True,
        f"The GPU ran out of memory: {SAVES_MEMORY}.",
    ),
    ErrorCode.GPU_FAULT: ErrorKind(Stage.SAMPLE, True, "The GPU failed; this worker asks to be replaced."),
    ErrorCode.ENGINE_CRASHED: ErrorKind(
        Stage.SAMPLE, False, "ComfyUI ended twice while it ran this job; the job itself is the likely cause."
    ),
    ErrorCode.JOB_TOO_LARGE: ErrorKind(
        Stage.PREPARE, False, "By estimate the job cannot end within its time limit; the message has the numbers."
    ),
    ErrorCode.DEADLINE_EXCEEDED: ErrorKind(
        Stage.SAMPLE, True, "The job's time limit passed, or ComfyUI made no progress for too long."
    ),
    ErrorCode.INTERRUPTED: ErrorKind(Stage.SAMPLE, True, "The generation was interrupted from outside the job."),
    ErrorCode.ENCODE_FAILED: ErrorKind(Stage.ENCODE, True, "The frames could not be made into an MP4."),
    ErrorCode.WORKER_UNFIT: ErrorKind(
        Stage.PREPARE,
        True,
        "This worker's disk is full, read-only or broken, or hangs; the worker asks to be replaced.",
    ),
    ErrorCode.STORAGE_MISCONFIGURED: ErrorKind(
        Stage.START,
        False,
        "The place for the video, this worker's or the job's own, refuses it, its URL does not open, or its settings "
        "cannot be used. Retryable where the cause may be this worker alone.",
    ),
    ErrorCode.STORAGE_FAILED: ErrorKind(
        Stage.UPLOAD,
        True,
        "The place for the video, this worker's or the job's own, did not answer before the generation, or did not "
        "take the finished video: then the reply says where it is kept.",
    ),
    ErrorCode.CANCELLED: ErrorKind(Stage.SAMPLE, False, "The caller cancelled the job."),
    ErrorCode.SETTINGS_INVALID: ErrorKind(
        Stage.START, False, "The worker's environment variables cannot be used; the message names each."
    ),
    ErrorCode.INTERNAL: ErrorKind(Stage.START, True, "A defect of the worker; its log has the details."),
}


@dataclass(frozen=True)
class KeptVideo:
    """A finished video that did not reach its place: a path on this worker or its volume, or the file itself."""

    path: str | None = None
    base64: str | None = field(default=None, repr=False)


class WorkerError(Exception):
    """A job's end without a video.

    Args:
        code: an entry of `ERRORS`.
        message: one line for the caller.
        stage: where it happened, when not at the code's usual stage.
        detail: for the log only.
        kept: where the finished video is, if there is one that could not be delivered.
        elsewhere: whether the cause is likely this worker, so that the same job may succeed on another one.
        retryable: whether sending the same job again may succeed, where that is not what the code usually says.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        stage: Stage | None = None,
        detail: str = "",
        kept: KeptVideo | None = None,
        elsewhere: bool = False,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        line = " ".join(message.split())
        # A name that a caller made up may hold the control sequences of a terminal that shows the log.
        self.message = "".join(c if c.isprintable() else "?" for c in line) or ERRORS[code].meaning
        self.stage = stage or ERRORS[code].stage
        self.detail = detail
        self.kept = kept
        self.elsewhere = elsewhere
        self.retryable = (elsewhere or ERRORS[code].retryable) if retryable is None else retryable
