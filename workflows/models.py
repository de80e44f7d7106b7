"""The list of model files (`models.json`) and which of them a job needs."""

import json
from dataclasses import dataclass
from pathlib import Path

from contract.fields import Mode
from workflows.modes import MODES

LIST = Path(__file__).with_name("models.json")


@dataclass(frozen=True)
class ModelFile:
    """One file: what it is for, where ComfyUI looks for it, and where it comes from.

    What jobs do without is `optional`. `speakers` ("one", "several", "any") matters for talk models only; `bytes` and
    `sha256` are None where no source gives them. `variant` tells apart base models (q4_k_m, q8_0, fp8) and talk models
    (default, q8_0).
    """

    role: str
    modes: tuple[str, ...]
    folder: str
    file: str
    repository: str
    revision: str
    path: str
    licence: str
    bytes: int | None = None
    sha256: str | None = None
    variant: str | None = None
    optional: bool = False
    speakers: str | None = None


@dataclass(frozen=True)
class ModelSet:
    """The file names of one job, as the loader nodes list them."""

    base: str
    talk: str
    speed_lora: str
    vae: str
    text_encoder: str
    clip_vision: str
    wav2vec: str


@dataclass(frozen=True)
class Variants:
    """Which base and which talk models a worker uses; a mode without that talk variant uses its "default"."""

    base: str
    talk: str = "default"

    def choose(self, mode: Mode, voices: int) -> ModelSet:
        """The files of a job. Errors as `choose_models`."""
        talk = self.talk if self.talk in MODES[mode].talk_variants else "default"
        return choose_models(mode, voices, self.base, talk_variant=talk)

    def all_of(self, mode: Mode) -> tuple[ModelSet, ...]:
        """Every set of files that jobs of a mode use. Errors as `choose_models`."""
        return tuple(dict.fromkeys(self.choose(mode, voices) for voices in (1, 2)))


def read_models() -> tuple[ModelFile, ...]:
    """Every entry of the list."""
    entries = json.loads(LIST.read_text(encoding="utf-8"))["models"]
    return tuple(ModelFile(**{**entry, "modes": tuple(entry["modes"])}) for entry in entries)


def separator_file() -> ModelFile:
    """The weights that part voices from music."""
    return next(model for model in read_models() if model.role == "separator")


def choose_models(mode: Mode, voices: int, base_variant: str, *, talk_variant: str = "default") -> ModelSet:
    """The files for a mode, a number of voices, and variants of base and talk model.

    A GGUF talk model (q8_0) needs a GGUF base (docs/facts/talk-models.md#files-that-run-together).

    Raises:
        KeyError: the list has no such base or talk variant for this mode.
        ValueError: the two variants cannot run together.
    """
    models = [model for model in read_models() if mode in model.modes]
    one_of_role = {m.role: m.file for m in models if m.role not in ("base", "talk") and not m.optional}
    bases = {model.variant: model.file for model in models if model.role == "base"}
    speakers = MODES[mode].talk_model_for(voices)
    talks = {model.variant: model.file for model in models if model.role == "talk" and model.speakers == speakers}
    if talks[talk_variant].endswith(".gguf") and not bases[base_variant].endswith(".gguf"):
        raise ValueError(f"the talk model {talk_variant} is GGUF and needs a GGUF base, not {base_variant}")
    return ModelSet(base=bases[base_variant], talk=talks[talk_variant], **one_of_role)
