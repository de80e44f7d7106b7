"""The mark of a finished MP4: XMP where other tools look for it, and not a sample moved."""

import struct
import subprocess
import uuid
from pathlib import Path
from xml.etree import ElementTree

import pytest

from media.boxes import UnexpectedFileError, insert_before_media
from media.mark import DIGITAL_SOURCE_TYPE, add_xmp
from tests.media.media_sounds import ffmpeg

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
FAMILY = "WAN 2.1 & <more>"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of moving picture and sound."""
    path = tmp_path_factory.mktemp("mark") / "plain.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=s=64x64:d=1:r=25", "-f", "lavfi", "-i", "sine=d=1"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    ffmpeg("-loglevel", "error", *source, *codecs, "-movflags", "+faststart", str(path))
    return path


def boxes(path: Path) -> list[tuple[str, bytes]]:
    """Name and content of each box of a file, in order."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        found.append((name.decode(), data[at + 8 : at + size]))
        at += size
    assert at == len(data)
    return found


def samples(path: Path) -> str:
    """A digest of every decoded picture and sample; what ffmpeg complains of fails the test."""
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", str(path), "-f", "md5", "-"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_xmp_stands_where_it_belongs_and_every_sample_is_as_it_was(plain: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked.mp4"
    add_xmp(plain, marked, FAMILY)
    names = [name for name, _ in boxes(marked)]
    assert names.index("moov") < names.index("uuid") < names.index("mdat"), "read by who reads the head alone"
    (content,) = [content for name, content in boxes(marked) if name == "uuid"]
    assert uuid.UUID(bytes=content[:16]) == uuid.UUID("BE7ACFCB-97A9-42E8-9C71-999491E3AFAC")
    packet = content[16:].decode("utf-8")
    assert packet.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    tree = ElementTree.fromstring(packet)  # noqa: S314 - our own
    assert [one.text for one in tree.iter(f"{IPTC}DigitalSourceType")] == [DIGITAL_SOURCE_TYPE]
    assert [one.text for one in tree.iter(f"{IPTC}AISystemUsed")] == [FAMILY]
    assert samples(marked) == samples(plain)
    added = len(content) + 8
    assert marked.stat().st_size == plain.stat().st_size + added


def test_places_of_eight_bytes_are_counted_anew_too(plain: Path, tmp_path: Path) -> None:
    """Of files beyond 4 GB, whose index has `co64` boxes: here a small one with such an index."""
    wide, marked = tmp_path / "wide.mp4", tmp_path / "marked.mp4"
    wide.write_bytes(_with_wide_places(plain.read_bytes()))
    assert samples(wide) == samples(plain)
    insert_before_media(wide, marked, struct.pack(">I4s", 24, b"free") + bytes(16))
    assert b"co64" in marked.read_bytes()
    assert samples(marked) == samples(plain)


def _with_wide_places(data: bytes) -> bytes:
    grows = 4 * sum(struct.unpack_from(">I", data, at + 8)[0] for at in _all(data, b"stco"))

    def widen(part: bytes) -> bytes:
        out, at = b"", 0
        while at < len(part):
            size, name = struct.unpack_from(">I4s", part, at)
            inside = part[at + 8 : at + size]
            if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
                inside = widen(inside)
            elif name == b"stco":
                count = struct.unpack_from(">I", inside, 4)[0]
                places = struct.unpack_from(f">{count}I", inside, 8)
                name, inside = b"co64", inside[:8] + struct.pack(f">{count}Q", *(place + grows for place in places))
            out += struct.pack(">I4s", len(inside) + 8, name) + inside
            at += size
        return out

    return widen(data)


def _all(data: bytes, name: bytes) -> list[int]:
    found, at = [], data.find(name)
    while at >= 0:
        found.append(at)
        at = data.find(name, at + 1)
    return found


@pytest.mark.parametrize("cut", [0, 4, 40, 700])
def test_another_kind_of_file_is_told_and_not_written_wrongly(cut: int, plain: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(plain.read_bytes()[:cut])
    with pytest.raises(UnexpectedFileError):
        add_xmp(broken, tmp_path / "marked.mp4", FAMILY)


def test_an_index_behind_the_media_is_told(plain: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    ffmpeg("-loglevel", "error", "-i", str(plain), "-c", "copy", str(late))
    with pytest.raises(UnexpectedFileError, match="not in front"):
        add_xmp(late, tmp_path / "marked.mp4", FAMILY)
