"""A video that is to be dubbed: what its header and its first picture say, and whether it can be taken.

ffmpeg decodes that one picture (`media.ffmpeg`), with the demuxer forced, a short list of decoders, and within limits;
ffprobe would open a decoder for every track.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.ffmpeg import DECODE, FfmpegError, run
from media.film_kinds import film_demuxer
from media.picture import HighRange
from media.primaries import BT709, BT2020, Primaries
from media.tracks import LENGTH, NO_TRACK

LEAST_SIDE, MOST_SIDE, MOST_PIXELS = 64, 8192, 9_437_184  # the last is 4096x2304
SQUARE = Fraction(1)
UNDECODABLE = "The video is damaged, or of a kind that cannot be decoded; save it as MP4 (H.264)"
MOST_STRETCH = 4  # of a pixel; what is beyond is a slip of the header
TRANSFERS = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
PRIMARIES: dict[str, Primaries] = {"bt2020": BT2020, "bt709": BT709}
USUAL_PEAK = 1000.0  # cd/m², of a PQ video that does not say
HD_HEIGHT = 720  # from here on players take untagged colours for BT.709
UNSEEN_DOLBY_VISION = "5"  # the profile whose pictures are in colours of its own, which ffmpeg shows green and purple
DECODERS = "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,libdav1d,libaom-av1,av1,mpeg4,mpeg2video,mjpeg,prores,qtrle,png"
# The largest picture that is taken, with the 16 that a decoder may keep, for each of its threads' own work, fits well.
PROCESS_LIMITS = {"RLIMIT_DATA": 1_600_000_000, "RLIMIT_AS": 4_000_000_000, "RLIMIT_CPU": 20}
# What ffmpeg says of a track, and its filter showinfo of a picture.
TRACK = re.compile(r"^  Stream #0:\d+\S*: Video: (\w+)(.*?), (\d{1,5})x(\d{1,5})[ ,\n](.*)$", re.MULTILINE)
COVER = ("(attached pic)", "(timed thumbnails)")
RATE = re.compile(r"\b([\d.]+k?) fps\b")
SHOWN = re.compile(
    r"^\[Parsed_showinfo_0 @ [^\]]*\] n: *0 .*? fmt:(\S+) .*?sar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\w)", re.MULTILINE
)
COLOURS = re.compile(r"color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)")
BRIGHTEST = (re.compile(r"\bMaxCLL=(\d+)"), re.compile(r"\bmax_luminance=([\d.]+)"))
PROFILE = re.compile(r"DOVI configuration record:.*?\bprofile: (\d+)")
NOT_TAKEN = re.compile(r"Codec \((\w+)\) not on whitelist")
TOO_LARGE = re.compile(r"Picture size (\d{1,9})x(\d{1,9}) exceeds")
ALPHA_TAG = re.compile(r"^ +alpha_mode +: 1$", re.MULTILINE)
ALPHA = ("yuva", "rgba", "argb", "bgra", "abgr", "gbrap", "ya")


@dataclass(frozen=True)
class Footage:
    """A video that can be taken.

    Attributes:
        file: where it is.
        demuxer: ffmpeg's name of its container.
        codec: ffmpeg's name of its codec.
        width, height: as a person sees it, turned upright and with square pixels.
        fps: pictures a second on the average; 0 where it does not say.
        seconds: how long it says it is; None where it does not.
        high_range: its pixels are for a display of high dynamic range.
        interlaced: its pictures are made of two fields.
        alpha: it is transparent in places.
        untagged_hd: it does not say by which rule its colours are stored, and is large enough for BT.709.
    """

    file: Path
    demuxer: str
    codec: str
    width: int
    height: int
    fps: float
    seconds: float | None
    high_range: HighRange | None
    interlaced: bool
    alpha: bool
    untagged_hd: bool

    @property
    def opened(self) -> list[str]:
        """Options that open it as this one kind, with these decoders, and nothing that it may name."""
        decoder = ["-c:v", "libvpx-vp9"] if self.alpha and self.codec == "vp9" else []  # ffmpeg's own sees no alpha
        return [*_guard(self.demuxer), *decoder, "-i", f"file:{self.file}"]


def _guard(demuxer: str) -> list[str]:
    own = ["-enable_drefs", "0"] if demuxer == "mov" else []
    return [
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-codec_whitelist", DECODERS),
        *("-max_streams", "64", "-max_pixels", str(MOST_PIXELS), *own, "-f", demuxer),
    ]


def refused(message: str, detail: str = "") -> WorkerError:
    """VIDEO_INVALID."""
    return WorkerError(ErrorCode.VIDEO_INVALID, message, detail=detail)


def open_footage(file: Path, folder: Path, warnings: list[str], cancel: Cancellation) -> Footage:
    """Look at a video's header and decode its first picture; what is shown otherwise than it is, is told.

    Raises:
        WorkerError: VIDEO_INVALID; CANCELLED.
    """
    demuxer = film_demuxer(file)
    log = _look(file, demuxer, folder, cancel)
    header, _, _ = log.partition("\nOutput #0")
    codec, stored, rate = _track(header)
    _check_size(stored)
    shown = SHOWN.search(log)
    if shown is None:
        raise refused(f"No picture of the video can be decoded (codec {codec}); save it as MP4 (H.264)", log[-2000:])
    if UNSEEN_DOLBY_VISION in PROFILE.findall(header):
        raise refused(
            "The video is Dolby Vision of profile 5, whose colours cannot be decoded; save it as HDR10 or SDR"
        )
    layout, across, down, width, height, fields = shown.groups()
    colours = COLOURS.search(log[shown.end() :])
    space, primaries, transfer = colours.groups() if colours else ("unknown",) * 3
    footage = Footage(
        file=file,
        demuxer=demuxer,
        codec=codec,
        width=max(1, round(int(width) * _pixel_aspect(int(across), int(down)))),
        height=int(height),
        fps=rate,
        seconds=_seconds(header),
        high_range=_high_range(transfer, primaries, log),
        interlaced=fields != "P",
        alpha=layout.startswith(ALPHA) or ALPHA_TAG.search(header) is not None,
        untagged_hd=int(height) >= HD_HEIGHT and space in ("unknown", "reserved"),
    )
    if footage.high_range:
        told = footage.high_range.transfer
        warnings.append(f"the video has a high dynamic range ({told}); it is shown with the range of a screen")
    return footage


def _look(file: Path, demuxer: str, folder: Path, cancel: Cancellation) -> str:
    """What ffmpeg says while it decodes the first picture of the first track that is no cover."""
    look = ["-map", "0:V:0", "-frames:v", "1", "-vf", "showinfo=checksum=0", "-f", "null", "-"]
    command = [*DECODE, "-loglevel", "info", "-threads", "1", *_guard(demuxer), "-i", f"file:{file}", *look]
    try:
        return run(command, folder, cancel, more=PROCESS_LIMITS)[1]
    except FfmpegError as error:
        detail = error.log[-2000:]
        if NO_TRACK in error.log:
            raise refused("The video has no pictures, only sound; send sound in audio_urls", detail) from error
        if codec := NOT_TAKEN.search(error.log):
            message = f"The video's codec, {codec[1]}, is none that this worker decodes; save it as MP4 (H.264)"
            raise refused(message, detail) from error
        if size := TOO_LARGE.search(error.log):
            _check_size((int(size[1]), int(size[2])))
        raise refused(UNDECODABLE, detail) from error


def _track(header: str) -> tuple[str, tuple[int, int], float]:
    """Codec, stored size, and pictures a second (0: it does not say) of the track that is decoded."""
    for track in TRACK.finditer(header):
        if not any(mark in track[0] for mark in COVER):
            rate = RATE.search(track[5])
            return track[1], (int(track[3]), int(track[4])), _rate(rate[1]) if rate else 0.0
    raise refused(UNDECODABLE, header[-2000:])


def _rate(text: str) -> float:
    return float(text[:-1]) * 1000 if text.endswith("k") else float(text)


def _check_size(stored: tuple[int, int]) -> None:
    width, height = stored
    if min(width, height) < LEAST_SIDE:
        raise refused(f"The video has {width}x{height} pixels; send {LEAST_SIDE} and more a side")
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise refused(f"The video has {width}x{height} pixels; send at most 4096x2304, or as many of another shape")


def _pixel_aspect(across: int, down: int) -> Fraction:
    """Width of a pixel by its height; square where it does not say, or nobody's camera has such."""
    if across == 0 or down == 0:
        return SQUARE
    aspect = Fraction(across, down)
    return aspect if Fraction(1, MOST_STRETCH) <= aspect <= MOST_STRETCH else SQUARE


def _seconds(header: str) -> float | None:
    length = LENGTH.search(header)
    if not length or not length[1]:
        return None
    return int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3]) or None


def _high_range(transfer: str, primaries: str, log: str) -> HighRange | None:
    curve = TRANSFERS.get(transfer)
    if curve is None:
        return None
    peaks = [float(found[1]) for pattern in BRIGHTEST if (found := pattern.search(log))]
    peak = next((peak for peak in peaks if peak > 0), USUAL_PEAK) if curve == "PQ" else 0.0
    return HighRange(curve, PRIMARIES.get(primaries, BT2020), peak)
