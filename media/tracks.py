"""Which track of a file is heard, and by which clock: what the container says before anything is decoded."""

import re
from dataclasses import dataclass
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.ffmpeg import DECODE, FfmpegError, run

RATES = (4_000, 768_000)
NO_TRACK = "matches no streams"
# Containers whose packets have times of their own. In others, time is the number of samples before.
CLOCKED = ("mov", "matroska", "ogg", "asf", "flac")
# Sound that begins later than this in its file was cut out of something longer, whose clock it kept.
LONGEST_LEAD_SECONDS = 60.0
EARLIEST_SECONDS = -0.5  # encoders begin a little before 0, with what is not meant to be heard
# A pause is put back from one frame of the video on; below, clocks are rounded or tremble.
PAUSE_SECONDS = 0.04
BACK_SECONDS, FARTHEST_SECONDS = 0.5, 600.0

AUDIO = re.compile(r"^  Stream #0:\d+\S*: Audio: (.*)$", re.MULTILINE)
LAYOUT = re.compile(r" Hz, ([^,\n]+)")
LAYOUTS = {"mono": 1, "stereo": 2, "downmix": 2, "binaural": 2, "quad": 4, "hexagonal": 6, "octagonal": 8, "cube": 8}
COUNTED = re.compile(r"(\d+) channels\b|(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])")  # 12 channels, 5.1, 7.1.4
LENGTH = re.compile(r"^  Duration: (?:(\d+):(\d\d):(\d\d\.\d+)|N/A)(?:, start: (-?[\d.]+))?", re.MULTILINE)


@dataclass(frozen=True)
class Track:
    """The track of sound that a player takes: the first of those that are marked as default, else the first.

    Attributes:
        demuxer: ffmpeg's name of the container.
        number: the track's place among those of sound, from 0.
        rate: its sample rate in Hz.
        channels: how many it has; 0 where that cannot be told.
        start: where its first packet stands on the container's clock, in seconds.
        base: where the timeline of the voice begins on that clock: 0, or the file's own start where that is far off.
        end: where the container says that it ends, on the same clock; None where it does not say.
    """

    demuxer: str
    number: int
    rate: int
    channels: int
    start: float
    base: float
    end: float | None

    @property
    def mono(self) -> bool:
        """Whether it has one channel."""
        return self.channels == 1

    @property
    def clocked(self) -> bool:
        """Whether the container has times."""
        return self.demuxer in CLOCKED

    @property
    def lead(self) -> float:
        """Seconds of silence before the first packet."""
        return max(0.0, self.start - self.base) if self.clocked else 0.0


def look_at(demuxer: str, opened: list[str], folder: Path, cancel: Cancellation) -> Track:
    """Read the header and the first packet of each track of sound; nothing is decoded.

    Raises:
        FfmpegError: what cannot be read.
        WorkerError: AUDIO_INVALID for a file without sound, or with a rate that no recorder has: resampling it could
            take hours.
    """
    # ffprobe would open a decoder for every track.
    look = ["-map", "0:a", "-c", "copy", "-frames:a", "1", "-f", "framecrc", "pipe:1"]
    try:
        printed, log = run([*DECODE, "-loglevel", "info", "-copyts", *opened, *look], folder, cancel)
    except FfmpegError as error:
        if NO_TRACK not in error.log:
            raise
        raise WorkerError(ErrorCode.AUDIO_INVALID, "the file has no sound track", detail=error.log) from error
    lines = log.partition("\nOutput #0")[0]
    tracks = AUDIO.findall(lines)
    number = next((place for place, words in enumerate(tracks) if "(default)" in words), 0)
    channels = _channels(tracks[number]) if number < len(tracks) else 0
    rate, start = _first_packet(printed, number)
    if not RATES[0] <= rate <= RATES[1]:
        raise WorkerError(
            ErrorCode.AUDIO_INVALID, f"a sample rate of {rate} Hz cannot be decoded; send {RATES[0]} to {RATES[1]} Hz"
        )
    length = LENGTH.search(lines)
    begin = float(length[4] or 0) if length else 0.0
    end = None
    if length and length[1]:
        end = begin + int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3])
    base = 0.0 if EARLIEST_SECONDS <= begin <= LONGEST_LEAD_SECONDS else min(begin, start)
    return Track(demuxer, number, rate, channels, start, base, end)


def _channels(words: str) -> int:
    """Of a track, as ffmpeg describes it."""
    layout = LAYOUT.search(words)
    name = layout[1].partition("(")[0].strip() if layout else ""
    counted = COUNTED.match(name)
    return sum(int(part) for part in counted.groups() if part) if counted else LAYOUTS.get(name, 0)


def refuse_absent_channel(track: Track, channel: int) -> None:
    """Raises WorkerError AUDIO_INVALID where the track has no such channel (from 1), or none to choose from."""
    if track.channels == 1:
        reason = "it has one channel (mono): send it without channel, or a file with a speaker on each channel"
    elif track.channels == 0:
        reason = "its channels cannot be told apart: send a WAV or FLAC with a speaker on each channel"
    elif channel > track.channels:
        most = f"'left', 'right' or a number up to {track.channels}" if track.channels > 2 else "'left' or 'right'"
        reason = f"it has {track.channels} channels and no channel {channel}: send channel {most}"
    else:
        return
    raise WorkerError(ErrorCode.AUDIO_INVALID, reason)


def _first_packet(printed: str, number: int) -> tuple[int, float]:
    """Sample rate, and seconds of the first packet, of one of the tracks that ffmpeg's framecrc lists."""
    rate = re.search(rf"^#sample_rate {number}: (\d+)", printed, re.MULTILINE)
    tick = re.search(rf"^#tb {number}: (\d+)/(\d+)", printed, re.MULTILINE)
    packet = re.search(rf"^{number}, *-?\d+, *(-?\d+),", printed, re.MULTILINE)
    start = int(packet[1]) * int(tick[1]) / int(tick[2]) if packet and tick else 0.0
    return int(rate[1]) if rate else 0, start


def clock_filters(track: Track) -> list[str]:
    """Filters that put each frame where the container's clock has it, for `clock_options` to fill what is between.

    A clock that jumps back, or ahead by more than any recorder's pause, is one that begins anew: what follows is put
    behind what was before. So is what comes after a change of format, with which ffmpeg starts the filters again.
    """
    if not track.clocked:
        return []
    first = f"if(lt(abs(PTS-({track.start:f})*SR),SR),-({track.base:f})*SR,-PTS)"
    jump = f"gt(ld(1)-PTS-ld(0),{BACK_SECONDS}*SR)+gt(PTS+ld(0)-ld(1),{FARTHEST_SECONDS}*SR)"
    shift = f"if(eq(N,0),{first},if({jump},ld(1)-PTS,ld(0)))"
    clock = f"st(0,{shift});st(1,PTS+ld(0)+S);PTS+ld(0)"
    # Behind a change of the rate the container's times are still counted in the old one.
    return [f"asetpts='if(eq(SR,{track.rate}),{clock},NB_CONSUMED_SAMPLES)'"]


def clock_options(track: Track) -> str:
    """Options of aresample: silence where the clock has none, from 0 on."""
    return f":async=1:min_hard_comp={PAUSE_SECONDS}:first_pts=0" if track.clocked else ""
