"""From the names and forms that callers send to the published ones: the step before any value is looked at."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.aliases import FIELDS, MEANT, MEANT_OF_SCENE, MEANT_OF_SPEAKER, SCENE_FIELDS, SPEAKER_FIELDS
from contract.spelling import FRACTION, NO, YES, empty, trimmed

Names = dict[str, str]
# Of these, an empty value is told or means something.
KEPT_EMPTY = ("image_url", "video_url", "audio_urls", "speakers", "audio", "negative_prompt")


@dataclass(frozen=True)
class Settled:
    """A request with the published names.

    Attributes:
        fields: what was sent, without what counts as not sent: nulls, and empty texts and lists.
        sent_as: the name that was sent, for each field that came under another one.
        warnings: what was taken for what.
        problems: what contradicts itself.
        left_out: the names of fields that came empty, as text or list, and were taken as not sent.
    """

    fields: dict[Any, Any]
    sent_as: Names = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def settle(raw: dict[Any, Any]) -> Settled:
    """The request as the fields' definitions know it; what cannot be settled is left as it came."""
    settled = Settled({})
    _rename(raw, MEANT, FIELDS, settled, "")
    fields = settled.fields
    for pair in (("audio_urls", "speakers"), ("image_url", "video_url")):
        for one, other in (pair, pair[::-1]):
            if empty(fields.get(one)) and not empty(fields.get(other)):
                fields.pop(one, None)
    if isinstance(fields.get("audio_urls"), str):
        fields["audio_urls"] = [fields["audio_urls"]]
    if isinstance(fields.get("speakers"), str) or _is_speaker(fields.get("speakers")):
        fields["speakers"] = [fields["speakers"]]
    if isinstance(fields.get("speakers"), list | tuple):
        fields["speakers"] = [_speaker(one, number, settled) for number, one in enumerate(fields["speakers"], 1)]
    if isinstance(fields.get("scenes"), dict):
        fields["scenes"] = [fields["scenes"]]
    if isinstance(fields.get("scenes"), list | tuple):
        fields["scenes"] = [_scene(one, number, settled) for number, one in enumerate(fields["scenes"], 1)]
    if settled.left_out:
        settled.warnings.append(f"empty and taken as not sent: {', '.join(settled.left_out)}")
    settled.problems.extend(_contradictions(fields))
    return settled


def _is_speaker(value: object) -> bool:
    """One speaker, and not an object that has one under each name: nobody could tell who sits where."""
    return isinstance(value, dict) and any(name in MEANT_OF_SPEAKER or name in SPEAKER_FIELDS for name in value)


def _speaker(one: object, number: int, settled: Settled) -> object:
    if isinstance(one, str):
        return {"audio": one}
    if not isinstance(one, dict):
        return one
    inner = Settled({}, {}, settled.warnings, settled.problems, settled.left_out)
    _rename(one, MEANT_OF_SPEAKER, SPEAKER_FIELDS, inner, f" of speaker {number}")
    return inner.fields


def _scene(one: object, number: int, settled: Settled) -> object:
    if not isinstance(one, dict):
        return one
    inner = Settled({}, {}, settled.warnings, settled.problems, settled.left_out)
    _rename(one, MEANT_OF_SCENE, SCENE_FIELDS, inner, f" of scene {number}")
    return {name: value for name, value in inner.fields.items() if name not in SCENE_FIELDS or not empty(value)}


def _rename(raw: dict[Any, Any], meant: Names, known: Sequence[str], settled: Settled, whose: str) -> None:
    sent: dict[Any, list[tuple[str, Any]]] = {}
    for name, value in raw.items():
        target = meant.get(name, name)
        if value is not None or target not in known:
            sent.setdefault(target, []).append((name, value))
    for target, came in sent.items():
        ways = [(name, value) for name, value in came if not empty(value)] or came[:1]
        if target in known and target not in KEPT_EMPTY and empty(ways[0][1]):
            if target != "positive_prompt":
                settled.left_out.append(f"'{ways[0][0]}'{whose}")
            continue
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
    try:
        return _meaning(one) == _meaning(other)
    except RecursionError:  # nested too deep to compare
        return False


def _meaning(value: object) -> object:
    """A value that is equal for two spellings of one thing, whatever the field takes of them."""
    if isinstance(value, list | tuple) and len(value) == 1:
        return _meaning(value[0])
    if not isinstance(value, str):
        return value
    text = trimmed(value)
    if text.lower() in (*YES, *NO):
        return text.lower() in YES
    return float(text) if re.fullmatch(FRACTION, text) else text


def _contradictions(fields: dict[Any, Any]) -> list[str]:
    found = []
    if {"audio_urls", "speakers"} <= fields.keys():
        found.append("send audio_urls or speakers, not both")
    if {"image_url", "video_url"} <= fields.keys():
        found.append("send image_url or video_url, not both: a video brings its own pictures")
    if {"upload_url", "output_key"} <= fields.keys():
        found.append("send upload_url or output_key, not both: the URL names the place")
    if "resolution" in fields and {"width", "height"} & fields.keys():
        found.append("send resolution or width and height, not both")
    return found
