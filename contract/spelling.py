"""Values as callers write them where they can mean one thing only: numbers and booleans as text, choices in another
spelling, blanks round a text. What could mean two things stays as it is, and is refused by the field's own type.

Each reading is a plain pattern, so that the published JSON Schema takes what is taken here.
"""

import re
from collections.abc import Callable, Iterable

# Blanks that copying and pasting leaves round a text: of ASCII, no-break and other spaces, zero-width characters, byte
# order marks and marks of direction.
BLANK_RANGES = "\t\n\r \xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u2066-\u2069\u3000\ufeff"
BLANK = f"[{BLANK_RANGES}]*"
BLANKS = "".join(re.findall(f"[{BLANK_RANGES}]", "".join(map(chr, range(0x10000)))))
EXACT_FLOATS = 2**53
WHOLE = r"[+-]?[0-9]{1,40}([.]0{1,40})?"
FRACTION = r"[+-]?([0-9]{1,40}([.][0-9]{1,40})?|[.][0-9]{1,40})([eE][+-]?[0-9]{1,3})?"
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def trimmed(text: str) -> str:
    """The text without the blanks round it."""
    return text.strip(BLANKS)


def empty(value: object) -> bool:
    """Whether a value counts as not sent: null, a text of blanks alone, or a list without items, as forms send them."""
    return (
        value is None
        or (isinstance(value, list | tuple) and not value)
        or (isinstance(value, str) and not trimmed(value))
    )


def round_blanks(pattern: str) -> str:
    """A pattern for a whole text that may have blanks round it."""
    return f"^{BLANK}({pattern}){BLANK}$"


def spelled(word: str) -> str:
    """The pattern of a word in capitals or not, its parts joined by a dash, a slash, a low line, a blank or nothing;
    a plus may be a p, as in ComfyUI's dpmpp."""
    letters = [f"[{c.lower()}{c.upper()}]" if c.isalpha() else f"[{c}]" for c in word if c not in "-_/ "]
    return "[-_/ ]?".join(letters).replace("[+]", "[+pP]")


def whole(value: object) -> object:
    """An integer from `25.0`, as some clients write it, or from its digits as text.

    Raises:
        ValueError: a number with a point that is too large to be exact.
    """
    if isinstance(value, str) and re.fullmatch(WHOLE, trimmed(value)):
        return int(trimmed(value).partition(".")[0])
    if not isinstance(value, float) or not value.is_integer():
        return value
    if abs(value) > EXACT_FLOATS:
        raise ValueError("send an integer without point or exponent: so large, such a number is not exact")
    return int(value)


def number(value: object) -> object:
    """A number from its digits as text, with a point and not with a comma."""
    return float(trimmed(value)) if isinstance(value, str) and re.fullmatch(FRACTION, trimmed(value)) else value


def boolean(value: object) -> object:
    """A boolean from 0 and 1, or from true, false, yes, no, on, off, 0 and 1 as text."""
    if isinstance(value, str):
        text = trimmed(value)
        word = text.lower() if text.isascii() else ""
        return True if word in YES else False if word in NO else value
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else value


def choice(words: Iterable[str], **synonyms: str) -> Callable[[object], object]:
    """Reads one of `words`, or of the `synonyms` of some, in another spelling."""
    meant = {**{word: word for word in words}, **synonyms}
    patterns = [(word, re.compile(spelled(name))) for name, word in meant.items()]

    def read(value: object) -> object:
        text = trimmed(value) if isinstance(value, str) else ""
        return next((word for word, pattern in patterns if pattern.fullmatch(text)), value)

    return read
