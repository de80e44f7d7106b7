"""Chooses and starts what makes the frames: a running server, ComfyUI of this machine, or the simulator.

ComfyUI is on its way already (`early_start.py`). No job gets near it before it has every node, input and file that the
graphs need.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests

from comfy_client.client import ComfyClient
from comfy_client.gpu import GpuFacts
from comfy_client.readiness import shortcomings
from comfy_client.server import EngineProcess, simulator_command
from comfy_client.supervisor import Engine, RunningServer, SupervisedEngine
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.fields import Mode
from contract.volume import Volumes
from worker.early_start import EarlyComfyUI
from worker.model_search import variants, wanted_modes
from worker.separation import separation_nodes
from worker.settings import Settings
from workflows.graph import Precision, template_graph
from workflows.modes import MODES
from workflows.own_nodes import OWN_NODES

log = logging.getLogger(__name__)

LARGE_GPU_GB = 70.0  # room for the largest window, the weights of its mode, and those of the other one
Nodes = Mapping[str, Any]  # a server's node facts by class


@dataclass(frozen=True)
class ReadyEngine:
    """An engine that can take jobs, what suits its GPU, the modes whose models are there, and the nodes of our pack.
    `holds_two` as `job.loaded` has it."""

    engine: Engine
    precision: Precision
    modes: tuple[Mode, ...]
    gpu: str = ""
    own_nodes: frozenset[str] = frozenset()
    holds_two: bool = True


@contextmanager
def running_engine(settings: Settings, volumes: Volumes, early: EarlyComfyUI | None = None) -> Iterator[ReadyEngine]:
    """The engine of these settings, for as long as the `with` block lasts.

    Args:
        early: ComfyUI, where it was begun before; None: it is begun now. Whoever began it ends it.

    Raises:
        WorkerError: ENGINE_UNAVAILABLE, WORKER_UNFIT, or MODELS_MISSING ("Required models are missing: …").
    """
    if settings.comfyui_url:
        server = RunningServer(settings.comfyui_url)
        server.ensure_ready(Cancellation())
        precision = choose_precision(settings, GpuFacts(device="cuda"))
        nodes = nodes_of(server.client)
        modes = modes_of_server(nodes, settings, precision)
        yield ReadyEngine(server, precision, modes, own_nodes=own_nodes_of(nodes))
        return
    if settings.engine == "simulator":
        command = partial(simulator_command, settings.simulator_speed, settings.simulator_faults.split())
        start = _Start(settings, lambda: EngineProcess(command()), tuple(MODES), Precision())
        with SupervisedEngine(start) as engine:
            log.info("the simulator is ready: no GPU is used, and the frames are stand-ins")
            yield ReadyEngine(engine, Precision(), tuple(MODES), own_nodes=start.own_nodes)
        return
    with ExitStack() as stack:
        if early is None:
            early = stack.enter_context(closing(EarlyComfyUI(settings, volumes)))
            early.begin()
        yield stack.enter_context(_comfyui_of_this_machine(settings, early))


@contextmanager
def _comfyui_of_this_machine(settings: Settings, early: EarlyComfyUI) -> Iterator[ReadyEngine]:
    modes, facts = early.modes(), early.gpu()
    precision = choose_precision(settings, facts)
    log.info(
        "GPU: %s, %.0f GB; attention %s, precision %s, force_offload %s; %s",
        *(facts.name, facts.memory_gb, precision.attention, precision.base, precision.force_offload),
        f"block swap advised: {advised_block_swap(facts, settings.base_model)}",
    )
    start = _Start(settings, early.launch, modes, precision)
    with SupervisedEngine(start) as engine:
        log.info("ComfyUI is ready for %s", " and ".join(modes))
        yield ReadyEngine(engine, precision, modes, facts.name, start.own_nodes, _holds_two(precision, facts))


def _holds_two(precision: Precision, facts: GpuFacts) -> bool:
    return precision.force_offload or facts.device != "cuda" or facts.memory_gb >= LARGE_GPU_GB


class _Start:
    """Starts the engine, again and again, and holds every graph of the modes against its nodes.

    `own_nodes` are those of our pack that the newest one has.
    """

    def __init__(
        self, settings: Settings, launch: Callable[[], EngineProcess], modes: tuple[Mode, ...], precision: Precision
    ) -> None:
        self._settings, self._launch, self._modes, self._precision = settings, launch, modes, precision
        self.own_nodes: frozenset[str] = frozenset()

    def __call__(self, cancel: Cancellation) -> EngineProcess:
        process = self._launch()
        with ExitStack() as on_failure:
            on_failure.callback(process.stop)
            process.wait_until_ready(self._settings.comfyui_start_seconds, cancel)
            with closing(ComfyClient(process.url)) as client:
                nodes = nodes_of(client)
            check_nodes_and_models(nodes, self._settings, self._modes, self._precision)
            self.own_nodes = own_nodes_of(nodes)
            on_failure.pop_all()
        return process


def nodes_of(client: ComfyClient) -> Nodes:
    """What a server says of its nodes, which takes a while: it is asked once. Raises WorkerError ENGINE_UNAVAILABLE."""
    try:
        return client.object_info()
    except requests.RequestException as error:
        raise WorkerError(ErrorCode.ENGINE_UNAVAILABLE, "ComfyUI does not tell its nodes", stage=Stage.START) from error


def own_nodes_of(nodes: Nodes) -> frozenset[str]:
    """The nodes of our pack that a server has; none where it runs without the pack."""
    found = OWN_NODES.intersection(nodes)
    if found != OWN_NODES:
        log.warning("the server lacks nodes of ours: %s; what needs them is refused", ", ".join(OWN_NODES - found))
    return found | separation_nodes(nodes)


def modes_of_server(nodes: Nodes, settings: Settings, precision: Precision) -> tuple[Mode, ...]:
    """The enabled modes that a running server has everything for.

    Raises:
        WorkerError: as `check_nodes_and_models`, where an enabled mode lacks something; with MODES=auto, where every
            mode lacks models.
    """
    modes: list[Mode] = []
    lacking: list[WorkerError] = []
    for mode in wanted_modes(settings):
        try:
            check_nodes_and_models(nodes, settings, (mode,), precision)
            modes.append(mode)
        except WorkerError as error:
            if settings.modes != "auto" or error.code is not ErrorCode.MODELS_MISSING:
                raise
            lacking.append(error)
            log.info("the running server does not do %s: %s", mode, error.message)
    if not modes:
        raise lacking[0]
    return tuple(modes)


def check_nodes_and_models(nodes: Nodes, settings: Settings, modes: tuple[Mode, ...], precision: Precision) -> None:
    """Hold every graph of the enabled modes against the server's nodes.

    Raises:
        WorkerError: MODELS_MISSING or ENGINE_UNAVAILABLE, naming every missing piece.
    """
    models: dict[str, None] = {}
    others: dict[str, None] = {}
    for mode in modes:
        for chosen in variants(settings).all_of(mode):
            lacks = shortcomings(template_graph(mode, chosen, precision), nodes)
            models |= dict.fromkeys(lacks.models)
            others |= dict.fromkeys(lacks.others)
    if models:
        raise WorkerError(ErrorCode.MODELS_MISSING, f"Required models are missing: {', '.join(models)}")
    if others:
        raise WorkerError(
            ErrorCode.ENGINE_UNAVAILABLE, f"ComfyUI cannot run the graphs: {'; '.join(others)}", stage=Stage.START
        )


def choose_precision(settings: Settings, facts: GpuFacts) -> Precision:
    """What suits the GPU; each part that the settings name stands (docs/facts/talk-models.md#precision-and-memory)."""
    if facts.device == "cpu":
        suits = Precision(base="fp32", attention="sdpa", vae="fp32", wav2vec="fp32")
    else:
        accumulates = not facts.torch or tuple(int(part) for part in facts.torch.split(".")[:2]) >= (2, 7)
        suits = Precision(
            base="fp16_fast" if accumulates else "fp16",
            attention="sageattn" if facts.sage else "sdpa",
            force_offload=facts.memory_gb < LARGE_GPU_GB,
        )
    return Precision(
        base=settings.base_precision or suits.base,
        attention=settings.attention_mode or suits.attention,
        vae=settings.vae_precision or suits.vae,
        wav2vec=settings.wav2vec_precision or suits.wav2vec,
        force_offload=suits.force_offload if settings.force_offload is None else settings.force_offload,
    )


def advised_block_swap(facts: GpuFacts, base_model: str) -> int:
    """Blocks to keep in RAM so that 720p fits: none from 40 GB, more the smaller the GPU and the larger the weights."""
    if facts.memory_gb == 0 or facts.memory_gb >= 40:
        return 0
    return (10 if base_model == "q4_k_m" else 20) if facts.memory_gb >= 22 else 30
