"""ComfyUI of this machine, started before anything else: it takes the longest, and the rest is done while it loads.

Its start needs to know where the models are, and whether there is a GPU. The former is looked up first; the latter is
guessed by the device nodes, as the probe that knows it imports torch, too, and runs beside it.
"""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from comfy_client.gpu import GpuFacts, probe_gpu
from comfy_client.model_paths import WantedFile, write_extra_model_paths
from comfy_client.server import ComfyInstall, EngineProcess, comfyui_command
from contract.background import GRACE_SECONDS, Task
from contract.errors import ErrorCode, Stage, WorkerError
from contract.fields import Mode
from contract.unwritable import unwritable
from contract.volume import Volumes
from worker.model_search import find_models
from worker.read_ahead import ReadAhead
from worker.separation import find_separator
from worker.settings import Settings
from workflows.models import read_models

log = logging.getLogger(__name__)

WRAPPER = "ComfyUI-WanVideoWrapper"
OUR_NODES = "comfy_nodes"
REPOSITORY = Path(__file__).resolve().parent.parent
DEVICES = (
    "/dev/nvidia[0-9]*",
    "/dev/nvidiactl",
    "/dev/nvmap",
    "/dev/dxg",
    "/dev/kfd",
)  # of NVIDIA, Tegra, WSL, AMD
# What every job loads, in the order in which it does; then those of which it takes one.
ORDER = ("wav2vec", "text_encoder", "clip_vision", "vae", "speed_lora", "base", "talk", "separator")


@dataclass(frozen=True)
class Begun:
    """The modes whose models are there, how ComfyUI is started, and its process where it could be."""

    modes: tuple[Mode, ...]
    install: ComfyInstall
    process: EngineProcess | None


def volumes_of(settings: Settings) -> Volumes:
    """What the folders of this worker are on."""
    return Volumes(settings.volume_dir, settings.volume_seconds)


def begin(settings: Settings) -> "EarlyComfyUI | None":
    """ComfyUI of this machine, on its way; None where these settings want no such."""
    if settings.engine != "comfyui" or settings.comfyui_url:
        return None
    early = EarlyComfyUI(settings, volumes_of(settings))
    early.begin()
    return early


class EarlyComfyUI:
    """From `begin` on it is on its way. What goes wrong is told where it is asked for; `volumes` are what its folders
    are on."""

    def __init__(self, settings: Settings, volumes: Volumes) -> None:
        self._settings, self.volumes = settings, volumes
        self._state = settings.work_dir / "comfyui"
        self._left = False
        self._handed_out = False
        self._ahead: ReadAhead | None = None
        self._begun: Task[Begun] = Task(self._begin, SimpleQueue())
        self._facts: Task[GpuFacts] = Task(self._look, SimpleQueue())

    def begin(self) -> None:
        """Start what takes the longest."""
        self._begun.start()
        self._facts.start()

    def modes(self) -> tuple[Mode, ...]:
        """Those whose models are there. Raises WorkerError: MODELS_MISSING, or WORKER_UNFIT where a volume hangs."""
        self._begun.join()
        return self._begun.result().modes

    def gpu(self) -> GpuFacts:
        """What the probe found; outside of RunPod it is not asked where there is no device. Raises WorkerError
        ENGINE_UNAVAILABLE on RunPod where there is no GPU."""
        self._facts.join()
        facts = self._facts.result()
        if facts.device == "cpu" and self._settings.runpod_webhook_get_job:
            # A worker that is paid for by the second must not sample on its processor because the card is broken.
            raise WorkerError(ErrorCode.ENGINE_UNAVAILABLE, "No GPU can be used on this worker", stage=Stage.START)
        return facts

    def launch(self) -> EngineProcess:
        """The process that is on its way, for the first time, and then a new one. Errors as `modes`, `gpu`, and
        WorkerError ENGINE_UNAVAILABLE where it cannot be started."""
        begun, cpu = self._begun.result(), self.gpu().device == "cpu"
        if begun.process and not self._handed_out:
            self._handed_out = True
            if begun.install.cpu == cpu:
                return begun.process
            log.info("ComfyUI is started again, %s", "on the processor" if cpu else "on the GPU")
            begun.process.stop()
        with _folders_in(self._settings.work_dir):
            return EngineProcess(comfyui_command(replace(begun.install, cpu=cpu)))

    def close(self) -> None:
        """End what nobody has taken over."""
        self._left = True
        self._begun.join(GRACE_SECONDS)
        if self._ahead:
            self._ahead.stop()
        if self._begun.succeeded and not self._handed_out and (process := self._begun.result().process):
            self._handed_out = True
            process.stop()

    def _look(self) -> GpuFacts:
        if self._settings.runpod_webhook_get_job or _has_device():
            return probe_gpu(self._settings.comfyui_python, self._state)
        return GpuFacts()

    def _begin(self) -> Begun:
        modes, files = self._find()
        _look_for_packs(self._settings)
        with _folders_in(self._settings.work_dir):
            return self._start_with(modes, files)

    def _start_with(self, modes: tuple[Mode, ...], files: list[tuple[WantedFile, Path]]) -> Begun:
        state = self._state
        install = ComfyInstall(
            folder=self._settings.comfyui_dir,
            python=self._settings.comfyui_python,
            state=state,
            frames=self._settings.work_dir,
            node_packs=(WRAPPER, OUR_NODES, *self._settings.comfyui_node_packs),
            cpu=not _has_device(),
        )
        state.mkdir(parents=True, exist_ok=True)
        node_folders = (own_node_folder(state), *self._settings.comfyui_node_folders)
        write_extra_model_paths(files, node_folders, install.search_paths)
        begun = Begun(modes, install, None if self._left else _process_of(install))
        if self._settings.read_ahead and not self._left:
            self._ahead = ReadAhead(in_order(files))
            self._ahead.start()
        return begun

    def _find(self) -> tuple[tuple[Mode, ...], list[tuple[WantedFile, Path]]]:
        volume = self.volumes.of(self._settings.volume_dir)
        try:
            modes, files = volume.do(lambda pulse: find_models(self._settings, pulse))
            return modes, files + volume.do(lambda _: find_separator(self._settings))
        except TimeoutError as error:
            message = f"The folders of models cannot be read: {error.strerror}"
            raise WorkerError(ErrorCode.WORKER_UNFIT, message, stage=Stage.START) from error


def _look_for_packs(settings: Settings) -> None:
    """ComfyUI ends at a folder that is not there, and says nothing of a pack that is not: neither names the setting."""
    folders = settings.comfyui_node_folders
    absent = [str(folder) for folder in folders if not folder.is_dir()]
    if absent:
        message = f"COMFYUI_NODE_FOLDERS names what is no folder here: {', '.join(absent)}"
        raise WorkerError(ErrorCode.SETTINGS_INVALID, message, stage=Stage.START)
    places = (*folders, settings.comfyui_dir / "custom_nodes")
    for name in settings.comfyui_node_packs:
        if not any((place / name).exists() for place in places):
            log.warning("COMFYUI_NODE_PACKS names %s, which is in none of %s", name, ", ".join(map(str, places)))


@contextmanager
def _folders_in(work_dir: Path) -> Iterator[None]:
    """What ComfyUI has in WORK_DIR is made here, where another worker may have left what is not ours."""
    try:
        yield
    except OSError as error:
        message = f"ComfyUI's folders in WORK_DIR cannot be made: {unwritable(Path(error.filename or work_dir), error)}"
        raise WorkerError(ErrorCode.WORKER_UNFIT, message, stage=Stage.START) from error


def _process_of(install: ComfyInstall) -> EngineProcess | None:
    try:
        return EngineProcess(comfyui_command(install))
    except WorkerError:  # `launch` tries again, when it is its turn to tell
        return None


def _has_device() -> bool:
    return any(path for pattern in DEVICES for path in Path("/").glob(pattern.removeprefix("/")))


def in_order(files: list[tuple[WantedFile, Path]]) -> list[Path]:
    """As the first job will need them."""
    roles = {model.file: ORDER.index(model.role) for model in read_models()}
    return [path for wanted, path in sorted(files, key=lambda found: roles[found[0].file])]


def own_node_folder(state: Path) -> Path:
    """A folder below `state` with our node pack alone: ComfyUI logs a line for whatever else lies beside a pack."""
    folder = state / "nodes"
    folder.mkdir(parents=True, exist_ok=True)
    new = state / f".{uuid.uuid4().hex}"
    new.symlink_to(REPOSITORY / OUR_NODES)
    new.replace(folder / OUR_NODES)  # at once: another worker of this machine may be reading it
    return folder
