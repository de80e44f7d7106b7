"""Which models ComfyUI has loaded: those of the newest job and, where memory allows, of the newest one of each other
mode, so that a worker that serves both does not load them again at each change."""

from collections.abc import Callable, Hashable

from contract.errors import ErrorCode, Stage, WorkerError
from contract.fields import Mode
from workflows.idle import add_idle, loaders_of
from workflows.template import Graph

# Must be free before a job beside which others' models are kept. A GGUF base is a mapped file, and costs no memory that
# the kernel could not take back (docs/benchmarks.md, "memory of ComfyUI with the loaders of both modes"); another base
# without a LoRA is copied into memory when it leaves the GPU: 17 GB, and 5 for its talk model.
ROOM_BYTES, ROOM_FOR_COPY_BYTES = 8_000_000_000, 24_000_000_000


class Loaded:
    """Of one engine.

    Args:
        free_bytes: tells the memory of this machine that is free.
        mapped: whether the base model is a mapped file.
        holds_two: whether the GPU has room for the weights of two modes, or is free of weights between two jobs.
    """

    def __init__(
        self, free_bytes: Callable[[], int] = lambda: 0, *, mapped: bool = True, holds_two: bool = True
    ) -> None:
        self._free_bytes, self._holds_two = free_bytes, holds_two
        self._room = ROOM_BYTES if mapped else ROOM_FOR_COPY_BYTES
        self._known: dict[Mode, tuple[Hashable, Graph]] = {}

    def keep_beside(self, graph: Graph, mode: Mode, models: Hashable) -> None:
        """Have the models of the other modes stay while this graph runs, or forget them: they go when it begins.

        Args:
            models: what those of the graph are known by.
        """
        own = models, loaders_of(graph)
        room = self._holds_two and self._free_bytes() >= self._room
        others = {
            other: (models_there, loaders)
            for other, (models_there, loaders) in self._known.items()
            if other != mode and room and add_idle(graph, loaders, other)
        }
        self._known = {mode: own, **others}

    def forget(self) -> None:
        """A job did not end as it should: nobody knows what is loaded."""
        self._known = {}

    @property
    def models(self) -> frozenset[Hashable]:
        """What the models that are loaded now are known by."""
        return frozenset(models for models, _ in self._known.values())


def refuse_without_models(mode: Mode, modes: tuple[Mode, ...]) -> None:
    """Raises MODELS_MISSING where the worker has the models of `modes` alone, and `mode` is none of them."""
    if mode not in modes:
        raise WorkerError(
            ErrorCode.MODELS_MISSING,
            f"Required models are missing: this worker has those of {' and '.join(modes)}, not of {mode}",
            stage=Stage.VALIDATE,
        )
