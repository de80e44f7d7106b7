"""The scripts that build SageAttention's wheel for the GPUs that are asked for, and see that its kernels load."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.image.docker_scripts import DOCKER, load, run
from tests.image.dockerfile import DOCKERFILE

TARGETS = "8.0;8.6;8.9;9.0;12.0"


def _gencode(*targets: str) -> list[str]:
    return [word for t in targets for word in ("-gencode", f"arch=compute_{t},code=sm_{t}")]


@pytest.mark.parametrize(
    ("extension", "kept"),
    [
        ("sageattention._fused", ("80", "86", "89", "90a", "120a")),
        ("sageattention._qattn_sm80", ("80", "86", "89", "90a", "120a")),
        ("sageattention._qattn_sm89", ("89", "90a", "120a")),
        ("sageattention._qattn_sm90", ("90a",)),
    ],
)
def test_each_extension_keeps_the_targets_that_it_compiles_for(extension: str, kept: tuple[str, ...]) -> None:
    flags = ["-O3", *_gencode("80", "86", "89", "90a", "120a"), "--use_fast_math"]
    assert load("build_sage").keep_targets(flags, extension) == ["-O3", *_gencode(*kept), "--use_fast_math"]


@pytest.mark.parametrize("form", [["--threads=8"], ["--threads", "8"], ["-t", "8"], ["-t8"], []], ids=" ".join)
def test_nvcc_runs_as_many_threads_as_asked(form: list[str]) -> None:
    flags = ["-O3", *form, *_gencode("80"), "--use_fast_math"]
    kept = ["-O3", *_gencode("80"), "--use_fast_math", "--threads=3"]
    assert load("build_sage").limit_threads(flags, 3) == kept


def _checked(**arguments: str) -> subprocess.CompletedProcess[str]:
    return run("env", "-i", *(f"{name}={value}" for name, value in arguments.items()), DOCKER / "check_arguments.sh")


@pytest.mark.parametrize(
    "targets", ["8.0;8.6;8.9;9.0;12.0", "8.9", "8.9+PTX", "8.0, 9.0", "8.6 ; 8.9", "10.0,12.1", None], ids=str
)
def test_what_the_compilers_know_is_let_through(targets: str | None) -> None:
    done = _checked(MAX_JOBS="1", NVCC_THREADS="16", **({"SAGE_TARGETS": targets} if targets else {}))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *(
            ("SAGE_TARGETS", value, "8.0;9.0")
            for value in ("", "7.5", "8.9 9.0", "8,9", "8.9;", "89", "RTX 4090", "8.9;11.0")
        ),
        *(("MAX_JOBS", value, "from 1 to 99") for value in ("0", "", "all", "-1", "2.5")),
        *(("NVCC_THREADS", value, "from 1 to 99") for value in ("0", "two", "100")),
    ],
)
def test_what_they_do_not_know_ends_the_build_with_what_they_do(name: str, value: str, allowed: str) -> None:
    done = _checked(**{name: value})
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"{name}={value}: use ")
    assert allowed in said


def test_the_build_looks_at_them_before_it_compiles() -> None:
    """In a stage of its own, which waits for no other: its failure ends them all, its change compiles nothing anew."""
    stage = DOCKERFILE.stages["arguments"]
    assert stage.base == "base"
    assert {arg.text for arg in stage.all("ARG")} == {"SAGE_TARGETS", "MAX_JOBS", "NVCC_THREADS"}
    assert not [copy for copy in stage.all("COPY") if "from" in copy.options]
    assert "arguments" in [copy.options.get("from") for copy in DOCKERFILE.stages["verify"].all("COPY")]


SETUP = """
import os, sys, zipfile
from torch.utils.cpp_extension import CUDAExtension
targets = ["80", "86", "89", "90a", "120a"]
flags = ["-O3"] + [w for t in targets for w in ("-gencode", f"arch=compute_{t},code=sm_{t}")]
assert sys.argv[1:3] == ["bdist_wheel", "--dist-dir"]
with zipfile.ZipFile(os.path.join(sys.argv[3], "sageattention-2.2.0-cp312.whl"), "w") as wheel:
    for name in ["_fused", "_qattn_sm80", "_qattn_sm89", "_qattn_sm90"]:
        made = CUDAExtension(name=f"sageattention.{name}", sources=[], extra_compile_args={"cxx": [], "nvcc": flags})
        if name not in os.environ.get("LOSE", ""):
            wheel.writestr(f"sageattention/{name}.cpython-312.so", "\\n".join(made["extra_compile_args"]["nvcc"]))
"""
CUDA_EXTENSION = """
def CUDAExtension(name, sources, *args, **options):
    return {"name": name, **options}
"""


def _build(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a torch, a setup.py and a cuobjdump that only pass the targets on."""
    (tmp_path / "torch" / "utils").mkdir(parents=True)
    for package in ("torch", "torch/utils"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "torch" / "utils" / "cpp_extension.py").write_text(CUDA_EXTENSION)
    (tmp_path / "sage").mkdir()
    (tmp_path / "sage" / "setup.py").write_text(SETUP)
    (tmp_path / "wheels").mkdir()
    cuobjdump = tmp_path / "cuobjdump"
    cuobjdump.write_text('#!/bin/sh\ngrep -o "sm_[0-9a-z]*" "$2" || true\n')
    cuobjdump.chmod(0o755)
    variables = {"TORCH_CUDA_ARCH_LIST": TARGETS, "CUOBJDUMP": str(cuobjdump), "PYTHONPATH": str(tmp_path)}
    script = (sys.executable, DOCKER / "build_sage.py", tmp_path / "sage", tmp_path / "wheels")
    return run(*script, environment={**variables, **environment})


def test_the_wheel_has_every_target(tmp_path: Path) -> None:
    done = _build(tmp_path, NVCC_THREADS="3")
    assert done.returncode == 0, done.stderr
    assert "_qattn_sm89 has ['89', '90', '120']" in done.stdout
    assert "_qattn_sm90 has ['90']" in done.stdout
    (wheel,) = (tmp_path / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as opened:
        compiled = [opened.read(name).decode() for name in opened.namelist()]
    assert len(compiled) == 4
    assert all(flags.endswith("--threads=3") for flags in compiled)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"LOSE": "_qattn_sm90"}, "_qattn_sm90 lacks ['90']"),
        ({"LOSE": "_fused"}, "_fused lacks"),
        ({"TORCH_CUDA_ARCH_LIST": f"{TARGETS};12.1"}, "lacks ['121']"),
    ],
)
def test_a_wheel_without_a_target_stops_the_build(environment: dict[str, str], complaint: str, tmp_path: Path) -> None:
    done = _build(tmp_path, **environment)
    assert done.returncode == 1
    assert complaint in done.stderr


def test_fewer_targets_need_fewer_extensions() -> None:
    expected_targets = load("build_sage").expected_targets
    assert expected_targets("_fused", "8.0;8.9") == {"80", "89"}
    assert expected_targets("_qattn_sm89", "8.0;8.6") == set()
    assert expected_targets("_qattn_sm90", TARGETS) == {"90"}
    assert expected_targets("_qattn_sm89", "8.6, 8.9+PTX;12.0a;10.0;") == {"89", "120", "100"}


CORE = """
try:
    from . import sm80_compile
    SM80_ENABLED = True
except ImportError:
    SM80_ENABLED = False
try:
    from . import sm89_compile
    SM89_ENABLED = True
except ImportError:
    SM89_ENABLED = False
"""


@pytest.mark.parametrize(
    ("compiled", "loads", "code", "said"),
    [
        (None, (), 0, "not in this image"),
        (("sm80", "sm89", "sm90"), ("sm80", "sm89"), 0, "kernels: sm80, sm89"),
        (("sm80",), ("sm80",), 0, "kernels: sm80\n"),  # for a 3090 alone
        (("sm80", "sm89"), ("sm80",), 1, "do not load: sm89"),
        (("sm80", "sm89"), (), 1, "do not load: sm80, sm89"),
        ((), (), 1, "it has none"),
    ],
)
def test_the_kernels_that_were_compiled_must_load(
    tmp_path: Path, compiled: tuple[str, ...] | None, loads: tuple[str, ...], code: int, said: str
) -> None:
    if compiled is not None:
        package = tmp_path / "sageattention"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "core.py").write_text(CORE)
        for name in compiled:
            (package / f"_qattn_{name}.cpython-312-x86_64-linux-gnu.so").touch()
        for name in loads:
            (package / f"{name}_compile.py").touch()
    done = run(sys.executable, DOCKER / "verify_sage.py", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == code
    assert said in done.stdout + done.stderr
