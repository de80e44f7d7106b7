"""Sounds that the hostile ones are made of, and the parts of their files. Seeds are made by ffmpeg."""

import struct
import subprocess
from pathlib import Path

SEEDS = {
    "voice.wav": ("-c:a", "pcm_s16le", "-ar", "8000"),
    "voice.mp3": ("-c:a", "libmp3lame", "-b:a", "64k"),
    "voice.m4a": ("-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart"),
    "voice.aac": ("-c:a", "aac", "-b:a", "64k", "-f", "adts"),
    "voice.ogg": ("-c:a", "libvorbis", "-b:a", "64k"),
    "voice.opus": ("-c:a", "libopus", "-b:a", "64k"),
    "voice.flac": ("-c:a", "flac", "-ar", "8000"),
    "voice.webm": ("-c:a", "libopus", "-b:a", "64k"),
    "voice.aiff": ("-c:a", "pcm_s16be", "-ar", "8000"),
    "voice.caf": ("-c:a", "pcm_s16be", "-ar", "8000"),
    "voice.wma": ("-c:a", "wmav2", "-b:a", "64k"),
}


def make_seed(folder: Path, name: str, options: tuple[str, ...], *, seconds: float = 0.7) -> bytes:
    """A tone, as this kind of file."""
    path = folder / name
    tone = ["-f", "lavfi", "-i", f"sine=f=220:r=48000:d={seconds}", "-ac", "1", *options, "-y", str(path)]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-bitexact", *tone], check=True)
    data = path.read_bytes()
    path.unlink()
    return data


def wav(rate: int, channels: int, bits: int, data: bytes, *, kind: int = 1, size: int | None = None) -> bytes:
    """A WAV with this header, whatever it holds; `size` is what it says of its data."""
    width = max(1, bits // 8) * channels & 0xFFFF
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * width & 0xFFFFFFFF, width, bits)
    promised = len(data) if size is None else size
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", promised)
    return b"RIFF" + struct.pack("<I", (len(head) + promised) & 0xFFFFFFFF) + head + data


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of an MP4."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def with_box(m4a: bytes, path: tuple[bytes, ...], change: bytes) -> bytes:
    """The last box of `path` replaced by `change`, with the sizes of those around it put right."""
    start, parents = 0, []
    for name in path:
        start = m4a.index(name, start) - 4
        parents.append(start)
        start += 8
    place = parents.pop()
    size = int.from_bytes(m4a[place : place + 4], "big")
    out = bytearray(m4a[:place] + change + m4a[place + size :])
    for parent in parents:
        old = int.from_bytes(out[parent : parent + 4], "big")
        out[parent : parent + 4] = (old + len(change) - size).to_bytes(4, "big")
    return bytes(out)


def outside_reference(m4a: bytes, name: bytes) -> bytes:
    """An M4A whose track says that its sound lies in another file."""
    alias = bytes(10) + b"\x03vol".ljust(28, b"\0") + bytes(12)
    alias += bytes([min(63, len(name))]) + name[:63].ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">hh", 1, 1) + bytes(16) + struct.pack(">HH", 2, len(name)) + name + b"\0" * (len(name) & 1)
    alias += b"\xff\xff\0\0"
    entry = box(b"alis", bytes(4), alias)
    return with_box(m4a, (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"), box(b"dref", bytes(7), b"\1", entry))


def syncsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
