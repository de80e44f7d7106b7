"""Where files of the simulated server are, and how names become paths.

Names of Load* nodes are joined to the input folder without any check, as on the real server: absolute paths and `../`
work, and an ending like `[output]` changes the folder (docs/facts/comfyui.md#input-files).
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = {"[output]": ("output", 9), "[input]": ("input", 8), "[temp]": ("temp", 7)}


@dataclass(frozen=True)
class Folders:
    """The three folders of a server, absolute; `frames` has PNGs that stand in for the drawn frames."""

    input: Path
    output: Path
    temp: Path
    frames: Path | None = None

    def by_type(self, name: str) -> Path | None:
        """`input`, `output` or `temp`, else None."""
        return {"input": self.input, "output": self.output, "temp": self.temp}.get(name)

    def split(self, name: str) -> tuple[str, Path | None]:
        """A name without its `[folder]` ending, and that folder (None without an ending)."""
        for suffix, (folder, cut) in SUFFIXES.items():
            if name.endswith(suffix):
                return name[:-cut], self.by_type(folder)
        return name, None

    def annotated(self, name: str) -> Path:
        """The file a Load* node means."""
        bare, folder = self.split(name)
        return (folder or self.input) / bare

    def next_output(self, prefix: str, extension: str) -> tuple[Path, str, str]:
        """A free numbered file under the output folder: (path, file name, subfolder); `%year%` and the like are filled
        in.

        Raises RuntimeError when the prefix leads out of the output folder.
        """
        now = time.localtime()
        fields = ("year", f"{now.tm_year}"), ("month", f"{now.tm_mon:02}"), ("day", f"{now.tm_mday:02}")
        clock = ("hour", f"{now.tm_hour:02}"), ("minute", f"{now.tm_min:02}"), ("second", f"{now.tm_sec:02}")
        for field, value in (*fields, *clock):
            prefix = prefix.replace(f"%{field}%", value)
        subfolder, stem = os.path.split(os.path.normpath(prefix))
        folder = self.output / subfolder
        if not inside(folder, self.output):
            raise RuntimeError("**** ERROR: Saving image outside the output folder is not allowed.")
        folder.mkdir(parents=True, exist_ok=True)
        names = (entry.name for entry in folder.iterdir())
        taken = [name[len(stem) + 1 :].split("_")[0] for name in names if name.startswith(f"{stem}_")]
        number = max((int(digits) for digits in taken if digits.isdecimal()), default=0) + 1
        name = f"{stem}_{number:05}_.{extension}"
        return folder / name, name, subfolder


def inside(path: Path, folder: Path) -> bool:
    """Whether a path, with `..` resolved by its text, lies in a folder."""
    return Path(os.path.normpath(path)).is_relative_to(folder)
