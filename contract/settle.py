"""From the names and forms that callers send to the published ones: the step before any value is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.aliases import FIELDS, MEANT, MEANT_OF_SPEAKER, SPEAKER_FIELDS
from contract.spelling import trimmed

Names = dict[str, str]


@dataclass(frozen=True)
class Settled:
    """A request with the published names.

    Attributes:
        fields: what was sent, without nulls, which count as not sent.
        sent_as: the name that was sent, for each field that came under another one.
        warnings: what was taken for what.
        problems: what contradicts itself.
    """

    fields: dict[Any, Any]
    sent_as: Names = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def settle(raw: dict[Any, Any]) -> Settled:
    """The request as the fields' definitions know it; what cannot be settled is left as it came."""
    settled = Settled({})
    _rename(raw, MEANT, FIELDS, settled, "")
    fields = settled.fields
    if isinstance(fields.get("audio_urls"), str):
        fields["audio_urls"] = [fields["audio_urls"]]
    if isinstance(fields.get("speakers"), dict | str):
        fields["speakers"] = [fields["speakers"]]
    if isinstance(fields.get("speakers"), list | tuple):
        fields["speakers"] = [_speaker(one, number, settled) for number, one in enumerate(fields["speakers"], 1)]
    prompt = fields.get("positive_prompt")
    if isinstance(prompt, str) and not trimmed(prompt):
        del fields["positive_prompt"]
    settled.problems.extend(_contradictions(fields))
    return settled


def _speaker(one: object, number: int, settled: Settled) -> object:
    if isinstance(one, str):
        return {"audio": one}
    if not isinstance(one, dict):
        return one
    inner = Settled({}, {}, settled.warnings, settled.problems)
    _rename(one, MEANT_OF_SPEAKER, SPEAKER_FIELDS, inner, f" of speaker {number}")
    return inner.fields


def _rename(raw: dict[Any, Any], meant: Names, known: Sequence[str], settled: Settled, whose: str) -> None:
    sent: dict[Any, list[tuple[str, Any]]] = {}
    for name, value in raw.items():
        target = meant.get(name, name)
        if value is not None or target not in known:
            sent.setdefault(target, []).append((name, value))
    for target, ways in sent.items():
        ways.sort(key=lambda way: way[0] != target)
        name, value = ways[0]
        settled.fields[target] = value
        if name != target:
            settled.sent_as[target] = name
        settled.warnings.extend(f"'{other}'{whose} was taken as '{target}'" for other, _ in ways if other != target)
        settled.problems.extend(
            f"'{name}' and '{other}'{whose} mean the same and have different values: send '{target}' alone"
            for other, another in ways[1:]
            if not _same(value, another)
        )


def _same(one: object, other: object) -> bool:
    one, other = ([value] if isinstance(value, str) else value for value in (one, other))
    try:
        return isinstance(one, bool) is isinstance(other, bool) and one == other
    except RecursionError:  # nested too deep to compare
        return False


def _contradictions(fields: dict[Any, Any]) -> list[str]:
    found = []
    if {"audio_urls", "speakers"} <= fields.keys():
        found.append("send audio_urls or speakers, not both")
    if {"upload_url", "output_key"} <= fields.keys():
        found.append("send upload_url or output_key, not both: the URL names the place")
    if "resolution" in fields and {"width", "height"} & fields.keys():
        found.append("send resolution or width and height, not both")
    return found
