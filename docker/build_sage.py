"""Builds SageAttention's wheel for several GPU generations at once: `build_sage.py SOURCE WHEELS`.

Its setup.py hands one list of GPU targets to every extension, but the Hopper extension compiles for Hopper only
(SageAttention#291), and the FP8 one has nothing to do below 8.9. So setup.py is run as it is, and each extension keeps
the targets that its code is for. The wheel is then opened to prove that the machine code of all of them is in it.

Its nvcc compiles eight targets at a time, in as many processes of about 2 GB each, for each of MAX_JOBS files:
NVCC_THREADS takes the place of the eight.

Reads TORCH_CUDA_ARCH_LIST (such as "8.0;8.9;9.0"), NVCC_THREADS (2) and CUOBJDUMP (the program of that name).
"""

import importlib
import os
import re
import runpy
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FP8 = frozenset({"89", "90", "100", "120", "121"})
HOPPER = frozenset({"90"})
TARGETS_OF = {"_qattn_sm89": FP8, "_qattn_sm90": HOPPER}  # the other extensions run everywhere
GENCODE = "-gencode"


def keep_targets(flags: Sequence[str], extension: str) -> list[str]:
    """nvcc's `flags` less each pair `-gencode arch=…,code=sm_NN` that the extension is not for."""
    wanted = TARGETS_OF.get(extension.rpartition(".")[2])
    kept: list[str] = []
    rest = iter(flags)
    for flag in rest:
        if flag != GENCODE:
            kept.append(flag)
            continue
        target = next(rest)
        number = re.search(r"code=(?:sm|compute)_(\d+)", target)
        if number is None:
            raise ValueError(f"not a target: {target}")
        if wanted is None or number[1] in wanted:
            kept += [flag, target]
    return kept


def limit_threads(flags: Sequence[str], threads: int) -> list[str]:
    """nvcc's `flags` with this many threads in place of what they say, in whichever form."""
    kept: list[str] = []
    rest = iter(flags)
    for flag in rest:
        if flag in ("--threads", "-t"):
            next(rest)
        elif not re.fullmatch(r"(--threads|-t)(=\d+| \d+)|-t\d+", flag):
            kept.append(flag)
    return [*kept, f"--threads={threads}"]


def expected_targets(extension: str, arch_list: str) -> set[str]:
    """The targets that must be in an extension, as the digits of sm_NN."""
    asked = {re.sub(r"\D", "", part) for part in re.split("[;,]", arch_list)} - {""}
    wanted = TARGETS_OF.get(extension)
    return asked if wanted is None else asked & wanted


def build(source: Path, wheels: Path) -> Path:
    """Run setup.py with extensions that keep only their own targets; returns the wheel."""
    extensions: Any = importlib.import_module("torch.utils.cpp_extension")
    make_extension = extensions.CUDAExtension
    threads = int(os.environ.get("NVCC_THREADS", "2"))

    def limited(name: str, sources: list[str], *args: Any, **options: Any) -> Any:
        compile_args = options["extra_compile_args"]
        flags = limit_threads(keep_targets(compile_args["nvcc"], name), threads)
        options["extra_compile_args"] = {**compile_args, "nvcc": flags}
        return make_extension(name, sources, *args, **options)

    extensions.CUDAExtension = limited
    wheels = wheels.resolve()
    os.chdir(source)
    sys.argv = ["setup.py", "bdist_wheel", "--dist-dir", str(wheels)]
    runpy.run_path("setup.py", run_name="__main__")
    (wheel,) = wheels.glob("sageattention-*.whl")
    return wheel


def check(wheel: Path, arch_list: str, cuobjdump: str) -> None:
    """Print the targets found in each extension of the wheel; exits when one is missing."""
    found: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                library = archive.extract(name, folder)
                listing = subprocess.run([cuobjdump, "--list-elf", library], check=True, capture_output=True, text=True)
                found[Path(name).name.partition(".")[0]] = set(re.findall(r"sm_(\d+)", listing.stdout))
    needed = {"_fused", "_qattn_sm80"} | {name for name in TARGETS_OF if expected_targets(name, arch_list)}
    for extension in sorted(needed | found.keys()):
        missing = expected_targets(extension, arch_list) - found.get(extension, set())
        if extension not in found or missing:
            sys.exit(f"{wheel.name}: {extension} lacks {sorted(missing) or 'everything'}")
        sys.stdout.write(f"{wheel.name}: {extension} has {sorted(found[extension], key=int)}\n")


if __name__ == "__main__":
    arch_list = os.environ["TORCH_CUDA_ARCH_LIST"]
    check(build(Path(sys.argv[1]), Path(sys.argv[2])), arch_list, os.environ.get("CUOBJDUMP", "cuobjdump"))
