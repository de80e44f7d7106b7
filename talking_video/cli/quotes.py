"""A quote as a table for a person. What a worker does not tell is left out."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from talking_video.reply import Quote, duration

BASIS = {
    "learned": "from this worker's earlier jobs",
    "measured": "measured on this kind of GPU",
    "published": "by published figures of this GPU",
    "estimate": "an estimate from other GPUs",
    "guess": "a guess",
}
"""How the worker knows its seconds (`forecast.basis`), for a person."""


def quote_table(quote: Quote) -> Table:
    """Size, frames, time, cost, and the same on other GPUs where the worker says it."""
    output = quote.output
    table = Table(show_header=False, box=None)
    for name, value in _rows(output):
        table.add_row(name, value)
    return table


def _rows(output: Mapping[str, Any]) -> list[tuple[str, str]]:
    work, forecast = output.get("work", {}), output.get("forecast", {})
    found = [
        ("video", f"{work.get('width', '?')}x{work.get('height', '?')}, {_seconds(output.get('duration_seconds'))}")
    ]
    if "frames" in work:
        found.append(
            ("work", f"{work['frames']} frames in {work.get('windows', '?')} windows, {work.get('steps', '?')} steps")
        )
    if forecast.get("seconds") is not None:
        gpu = f" on {forecast['gpu']}" if forecast.get("gpu") else ""
        basis = str(forecast.get("basis") or "")
        guess = f" ({BASIS.get(basis, basis)})" if basis else ""
        found.append(("time", f"about {duration(forecast['seconds'])}{gpu}{guess}"))
    if forecast.get("cost_usd") is not None:
        found.append(("cost", money(forecast["cost_usd"])))
    for gpu in output.get("gpus", []):
        cost = f", {money(gpu['cost_usd'])}" if gpu.get("cost_usd") is not None else ""
        found.append((f"on {gpu.get('gpu')}", f"about {duration(gpu.get('seconds'))}{cost}"))
    if output.get("execution_timeout"):
        found.append(("timeout", f"policy.executionTimeout {output['execution_timeout']} ms"))
    return found


def _seconds(value: object) -> str:
    return f"{value:g} s" if isinstance(value, int | float) else "?"


def money(dollars: float) -> str:
    """With as many digits as it takes."""
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}"
