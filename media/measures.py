"""Figures that ffmpeg's filters and programs print when they end."""

import math
import re
from dataclasses import dataclass

ERROR = re.compile(r"^(?:\[(\S+) @ \w+\] )*\[(?:error|fatal|panic)\]", re.MULTILINE)
DECODED = re.compile(r"\(audio\): (\d+) packets read .*?(\d+) frames decoded.*?\((\d+) samples\)")


@dataclass(frozen=True)
class Decoded:
    """What a decoder was given and what it gave; `samples` per channel."""

    packets: int
    frames: int
    samples: int


def loudness_of(log: str) -> tuple[float, float]:
    """Integrated loudness in LUFS, and peak in dBFS, that the ebur128 filter told; -inf for digital silence."""
    return _largest(re.findall(r"^\s+I:\s+(\S+) LUFS", log, re.MULTILINE)), _largest(
        re.findall(r"^\s+Peak:\s+(\S+) dBFS", log, re.MULTILINE)
    )


def peak_of(log: str) -> float:
    """The peak in dBFS that the astats filter told."""
    return _largest(re.findall(r"Peak level dB: (\S+)", log))


def _largest(values: list[str]) -> float:
    # A filter that is started again tells its figures each time; those of no sound at all are the smallest.
    figures = [float(value) for value in values]
    return max((figure for figure in figures if not math.isnan(figure)), default=-math.inf)


def decoded_of(log: str) -> Decoded | None:
    """The count of packets and frames, None where ffmpeg told none."""
    found = DECODED.search(log)
    return Decoded(*(int(figure) for figure in found.groups())) if found else None


def filled_after_error(log: str, demuxer: str) -> int:
    """Samples of silence that aresample put in since the demuxer told of an error, at the rate of the source."""
    first = next((found for found in ERROR.finditer(log) if demuxer in (found[1] or "").split(",")), None)
    begin = first.start() if first else len(log)
    return sum(int(count) for count in re.findall(r"adding (\d+) audio samples of silence", log[begin:]))


def ended_early(log: str) -> bool:
    """Whether ffmpeg came to the file's end in the middle of something."""
    return "File ended prematurely" in log


def ends_in_packet(log: str) -> bool:
    """Whether ffmpeg came to the file's end within a packet, the last one that it read."""
    return ": partial file" in log


def errors_of(log: str, demuxer: str) -> list[str]:
    """Who told of each error: names as ffmpeg has them ("mov,mp4,m4a,3gp,3g2,mj2", "aac"), "" for the program.

    Before the reading begins only the demuxer counts: decoders of pictures complain that they are not asked.
    """
    begin = max(log.find("Stream mapping:"), 0)
    found = [(error.start(), error[1] or "") for error in ERROR.finditer(log)]
    return [name for place, name in found if place > begin or demuxer in name.split(",")]
