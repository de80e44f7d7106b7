"""Whether this worker's engine can part voices from music: an optional file of weights, and our node pack's nodes."""

import logging
from pathlib import Path

import requests

from comfy_client.client import ComfyClient
from comfy_client.model_paths import WantedFile, find_file
from comfy_client.readiness import shortcomings
from worker.settings import Settings
from workflows.models import separator_file
from workflows.separation import separation_graph

log = logging.getLogger(__name__)


def find_separator(settings: Settings) -> list[tuple[WantedFile, Path]]:
    """The weights and where they are on this machine; empty where they are not."""
    model = separator_file()
    wanted = WantedFile(model.folder, model.file, model.repository, model.path)
    place = find_file(wanted, (*settings.model_roots, settings.comfyui_dir / "models"), settings.model_cache)
    return [(wanted, place)] if place else []


def separator_of(client: ComfyClient) -> str | None:
    """The name of the weights, where the server has them and the nodes that use them; else None."""
    name = separator_file().file
    try:
        lacks = shortcomings(separation_graph(name), client.object_info())
    except requests.RequestException as error:
        log.warning("ComfyUI does not tell whether it can part voices from music: %s", type(error).__name__)
        return None
    if not (lacks.models or lacks.others):
        return name
    log.info("voices are not parted from music: ComfyUI lacks %s", ", ".join((*lacks.models, *lacks.others)))
    return None
