"""Which modes this machine's model files allow, and where the files are."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from comfy_client.model_paths import WantedFile, find_file
from contract.errors import ErrorCode, WorkerError
from contract.fields import Mode
from worker.settings import Settings
from workflows.models import ModelFile, Variants, read_models
from workflows.modes import MODES

log = logging.getLogger(__name__)

LEAST_BYTES = 1_000_000  # fewer are a web page, or the pointer that a `git clone` without LFS leaves
MODELS_REMEDY = "(below MODEL_ROOTS; scripts/download_models.sh gets them, ENGINE=simulator needs none)"


def wanted_modes(settings: Settings) -> tuple[Mode, ...]:
    """Those that the settings name; with MODES=auto, all of them."""
    return tuple(mode for mode in MODES if settings.modes in ("auto", "all", mode))


def find_models(
    settings: Settings, pulse: Callable[[], None] = lambda: None
) -> tuple[tuple[Mode, ...], list[tuple[WantedFile, Path]]]:
    """The modes whose files are all on this machine, and where these are; `pulse` is called after each mode.

    Raises:
        WorkerError: MODELS_MISSING where an enabled mode lacks files; with MODES=auto, where every mode does, naming
            those of the mode that lacks the fewest.
    """
    roots = (*settings.model_roots, settings.comfyui_dir / "models")
    wanted = wanted_modes(settings)
    found: dict[Mode, dict[WantedFile, Path]] = {}
    missing: dict[Mode, list[str]] = {}
    for mode in wanted:
        places = {file: find_file(file, roots, settings.model_cache) for file in _files_of(mode, variants(settings))}
        pulse()
        missing[mode] = [file.file for file, place in places.items() if place is None]
        found[mode] = {file: place for file, place in places.items() if place is not None}
    modes = tuple(mode for mode in wanted if not missing[mode])
    nearest = min(wanted, key=lambda mode: len(missing[mode]))
    needed = [nearest] if settings.modes == "auto" else list(wanted)
    names = dict.fromkeys(name for mode in needed for name in missing[mode])
    if names:
        raise WorkerError(ErrorCode.MODELS_MISSING, f"Required models are missing: {', '.join(names)} {MODELS_REMEDY}")
    files = {file: place for mode in modes for file, place in found[mode].items()}
    _tell_odd_sizes(files)
    return modes, list(files.items())


def _tell_odd_sizes(files: Mapping[WantedFile, Path]) -> None:
    """A copy that broke off is found by no node before a job, and then named by none. Other weights under the same name
    may be meant: they are told, not refused."""
    listed = {model.file: model.bytes for model in read_models()}
    odd = []
    for file, place in files.items():
        size, meant = place.stat().st_size, listed[file.file]
        if size < LEAST_BYTES or (meant is not None and size != meant):
            odd.append(f"{place} has {size} bytes, not {meant or 'those of a model'}")
    if odd:
        log.warning(
            "not the files of the list: %s; scripts/download_models.sh --repair fetches them anew", "; ".join(odd)
        )


def variants(settings: Settings) -> Variants:
    """The model variants that the settings ask for."""
    return Variants(settings.base_model, settings.talk_model)


def _files_of(mode: Mode, chosen_variants: Variants) -> list[WantedFile]:
    chosen = {name for files in chosen_variants.all_of(mode) for name in vars(files).values()}
    by_name: dict[str, ModelFile] = {model.file: model for model in read_models()}
    files = [by_name[name] for name in sorted(chosen)]
    return [WantedFile(model.folder, model.file, model.repository, model.path) for model in files]
