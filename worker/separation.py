"""Whether this worker's engine can part voices from music: an optional file of weights, and our node pack's nodes."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comfy_client.model_paths import WantedFile, find_file
from comfy_client.readiness import shortcomings
from worker.settings import Settings
from workflows.models import separator_file
from workflows.own_nodes import SEPARATE_VOICE
from workflows.separation import separation_graph

log = logging.getLogger(__name__)


def find_separator(settings: Settings) -> list[tuple[WantedFile, Path]]:
    """The weights and where they are on this machine; empty where they are not."""
    model = separator_file()
    wanted = WantedFile(model.folder, model.file, model.repository, model.path)
    place = find_file(wanted, (*settings.model_roots, settings.comfyui_dir / "models"), settings.model_cache)
    return [(wanted, place)] if place else []


def separation_nodes(object_info: Mapping[str, Any]) -> frozenset[str]:
    """The node that parts a voice from music, where a server has it, the weights, and what else it takes; else none."""
    lacks = shortcomings(separation_graph(), object_info)
    if not (lacks.models or lacks.others):
        return frozenset({SEPARATE_VOICE})
    log.info("voices are not parted from music: ComfyUI lacks %s", ", ".join((*lacks.models, *lacks.others)))
    return frozenset()
