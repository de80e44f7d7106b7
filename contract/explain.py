"""What is wrong with a request, in one line that says what to send instead."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from contract.errors import ErrorCode, WorkerError
from contract.fields import EITHER_OR, SpeakerInput, field_names

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
    "model_type": "send an object with audio, and optionally region and offset_seconds",
    "recursion_depth_exceeded": "send it less deeply nested",
    "string_type": "send text",
    "string_unicode": "send text without lone surrogates",
    "tuple_type": "send a list",
}
WORDS_WITH_LIMIT = {
    "greater_than": "send more than {gt}",
    "greater_than_equal": "send {ge} or more",
    "less_than": "send less than {lt}",
    "less_than_equal": "send {le} or less",
    "literal_error": "send {expected}",
    "string_too_long": "send at most {max_length} characters",
    "string_too_short": "send at least {min_length} character(s)",
    "too_long": "send at most {max_length}",
    "too_short": "send at least {min_length}",
}


def explain(error: ValidationError, raw: Mapping[object, object]) -> WorkerError:
    """MISSING_PARAMETER where a required field is absent, else INVALID_INPUT with every problem, up to `MOST_TOLD`."""
    problems = [(_place(problem["loc"]), dict(problem)) for problem in error.errors(include_url=False)]
    missing = [_dotted(place) for place, problem in problems if problem["type"] == "missing" and _is_field(place)]
    if missing:
        return WorkerError(ErrorCode.MISSING_PARAMETER, f"Missing required parameter: {', '.join(missing[:MOST_TOLD])}")
    problems = problems[:MOST_TOLD]
    lines: dict[Location, str] = {}
    for place, problem in problems:
        inner = any(other[: len(place)] == place and len(other) > len(place) for other, _ in problems)
        if place and inner:
            continue  # pydantic counts only the valid items of a list: the invalid one is named by itself
        lines.setdefault(place, _sentence(place, problem, raw))
    return WorkerError(ErrorCode.INVALID_INPUT, "Invalid input: " + "; ".join(lines.values()))


def _place(location: Location) -> Location:
    """The location as a caller knows it: pydantic adds the branches of a union, and what is inside them."""
    if location[:1] == ("speakers",):
        return location[:3]
    return location[:2] if location[:1] == ("audio_urls",) else location[:1]


def _is_field(place: Location) -> bool:
    """Whether the place is a field itself, not an item or something inside a field's value."""
    return len(place) == 1 or (len(place) == 3 and place[2] != "region")


def _dotted(place: Location) -> str:
    return ".".join(str(part) for part in place)


def _sentence(place: Location, problem: dict[str, Any], raw: Mapping[object, object]) -> str:
    kind, context = str(problem["type"]), problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = list(SpeakerInput.model_fields) if len(place) > 1 else field_names()
        near = difflib.get_close_matches(str(place[-1])[:LONGEST_NAME], known, n=1)
        return f"unknown field '{_dotted(place)[:LONGEST_NAME]}'" + (f", did you mean '{near[0]}'?" if near else "")
    if kind in WORDS:
        text = WORDS[kind]
    elif kind in WORDS_WITH_LIMIT:
        text = WORDS_WITH_LIMIT[kind].format(**context)
    else:
        text = str(problem["msg"]).removeprefix("Value error, ")
    text = EITHER_OR.get(str(place[-1]), text) if place else text
    if not place:
        return text
    return f"{_dotted(place)}: {text}{_shown(raw.get(place[0])) if len(place) == 1 else ''}"


def _shown(value: object) -> str:
    """A number as it was sent, where it is short; texts are not repeated, they may hold anything."""
    short = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < LONGEST_SHOWN)
    return f" (got {value!r})" if short else ""
