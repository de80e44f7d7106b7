"""What a file that is to be dubbed is, told by its first bytes: its demuxer, or what it is instead.

As with sound (`media.kinds`), nothing that can name other files or addresses gets to ffmpeg.
"""

from pathlib import Path

from contract.errors import ErrorCode, WorkerError
from media.kinds import HEAD_BYTES, PICTURES, STILL_BRANDS, demuxer_of, hint_of, name_of

FILMS = "MP4, MOV, WebM, MKV, AVI or MPEG-TS"
# Old QuickTime files begin with another box.
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
PACKET_BYTES = (188, 192)  # of a transport stream, and of one that a camcorder wrote, with four bytes before each
SYNC = 0x47


def film_demuxer(source: Path) -> str:
    """The ffmpeg demuxer for a video.

    Raises:
        WorkerError: VIDEO_INVALID, with the name of what the file is instead, and where to send that.
    """
    with source.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head[4:8] in BOXES and head[8:12] not in STILL_BRANDS:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if _is_transport_stream(head):
        return "mpegts"
    raise no_film(head)


def _is_transport_stream(head: bytes) -> bool:
    first = ((size, size - PACKET_BYTES[0]) for size in PACKET_BYTES)
    return any(len(head) > place + size and head[place] == head[place + size] == SYNC for size, place in first)


def no_film(head: bytes) -> WorkerError:
    """The refusal of a video that begins with `head`."""
    name = name_of(head)
    message = f"The video is not a {FILMS} file: it is {hint_of(name)}"
    if name.endswith(" picture"):
        message += f"; send a {PICTURES} picture as image_url"
    elif demuxer_of(head):
        message += "; send sound in audio_urls"
    return WorkerError(ErrorCode.VIDEO_INVALID, message)
