"""The JSON Schema of `input`: takes every request that the worker takes, other names and spellings included.

It is stricter nowhere, and looser only where no such schema can look: a number's range inside a text, two names of one
field with different values, the size of `metadata`.
"""

from typing import Any, get_args

from contract.aliases import MEANT, MEANT_OF_SCENE, MEANT_OF_SPEAKER
from contract.dubbing import BLIND_SCHEDULERS, DUBBING_MODES, FEWEST_STEPS
from contract.fields import QUALITY_SYNONYMS, REGION_SYNONYMS, JobInput, Mode, NamedRegion
from contract.presets import PRESETS
from contract.rules import FIXED_STEPS
from contract.sound import CHANNEL_SYNONYMS
from contract.spelling import FRACTION, NO, WHOLE, YES, round_blanks, spelled

Schema = dict[str, Any]
NULL: Schema = {"type": "null"}
UNSET: Schema = {"$ref": "#/$defs/Unset"}
SYNONYMS = {"region": REGION_SYNONYMS, "quality": QUALITY_SYNONYMS, "channel": CHANNEL_SYNONYMS}
SOURCE = {"$ref": "#/$defs/Source"}
TEXTS = {"integer": round_blanks(WHOLE), "number": round_blanks(FRACTION)}


def json_schema() -> Schema:
    """JSON Schema of `input`, with the rules between fields that such a schema can say; null counts as not sent."""
    schema = JobInput.model_json_schema()
    source = schema["$defs"]["SpeakerInput"]["properties"]["audio"]
    definitions = {**schema.pop("$defs"), "Source": {k: v for k, v in source.items() if k != "title"}}
    definitions["Unset"] = {
        "description": "counts as not sent",
        "anyOf": [NULL, {"type": "string", "pattern": round_blanks("")}, {"type": "array", "maxItems": 0}],
    }
    speaker = definitions["SpeakerInput"]
    _loosen(schema, MEANT, "#")
    _loosen(speaker, MEANT_OF_SPEAKER, "#/$defs/SpeakerInput")
    _take_one_for_a_list(schema["properties"])
    speaker["allOf"] = [_any_sent("audio", MEANT_OF_SPEAKER)]
    scene = definitions["SceneInput"]
    _loosen(scene, MEANT_OF_SCENE, "#/$defs/SceneInput")
    scene["allOf"] = [_any_sent("at", MEANT_OF_SCENE)]
    scene["anyOf"] = [_any_sent(name, MEANT_OF_SCENE) for name in ("prompt", "image_url")]
    del speaker["required"], scene["required"]
    return {
        **schema,
        "$defs": definitions,
        "title": "talking-video worker: input",
        "required": [],
        "oneOf": [_any_sent("audio_urls"), _any_sent("speakers")],
        "allOf": [
            {"oneOf": [_any_sent("image_url"), _any_sent("video_url")]},
            {"not": {"allOf": [_any_sent("upload_url"), _any_sent("output_key")]}},
            {"not": {"allOf": [_any_sent("resolution"), {"anyOf": [_any_sent("width"), _any_sent("height")]}]}},
            *(_with_scheduler(name, "steps", steps) for name, steps in FIXED_STEPS.items()),
            _with_scheduler("flowmatch_distill", "use_speed_lora", True),
            _without_video("mode", [mode for mode in get_args(Mode) if mode not in DUBBING_MODES]),
            _without_motion("scheduler", {"enum": list(BLIND_SCHEDULERS)}),
            _without_motion("steps", {"type": "integer", "maximum": FEWEST_STEPS - 1}),
            _without_lora_in_preset("flowmatch_distill"),
        ],
    }


def _loosen(schema: Schema, meant: dict[str, str], where: str) -> None:
    """Let every field be null or written otherwise, and have its other names. `where` the schema is, as a pointer."""
    for name, field in schema["properties"].items():
        outer = {key: field.pop(key) for key in ("title", "default", "description") if key in field}
        branches = field["anyOf"] if set(field) == {"anyOf"} else [field]
        if name in ("image_url", "video_url", "audio"):
            branches = [SOURCE]
            outer = {key: outer[key] for key in ("title", "description") if key in outer and outer["title"] != "Audio"}
        ways = [way for branch in branches if branch != NULL for way in _ways(branch, name)]
        schema["properties"][name] = {**outer, "anyOf": [*ways, UNSET]}
    schema["patternProperties"] = {
        _pattern(_other_names(field, meant)): {"$ref": f"{where}/properties/{field}"}
        for field in dict.fromkeys(meant.values())
    }


def _other_names(field: str, meant: dict[str, str]) -> list[str]:
    return sorted(name for name, target in meant.items() if target == field)


def _ways(branch: Schema, name: str) -> list[Schema]:
    """A branch of a field's schema, and the other spellings that it has."""
    kind = branch.get("type")
    if branch.get("prefixItems"):
        return [{**branch, "prefixItems": [{"anyOf": _ways(item, "")} for item in branch["prefixItems"]]}]
    if kind == "array":
        return [{**branch, "items": SOURCE if name == "audio_urls" else branch["items"]}]
    if kind == "boolean":
        return [branch, {"enum": [0, 1]}, _text("|".join(spelled(word) for word in (*YES, *NO)))]
    if kind in TEXTS:
        return [branch, {"type": "string", "pattern": TEXTS[str(kind)]}]
    if "enum" in branch or "const" in branch:
        words = [word for word in branch.get("enum", [branch.get("const")]) if isinstance(word, str)]
        more = SYNONYMS.get(name, ()) if name != "region" or set(words) == set(get_args(NamedRegion)) else ()
        return [branch, _text("|".join(spelled(word) for word in (*words, *more)))]
    return [branch]


def _without_video(name: str, values: list[str]) -> Schema:
    """No video beside these values of another field, as far as they are sent as plain JSON under its own name."""
    sent = {"required": [name], "properties": {name: {"enum": values}}}
    return {"not": {"allOf": [sent, _any_sent("video_url")]}}


def _without_motion(name: str, values: Schema) -> Schema:
    """No motion to follow beside these values of another field, as far as all is sent as plain JSON."""
    strong = {"anyOf": [UNSET, {"type": "number", "exclusiveMinimum": 0}]}
    properties = {"follow": {"const": "motion"}, "motion_strength": strong, name: values}
    return {"not": {"allOf": [{"required": ["follow", name], "properties": properties}, _any_sent("video_url")]}}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": round_blanks(pattern)}


def _take_one_for_a_list(properties: dict[str, Schema]) -> None:
    """One voice may come without its list."""
    properties["audio_urls"]["anyOf"].insert(1, SOURCE)
    speaker = {"anyOf": [{"$ref": "#/$defs/SpeakerInput"}, SOURCE]}
    properties["speakers"]["anyOf"][0]["items"] = speaker
    properties["speakers"]["anyOf"].insert(1, speaker)
    properties["scenes"]["anyOf"].insert(1, {"$ref": "#/$defs/SceneInput"})


def _any_sent(field: str, meant: dict[str, str] = MEANT) -> Schema:
    """Not every one of the field's names is absent, null or empty."""
    return {"not": {"patternProperties": {_pattern([field, *_other_names(field, meant)]): UNSET}}}


def _pattern(names: list[str]) -> str:
    return f"^({'|'.join(names)})$"


def _with_scheduler(name: str, field: str, value: object) -> Schema:
    """What a scheduler needs of another field, as far as it is sent as plain JSON under its own name."""
    same = [value, 1] if value is True else [value]
    return {
        "if": {"required": ["scheduler"], "properties": {"scheduler": {"const": name}}},
        "then": {"properties": {field: {"anyOf": [{"enum": same}, {"type": ["string", "null", "array"]}]}}},
    }


def _without_lora_in_preset(scheduler: str) -> Schema:
    """A preset without the speed LoRA takes a scheduler that needs it only where the LoRA is asked for by name."""
    without = [name for name, preset in PRESETS.items() if not preset.use_speed_lora]
    return {
        "if": {
            "required": ["scheduler", "quality"],
            "properties": {"scheduler": {"const": scheduler}, "quality": {"enum": without}},
        },
        "then": _any_sent("use_speed_lora"),
    }
