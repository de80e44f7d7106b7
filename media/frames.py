"""Sound that is a row of frames and nothing else (MP3, AAC in ADTS): how much of it there is, and how much is missing.

ffmpeg steps over what is no frame without a word, and the sound behind it comes early. The layouts are those of
ISO 11172-3 and 13818-7, and of the Xing and VBRI headers that encoders write in the first frame of an MP3.
"""

import mmap
import re
from dataclasses import dataclass
from pathlib import Path

SYNC = re.compile(rb"\xff[\xe0-\xff]")
PROOF = 3  # frames in a row that make it sure that these are frames
MPEG_RATES = (44_100, 48_000, 32_000)
MPEG_KBITS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
ADTS_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
# What may lie between frames and is looked through for the next, in all: any more makes a file hostile.
SEARCHED_BYTES = 1 << 20
TAG_COST = 1 << 10
TAGS_IN_A_ROW = 4
DECODER_DELAY = 529  # samples
TAIL_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")


@dataclass(frozen=True)
class Frame:
    """A frame's header: its bytes, header included, and how long it sounds."""

    kind: str
    size: int
    samples: int
    rate: int


@dataclass(frozen=True)
class Row:
    """Seconds that a file of frames promises, that were found as frames, and that are missing between them; whether
    it ends in the middle of a frame.

    `left_out`: the frames at the beginning that a decoder gives nothing for; `holes`: of what is missing, where there
    is sound behind it: the second at which it begins, in the sound that a decoder would give of the whole file, and
    how long it is.
    """

    promised: float
    found: float
    missing: float
    breaks_off: bool
    frame: float  # seconds of one
    left_out: int = 0
    holes: tuple[tuple[float, float], ...] = ()


def frame_at(data: bytes | mmap.mmap, place: int) -> Frame | None:
    """The frame that begins here, of a kind and size that the standards know; None where none does."""
    head = data[place : place + 7]
    if len(head) < 7 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        size, rate = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5, head[2] >> 2 & 15
        if rate >= len(ADTS_RATES) or size <= 7:
            return None
        return Frame("aac", size, 1024 * ((head[6] & 3) + 1), ADTS_RATES[rate])
    return _mpeg_frame(head)


def _mpeg_frame(head: bytes) -> Frame | None:
    version, layer = {0: 4, 2: 2, 3: 1}.get(head[1] >> 3 & 3), 4 - (head[1] >> 1 & 3)
    kbits, rate = head[2] >> 4, head[2] >> 2 & 3
    if head[1] & 0xE0 != 0xE0 or version is None or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    hertz, padding = MPEG_RATES[rate] // version, head[2] >> 1 & 1
    bits = 1000 * MPEG_KBITS[min(version, 2), layer][kbits]
    if layer == 1:
        return Frame("mp3", (12 * bits // hertz + padding) * 4, 384, hertz)
    samples = 1152 if layer == 2 or version == 1 else 576
    return Frame("mp3", samples // 8 * bits // hertz + padding, samples, hertz)


def first_frame(data: bytes | mmap.mmap, place: int = 0, most_bytes: int = SEARCHED_BYTES) -> tuple[int, Frame] | None:
    """The first place, within `most_bytes` from `place`, where PROOF frames of one kind and rate follow one another,
    and the frame."""
    end = place + most_bytes
    while found := SYNC.search(data, place, end):
        place = found.start()
        if frame := _proved(data, place):
            return place, frame
        place += 1
    return None


def _proved(data: bytes | mmap.mmap, place: int) -> Frame | None:
    first = frame = frame_at(data, place)
    for _ in range(PROOF - 1):
        if frame is None or first is None or (frame.kind, frame.rate) != (first.kind, first.rate):
            return None
        place += frame.size
        frame = frame_at(data, place)
    return first


def measure_row(source: Path, most_seconds: float) -> Row | None:
    """Look at the frames of the first `most_seconds`; None where there is no row, or a too broken one."""
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        begin = first_frame(data, _behind_tag(data, 0))
        if begin is None:
            return None
        place, frame = begin
        told = _told_length(data, place, frame)
        skipped = 0.0 if told is None else _skipped(data, place, frame)
        seconds, size, hole, place = 0.0, 0, 0, place if told is None else place + frame.size
        breaks: list[tuple[float, int]] = []
        cut, left = False, SEARCHED_BYTES
        while seconds < most_seconds and not cut:
            at = frame_at(data, place)
            if at is not None and place + at.size > len(data):
                cut = True
            elif at is not None and at.kind == frame.kind:
                seconds, size, place = seconds + at.samples / at.rate, size + at.size, place + at.size
            elif data[place : place + 3] == b"ID3":
                left, place = left - TAG_COST, _behind_tag(data, place)
            elif found := first_frame(data, place + 1, left):
                breaks.append((seconds, found[0] - place))
                left, hole, place = left - (found[0] - place), hole + found[0] - place, found[0]
            else:
                hole += _blank_end(data, place)
                break
            if left < 0:
                return None
    pace = seconds / size if size else 0.0
    lengths = [_whole_frames(pace * count, frame) for _, count in breaks]
    if len(breaks) == 1 and told is not None and not cut and seconds < most_seconds:
        # Bytes may be gone, too: the header counts the frames.
        lengths = [max(lengths[0], _whole_frames(told - seconds, frame))]
    missing = sum(lengths) + pace * (hole - sum(count for _, count in breaks))
    holes = _holes([before for before, _ in breaks], lengths, skipped)
    promised, length = max(told or 0.0, seconds + missing), frame.samples / frame.rate
    return Row(promised, seconds, missing, cut, length, int(skipped * frame.rate / frame.samples), holes)


def _holes(found_before: list[float], lengths: list[float], skipped: float) -> tuple[tuple[float, float], ...]:
    """Where each begins in the sound that a decoder would give of the whole file, and its length."""
    holes, before = [], -skipped
    for begin, length in zip(found_before, lengths, strict=True):
        holes.append((max(0.0, begin + before), length))
        before += length
    return tuple(holes)


def _behind_tag(data: mmap.mmap, place: int) -> int:
    """Where the ID3v2 tags that begin here, a few at most, end."""
    for _ in range(TAGS_IN_A_ROW):
        if data[place : place + 3] != b"ID3" or len(data) < place + 10:
            break
        size = 0
        for byte in data[place + 6 : place + 10]:
            size = size << 7 | byte & 0x7F
        place += 10 + size
    return place


def _blank_end(data: mmap.mmap, place: int) -> int:
    """The bytes behind the last frame, where they are what a broken download leaves and no tag or other file."""
    tail = data[place:]
    return len(tail) if not tail.startswith(TAIL_TAGS) and tail.count(0) > len(tail) // 2 else 0


def _whole_frames(seconds: float, frame: Frame) -> float:
    """The nearest time that whole frames take, one at least: between two frames nothing else is missing."""
    return max(1, round(seconds * frame.rate / frame.samples)) * frame.samples / frame.rate


def _skipped(data: mmap.mmap, place: int, frame: Frame) -> float:
    """Seconds at the beginning that a decoder leaves out: what the encoder says that it put there, and the decoder's
    own delay. The layout is that of LAME's tag."""
    head = data[place : place + 256]
    xing = max(head.find(b"Xing"), head.find(b"Info"))
    if xing <= 0 or head[xing + 7] & 0xF != 0xF or head[xing + 120 : xing + 124] not in (b"LAME", b"Lavf", b"Lavc"):
        return 0.0
    return ((int.from_bytes(head[xing + 141 : xing + 144], "big") >> 12) + DECODER_DELAY) / frame.rate


def _told_length(data: mmap.mmap, place: int, frame: Frame) -> float | None:
    """The seconds that the Xing or VBRI header in this frame tells of, None where it has none."""
    if frame.kind != "mp3":
        return None
    head = data[place : place + 64]
    xing = next((head.find(mark) for mark in (b"Xing", b"Info", b"VBRI") if head.find(mark) > 0), 0)
    if not xing:
        return None
    vbri = head[xing : xing + 4] == b"VBRI"
    if not vbri and not head[xing + 7] & 1:
        return 0.0
    count = int.from_bytes(head[xing + 14 : xing + 18] if vbri else head[xing + 8 : xing + 12], "big")
    return count * frame.samples / frame.rate
