"""Sources that need no network: data: URIs, and files below the input roots."""

import base64
import binascii
import os
import re
import stat
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from contract.errors import WorkerError
from sources.places import refused
from sources.transfer import too_large

CHUNK_BYTES = 1 << 16
BLANKS = b" \t\r\n\f\v"
OTHER_ALPHABET = b"-_+/"
URLSAFE = bytes.maketrans(b"-_", b"+/")
LIKE_A_HOST = re.compile(r"(//)?([a-z0-9-]+\.)+[a-z]{2,24}(:[0-9]+)?/", re.IGNORECASE)
LIKE_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{60,}={0,2}")
# Opening must not wait for the other end of a pipe, nor follow a link that was put there a moment ago.
SAFE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


def data_pieces(source: str) -> Iterator[bytes]:
    """The bytes of a data: URI, a piece at a time.

    Raises:
        WorkerError: SOURCE_REFUSED for a URI without a comma or with broken base64.
    """
    head, comma, body = source.partition(",")
    if not comma:
        raise refused("A data: URI needs a comma before its data")
    marks = [mark.strip().lower() for mark in head.partition(":")[2].split(";")]
    yield from _unquoted(body) if "base64" not in marks else _decoded(_unquoted(body))


def _decoded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Undo base64 as browsers do: blanks and line breaks mean nothing, padding may be missing, "-_" are "+/".

    Raises:
        WorkerError: SOURCE_REFUSED for other characters, both alphabets in one text, or an end within a byte.
    """
    rest, padding, alphabets = b"", 0, set[int]()
    for piece in pieces:
        text = piece.translate(None, BLANKS)
        plain = text.rstrip(b"=")
        if b"=" in plain or (plain and padding):
            raise refused("A data: URI has base64 that goes on after its end")
        padding += len(text) - len(plain)
        alphabets |= {OTHER_ALPHABET.index(sign) // 2 for sign in OTHER_ALPHABET if sign in plain}
        rest += plain.translate(URLSAFE)
        whole = len(rest) // 4 * 4
        yield _bytes_of(rest[:whole])
        rest = rest[whole:]
    if len(alphabets) > 1 or len(rest) == 1 or padding > -len(rest) % 4:
        raise refused("A data: URI has broken base64: it was cut, or two texts were joined")
    yield _bytes_of(rest + b"=" * (-len(rest) % 4))


def _bytes_of(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise refused("A data: URI has broken base64: characters that base64 does not have") from error


def _unquoted(body: str) -> Iterator[bytes]:
    """Undo the percent signs piece by piece: all at once takes many times the memory of the text."""
    begin = 0
    while begin < len(body):
        end = begin + CHUNK_BYTES
        sign = body.rfind("%", end - 2, end)
        if sign != -1:
            end = sign  # not between a sign and its digits
        try:
            yield urllib.parse.unquote_to_bytes(body[begin:end])
        except UnicodeError as error:
            raise refused("A data: URI has characters that are none") from error
        begin = end


def no_such_file(source: str) -> WorkerError:
    """SOURCE_REFUSED for a path that no root has."""
    return refused(f"A path must name an existing file below an input root of this worker{_meant(source)}")


def file_pieces(source: str, roots: tuple[Path, ...], most: int) -> Iterator[bytes]:
    """The bytes of a regular file below a root, a piece at a time; of one that grows, one piece more than `most`.

    Links are followed as long as they stay below the root. The file that was checked is the file that is read.

    Raises:
        WorkerError: SOURCE_REFUSED where there is no such file, SOURCE_TOO_LARGE.
    """
    for root in roots:
        found = _open_below(source, root)
        if found is not None:
            break
    else:
        raise no_such_file(source)
    with os.fdopen(found, "rb") as file:
        if os.fstat(found).st_size > most:
            raise too_large(most)
        given = 0
        while given <= most and (piece := file.read(CHUNK_BYTES)):
            given += len(piece)
            yield piece


def _meant(path: str) -> str:
    """What the caller of a path that leads nowhere may have meant, as the end of a sentence."""
    if LIKE_A_HOST.match(path):
        return "; did you forget https:// in front of it?"
    if LIKE_BASE64.fullmatch(path):
        return "; if it is base64, put data:;base64, in front of it"
    return "; a file of your own comes as an https:// address or a data: URI"


def _open_below(source: str, root: Path) -> int | None:
    """Open what `source` names below `root`, folder by folder without following links; None unless a regular file."""
    with ExitStack() as opened:
        try:
            home = os.path.realpath(root)
            parts = Path(os.path.realpath(Path(home) / source)).relative_to(home).parts
            if not parts:
                return None
            folder = os.open(home, SAFE | os.O_DIRECTORY)
            opened.callback(os.close, folder)
            for part in parts[:-1]:
                folder = os.open(part, SAFE | os.O_DIRECTORY, dir_fd=folder)
                opened.callback(os.close, folder)
            if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
                return None  # opening some devices does something already
            file = os.open(parts[-1], SAFE, dir_fd=folder)
        except (OSError, ValueError):
            return None
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
        return None
