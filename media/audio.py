"""One voice: what kind of file it is, decoded sound, length and loudness.

Decoding is ffmpeg's, with the demuxer forced after a look at the first bytes. The decoded voice is
48 kHz, mono or stereo, 16 bit: what the viewer will hear; the talk model gets a 16 kHz mono mix of it.
"""

import math
import re
import wave
from dataclasses import dataclass
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.ffmpeg import FfmpegError, run

LISTENER_RATE = 48_000
MODEL_RATE = 16_000
SILENT_BELOW_DBFS = -50.0
MODEL_LUFS = -23.0
MODEL_PEAK_DBFS = -1.0
UNMEASURABLE_LUFS = -69.0
PCM = ("-map_metadata", "-1", "-bitexact", "-c:a", "pcm_s16le", "-f", "wav")


@dataclass(frozen=True)
class Voice:
    """A decoded voice.

    Attributes:
        listener: WAV, 48 kHz, mono or stereo, 16 bit.
        model: WAV, 16 kHz, mono, 16 bit, the same sound.
        samples: its length at 48 kHz.
        loudness_lufs: integrated loudness of the model's mix (EBU R128); about -70 where it is too short or silent.
        peak_dbfs: highest sample of the model's mix.
    """

    listener: Path
    model: Path
    samples: int
    loudness_lufs: float
    peak_dbfs: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.samples / LISTENER_RATE

    @property
    def silent(self) -> bool:
        """Nobody would hear it."""
        return self.peak_dbfs < SILENT_BELOW_DBFS

    @property
    def model_gain_db(self) -> float:
        """Gain to the level that the talk models were trained at, without clipping (talking-video.md §7)."""
        if self.silent:
            return 0.0
        room = MODEL_PEAK_DBFS - self.peak_dbfs
        if self.loudness_lufs <= UNMEASURABLE_LUFS:
            return room
        return min(MODEL_LUFS - self.loudness_lufs, room)


def demuxer_of(head: bytes) -> str | None:
    """The ffmpeg demuxer for a file that begins with `head` (16 bytes or more), None for what is not taken."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "mov"
    magic = {b"fLaC": "flac", b"OggS": "ogg", b"\x1a\x45\xdf\xa3": "matroska"}.get(head[:4])
    if magic:
        return magic
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    return None


def sniff(source: Path) -> str | None:
    """The demuxer for a file; an ID3 tag, which any kind may carry in front, is looked past."""
    with source.open("rb") as file:
        head = file.read(16)
        if head[:3] != b"ID3":
            return demuxer_of(head)
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
        return demuxer_of(file.read(16)) or "mp3"  # padding may follow the tag; the MP3 demuxer looks for its frames


def decode(source: Path, folder: Path, name: str, most_seconds: float, cancel: Cancellation) -> Voice:
    """Decode at most `most_seconds` of `source` into `folder`.

    Raises:
        WorkerError: AUDIO_INVALID for what is not decodable audio, CANCELLED.
    """
    demuxer = sniff(source)
    if demuxer is None:
        raise WorkerError(ErrorCode.AUDIO_INVALID, "not audio; send WAV, MP3, M4A, AAC, OGG, Opus, FLAC or WebM")
    listener, model = folder / f"{name}_48k.wav", folder / f"{name}_16k.wav"
    try:
        # rematrix_maxval keeps a mix of many channels from clipping; ffmpeg does so by itself in whole numbers only.
        most = math.ceil(most_seconds * LISTENER_RATE)
        chain = f"[0:a:0]aresample={LISTENER_RATE}:rematrix_maxval=1.0,aformat=channel_layouts=mono|stereo"
        chain += f",atrim=end_sample={most}"
        run([*_open(demuxer, source), "-filter_complex", chain, *PCM, str(listener)], cancel)
        samples, channels = _wav_shape(listener)
        if samples == 0:
            raise WorkerError(ErrorCode.AUDIO_INVALID, "the file holds no sound")
        mix = "pan=mono|c0=0.5*c0+0.5*c1" if channels > 1 else "anull"
        loudness, peak = _write_model_mix(listener, model, mix, cancel)
        if peak < SILENT_BELOW_DBFS:
            # Opposite signals left and right cancel out in a mono mix; a listener hears them all the same.
            loudness, peak = _write_model_mix(listener, model, "pan=mono|c0=c0", cancel)
    except FfmpegError as error:
        raise WorkerError(ErrorCode.AUDIO_INVALID, "the audio cannot be decoded", detail=error.log[-2000:]) from error
    return Voice(listener, model, samples, loudness, peak)


def _open(demuxer: str, source: Path) -> list[str]:
    return ["-protocol_whitelist", "file", "-f", demuxer, "-i", f"file:{source}"]


def _write_model_mix(listener: Path, model: Path, mono: str, cancel: Cancellation) -> tuple[float, float]:
    """The mono mix at 16 kHz; returns its loudness in LUFS and its peak in dBFS."""
    chain = f"{mono},ebur128=peak=sample,aresample={MODEL_RATE}"
    log = run([*_open("wav", listener), "-af", chain, *PCM, str(model)], cancel, level="info")
    return _measured(log, "I"), _measured(log, "Peak")


def _wav_shape(path: Path) -> tuple[int, int]:
    """Samples per channel, and channels, of a PCM WAV."""
    with wave.open(str(path), "rb") as sound:
        return sound.getnframes(), sound.getnchannels()


def _measured(log: str, name: str) -> float:
    """A figure of the summary that ffmpeg's ebur128 filter prints at the end; -inf for digital silence."""
    values = re.findall(rf"^\s+{name}:\s+(-?[\d.]+|-inf|nan) (?:LUFS|dBFS)", log, re.MULTILINE)
    return float(values[-1]) if values and values[-1] != "nan" else float("-inf")
