"""What a job would take, as its caller is told: before it runs (a dry run), and beside what it took."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contract import forecast as told
from contract.dry_run import Box, DryRun, Picture, PlacedSpeaker
from contract.errors import Stage
from contract.request import Request
from contract.response import as_json
from job.cards import CARDS, PRICES_OF, Card, Work
from job.limits import timeout_for
from job.outlook import cost_of, forecast_told, work_told
from job.pace import Forecast
from job.preparation import Layout
from job.reply import Stopwatch, generation_params, timings_of
from job.views import Seen
from media.audio import LISTENER_RATE
from media.image import Fit, draw_fitted
from media.layout_picture import draw_preview, levels_of

PARTS = 200  # of a video, for its voices' levels
# Seconds of loading: files that are in the page cache, and those that come from a disk.
WARM_LOAD, FIRST_LOAD = 14.0, 60.0


@dataclass(frozen=True)
class Quoted:
    """A job that could begin to sample now. `gpu`: what the worker's driver calls it; nothing where there is none."""

    job_id: str
    request: Request
    layout: Layout
    work: Work
    forecast: Forecast
    gpu: str
    engine: Literal["comfyui", "simulator"]
    warnings: Sequence[str]


def make_quote(quoted: Quoted, stopwatch: Stopwatch) -> dict[str, Any]:
    """The reply to a dry run."""
    layout, request = quoted.layout, quoted.request
    seen = layout.seen
    gpus = tuple(_on(card, quoted.work, quoted.forecast) for card in CARDS)
    levels = levels_of(layout.timeline, PARTS)
    reply = DryRun(
        work=work_told(layout.plan),
        duration_seconds=round(layout.video.seconds, 3),
        output_frames=layout.video.output_frames,
        fps=request.fps,
        forecast=forecast_told(quoted.forecast, quoted.gpu),
        execution_timeout=_timeout(quoted.forecast, gpus),
        gpus=gpus,
        prices_of=PRICES_OF,
        generation_params=generation_params(request, layout),
        picture=_picture(seen),
        speakers=_speakers(layout, levels),
        preview=draw_preview(draw_fitted(seen.picture, seen.fit), layout.boxes, levels, layout.timeline.seconds),
        processing_time_seconds=stopwatch.total,
        timings=timings_of(stopwatch),
        warnings=tuple(quoted.warnings),
        engine=quoted.engine,
        job_id=quoted.job_id,
        scenes=layout.scenes.told or None,
        metadata=request.metadata,
    )
    return as_json(reply)


def _on(card: Card, work: Work, here: Forecast) -> told.GpuForecast:
    """On another GPU: what does not depend on it takes as long as here."""
    beside = sum(seconds for stage, seconds in here.seconds.items() if stage not in (Stage.LOAD, Stage.SAMPLE))
    seconds = beside + card.sampling_seconds(work)
    return told.GpuForecast(
        gpu=card.name,
        memory_gb=card.memory_gb,
        basis=card.source(work),
        seconds=round(seconds + WARM_LOAD, 1),
        first_job_seconds=round(seconds + FIRST_LOAD, 1),
        usd_per_second=card.usd_per_second,
        cost_usd=cost_of(card, seconds + WARM_LOAD),
        execution_timeout=timeout_for(seconds + FIRST_LOAD),
    )


def _timeout(forecast: Forecast, gpus: Sequence[told.GpuForecast]) -> int:
    if not forecast.sure:
        return max(gpu.execution_timeout for gpu in gpus)
    load = forecast.seconds[Stage.LOAD]
    return timeout_for(forecast.total - load + max(load, FIRST_LOAD))


def _picture(seen: Seen) -> Picture:
    fit = seen.fit
    crop = _fractions_of_picture((0, 0, fit.width, fit.height), fit)
    placed = (fit.x(crop[0]) / fit.width, fit.y(crop[1]) / fit.height)
    ends = (fit.x(crop[2]) / fit.width, fit.y(crop[3]) / fit.height)
    return Picture(
        width=seen.view.size[0],
        height=seen.view.size[1],
        crop=crop,
        placed=_box(*placed, *ends),
        lost=round(fit.lost, 4),
        faces=tuple(_box(*face.box) for face in seen.framed.faces),
    )


def _speakers(layout: Layout, levels: Sequence[Sequence[float]]) -> tuple[PlacedSpeaker, ...]:
    fit, found = layout.seen.fit, []
    for number, item in enumerate(layout.timeline.voices):
        box = layout.boxes[number].as_tuple() if layout.boxes else None
        frame = (fit.width, fit.height, fit.width, fit.height)
        found.append(
            PlacedSpeaker(
                speaker=number + 1,
                region_in_frame=_box(*(side / of for side, of in zip(box, frame, strict=True))) if box else None,
                region_in_picture=_fractions_of_picture(box, fit) if box else None,
                starts_at=round(item.start / LISTENER_RATE, 3),
                ends_at=round((item.start + item.length) / LISTENER_RATE, 3),
                audio_seconds=round(item.voice.seconds, 3),
                silent=item.voice.silent,
                levels=tuple(levels[number]),
            )
        )
    return tuple(found)


def _fractions_of_picture(box: tuple[float, float, float, float], fit: Fit) -> Box:
    left, top, right, bottom = box
    return _box(
        (left - fit.left) / fit.drawn_width,
        (top - fit.top) / fit.drawn_height,
        (right - fit.left) / fit.drawn_width,
        (bottom - fit.top) / fit.drawn_height,
    )


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    """Within 0 and 1, to a hundredth of a thousandth."""
    left, top, right, bottom = (round(min(max(side, 0.0), 1.0), 5) for side in (left, top, right, bottom))
    return left, top, right, bottom
