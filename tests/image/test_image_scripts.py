"""The scripts that the image's build and its health check run."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from tests.image.dockerfile import REPOSITORY

DOCKER = REPOSITORY / "docker"
TARGETS = "8.0;8.6;8.9;9.0;12.0"


def _load(name: str) -> ModuleType:
    """A script as a module: by its path, as a package named docker may be installed."""
    spec = importlib.util.spec_from_file_location(f"image_{name}", DOCKER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(
    *command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name != "COMFYUI_URL"} | dict(environment or {})
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=variables, capture_output=True, text=True, timeout=240, check=False)


# --- fetch_commit.sh


def _git(folder: Path, *command: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    done = _run("git", *identity, *command, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def upstream(tmp_path: Path) -> tuple[Path, str]:
    """A repository whose branch has moved on since the pinned commit."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    _git(folder, "init", "--quiet")
    _git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    for text in ("pinned", "newer"):
        (folder / "file").write_text(text)
        _git(folder, "add", "file")
        _git(folder, "commit", "--quiet", "-m", text)
    return folder, _git(folder, "rev-parse", "HEAD~1")


def test_the_pinned_commit_is_fetched_without_history(upstream: tuple[Path, str], tmp_path: Path) -> None:
    repository, commit = upstream
    done = _run(DOCKER / "fetch_commit.sh", f"file://{repository}", commit, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "file").read_text() == "pinned"
    assert not (tmp_path / "out" / ".git").exists()


@pytest.mark.parametrize("commit", ["master", "HEAD", "a125cd8", ""])
def test_a_name_that_can_move_is_refused(commit: str, upstream: tuple[Path, str], tmp_path: Path) -> None:
    assert _run(DOCKER / "fetch_commit.sh", f"file://{upstream[0]}", commit, tmp_path / "out").returncode == 2
    assert not (tmp_path / "out").exists()


def test_a_commit_that_is_not_there_fails(upstream: tuple[Path, str], tmp_path: Path) -> None:
    done = _run(DOCKER / "fetch_commit.sh", f"file://{upstream[0]}", "0" * 40, tmp_path / "out")
    assert done.returncode not in (0, 2)


# --- healthcheck.sh

WORKER = ("/opt/worker-venv/bin/python", "-u", "handler.py")
COMFYUI = ("/opt/comfyui-venv/bin/python", "main.py", "--listen", "127.0.0.1", "--port", "40123")
SIMULATOR = ("/opt/worker-venv/bin/python", "-m", "simulator", "--port", "40123")


@pytest.mark.parametrize(
    ("processes", "environment", "healthy"),
    [
        ([WORKER, COMFYUI], {}, True),
        ([("/sbin/docker-init", "--", "python"), WORKER, COMFYUI], {}, True),
        ([WORKER, SIMULATOR], {}, True),
        ([WORKER], {}, False),
        ([COMFYUI], {}, False),
        ([], {}, False),
        ([WORKER], {"COMFYUI_URL": "http://127.0.0.1:8188"}, True),
        ([COMFYUI], {"COMFYUI_URL": "http://127.0.0.1:8188"}, False),
    ],
)
def test_health(processes: list[tuple[str, ...]], environment: dict[str, str], healthy: bool, tmp_path: Path) -> None:
    for number, process in enumerate(processes, start=1):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes("\0".join(process).encode() + b"\0")
    (tmp_path / "99").mkdir()  # a process that ended while it was looked at
    done = _run(DOCKER / "healthcheck.sh", tmp_path, environment=environment)
    assert (done.returncode == 0) == healthy, done.stdout + done.stderr
    assert bool(done.stdout) != healthy


# --- build_sage.py


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
    assert _load("build_sage").keep_targets(flags, extension) == ["-O3", *_gencode(*kept), "--use_fast_math"]


@pytest.mark.parametrize("form", [["--threads=8"], ["--threads", "8"], ["-t", "8"], ["-t8"], []], ids=" ".join)
def test_nvcc_runs_as_many_threads_as_asked(form: list[str]) -> None:
    flags = ["-O3", *form, *_gencode("80"), "--use_fast_math"]
    kept = ["-O3", *_gencode("80"), "--use_fast_math", "--threads=3"]
    assert _load("build_sage").limit_threads(flags, 3) == kept


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
    return _run(*script, environment={**variables, **environment})


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
    expected_targets = _load("build_sage").expected_targets
    assert expected_targets("_fused", "8.0;8.9") == {"80", "89"}
    assert expected_targets("_qattn_sm89", "8.0;8.6") == set()
    assert expected_targets("_qattn_sm90", TARGETS) == {"90"}
    assert expected_targets("_qattn_sm89", "8.6, 8.9+PTX;12.0a;10.0;") == {"89", "120", "100"}


# --- verify_sage.py

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
    done = _run(sys.executable, DOCKER / "verify_sage.py", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == code
    assert said in done.stdout + done.stderr


# --- verify_comfyui.py

GRAPHS = [REPOSITORY / "workflows" / "multitalk.json", REPOSITORY / "workflows" / "infinitetalk.json"]
MAIN = """
import logging, sys
import nodes
assert "--quick-test-for-ci" in sys.argv and "--cpu" in sys.argv
for line in {lines!r}:
    logging.warning(line)
{end}
"""


def _verify(
    tmp_path: Path,
    classes: set[str],
    lines: tuple[str, ...] = (),
    end: str = "exit(0)",
    options: tuple[str, ...] = (),
) -> list[str]:
    """The failures that the script tells of a stand-in for ComfyUI with these node classes, log lines and end."""
    folder = tmp_path / "comfyui"
    folder.mkdir()
    (folder / "nodes.py").write_text(f"NODE_CLASS_MAPPINGS = dict.fromkeys({sorted(classes)!r})")
    (folder / "main.py").write_text(MAIN.format(lines=lines, end=end))
    done = _run(sys.executable, DOCKER / "verify_comfyui.py", *options, folder, tmp_path / "state", *GRAPHS)
    failures = [line for line in done.stderr.splitlines() if line.startswith("FAILED: ")]
    assert (done.returncode == 0) == (not failures), done.stderr
    return failures


def _needed() -> set[str]:
    module = _load("verify_comfyui")
    needed: set[str] = module.classes_of(GRAPHS) | module.ALWAYS_NEEDED
    return needed


def test_the_graphs_name_the_classes_of_both_modes() -> None:
    assert {"WanVideoSampler", "WanVideoImageToVideoMultiTalk", "MultiTalkWav2VecEmbeds"} <= _needed()


def test_a_comfyui_with_everything_passes(tmp_path: Path) -> None:
    assert _verify(tmp_path, _needed(), lines=("all is well",)) == []


def test_a_missing_node_class_is_named(tmp_path: Path) -> None:
    failures = _verify(tmp_path, _needed() - {"WanVideoImageToVideoMultiTalk"})
    assert failures == ["FAILED: node class WanVideoImageToVideoMultiTalk is missing"]


def test_a_failed_import_is_told_even_where_every_class_is_there(tmp_path: Path) -> None:
    (failure,) = _verify(tmp_path, _needed(), lines=("   0.3 seconds (IMPORT FAILED): /opt/ComfyUI/custom_nodes/x",))
    assert "IMPORT FAILED" in failure


@pytest.mark.parametrize(
    ("line", "failures"),
    [
        ("talking-video: frames below /x are saved by 2 threads", 0),
        ("talking-video: multitalk_loop does not save its frames by Image.fromarray; slower", 1),
        ("something else", 1),
    ],
)
def test_a_pack_of_ours_that_does_not_work_is_told(tmp_path: Path, line: str, failures: int) -> None:
    told = _verify(tmp_path, _needed(), lines=(line,), options=("--our-nodes", str(REPOSITORY)))
    assert len(told) == failures
    assert all("comfy_nodes does not save the frames" in failure for failure in told)


@pytest.mark.parametrize("end", ["exit(255)", "sys.exit('no frontend')", ""])
def test_a_comfyui_that_does_not_come_to_its_end_fails(end: str, tmp_path: Path) -> None:
    assert _verify(tmp_path, _needed(), end=end)


def test_what_is_installed_is_held_against_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"# lock\npytest=={pytest.__version__}\nrunpod==0.0.1\nno-such-package==1.0\n")
    told = _load("verify_comfyui").differences(lock)
    assert len(told) == 2
    assert told[0].startswith("runpod is ")
    assert told[1] == "no-such-package is missing, locked 1.0"


# --- verify.sh, with the real thing

REAL_FOLDER, REAL_PYTHON = os.environ.get("COMFYUI_DIR", ""), os.environ.get("COMFYUI_PYTHON", "")
needs_comfyui = pytest.mark.skipif(
    not (REAL_FOLDER and REAL_PYTHON), reason="set COMFYUI_DIR (with the node pack) and COMFYUI_PYTHON to run it"
)


@needs_comfyui
def test_the_real_comfyui_has_what_the_graphs_need(tmp_path: Path) -> None:
    done = _run(REAL_PYTHON, DOCKER / "verify_comfyui.py", REAL_FOLDER, tmp_path, *GRAPHS)
    assert done.returncode == 0, done.stderr[-2000:]


@needs_comfyui
def test_our_own_pack_works_beside_the_real_one(tmp_path: Path) -> None:
    arguments: list[str | Path] = ["--our-nodes", REPOSITORY, REAL_FOLDER, tmp_path, *GRAPHS]
    done = _run(REAL_PYTHON, DOCKER / "verify_comfyui.py", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "talking-video: frames below" in done.stderr + done.stdout


@needs_comfyui
@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("nodes.py", "(IMPORT FAILED)"),
        ("multitalk/nodes.py", "node class WanVideoImageToVideoMultiTalk is missing"),  # ComfyUI takes no notice of it
    ],
)
def test_a_broken_node_pack_is_found(module: str, told: str, tmp_path: Path) -> None:
    folder = tmp_path / "ComfyUI"
    shutil.copytree(REAL_FOLDER, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.gguf", "output", "input"))
    with (folder / "custom_nodes" / "ComfyUI-WanVideoWrapper" / module).open("a", encoding="utf-8") as file:
        file.write("\ndef broken(:\n")
    done = _run(REAL_PYTHON, DOCKER / "verify_comfyui.py", folder, tmp_path / "state", *GRAPHS)
    assert done.returncode == 1
    assert told in "".join(line for line in done.stderr.splitlines() if line.startswith("FAILED: "))
