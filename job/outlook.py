"""What a job asks of the GPU and what it will take: for the worker itself, and as its caller is told."""

from collections.abc import Hashable

from contract import forecast as told
from contract.model import Timings
from contract.request import Request
from job.cards import Card, Work, card_of, work_of
from job.pace import Forecast, Pace
from workflows.models import Variants
from workflows.plan import Plan


def work_for(request: Request, plan: Plan, voices: int) -> Work:
    """Of a job that the model hears so many voices of."""
    return work_of(plan, voices, swaps=request.blocks_to_swap is not None)


def models_of(request: Request, voices: int, variants: Variants) -> Hashable:
    """What its model files, and how they are used, are known by."""
    return variants.choose(request.mode, voices), request.blocks_to_swap, request.speed_lora_strength


def expected(request: Request, plan: Plan, voices: int, variants: Variants, pace: Pace) -> Forecast:
    """What such a job will take on this worker as it is now."""
    return pace.forecast(work_for(request, plan, voices), models_of(request, voices, variants))


def work_told(plan: Plan) -> told.Work:
    """What the model has to do."""
    return told.Work(
        frames=plan.frames,
        width=plan.width,
        height=plan.height,
        windows=plan.windows,
        window_frames=plan.window,
        overlap_frames=plan.overlap,
        steps=plan.steps,
        passes_per_step=plan.passes_per_step,
        passes=plan.passes,
        pflop=round(plan.flop / 1e15, 3),
    )


def forecast_told(forecast: Forecast, gpu: str) -> told.Forecast:
    """What was expected on this worker."""
    card = card_of(gpu)
    return told.Forecast(
        gpu=gpu or None,
        basis=forecast.basis,
        stages=Timings(**{stage.value: round(seconds, 2) for stage, seconds in forecast.seconds.items()}),
        seconds=round(forecast.total, 1),
        cost_usd=cost_of(card, forecast.total),
    )


def cost_of(card: Card | None, seconds: float) -> float | None:
    """US dollars; None where the card or its price is not known."""
    return None if card is None or card.usd_per_second is None else round(card.usd_per_second * seconds, 4)
