"""One voice: what kind of file it is, decoded sound, length and loudness.

Decoding is ffmpeg's, with the demuxer forced after a look at the first bytes (`media.kinds`). The decoded voice is
48 kHz, mono or stereo, 16 bit: what the viewer will hear; the talk model gets a 16 kHz mono mix of it.
"""

import math
import re
import wave
from dataclasses import dataclass
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.ffmpeg import FFMPEG, FfmpegError, run
from media.kinds import sound_demuxer

LISTENER_RATE = 48_000
MODEL_RATE = 16_000
SILENT_BELOW_DBFS = -50.0
MODEL_LUFS = -23.0
MODEL_PEAK_DBFS = -1.0
UNMEASURABLE_LUFS = -69.0
RATES = (4_000, 768_000)
MOST_STREAMS = 64
NO_TRACK = "matches no streams"
# What people send in the containers that are taken; a film's pictures are not even looked at.
DECODERS = (
    "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_s16be,pcm_s24be,pcm_s32be,pcm_f32be,pcm_alaw,"
    "pcm_mulaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,gsm_ms,mp3float,mp3,mp2float,mp2,aac,alac,ac3,eac3,amrnb,amrwb,"
    "flac,opus,vorbis"
)
DECODE = (*FFMPEG, "-loglevel", "error", "-filter_threads", "1", "-filter_complex_threads", "1")
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
        """Gain to the level that the talk models were trained at, without clipping.

        Source of the level: docs/facts/talk-models.md#the-level-of-a-voice.
        """
        if self.silent:
            return 0.0
        room = MODEL_PEAK_DBFS - self.peak_dbfs
        if self.loudness_lufs <= UNMEASURABLE_LUFS:
            return room
        return min(MODEL_LUFS - self.loudness_lufs, room)


def decode(source: Path, folder: Path, name: str, most_seconds: float, cancel: Cancellation) -> Voice:
    """Decode at most `most_seconds` of `source` into `folder`.

    Raises:
        WorkerError: AUDIO_INVALID for what is not decodable audio, CANCELLED.
    """
    opened = _open(sound_demuxer(source), source)
    listener, model = folder / f"{name}_48k.wav", folder / f"{name}_16k.wav"
    try:
        _check_stream(opened, folder, cancel)
        # rematrix_maxval keeps a mix of many channels from clipping; ffmpeg does so by itself in whole numbers only.
        most = math.ceil(most_seconds * LISTENER_RATE)
        chain = f"[0:a:0]aresample={LISTENER_RATE}:rematrix_maxval=1.0,aformat=channel_layouts=mono|stereo"
        chain += f",atrim=end_sample={most}"
        # A stream that changes its rate starts the filters anew, and their count: -t and the file's size bound the
        # whole. Both leave room, because time passes in a damaged stream without any sound.
        room = 2 * most_seconds + 1
        command = [*DECODE, *opened, "-filter_complex", chain, "-t", f"{room:f}", *PCM, f"file:{listener}"]
        run(command, folder, cancel, file_bytes=_wav_bytes(room, LISTENER_RATE, 2))
        samples, channels = _wav_shape(listener)
        if samples == 0:
            raise WorkerError(ErrorCode.AUDIO_INVALID, "the file holds no sound")
        mix = "pan=mono|c0=0.5*c0+0.5*c1" if channels > 1 else "anull"
        loudness, peak = _write_model_mix(listener, model, mix, most_seconds, cancel)
        if peak < SILENT_BELOW_DBFS:
            # Opposite signals left and right cancel out in a mono mix; a listener hears them all the same.
            loudness, peak = _write_model_mix(listener, model, "pan=mono|c0=c0", most_seconds, cancel)
    except (FfmpegError, EOFError, wave.Error) as error:
        detail = error.log[-2000:] if isinstance(error, FfmpegError) else str(error)
        raise WorkerError(ErrorCode.AUDIO_INVALID, "the audio cannot be decoded", detail=detail) from error
    return Voice(listener, model, samples, loudness, peak)


def _open(demuxer: str, source: Path) -> list[str]:
    """Options that open a file as this one kind, with these decoders, and nothing that it may name."""
    own = ["-enable_drefs", "0"] if demuxer == "mov" else []
    return [
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-codec_whitelist", DECODERS),
        *("-max_streams", str(MOST_STREAMS), *own, "-threads", "1", "-f", demuxer, "-i", f"file:{source}"),
    ]


def _check_stream(opened: list[str], folder: Path, cancel: Cancellation) -> None:
    """Refuse a file without sound, or with a rate that no recorder has: resampling it could take hours."""
    # ffprobe would open a decoder for every track; this looks at the first packet of sound and decodes nothing.
    look = [*DECODE, *opened, "-map", "0:a:0", "-c", "copy", "-frames:a", "1", "-f", "framecrc", "pipe:1"]
    try:
        printed, _ = run(look, folder, cancel)
    except FfmpegError as error:
        if NO_TRACK not in error.log:
            raise
        raise WorkerError(ErrorCode.AUDIO_INVALID, "the file has no sound track", detail=error.log) from error
    found = re.search(r"^#sample_rate 0: (\d+)", printed, re.MULTILINE)
    rate = int(found[1]) if found else 0
    if not RATES[0] <= rate <= RATES[1]:
        raise WorkerError(
            ErrorCode.AUDIO_INVALID, f"a sample rate of {rate} Hz cannot be decoded; send {RATES[0]} to {RATES[1]} Hz"
        )


def _write_model_mix(
    listener: Path, model: Path, mono: str, seconds: float, cancel: Cancellation
) -> tuple[float, float]:
    """The mono mix at 16 kHz; returns its loudness in LUFS and its peak in dBFS."""
    chain = f"{mono},ebur128=peak=sample:framelog=verbose,aresample={MODEL_RATE}"
    command = [*DECODE, "-loglevel", "info", *_open("wav", listener), "-af", chain, *PCM, f"file:{model}"]
    _, log = run(command, model.parent, cancel, file_bytes=_wav_bytes(2 * seconds + 1, MODEL_RATE, 1))
    return _measured(log, "I"), _measured(log, "Peak")


def _wav_bytes(seconds: float, rate: int, channels: int) -> int:
    """A little more than a WAV of 16 bit needs."""
    return math.ceil(seconds * rate * channels * 2) + (1 << 16)


def _wav_shape(path: Path) -> tuple[int, int]:
    """Samples per channel, and channels, of a PCM WAV."""
    with wave.open(str(path), "rb") as sound:
        return sound.getnframes(), sound.getnchannels()


def _measured(log: str, name: str) -> float:
    """A figure of the summary that ffmpeg's ebur128 filter prints at the end; -inf for digital silence."""
    values = re.findall(rf"^\s+{name}:\s+(-?[\d.]+|-inf|nan) (?:LUFS|dBFS)", log, re.MULTILINE)
    return float(values[-1]) if values and values[-1] != "nan" else float("-inf")
