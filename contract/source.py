"""How a caller names a picture, a voice, or the place of the result: addresses, data: URIs, base64 and paths.

What comes out is a URL, a data: URI or a path, without the blanks round it; base64 alone becomes a data: URI.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from contract.spelling import BLANK, BLANK_RANGES, round_blanks, trimmed

SOURCE_MAX_CHARS = 8192
PATH_MAX_CHARS = 4096  # PATH_MAX of Linux: what is longer and has no scheme is no path
SHORTEST_BASE64 = 60
LONGEST_SCHEME = 40
ESCAPED = "&amp;"
UNFILLED = "a variable was empty, or a template not filled, where this request was made"
ALONE = "send the address alone, as text that begins with https://, http:// or data:, without quotes or brackets"
SEVERAL = "send one address here, not several in one text: in a list each is an item of its own"
FORGOTTEN = "did you forget https:// in front of it?"
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_HOST_AND_PORT = re.compile(r"^[A-Za-z0-9.-]+:[0-9]{1,5}(/|$)")
_WWW = re.compile(r"^(//)?[Ww][Ww][Ww][.]|^//[A-Za-z0-9-]+[.]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_BLANKS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_HEADLESS = re.compile(r"^([A-Za-z]+/[A-Za-z0-9.+-]+(;[^;,]{1,80}){0,4};)?[Bb][Aa][Ss][Ee]64,")
# What a program writes for a variable that was empty, and a template that nobody filled.
_UNFILLED = re.compile(r"^(null|undefined|None|NaN|[\x5b]object [A-Za-z]+[\x5d])$|^([{][{]|[$][{])")
# Quotes, brackets or a list round an address, an address without its colon or escaped, bytes as Python prints them.
_WRAPPED = re.compile(r"^[\x22'<({!\x5b].*(://|[Dd][Aa][Tt][Aa]:)|^[bB][\x22']|^[Hh][Tt][Tt][Pp][Ss]?(//|%3[Aa])")
_SEVERAL = re.compile(r"^[^?]*[,;| \t\r\n][Hh][Tt][Tt][Pp][Ss]?://")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-][A-Za-z0-9+/_ \t\r\n-]*={0,2}")
# The first characters of base64 of a JPEG, PNG, RIFF (WAV, WebP), RF64, GIF, BMP, TIFF (two), Ogg, FLAC, ID3, MPEG or
# ADTS frame, ISO media (M4A, HEIC, AVIF), Matroska, AIFF, CAF, AMR and ASF file.
_MEDIA = re.compile(
    "^(/9j/|iVBORw0KGgo|UklGR|UkY2N|R0lGOD|Qk[0-3].{5}AAAA|SUkqA|TU0AK|T2dnU|ZkxhQ|SUQz|//[E-Pk-v]|AAAA.{3}Z0eX|"
    "GkXfo|Rk9ST|Y2FmZ|IyFBTVI|MCayd)"
)
_UPLOAD_URL = re.compile(rf"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#{BLANK_RANGES}\x00-\x20\x7f][^\x00-\x20\x7f]*$")


def read_source(value: str) -> str:
    """The source as the rest of the worker takes it.

    Raises:
        ValueError: it is none; says what to send.
    """
    text = trimmed(value)
    scheme = _SCHEME.match(text)
    named = scheme[1].lower() if scheme else ""
    if not text:
        raise ValueError("it is empty; send an https:// URL, a data: URI or a path")
    if named == "data":
        if _CONTROL_BUT_BLANKS.search(text):
            raise ValueError("a data: URI has no control characters but line breaks and tabs")
        return text
    if not scheme and (found := _without_head(text)):
        return found
    for pattern, words in ((_WWW, FORGOTTEN), (_UNFILLED, UNFILLED), (_WRAPPED, ALONE), (_SEVERAL, SEVERAL)):
        if pattern.search(text):
            raise ValueError(words)
    if scheme and named not in ("http", "https"):
        raise ValueError(_no_source(text, scheme[1]))
    if len(value) > SOURCE_MAX_CHARS:
        raise ValueError(_too_long(scheme is not None))
    if _CONTROL.search(text):
        raise ValueError("a source has no control characters; percent-encode them")
    return text


def _without_head(text: str) -> str | None:
    """The data: URI of base64 that came without the beginning of one, or None."""
    if head := _HEADLESS.match(text):
        return f"data:{'' if head[1] else ';'}{text}"
    if len(text) < SHORTEST_BASE64 or not (len(text) > PATH_MAX_CHARS or _MEDIA.match(text)):
        return None
    return f"data:;base64,{text}" if _BASE64.fullmatch(text) else None


def _no_source(text: str, scheme: str) -> str:
    if "." in scheme or _HOST_AND_PORT.match(text):
        return FORGOTTEN
    called = scheme[:LONGEST_SCHEME]
    if len(scheme) == 1 or scheme.lower() in ("file", "blob", "content", "ph", "assets-library"):
        return (
            f"'{called}:' is not a source: this worker cannot see files of your machine; send an https:// or http:// "
            "URL, the file itself as a data: URI, or a path of the worker"
        )
    presigned = "a presigned " if scheme.lower() in ("s3", "gs", "r2") else "an "
    return f"'{called}:' is not a source; send {presigned}https:// or http:// URL, a data: URI or a path"


def _too_long(is_url: bool) -> str:
    text = f"a URL or path has at most {SOURCE_MAX_CHARS} characters"
    if is_url:
        return text
    return f"{text}; if this is base64, it has characters that base64 has not"


# The schema says what the checks do, in the plain patterns that every JSON Schema validator knows: without
# look-arounds and flags.
Source = Annotated[
    str,
    Field(
        description="https:// or http:// URL, data: URI (or its base64 alone), or path below a configured input root",
        json_schema_extra={
            "anyOf": [
                {"pattern": rf"^{BLANK}[Dd][Aa][Tt][Aa]:[^\x00-\x08\x0e-\x1f\x7f]*$"},
                {
                    "pattern": rf"^{BLANK}[Hh][Tt][Tt][Pp][Ss]?:[^\x00-\x1f\x7f]*{BLANK}$",
                    "maxLength": SOURCE_MAX_CHARS,
                    "not": {"pattern": f"^{BLANK}{_SEVERAL.pattern[1:]}"},
                },
                {"pattern": f"^{BLANK}{_HEADLESS.pattern[1:]}"},
                {
                    "pattern": round_blanks(_BASE64.pattern),
                    "anyOf": [
                        {"minLength": PATH_MAX_CHARS + 1},
                        {"minLength": SHORTEST_BASE64, "pattern": f"^{BLANK}{_MEDIA.pattern[1:]}"},
                    ],
                },
                {
                    "pattern": rf"^{BLANK}[^{BLANK_RANGES}\x00-\x1f\x7f][^\x00-\x1f\x7f]*{BLANK}$",
                    "maxLength": SOURCE_MAX_CHARS,
                    "not": {
                        "anyOf": [
                            {"pattern": f"^{BLANK}{_SCHEME.pattern[1:]}"},
                            {"pattern": f"^{BLANK}(//)?[Ww][Ww][Ww][.]"},
                            {"pattern": f"^{BLANK}//[A-Za-z0-9-]+[.]"},
                            {"pattern": round_blanks(r"null|undefined|None|NaN|[\x5b]object [A-Za-z]+[\x5d]")},
                            {"pattern": f"^{BLANK}([{{][{{]|[$][{{])"},
                            {"pattern": f"^{BLANK}({_WRAPPED.pattern.replace('^', '')})"},
                            {"pattern": f"^{BLANK}{_SEVERAL.pattern[1:]}"},
                        ]
                    },
                },
            ],
        },
    ),
    AfterValidator(read_source),
]


def read_upload_url(value: str) -> str:
    """The address without the blanks round it.

    Raises:
        ValueError: it is no http(s) URL.
    """
    text = trimmed(value)
    if _WWW.search(text) or (_HOST_AND_PORT.match(text) and not _UPLOAD_URL.search(text)):
        raise ValueError(FORGOTTEN)
    if ESCAPED in text:
        raise ValueError(f"it was escaped for HTML: send & where it has {ESCAPED}")
    if not _UPLOAD_URL.fullmatch(text):
        raise ValueError("an upload_url is an https:// or http:// URL, without blanks or control characters")
    return text


UploadUrl = Annotated[
    str,
    Field(
        max_length=SOURCE_MAX_CHARS,
        json_schema_extra={"pattern": round_blanks(_UPLOAD_URL.pattern[1:-1]), "not": {"pattern": ESCAPED}},
    ),
    AfterValidator(read_upload_url),
]
