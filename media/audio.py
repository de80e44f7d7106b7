"""One voice: what kind of file it is, decoded sound, length and loudness.

Decoding is ffmpeg's, with the demuxer forced after a look at the first bytes (`media.kinds`). The decoded voice is
48 kHz, mono or stereo, 16 bit: what the viewer will hear; the talk model gets a 16 kHz mono mix of it.
"""

import math
import wave
from dataclasses import dataclass
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.ffmpeg import DECODE, FfmpegError, run
from media.kinds import sound_demuxer
from media.losses import judge, judge_rest, lost_of, row_of
from media.measures import loudness_of, peak_of
from media.silence import insert_silence
from media.tracks import Track, clock_filters, clock_options, look_at, refuse_absent_channel
from media.wav import plain_wav

LISTENER_RATE = 48_000
MODEL_RATE = 16_000
SILENT_BELOW_DBFS = -50.0
MODEL_LUFS = -23.0
MODEL_PEAK_DBFS = -1.0
UNMEASURABLE_LUFS = -69.0
MOST_STREAMS = 64
CHATTER_BYTES = 1 << 24  # a decoder may have a word for each frame
# Encoders that lose something overshoot by a few tenths, which every player clips. The largest whole number of 32 bit,
# taken for a fraction, is 187 dB over; what is farther off is no sound.
OVER_DBFS, FARTHEST_DBFS, CEILING_DBFS = 0.5, 200.0, -0.1
OWN_OPTIONS = {
    "mov": ("-enable_drefs", "0"),
    "flac": ("-err_detect", "crccheck+explode"),  # else a damaged frame is noise at full scale
}
LOUDNESS = "ebur128=peak=sample:framelog=48"  # 48: its lines about each 0.1 s go where nobody listens
# What people send in the containers that are taken; a film's pictures are not even looked at.
DECODERS = (
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_s16be,pcm_s24be,pcm_s32be,pcm_f32be,"
    "pcm_f64be,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,gsm,gsm_ms,mp3float,mp3,mp2float,mp2,aac,alac,"
    "ac3,eac3,amrnb,amrwb,flac,opus,vorbis,wmav1,wmav2,wmapro,wmavoice,wmalossless"
)
VERBOSE = (*DECODE, "-loglevel", "repeat+level+verbose")
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
        told: what the caller is told of it; each goes on from "the audio of speaker 1 ".
    """

    listener: Path
    model: Path
    samples: int
    loudness_lufs: float
    peak_dbfs: float
    told: tuple[str, ...] = ()

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


def decode(
    source: Path,
    folder: Path,
    name: str,
    most_seconds: float,
    cancel: Cancellation,
    *,
    channel: int | None = None,
    demuxer: str | None = None,
) -> Voice:
    """Decode at most `most_seconds` of `source` into `folder`: all of it, or one `channel`, counted from 1.

    Without a `demuxer` its first bytes say what it is.

    Raises:
        WorkerError: AUDIO_INVALID for what is not decodable audio, lacks more than a tenth of it, or that channel;
            CANCELLED.
    """
    demuxer = demuxer or sound_demuxer(source)
    if demuxer == "wav":
        source = plain_wav(source, folder / f"{name}_plain.wav")
    files, opened = (folder / f"{name}_48k.wav", folder / f"{name}_16k.wav"), _open(demuxer, source)
    try:
        track = look_at(demuxer, opened, folder, cancel)
        if channel is not None:
            refuse_absent_channel(track, channel)
        return _Decoding(source, opened, track, files, most_seconds, channel, cancel).voice()
    except (FfmpegError, EOFError, wave.Error) as error:
        detail = error.log[-2000:] if isinstance(error, FfmpegError) else str(error)
        raise WorkerError(ErrorCode.AUDIO_INVALID, "the audio cannot be decoded", detail=detail) from error


def _open(demuxer: str, source: Path) -> list[str]:
    """Options that open a file as this one kind, with these decoders, and nothing that it may name."""
    own = OWN_OPTIONS.get(demuxer, ())
    return [
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-codec_whitelist", DECODERS),
        *("-max_streams", str(MOST_STREAMS), *own, "-threads", "1", "-f", demuxer, "-i", f"file:{source}"),
    ]


@dataclass(frozen=True)
class _Decoding:
    """One track of a source on its way into the two files of a voice.

    Attributes:
        opened: ffmpeg's options that open `source`.
        files: the listener's and the model's.
        seconds: the most that is decoded.
        channel: of the track, from 1; None for all of them.
    """

    source: Path
    opened: list[str]
    track: Track
    files: tuple[Path, Path]
    seconds: float
    channel: int | None
    cancel: Cancellation

    def voice(self) -> Voice:
        """Decode, mend and measure.

        Raises:
            FfmpegError: what cannot be decoded.
            WorkerError: AUDIO_INVALID where there is no sound, or more than a tenth of it is lost; CANCELLED.
        """
        demuxer, most = self.track.demuxer, self.seconds
        log = self._write()
        told = judge_rest(self.source, demuxer)
        row = row_of(self.source, demuxer, most, log)
        holes = row.holes if row else ()
        # What stands around a hole may be noise at any level.
        if not holes and OVER_DBFS < (peak := peak_of(log)) < FARTHEST_DBFS:
            # Only once it is decoded is it known how loud it is.
            log = self._write(gain_db=CEILING_DBFS - peak)
            told.append(f"goes beyond full scale and was turned down by {peak - CEILING_DBFS:.1f} dB as a whole")
        for file in self.files if holes else ():
            insert_silence(file, holes, most)
        samples, _ = _wav_shape(self.files[0])
        if samples == 0:
            raise WorkerError(ErrorCode.AUDIO_INVALID, "the file holds no sound")
        told += judge(lost_of(self.source, self.track, samples / LISTENER_RATE, most, log, row=row))
        loudness, peak = loudness_of(log)
        if peak < SILENT_BELOW_DBFS:
            # Opposite signals left and right cancel out in a mono mix; a listener hears them all the same.
            loudness, peak = _model_mix_of_one_side(self.files, most, self.cancel)
        return Voice(*self.files, samples, loudness, peak, tuple(told))

    def _write(self, gain_db: float = 0) -> str:
        """Write both files in one run; returns what ffmpeg said."""
        # rematrix_maxval keeps a mix of many channels from clipping; ffmpeg does so by itself in whole numbers only.
        one = self.track.mono or self.channel is not None
        listener = [
            *clock_filters(self.track),
            *([f"pan=mono|c0=c{self.channel - 1}"] if self.channel is not None else []),
            f"aresample={LISTENER_RATE}:rematrix_maxval=1.0{clock_options(self.track)}",
            f"aformat=sample_fmts=flt:channel_layouts={'mono' if one else 'stereo'}",
            *([f"volume={gain_db:f}dB"] if gain_db else []),
            f"atrim=end_sample={math.ceil(self.seconds * LISTENER_RATE)}",
            "astats=measure_perchannel=none:measure_overall=Peak_level",
        ]
        # A file without any sample would be an error; the shortest clip has less than one at the model's rate.
        model = ["aresample=ochl=mono:rematrix_maxval=1.0", LOUDNESS, f"aresample={MODEL_RATE}", "apad=whole_len=1"]
        graph = f"[0:a:{self.track.number}]{','.join(listener)},asplit[l][m];[m]{','.join(model)}[n]"
        # A stream that changes its rate starts the filters anew, and their count: -t and the file's size bound the
        # whole. Both leave room, because time passes in a damaged stream without any sound.
        room = 2 * self.seconds + 1
        outputs = [
            part
            for label, path in zip(("[l]", "[n]"), self.files, strict=True)
            for part in ("-map", label, "-t", f"{room:f}", *PCM, f"file:{path}")
        ]
        command = [*VERBOSE, "-copyts", *self.opened, "-filter_complex", graph, *outputs]
        limits = {"file_bytes": _wav_bytes(room, LISTENER_RATE, 2), "log_bytes": CHATTER_BYTES}
        return run(command, self.files[0].parent, self.cancel, sound_seconds=self.seconds, **limits)[1]


def _model_mix_of_one_side(files: tuple[Path, Path], seconds: float, cancel: Cancellation) -> tuple[float, float]:
    """The model's file from the left channel alone; returns its loudness in LUFS and its peak in dBFS."""
    listener, model = files
    chain = f"pan=mono|c0=c0,{LOUDNESS},aresample={MODEL_RATE}"
    command = [*DECODE, "-loglevel", "level+info", *_open("wav", listener), "-af", chain, *PCM, f"file:{model}"]
    size = _wav_bytes(2 * seconds + 1, MODEL_RATE, 1)
    return loudness_of(run(command, model.parent, cancel, file_bytes=size, sound_seconds=seconds)[1])


def _wav_bytes(seconds: float, rate: int, channels: int) -> int:
    """A little more than a WAV of 16 bit needs."""
    return math.ceil(seconds * rate * channels * 2) + (1 << 16)


def _wav_shape(path: Path) -> tuple[int, int]:
    """Samples per channel, and channels, of a PCM WAV."""
    with wave.open(str(path), "rb") as sound:
        return sound.getnframes(), sound.getnchannels()
