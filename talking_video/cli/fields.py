"""An option for every field of a request, from the schema."""

import functools
import inspect
import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from talking_video.errors import RequestError
from talking_video.schema import Field, fields

PANEL = "Fields of the request"
POSITIONAL = ("image_url", "audio_urls")  # named by what stands first on the command line
PREFIX = "field_"
SET = "set_fields"


def with_fields(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options; its argument `fields` gets the ones that were given, by their names."""
    signature = inspect.signature(command, eval_str=True)
    own = [one for one in signature.parameters.values() if one.name != "fields"]
    taken = {name for one in own for name in getattr(_option_of(one), "param_decls", None) or ()}
    taken |= {f"--{one.name.replace('_', '-')}" for one in own}
    added = [_parameter(one) for one in fields() if one.name not in POSITIONAL and _flag(one) not in taken]
    added.append(_set_parameter())

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        found = {}
        for name in [name for name in given if name.startswith(PREFIX)]:
            value = given.pop(name)
            if value is not None:
                found[name.removeprefix(PREFIX)] = read_value(value)
        for text in given.pop(SET) or ():
            name, value = split_pair(text)
            found[name] = read_value(value)
        command(**given, fields=found)

    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in [*own, *added]]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped


def read_value(text: str) -> Any:
    """Lists and objects are JSON; everything else goes as text, which the worker reads.

    Raises:
        RequestError: what begins like JSON and is none.
    """
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise RequestError(f"{text[:60]!r} begins like JSON, and is none: {error}") from error


def split_pair(text: str) -> tuple[str, str]:
    """NAME=VALUE. Raises RequestError."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise RequestError(f"{text!r} is not NAME=VALUE")
    return name.strip().replace("-", "_"), value


def _flag(field: Field) -> str:
    return f"--{field.name.replace('_', '-')}"


def _option_of(parameter: inspect.Parameter) -> Any:
    metadata = getattr(parameter.annotation, "__metadata__", ())
    return next(iter(metadata), None)


def _parameter(field: Field) -> inspect.Parameter:
    option = typer.Option(
        _flag(field), help=field.meaning, metavar=field.kind, rich_help_panel=PANEL, show_default=False
    )
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(f"{PREFIX}{field.name}", kind, default=None, annotation=Annotated[str | None, option])


def _set_parameter() -> inspect.Parameter:
    option = typer.Option(
        "--set", help="a field by any name that the worker takes", metavar="NAME=VALUE", rich_help_panel=PANEL
    )
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(SET, kind, default=None, annotation=Annotated[list[str] | None, option])
