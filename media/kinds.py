"""What a caller's file is, told by its first bytes: the demuxer for sound, the name of everything else.

A format that can name other files or addresses (a playlist, a concat script, SDP, subtitles) never gets past
this look, so ffmpeg never reads one.
"""

import re
from pathlib import Path

from contract.errors import ErrorCode, WorkerError
from media.frames import first_frame

HEAD_BYTES = 512
FRAMES_BYTES = 1 << 14
SOUND = "WAV, MP3, M4A, AAC, OGG, Opus, FLAC, WebM, AIFF, CAF, AMR or WMA"
PICTURES = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF"
WEB_PAGE = "a web page (HTML)"
TAGS_IN_A_ROW = 4
UNKNOWN = "a file of an unknown kind"
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

# Beginnings of files that have a fixed place for their mark.
MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (8, b"WEBPVP8", "a WebP picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (0, b"II+\0", "a TIFF picture"),
    (0, b"MM\0+", "a TIFF picture"),
    (0, b"IIRO", "a camera's raw picture"),
    (0, b"IIU\0", "a camera's raw picture"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw picture"),
    (0, b"8BPS", "a Photoshop picture"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"qoif", "a QOI picture"),
    (0, b"DDS ", "a DDS picture"),
    (0, b"BM", "a BMP picture"),
    (0, b"RIFX", "a big-endian WAV file"),
    (8, b"WAVE", "a WAV file"),
    (8, b"AVI ", "an AVI film"),
    (0, b"riff.\x91\xcf\x11", "a Wave64 file"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (0, b"ID3", "an MP3 file"),
    (8, b"AIFF", "an AIFF file"),
    (8, b"AIFC", "an AIFF file"),
    (0, b"caff", "a Core Audio file"),
    (0, b".snd", "an AU file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"MThd", "a MIDI file"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"MAC ", "a Monkey's Audio file"),
    (0, b"DSD ", "a DSD file"),
    (0, b"ADIF", "an AAC file in ADIF form"),
    (0, b"\x30\x26\xb2\x75", "a Windows Media file"),
    (0, b"\x47@", "an MPEG transport stream"),
    (0, b"FLV\1", "a Flash film"),
    (0, b"\0\0\1\xba", "an MPEG film"),
    (0, b"\0\0\1\xb3", "an MPEG film"),
    (4, b"moov", "a QuickTime film of an old kind"),
    (4, b"mdat", "a QuickTime film of an old kind"),
    (4, b"wide", "a QuickTime film of an old kind"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
)
# Sound all the same, though of a kind that is not taken.
OTHER_SOUND = (
    *("a big-endian WAV file", "a Wave64 file", "an AU file", "a MIDI file", "a WavPack file", "a Monkey's Audio file"),
    *("a DSD file", "an AAC file in ADIF form"),
)
FILMS = (
    *("an MP4 or M4A file", "a Matroska or WebM file", "an AVI film", "an MPEG transport stream"),
    *("a Flash film", "an MPEG film", "a QuickTime film of an old kind"),
)
# Brands of the ISO base media format that hold no sound.
STILL_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "a HEIC picture"),
    **dict.fromkeys((b"avif", b"avis"), "an AVIF picture"),
    b"crx ": "a camera's raw picture",
    b"jp2 ": "a JPEG 2000 picture",
}
# Text, in lower case, without byte order mark and leading blanks.
TEXTS: tuple[tuple[str, str], ...] = (
    (r"(<!--.*?-->\s*)?(<!doctype html|<(html|head|body|script|title|meta)\b)", WEB_PAGE),
    (r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype svg[^>]*>\s*)?<svg\b", "an SVG picture"),
    (r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(mpd|asx|playlist|smil|smoothstreamingmedia)\b", "a playlist"),
    (r"#extm3u|#ext-x-|#extinf", "a playlist (M3U)"),
    (r"\[playlist\]", "a playlist (PLS)"),
    (r"\[reference\]|asf ", "a playlist (ASX)"),
    (r"ffconcat\b|file\s+['\"/\\a-z]", "a concat script"),
    (r";ffmetadata", "a metadata script"),
    (r"v=0\r?\n", "a session description (SDP)"),
    (r"rtsptext|(https?|rtsp|rtmp|mms|ftp|file|concat|data|subfile|crypto)\s*:", "an address, not what it leads to"),
    (r"webvtt", "subtitles (WebVTT)"),
    (r"\d+\s*\r?\n\d+:\d\d:\d\d[,.]\d+\s*-->", "subtitles (SRT)"),
    (r"\[script info\]|dialogue:", "subtitles (ASS)"),
    (r"\{\d+\}\{\d+\}", "subtitles (MicroDVD)"),
    (r"<sami\b|<tt\b", "subtitles"),
    (r"<\?xml|<[a-z]", "an XML document"),
    (r"[{\[]\s*([\"\]}]|$)", "a JSON document"),
    (r"p[1-6]\s+[\d#]", "a PNM picture"),
    (r"#!", "a script"),
)


def demuxer_of(head: bytes) -> str | None:
    """The ffmpeg demuxer for sound that begins with `head` (16 bytes or more), None for what is not taken."""
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return None if head[8:12] in STILL_BRANDS else "mov"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head.startswith(ASF_HEADER):
        return "asf"
    if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return "amr"
    magic = {b"fLaC": "flac", b"OggS": "ogg", b"\x1a\x45\xdf\xa3": "matroska", b"caff": "caf"}.get(head[:4])
    return magic or _frame_of(head)


def _frame_of(head: bytes) -> str | None:
    """AAC in ADTS frames, or MPEG audio: both begin with eleven set bits and have values that they never use."""
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac" if head[2] >> 2 & 0x0F < 13 else None
    layer, version, rates = head[1] >> 1 & 3, head[1] >> 3 & 3, head[2]
    utf16 = head[1] == 0xFE  # a byte order mark; as a frame it would be layer I with a checksum
    known = layer != 0 and version != 1 and rates >> 4 != 15 and rates >> 2 & 3 != 3
    return "mp3" if known and head[1] & 0xE0 == 0xE0 and not utf16 else None


def sound_demuxer(source: Path) -> str:
    """The demuxer for a file; ID3 tags, which any kind may carry in front, are looked past.

    Raises:
        WorkerError: AUDIO_INVALID, with the name of what the file is instead.
    """
    with source.open("rb") as file:
        head, place = file.read(HEAD_BYTES), 0
        for _ in range(TAGS_IN_A_ROW):
            if head[:3] != b"ID3" or len(head) < 10:
                break
            size = 0
            for byte in head[6:10]:
                size = size << 7 | byte & 0x7F
            place += 10 + size
            file.seek(place)
            head = file.read(HEAD_BYTES)
        if demuxer := demuxer_of(head):
            return demuxer
        name = name_of(head)
        file.seek(place)
        # What is cut out of a stream begins in the middle of a frame.
        if name == UNKNOWN and (found := first_frame(file.read(FRAMES_BYTES))):
            return found[1].kind
    if place and name == UNKNOWN:
        return "mp3"  # padding may follow the tag; the MP3 demuxer looks for its frames and can follow nothing
    untaken = "of a kind that is not taken" if name in OTHER_SOUND else "not audio"
    raise WorkerError(ErrorCode.AUDIO_INVALID, f"{hint_of(name)}, {untaken}; send {SOUND}")


def name_of(head: bytes) -> str:
    """What a file with these first bytes is, for a message: "a GIF picture", "a web page (HTML)", "text", …"""
    if not head:
        return "an empty file"
    if head[4:8] == b"ftyp":
        return STILL_BRANDS.get(head[8:12], "an MP4 or M4A file")
    marked = next((name for place, mark, name in MARKS if head[place : place + len(mark)] == mark), None)
    if marked:
        return marked
    if frame := _frame_of(head):
        return "an AAC file" if frame == "aac" else "an MP3 file"
    text = _text(head)
    return UNKNOWN if text is None else _name_of_text(text.lstrip().lower())


def _name_of_text(begin: str) -> str:
    return next((name for pattern, name in TEXTS if re.match(pattern, begin, re.DOTALL)), "text")


def _text(head: bytes) -> str | None:
    """The head as text, None where it is none: bytes that no text has, or only zeros."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "ignore")
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut; anything else is no UTF-8.
        return head[: error.start].decode("utf-8") if error.start > len(head) - 4 and error.start else None


def not_a_picture(head: bytes) -> WorkerError:
    """The refusal of a portrait that begins with `head`."""
    name = name_of(head)
    message = f"The image is not a {PICTURES} picture: it is {hint_of(name)}"
    if name in FILMS:
        message += "; to dub a video, send it as video_url"
    return WorkerError(ErrorCode.IMAGE_INVALID, message)


def hint_of(name: str) -> str:
    """The name, with what to do about it where that helps."""
    return name + " (a share link leads to a page: send the link of the file itself)" if name == WEB_PAGE else name
