"""The tables of times and prices in the documents, made of the numbers that forecasts go by (`job.cards`)."""

from collections.abc import Mapping, Sequence

from job.cards import CARDS, PRICES_OF, Card, Point, work_of
from workflows.plan import Plan, frames_for, make_plan

SIZES = ((400, 704), (480, 832), (720, 1280))
SECONDS = 10.0
COMMON = ("RTX 4090", "L40S", "A100", "H100", "H200")
VIETNAMESE = {"measured": "đo được", "published": "đã công bố", "estimate": "ước tính"}


def tables() -> dict[str, str]:
    """Name to Markdown table."""
    return {
        "windows by GPU": _windows(),
        "times by GPU": _times(CARDS),
        "prices by GPU": _prices(),
        "speed in brief": _brief({}),
        "speed in brief, in Vietnamese": _brief(VIETNAMESE),
    }


def _brief(words: Mapping[str, str]) -> str:
    """Times and prices of the cards that most people rent. `words` translates how a time is known."""

    def cell(card: Card, size: tuple[int, int]) -> str:
        seconds, source = _seconds(card, size), card.source(work_of(_plan(*size)))
        return f"{seconds:.0f} s, {_dollars(card, seconds)} ({words.get(source, source)})"

    rows = [[card.name, *(cell(card, size) for size in SIZES)] for card in CARDS if card.name in COMMON]
    return _table(_header(), rows)


def _plan(width: int, height: int) -> Plan:
    return make_plan(
        frames_for(SECONDS),
        width,
        height,
        "infinitetalk",
        window_frames=None,
        steps=4,
        scheduler="flowmatch_distill",
        cfg_scale=1.0,
        audio_cfg_scale=1.0,
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _windows() -> str:
    def told(point: Point) -> str:
        return f"{point.seconds:g} s at {point.width}x{point.height}, {point.source}"

    rows = [[card.name, f"{card.memory_gb} GB", told(card.small), told(card.large)] for card in CARDS]
    return _table(("GPU", "memory", "a small window of 81 frames", "a large one"), rows)


def _times(cards: Sequence[Card]) -> str:
    rows = [[card.name, *(_time(card, size) for size in SIZES)] for card in cards]
    return _table(_header(), rows)


def _header() -> Sequence[str]:
    return ("GPU", *(f"{width}x{height}" for width, height in SIZES))


def _time(card: Card, size: tuple[int, int]) -> str:
    return f"{_seconds(card, size):.0f} s, {card.source(work_of(_plan(*size)))}"


def _prices() -> str:
    rows = [
        [card.name, _dollars(card, 1.0), *(_dollars(card, _seconds(card, size)) for size in SIZES)] for card in CARDS
    ]
    sizes = (f"10 s at {width}x{height}" for width, height in SIZES)
    return _table(("GPU", f"a second ({PRICES_OF})", *sizes), rows)


def _dollars(card: Card, seconds: float) -> str:
    if card.usd_per_second is None:
        return "not in the list"
    return f"${card.usd_per_second * seconds:#.2g}" if seconds > 1 else f"${card.usd_per_second:.5f}"


def _seconds(card: Card, size: tuple[int, int]) -> float:
    return card.sampling_seconds(work_of(_plan(*size)))
