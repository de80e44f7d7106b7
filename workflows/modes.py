"""The modes: everything that sets one apart from another.

Their names are the contract's (`contract.fields.Mode`). To add one: its name there, its row here, its graph beside
this file, its files in `models.json`; the tests name whatever is still missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contract.fields import ColorMatch, Mode

Speakers = Literal["any", "one", "several"]


@dataclass(frozen=True)
class ModeFacts:
    """One mode. Sources, in docs/facts/talk-models.md: #defaults-of-a-mode, #files-that-run-together.

    Attributes:
        graph: file name of its template in this folder.
        family: the names of its models, as a video's mark tells them.
        overlap: M, frames (25 a second) that a window takes over from the one before.
        talk_speakers: what its talk models differ in: one file for any number of speakers, or one and another.
        talk_variants: of its talk models in `models.json`.
        color_match_from: seconds of video from which colours are matched unless the caller says otherwise.
        reference_per_window: whether each window may go by a picture of its own. Where not, several of them end
            ComfyUI's prompt thread (docs/facts/talk-models.md#a-reference-for-each-window).
    """

    graph: str
    family: str
    overlap: int
    talk_speakers: tuple[Speakers, ...]
    talk_variants: tuple[str, ...]
    color_match_from: float
    reference_per_window: bool

    def talk_model_for(self, voices: int) -> Speakers:
        """Which of `talk_speakers` a job with that many voices needs."""
        if self.talk_speakers == ("any",):
            return "any"
        return "one" if voices == 1 else "several"

    def default_color_match(self, seconds: float) -> ColorMatch:
        """For a video of `seconds`, where the caller names none."""
        return "mkl" if seconds >= self.color_match_from else "disabled"


MODES: Mapping[Mode, ModeFacts] = {
    "multitalk": ModeFacts(
        graph="multitalk.json",
        family="WAN 2.1 I2V 14B with MultiTalk",
        overlap=25,
        talk_speakers=("any",),
        talk_variants=("default",),
        color_match_from=0.0,  # it drifts from window to window
        reference_per_window=False,
    ),
    "infinitetalk": ModeFacts(
        graph="infinitetalk.json",
        family="WAN 2.1 I2V 14B with InfiniteTalk",
        overlap=9,
        talk_speakers=("one", "several"),
        talk_variants=("default", "q8_0"),
        color_match_from=30.0,  # it drifts over long clips only
        reference_per_window=True,
    ),
}
