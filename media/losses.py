"""Sound that a file promises and a decoder does not give: decoders step over damage and end without an error."""

from dataclasses import dataclass, replace
from pathlib import Path

from contract.errors import ErrorCode, WorkerError
from media.frames import Row, measure_row
from media.measures import decoded_of, ended_early, ends_in_packet, errors_of, filled_after_error
from media.promises import breaks_off, files_in_a_row, promised_end
from media.tracks import Track
from media.wav import trailing_share

SPARE_SECONDS = 0.2  # decoded beyond the limit of a job, so that a longer voice is seen to be longer
UNHEARD_SECONDS = 0.1  # encoders and containers round their lengths
MOST_LOST = 0.1
ROWS = ("mp3", "aac")
# These may end before their own time without any damage: a film goes on, or a tool wrote the length of something else.
MAY_END_EARLY = ("mov", "matroska", "ogg")


@dataclass(frozen=True)
class Loss:
    """Seconds that there should be, seconds of them that could not be read, and whether the file just stops."""

    whole: float
    lost: float
    breaks_off: bool = False


def row_of(source: Path, demuxer: str, most_seconds: float, log: str) -> Row | None:
    """What there is of a file that is a row of frames and nothing else; None for any other.

    What a decoder gives nothing for, as it needs the frame before, lies behind a hole and is lost with it.
    """
    row = measure_row(source, most_seconds) if demuxer in ROWS else None
    decoded = decoded_of(log)
    if row is None or not row.holes or decoded is None:
        return row
    failed = max(0, decoded.packets - decoded.frames - row.left_out) * row.frame
    each = failed / len(row.holes)
    holes = tuple((at + number * each, length + each) for number, (at, length) in enumerate(row.holes))
    return replace(row, found=row.found - failed, missing=row.missing + failed, holes=holes)


def lost_of(source: Path, track: Track, came: float, most_seconds: float, log: str, *, row: Row | None) -> Loss:
    """Compare what the file promises with the `came` seconds that were decoded, at most `most_seconds` of either.

    Of a container with a clock the lost time is in `came`, as silence; so are the holes of `row`, what `row_of` says.
    """
    needed, errors = most_seconds - SPARE_SECONDS, errors_of(log, track.demuxer)
    if track.demuxer in ROWS:
        missing = max(row.missing, min(row.promised, needed) - row.found) if row else 0.0
        filled = sum(length for _, length in row.holes) if row else 0.0
        return Loss(came + missing - filled, missing, row is not None and row.breaks_off)
    end, tail = promised_end(source, track.demuxer, came), 0.0
    if end is None and track.end is not None and (errors or track.demuxer not in MAY_END_EARLY):
        end = track.end - track.base
    if end is not None:
        tail = max(0.0, min(end, needed) - came)
    cut = ended_early(log) if track.demuxer == "matroska" else track.demuxer == "ogg" and breaks_off(source)
    stops = came < needed and cut
    within = tail > UNHEARD_SECONDS or ends_in_packet(log)
    return Loss(came + tail, tail + _holes(track, log, errors, cut=within), stops)


def judge(loss: Loss) -> list[str]:
    """What the caller is told.

    Raises:
        WorkerError: AUDIO_INVALID where more than a tenth is lost.
    """
    if loss.lost <= UNHEARD_SECONDS:
        return ["breaks off in the middle: its end may be missing"] if loss.breaks_off else []
    read = f"is damaged: {loss.whole - loss.lost:.1f} of {loss.whole:.1f} s could be read"
    if loss.lost > MOST_LOST * loss.whole:
        raise WorkerError(ErrorCode.AUDIO_INVALID, f"it {read}")
    return [read]


def judge_rest(source: Path, demuxer: str) -> list[str]:
    """What the caller is told of bytes behind the sound that nobody reads.

    Raises:
        WorkerError: AUDIO_INVALID where they are another file.
    """
    if kind := files_in_a_row(source, demuxer):
        raise WorkerError(
            ErrorCode.AUDIO_INVALID, f"several {kind} files in a row, of which only the first plays; send one"
        )
    if demuxer == "wav" and (share := trailing_share(source)) > MOST_LOST:
        return [f"has {share:.0%} more behind the end that its header tells, which was not read"]
    return []


def _holes(track: Track, log: str, errors: list[str], *, cut: bool) -> float:
    """Seconds in the middle: those that ffmpeg filled after the container was found to be damaged, or the packets
    that the decoder took and gave nothing for. Of a file that is `cut` the last packet is none of the middle."""
    if not errors:
        return 0.0
    if any(track.demuxer in name.split(",") for name in errors):
        return filled_after_error(log, track.demuxer) / track.rate
    decoded = decoded_of(log)
    if decoded is None or not decoded.frames:
        return 0.0
    # The first packet of some codecs only begins a frame.
    failed = max(0, decoded.packets - decoded.frames - 1 - cut)
    return failed * decoded.samples / decoded.frames / track.rate
