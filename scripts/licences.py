"""Writes the tables of docs/licences.md: `python scripts/licences.py COMFYUI_PYTHON`.

Run it with the worker's interpreter, and name the interpreter of an environment made from
docker/comfyui-requirements.txt: licences are read from the metadata of installed packages. Names and versions
come from the locks. What metadata does not tell, or tells wrongly, is in `BY_HAND`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENT = REPOSITORY / "docs" / "licences.md"
MARK = "<!-- What follows is written by scripts/licences.py. -->\n"
WORKER_LOCK = REPOSITORY / "requirements.txt"
COMFYUI_LOCK = REPOSITORY / "docker" / "comfyui-requirements.txt"
SAGE_LOCK = REPOSITORY / "docker" / "sage-requirements.txt"
TELL = """
import importlib.metadata, json
told = {}
for found in importlib.metadata.distributions():
    about = found.metadata
    classes = [text for text in about.get_all("Classifier") or () if text.startswith("License")]
    told[about["Name"]] = [found.version, about.get("License-Expression"), about.get("License") or "", classes]
print(json.dumps(told))
"""
TEXTS = {  # of the field "License", in lower case
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd-3-clause": "BSD-3-Clause",
    "gnu gpl v3.0": "GPL-3.0",
    "isc license": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mit or apache-2.0": "MIT OR Apache-2.0",
    "mpl-2.0": "MPL-2.0",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
    "nvidia proprietary software": "NVIDIA proprietary",
    "psf-2.0": "PSF-2.0",
    "unlicense": "Unlicense",
}
CLASSES = {  # of the classifier, its last part
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
BY_HAND = {
    "comfyui-frontend-package": "GPL-3.0",  # no licence in its metadata; that of its repository
    "comfyui-workflow-templates": "GPL-3.0",  # its licence file; its classifier says MIT
    "docutils": "public domain, BSD-2-Clause, PSF-2.0, GPL-3.0 (Emacs files)",
    "imageio-ffmpeg": "BSD-2-Clause; ffmpeg, which is in its wheel: GPL-3.0-or-later",
    "imageio": "BSD-2-Clause",  # as its wheel of the locked version says
    "nvidia-cudnn-cu12": "NVIDIA proprietary",
    "nvidia-nvshmem-cu12": "NVIDIA proprietary",  # its licence file; its metadata says BSD-3-Clause
    "pi-heif": "BSD-3-Clause; libheif and libde265 in its wheel: LGPL-3.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "setuptools": "MIT",  # the same; a virtual environment may have brought its own
    "torchvision": "BSD-3-Clause",
    "uvloop": "Apache-2.0 OR MIT",
}
SAGE_PACKAGES = {"ninja": "Apache-2.0", "setuptools": "MIT"}
PROGRAMS = (  # name, the argument of the Dockerfile that pins it, licence
    ("ComfyUI", "COMFYUI_COMMIT", "GPL-3.0"),
    ("ComfyUI-WanVideoWrapper", "WANVIDEOWRAPPER_COMMIT", "Apache-2.0"),
    ("SageAttention", "SAGEATTENTION_COMMIT", "Apache-2.0"),
    ("Ubuntu 24.04 with CUDA 12.8", "CUDA_BASE", "of each package; NVIDIA's container licence"),
)
UBUNTU = (  # name, version, licence; of Ubuntu 24.04, as the Dockerfile installs them
    ("python3", "3.12", "PSF-2.0"),
    ("aria2", "Ubuntu's", "GPL-2.0-or-later with OpenSSL exception"),
    ("gcc, libc6-dev", "Ubuntu's", "GPL-3.0-or-later with GCC runtime exception; LGPL-2.1-or-later"),
    ("curl, ca-certificates", "Ubuntu's", "curl; MPL-2.0"),
)


class UnknownLicenceError(Exception):
    """The metadata does not settle it; the message names the packages."""


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str

    @property
    def key(self) -> str:
        """The name as package indexes compare it."""
        return re.sub(r"[-_.]+", "-", self.name).lower()


def pins(lock: Path) -> list[Pin]:
    """The packages of a lock, in its order."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line) for line in lines)
    return [Pin(match[1], match[2]) for match in found if match]


def installed(python: str) -> dict[str, list[Any]]:
    """Version, licence expression, licence text and classifiers of what an interpreter has, by key.

    Raises:
        subprocess.CalledProcessError, OSError: it does not run.
    """
    done = subprocess.run([python, "-c", TELL], check=True, capture_output=True, text=True)
    return {Pin(name, "").key: told for name, told in json.loads(done.stdout).items()}


def licence_of(pin: Pin, told: Mapping[str, list[Any]]) -> str | None:
    """None where the metadata is of another version, absent, or ambiguous."""
    if pin.key in BY_HAND:
        return BY_HAND[pin.key]
    version, expression, text, classes = told.get(pin.key, ("", None, "", []))
    if version != pin.version:
        return None
    names = [name.rsplit(" :: ", 1)[-1] for name in classes]
    from_class = CLASSES.get(names[0]) if len(names) == 1 else None
    licence: str | None = expression or TEXTS.get(text.strip().lower()) or from_class
    return licence


def packages(lock: Path, told: Mapping[str, list[Any]]) -> list[tuple[str, str, str]]:
    """Name, version and licence of each package of a lock.

    Raises:
        UnknownLicenceError: for some of them nothing is known.
    """
    found = [(pin, licence_of(pin, told)) for pin in pins(lock)]
    unknown = [f"{pin.name}=={pin.version}" for pin, licence in found if licence is None]
    if unknown:
        raise UnknownLicenceError(f"{lock.name}: no licence in the metadata of {', '.join(unknown)}: see BY_HAND")
    return [(pin.name, pin.version, str(licence)) for pin, licence in found]


def programs() -> list[tuple[str, str, str]]:
    """What the Dockerfile brings besides packages, with the commit or the base image that it pins."""
    arguments = dict(re.findall(r"(?m)^ARG (\w+)=(\S+)$", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")))
    pinned = [(name, arguments[argument], licence) for name, argument, licence in PROGRAMS]
    return [*pinned, *UBUNTU]


def models() -> list[tuple[str, str, str]]:
    """File, repository and licence of every model file."""
    listed = json.loads((REPOSITORY / "workflows" / "models.json").read_text(encoding="utf-8"))["models"]
    return [(model["file"], model["repository"], model["licence"]) for model in listed]


def table(title: str, columns: tuple[str, str, str], rows: Iterable[tuple[str, str, str]]) -> str:
    """A section with a table."""
    lines = [f"## {title}\n", f"| {' | '.join(columns)} |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def tables(comfyui_python: str) -> str:
    """All sections. Raises UnknownLicenceError, and as `installed`."""
    columns = ("package", "version", "licence")
    worker = packages(WORKER_LOCK, installed(sys.executable))
    comfyui = packages(COMFYUI_LOCK, installed(comfyui_python))
    sage = [(pin.name, pin.version, SAGE_PACKAGES[pin.key]) for pin in pins(SAGE_LOCK)]
    sections = (
        table("Programs", ("name", "version", "licence"), programs()),
        table("Model weights (workflows/models.json)", ("file", "repository", "licence"), models()),
        table("The worker's environment (requirements.txt)", columns, worker),
        table("ComfyUI's environment (docker/comfyui-requirements.txt)", columns, comfyui),
        table("While SageAttention is built (docker/sage-requirements.txt)", columns, sage),
    )
    return "\n".join(sections)


def main() -> None:
    """Write the document anew below its mark."""
    if len(sys.argv) != 2:  # the interpreter, and nothing else
        sys.exit(__doc__)
    head = DOCUMENT.read_text(encoding="utf-8").split(MARK)[0]
    try:
        written = tables(sys.argv[1])
    except (UnknownLicenceError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    DOCUMENT.write_text(f"{head}{MARK}\n{written}", encoding="utf-8")


if __name__ == "__main__":
    main()
