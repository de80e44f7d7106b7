"""Where model files are on this machine, and how ComfyUI is told.

A file is looked for in each root, in order (`<root>/<folder>/<file>`), then in the folder of models
that RunPod caches (a Hugging Face hub folder: docs/facts/runpod.md#cached-models): in its own repository, then in any
that has the layout of a root. One generated extra_model_paths file hands what was found to ComfyUI.
"""

import json
import logging
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WantedFile:
    """A model file: ComfyUI's folder and name for it, and its place in a Hugging Face repository."""

    folder: str
    file: str
    repository: str
    path: str


def find_file(wanted: WantedFile, roots: Sequence[Path], hub: Path) -> Path | None:
    """The first place that has the file and lets this user read it, or None."""
    return next((path for path in _places(wanted, roots, hub) if _is_readable(path)), None)


def _places(wanted: WantedFile, roots: Sequence[Path], hub: Path) -> Iterator[Path]:
    yield from (root / wanted.folder / wanted.file for root in roots)
    own = f"models--{wanted.repository.replace('/', '--')}"
    cached = (snapshot / wanted.path for snapshot in sorted(hub.glob(f"{own}/snapshots/*")))
    yield from (path for path in cached if path.name == wanted.file)
    # RunPod caches one repository an endpoint: its owner gathered the files of several in it.
    yield from (snapshot / wanted.folder / wanted.file for snapshot in sorted(hub.glob("models--*/snapshots/*")))


def _is_readable(path: Path) -> bool:
    try:
        if path.is_file() and os.access(path, os.R_OK, effective_ids=True):
            return True
        unreadable = path.is_file()
    except PermissionError:  # a folder on the way to it
        unreadable = True
    if unreadable:
        log.warning("%s cannot be read by this worker's user (id %d)", path, os.geteuid())
    return False


def write_extra_model_paths(
    files: Iterable[tuple[WantedFile, Path]], node_folders: Iterable[Path], target: Path
) -> None:
    """Write the YAML that `--extra-model-paths-config` takes: a search folder per kind, and folders with node packs.

    Each search folder is beside `target`, and has links to exactly these files: of two files of one name in two roots,
    ComfyUI would take the one in the root that it was told last. JSON strings are YAML strings, so every path
    survives.
    """
    folders: dict[str, Path] = {}
    for wanted, path in files:
        folder = folders.setdefault(wanted.folder, target.parent / "models" / wanted.folder)
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f".{uuid.uuid4().hex}"
        new.symlink_to(path.absolute())
        new.replace(folder / wanted.file)  # at once: another worker of this machine may be reading it
    lines = ["models:", "  is_default: true"]
    lines += [f"  {kind}: {json.dumps(str(folder.absolute()))}" for kind, folder in folders.items()]
    # Not by default first: our pack loads after the one that it works with.
    lines += ["nodes:", f"  custom_nodes: {json.dumps(chr(10).join(str(folder) for folder in node_folders))}"]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
