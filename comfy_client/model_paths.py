"""Where model files are on this machine, and how ComfyUI is told.

A file is looked for in each root, in order (`<root>/<folder>/<file>`), then in the folder of models
that RunPod caches (a Hugging Face hub folder: reference/contracts.md A13). One generated
extra_model_paths file hands what was found to ComfyUI.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WantedFile:
    """A model file: ComfyUI's folder and name for it, and its place in a Hugging Face repository."""

    folder: str
    file: str
    repository: str
    path: str


def find_file(wanted: WantedFile, roots: Sequence[Path], hub: Path) -> Path | None:
    """The first place that has the file, or None."""
    for root in roots:
        candidate = root / wanted.folder / wanted.file
        if candidate.is_file():
            return candidate
    snapshots = hub / f"models--{wanted.repository.replace('/', '--')}" / "snapshots"
    if not snapshots.is_dir():
        return None
    cached = (snapshot / wanted.path for snapshot in sorted(snapshots.iterdir()))
    return next((path for path in cached if path.is_file() and path.name == wanted.file), None)


def write_extra_model_paths(
    files: Iterable[tuple[WantedFile, Path]], node_folders: Iterable[Path], target: Path
) -> None:
    """Write the YAML that `--extra-model-paths-config` takes: search folders per kind, and folders with node packs.

    JSON strings are YAML strings, so every path survives.
    """
    folders: dict[str, list[str]] = {}
    for wanted, path in files:
        known = folders.setdefault(wanted.folder, [])
        if str(path.parent) not in known:
            known.append(str(path.parent))
    lines = ["models:", "  is_default: true"]
    lines += [f"  {kind}: {json.dumps(chr(10).join(paths))}" for kind, paths in folders.items()]
    # Not by default first: our pack loads after the one that it works with.
    lines += ["nodes:", f"  custom_nodes: {json.dumps(chr(10).join(str(folder) for folder in node_folders))}"]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
