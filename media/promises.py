"""What a file says of its own length, where ffmpeg does not pass it on: it takes a cut file for a short one.

Layouts from Apple's Core Audio Format Specification, Microsoft's ASF Specification (File Properties Object), ISO
14496-12 (boxes) and RFC 3533 (pages of an Ogg file).
"""

import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

from media.kinds import ASF_HEADER
from media.wav import present_share

FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_HEADER_BYTES = 1 << 16
AMR_HEADER = b"#!AMR"
MOST_BYTES = 1 << 40
MOST_PARTS = 4096
PAGE_BYTES = 65_307  # the largest page of an Ogg file
PAGE_HEAD = 27


def promised_end(source: Path, demuxer: str, came: float) -> float | None:
    """The length in seconds that a WAV, CAF or ASF file tells, given the `came` seconds that all of its bytes gave.

    None where it tells none.
    """
    if demuxer == "asf":
        return _asf_seconds(source)
    share = {"wav": present_share, "caf": _caf_share}.get(demuxer)
    return came / share(source) if share else None


def breaks_off(source: Path) -> bool:
    """Whether the last page of an Ogg file is not all there."""
    with source.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - PAGE_BYTES))
        tail = file.read()
    place = tail.rfind(b"OggS")
    if place < 0:
        return False
    table = tail[place + PAGE_HEAD :][: tail[place + PAGE_HEAD - 1]] if place + PAGE_HEAD <= len(tail) else b""
    return place + PAGE_HEAD + len(table) + sum(table) > len(tail) or place + PAGE_HEAD > len(tail)


def files_in_a_row(source: Path, demuxer: str) -> str | None:
    """The kind of file of which a second one stands behind the first, whose end is all that a reader looks for; None
    where there is no such one. The parts of a fragmented MP4 are no files."""
    kind, has_second = ROWS.get(demuxer, ("", None))
    return kind if has_second and has_second(source) else None


def _second_mp4(source: Path) -> bool:
    indexes = 0
    with source.open("rb") as file:
        for _ in range(MOST_PARTS):
            head = file.read(16)
            if len(head) < 8 or head[4:8] == b"moof":
                break
            indexes += head[4:8] == b"moov"
            size = int.from_bytes(head[:4], "big")
            size, read = (int.from_bytes(head[8:], "big"), 16) if size == 1 else (size, 8)
            if size < read:
                break
            file.seek(size - len(head), os.SEEK_CUR)
    return indexes > 1


def _second_aiff(source: Path) -> bool:
    with source.open("rb") as file:
        size = int.from_bytes(file.read(8)[4:], "big")
        file.seek(8 + size + (size & 1))
        head = file.read(12)
    return head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC")


def _second_caf(source: Path) -> bool:
    with source.open("rb") as file:
        place = 8
        for _ in range(MOST_PARTS):
            name, length = _caf_chunk(file, place)
            if name == b"caff" or length < 0:
                return name == b"caff"
            place += 12 + length
    return False


def _second_asf(source: Path) -> bool:
    headers, place = 0, 0
    with source.open("rb") as file:
        for _ in range(MOST_PARTS):
            head = file.read(24)
            headers += head[:16] == ASF_HEADER
            size = int.from_bytes(head[16:], "little")
            if size < 24 or place + size > MOST_BYTES:
                break
            place += size
            file.seek(place)
    return headers > 1


def _second_amr(source: Path) -> bool:
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(AMR_HEADER, len(AMR_HEADER)) > 0


ROWS: dict[str, tuple[str, Callable[[Path], bool]]] = {
    "mov": ("MP4", _second_mp4),
    "aiff": ("AIFF", _second_aiff),
    "caf": ("CAF", _second_caf),
    "asf": ("WMA", _second_asf),
    "amr": ("AMR", _second_amr),
}


def _caf_share(source: Path) -> float:
    """How much of its sound a CAF file has: less than 1 where it is cut short."""
    size = source.stat().st_size
    with source.open("rb") as file:
        place = 8
        for _ in range(MOST_PARTS):
            name, length = _caf_chunk(file, place)
            if name == b"data" and length > 4:
                return max(1, min(length, size - place - 12)) / length
            if length < 0:
                break
            place += 12 + length
    return 1.0


def _caf_chunk(file: IO[bytes], place: int) -> tuple[bytes, int]:
    if place > MOST_BYTES:
        return b"", -1
    file.seek(place)
    head = file.read(12)
    return (head[:4], int.from_bytes(head[4:], "big", signed=True)) if len(head) == 12 else (b"", -1)


def _asf_seconds(source: Path) -> float | None:
    with source.open("rb") as file:
        head = file.read(ASF_HEADER_BYTES)
    place = head.find(FILE_PROPERTIES)
    if place < 0 or len(head) < place + 92:
        return None
    played, _, preroll, flags = struct.unpack_from("<QQQI", head, place + 64)
    live = bool(flags & 1)
    return None if live or not played else max(0.0, played / 1e7 - preroll / 1e3)
