"""What is wrong with a request, in one line that says what to send instead."""

import json
from typing import Any

from pydantic import ValidationError

from contract.aliases import hint
from contract.errors import ErrorCode, WorkerError
from contract.fields import EITHER_OR
from contract.settle import Settled

Location = tuple[int | str, ...]
LONGEST_SHOWN = 10**15
LONGEST_NAME = 80
MOST_TOLD = 20  # of the problems of one request: each is compared with all the others
WORDS = {
    "bool_type": "send a boolean: true or false",
    "dict_type": "send an object",
    "finite_number": "send a number, not NaN or Infinity",
    "float_type": "send a number",
    "int_from_float": "send an integer",
    "int_type": "send an integer",
    "model_type": "send an object with audio, and optionally region, offset_seconds and channel",
    "recursion_depth_exceeded": "send it less deeply nested",
    "string_type": "send text",
    "string_unicode": "send text without lone surrogates",
}
WORDS_WITH_LIMIT = {
    "greater_than": "send more than {gt}",
    "greater_than_equal": "send {ge} or more",
    "less_than": "send less than {lt}",
    "less_than_equal": "send {le} or less",
    "literal_error": "send {expected}",
    "string_too_long": "send at most {max_length} characters",
    "string_too_short": "send at least {min_length} character(s)",
    "too_long": "send at most {max_length} {items}",
    "too_short": "send at least {min_length} {item}",
    "tuple_type": "send a list of {items}",
}
IN_DIGITS = {"int_type": ", in digits alone", "float_type": ", in digits alone, with a point before decimals"}
ITEMS = {
    "audio_urls": ("source", "sources, one for each speaker"),
    "speakers": ("speaker", "speakers"),
    "scenes": ("scene", "scenes"),
}
ONE_OF = {"audio_urls": "speaker", "speakers": "speaker", "scenes": "scene"}
SOURCES = ("image_url", "video_url", "audio_urls", "audio")
WAY_OUT = {
    ("width", "less_than_equal"): "resolution '480p' or '720p' chooses a size that fits the picture",
    ("height", "less_than_equal"): "resolution '480p' or '720p' chooses a size that fits the picture",
}


def explain(error: ValidationError | None, settled: Settled) -> WorkerError | None:
    """MISSING_PARAMETER where a required field is absent, else INVALID_INPUT, each with every problem, up to
    `MOST_TOLD`; None where there is none."""
    found = error.errors(include_url=False) if error else []
    problems = [(_place(problem["loc"]), dict(problem)) for problem in found]
    absent = [_called(place) for place, problem in problems if _is_absent(place, problem)]
    if not {"image_url", "video_url"} & settled.fields.keys():
        absent.insert(0, "image_url (or video_url)")
    if not {"audio_urls", "speakers"} & settled.fields.keys():
        absent.append("audio_urls (or speakers)")
    lines = [*_lines(problems[:MOST_TOLD], settled), *settled.problems[:MOST_TOLD]]
    invalid = "Invalid input: " + "; ".join(lines) if lines else ""
    if absent:
        missing = f"Missing required parameter: {', '.join(absent[:MOST_TOLD])}"
        return WorkerError(ErrorCode.MISSING_PARAMETER, f"{missing}. {invalid}" if invalid else missing)
    return WorkerError(ErrorCode.INVALID_INPUT, invalid) if invalid else None


def _lines(problems: list[tuple[Location, dict[str, Any]]], settled: Settled) -> list[str]:
    lines: dict[Location, str] = {}
    ways_out: dict[str, None] = {}
    unknown: dict[tuple[str, str], list[str]] = {}
    for place, problem in problems:
        inner = any(other[: len(place)] == place and len(other) > len(place) for other, _ in problems)
        if _is_absent(place, problem) or (place and inner):
            continue  # pydantic counts only the valid items of a list: the invalid one is named by itself
        if problem["type"] == "extra_forbidden":
            name, kind = str(place[-1])[:LONGEST_NAME], ONE_OF[str(place[0])] if len(place) > 1 else ""
            whose = f" of {kind} {int(place[1]) + 1}" if kind else ""
            what_to_do = hint(name, problem.get("input"), whose=kind)
            unknown.setdefault((whose, what_to_do), []).append(f"'{name}'")
            continue
        lines.setdefault(place, _sentence(place, problem, settled))
        if way_out := WAY_OUT.get((_called(place), str(problem["type"]))):
            ways_out[way_out] = None
    strangers = (
        f"unknown field{'s' if len(names) > 1 else ''} {', '.join(names)}{whose}{what_to_do}"
        for (whose, what_to_do), names in unknown.items()
    )
    return [*lines.values(), *ways_out, *strangers]


def _is_absent(place: Location, problem: dict[str, Any]) -> bool:
    """Whether a required field is missing: a field itself, not an item or something inside a field's value."""
    return problem["type"] == "missing" and (len(place) == 1 or (len(place) == 3 and place[2] != "region"))


def _place(location: Location) -> Location:
    """The location as a caller knows it: pydantic adds the branches of a union, and what is inside them."""
    if location[:1] in (("speakers",), ("scenes",)):
        return location[:3]
    return location[:2] if location[:1] == ("audio_urls",) else location[:1]


def _called(place: Location) -> str:
    """The place in words; speakers and scenes are counted from 1, as everywhere in this worker."""
    if len(place) == 3:
        return f"{str(place[2])[:LONGEST_NAME]} of {ONE_OF[str(place[0])]} {int(place[1]) + 1}"
    if len(place) == 2:
        return f"{place[0]}, {ONE_OF[str(place[0])]} {int(place[1]) + 1}"
    return str(place[0])[:LONGEST_NAME] if place else ""


def _sentence(place: Location, problem: dict[str, Any], settled: Settled) -> str:
    kind, value = str(problem["type"]), problem.get("input")
    if kind == "model_type" and place[0] == "scenes":
        text = "send an object with at, and a prompt, an image_url, or both"
    elif kind in WORDS:
        text = WORDS[kind]
        if isinstance(value, str):
            text += IN_DIGITS.get(kind, "")
    elif kind in WORDS_WITH_LIMIT:
        item, items = ITEMS.get(str(place[0]), ("value", "values"))
        limits = {name: _plain(limit) for name, limit in problem.get("ctx", {}).items()}
        text = WORDS_WITH_LIMIT[kind].format(**{**limits, "item": item, "items": items})
    else:
        text = str(problem["msg"]).removeprefix("Value error, ")
    text = EITHER_OR.get(str(place[-1]), text) if place else text
    if not place:
        return text
    field = place[-1] if len(place) == 3 else place[0]
    if kind == "string_type" and field in SOURCES:
        text = f"send one URL, data: URI or path as text, not {_kind_of(value)}"
    elif kind == "string_type":
        text = f"send text, not {_kind_of(value)}"
    came_as = settled.sent_as.get(str(place[0])) if len(place) < 3 else None
    return f"{_called(place)}: {text}{_shown(settled.fields.get(place[0]) if len(place) == 1 else None, came_as)}"


def _plain(limit: object) -> object:
    """A limit without a needless `.0`."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _kind_of(value: object) -> str:
    kinds = ((bool, "a boolean"), (int | float, "a number"), (list | tuple, "a list"), (dict, "an object"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "null" if value is None else "this")


def _shown(value: object, name: str | None) -> str:
    """A number as it was sent, where it is short, and the name it came under; texts are not repeated, they may hold
    anything."""
    short = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < LONGEST_SHOWN)
    told = [f"got {json.dumps(value)}"] if short else []
    told += [f"sent as '{name}'"] if name else []
    return f" ({', '.join(told)})" if told else ""
