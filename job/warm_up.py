"""One video that nobody gets, before the first job: weights are loaded and kernels compiled when that comes."""

import base64
import io
import logging
import math
import wave
from array import array

from PIL import Image, ImageDraw

from contract.cancel import Cancellation
from contract.errors import Stage, WorkerError
from contract.fields import JobInput
from job.pipeline import make_and_discard
from job.reporter import Reporter
from job.resources import Resources

log = logging.getLogger(__name__)

SIDE = 256  # pixels, the least that a job may have
SECONDS = 1.2  # of sound: one window, the shortest
RATE = 16_000
TONE_HZ, SYLLABLES_HZ, LOUDNESS = 180.0, 4.0, 9000
SKIN, HAIR, WALL, INK = (224, 178, 150), (70, 50, 40), (110, 130, 150), (90, 40, 40)


def warm_up(resources: Resources, cancel: Cancellation) -> None:
    """Make the smallest video of the default mode, or of the first one whose models are there, and throw it away.

    Whatever a request leaves open is as in a job that leaves it open: the next job finds the same weights.

    Raises:
        WorkerError: as a job, with what it was about before its message.
    """
    usual = JobInput.model_fields["mode"].default
    mode = usual if usual in resources.modes else resources.modes[0]
    log.info("warm-up: one window of %s at %dx%d, which nobody gets", mode, SIDE, SIDE)
    sources = {"image_url": portrait(), "audio_urls": [voice()]}
    try:
        with Reporter() as report:
            sent = {**sources, "width": SIDE, "height": SIDE, "mode": mode}
            seconds = make_and_discard(sent, resources, cancel, report)
    except WorkerError as error:
        message = f"The warm-up failed: {error.message}"
        raise WorkerError(
            error.code, message, stage=Stage.START, detail=error.detail, retryable=error.retryable
        ) from error
    load, sample = seconds.get(Stage.LOAD, 0.0), seconds.get(Stage.SAMPLE, 0.0)
    log.info("warm-up done in %.1f s: load %.1f s, sample %.1f s", sum(seconds.values()), load, sample)


def portrait() -> str:
    """A drawn head as a data: URI of a PNG."""
    picture = Image.new("RGB", (SIDE, SIDE), WALL)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((68, 30, 188, 190), fill=HAIR)
    draw.ellipse((78, 50, 178, 200), fill=SKIN)
    for left in (102, 140):
        draw.ellipse((left, 105, left + 14, 113), fill=INK)
    draw.ellipse((112, 158, 144, 168), fill=INK)
    target = io.BytesIO()
    picture.save(target, "PNG")
    return f"data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}"


def voice() -> str:
    """A hum that comes and goes as syllables do, as a data: URI of a WAV."""
    moments = (number / RATE for number in range(round(SECONDS * RATE)))
    samples = array(
        "h",
        (
            round(LOUDNESS * math.sin(math.pi * SYLLABLES_HZ * at) ** 2 * math.sin(2 * math.pi * TONE_HZ * at))
            for at in moments
        ),
    )
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return f"data:audio/wav;base64,{base64.b64encode(target.getvalue()).decode()}"
