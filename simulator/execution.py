"""Runs one prompt after the other in one thread, with the messages of the real server in their order.

Per prompt: execution_start, execution_cached, then for each node progress_state, executing, progress…, executed (only
with something to show), progress_state; then execution_success, execution_error or execution_interrupted. The history
is written after that, and only then come `status` and `executing` without a node
(docs/facts/comfyui.md#the-end-of-a-prompt).
"""

import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.caching import Cache, keys_of
from simulator.call import Call, Outputs
from simulator.catalog import Catalog
from simulator.clock import Clock
from simulator.failures import NODE_ERRORS, NodeError, PromptInterruptedError, type_name
from simulator.faults import FaultPlan
from simulator.folders import Folders
from simulator.graph import Graph, RunOrder, inputs_of, is_link
from simulator.hub import Hub
from simulator.nodes import NODES
from simulator.progress import Progress
from simulator.prompt_queue import PromptQueue

log = logging.getLogger(__name__)

MEMORY_INPUTS = ("blocks_to_swap", "tiled_vae")


@dataclass(frozen=True)
class Ui:
    """What a node shows in the history: `output`, and the `meta` beside it."""

    output: dict[str, list[Any]]
    meta: dict[str, Any]


@dataclass(frozen=True)
class Machine:
    """The parts of a server that running a prompt needs."""

    hub: Hub
    catalog: Catalog
    folders: Folders
    clock: Clock
    faults: FaultPlan


class Executor:
    """Runs prompts and keeps results between them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.forget()

    def forget(self) -> None:
        """Drop all results: the effect of /free with free_memory."""
        self._results: Cache[Outputs] = Cache()
        self._shown: Cache[Ui] = Cache()

    def run(self, graph: Graph, prompt_id: str, extra_data: Mapping[str, Any], outputs: Sequence[str]) -> "Run":
        """Run a prompt to its end, whatever that is."""
        machine = self._machine
        machine.clock.take_interrupt()
        machine.faults.begin()
        saving = [f"{name} {value}" for node in graph.values() for name, value in _saving(node)]
        log.info("got a prompt that saves memory by: %s", ", ".join(saving) or "nothing")
        machine.hub.client_id = extra_data.get("client_id")
        run = Run(machine, graph, prompt_id, self._results, self._shown)
        run.walk(outputs)
        machine.hub.last_node = None
        return run


class Run:
    """One prompt on its way. After `walk`: success, messages and result are what the history needs."""

    def __init__(
        self, machine: Machine, graph: Graph, prompt_id: str, results: Cache[Outputs], shown: Cache[Ui]
    ) -> None:
        self.success = True
        self.messages: list[list[Any]] = []
        self._machine = machine
        self._graph = graph
        self._prompt_id = prompt_id
        self._results = results
        self._shown = shown
        self._progress = Progress(machine.hub, prompt_id)
        self._executed: list[str] = []

    @property
    def result(self) -> dict[str, Any]:
        """`outputs` and `meta` of the history entry."""
        shown = {node_id: ui for node_id in self._graph if (ui := self._shown.get(node_id)) is not None}
        outputs = {node_id: ui.output for node_id, ui in shown.items()}
        return {"outputs": outputs, "meta": {node_id: ui.meta for node_id, ui in shown.items()}}

    def walk(self, outputs: Sequence[str]) -> None:
        """Run all nodes the outputs need."""
        self._tell("execution_start", {"prompt_id": self._prompt_id})
        keys = keys_of(self._graph, self._machine.catalog.classes, self._machine.folders)
        self._results.begin(keys)
        self._shown.begin(keys)
        cached = [node_id for node_id in self._graph if self._is_cached(node_id)]
        self._tell("execution_cached", {"nodes": cached, "prompt_id": self._prompt_id})
        order = RunOrder(self._graph, outputs, self._is_cached, self._is_output)
        while order:
            node_id = order.pick()
            if node_id is None:
                self._failed_cycle(order.left()[0])
                return
            if not self._run(node_id):
                self.success = False
                return
            order.done(node_id)
        self._tell("execution_success", {"prompt_id": self._prompt_id})

    def _is_cached(self, node_id: str) -> bool:
        return self._results.get(node_id) is not None

    def _is_output(self, node_id: str) -> bool:
        return self._machine.catalog.classes[self._graph[node_id]["class_type"]].is_output

    def _run(self, node_id: str) -> bool:
        hub = self._machine.hub
        named = {"node": node_id, "display_node": node_id}
        if self._is_cached(node_id):
            ui = self._shown.get(node_id)
            output = ui.output if ui else None
            hub.send_own("executed", {**named, "output": output, "prompt_id": self._prompt_id})
            self._progress.finish(node_id)
            return True
        inputs: dict[str, object] = {}
        try:
            self._progress.start(node_id)
            inputs = self._inputs(node_id)
            if hub.client_id is not None:
                hub.last_node = node_id
                hub.send_own("executing", {**named, "prompt_id": self._prompt_id})
            self._work(node_id, inputs)
        except PromptInterruptedError:
            log.info("Processing interrupted")
            self._tell("execution_interrupted", self._where(node_id), everybody=True)
            return False
        except NODE_ERRORS as error:
            log.warning("!!! Exception during processing !!! %s", error)
            self._failed(node_id, inputs, error)
            return False
        self._progress.finish(node_id)
        self._executed.append(node_id)
        return True

    def _work(self, node_id: str, inputs: dict[str, object]) -> None:
        class_type = self._graph[node_id]["class_type"]
        self._check_interrupt()
        self._machine.faults.at_node(node_id, class_type)
        machine = self._machine
        call = Call(inputs, machine.folders, machine.clock, machine.faults, Ticker(self, node_id))
        unknown = next((name for name in inputs if name not in self._machine.catalog.classes[class_type].inputs), None)
        if unknown is not None:
            raise TypeError(f"{class_type}.process() got an unexpected keyword argument '{unknown}'")
        outputs, ui = NODES[class_type](call)
        if ui is not None:
            meta = {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
            self._shown.set(node_id, Ui(ui, meta))
            data = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": self._prompt_id}
            self._machine.hub.send_own("executed", data)
        self._results.set(node_id, outputs)

    def tick(self, node_id: str, value: float, most: float, window: int) -> None:
        """A node's progress tick; raises PromptInterruptedError when a stop was asked for."""
        self._check_interrupt()
        self._progress.tick(node_id, value, most)
        if self._machine.hub.connected():
            self._machine.faults.at_tick(window)

    def _check_interrupt(self) -> None:
        if self._machine.clock.take_interrupt():
            raise PromptInterruptedError

    def _inputs(self, node_id: str) -> dict[str, object]:
        known = self._machine.catalog.classes[self._graph[node_id]["class_type"]].inputs
        inputs: dict[str, object] = {}
        for name, value in inputs_of(self._graph, node_id).items():
            if is_link(value):
                outputs = self._results.get(value[0])
                position = int(value[1])
                inputs[name] = outputs[position] if outputs is not None and position < len(outputs) else None
            elif name in known:
                inputs[name] = value
        return inputs

    def _where(self, node_id: str) -> dict[str, Any]:
        node_type = self._graph[node_id]["class_type"]
        executed = list(self._executed)
        return {"prompt_id": self._prompt_id, "node_id": node_id, "node_type": node_type, "executed": executed}

    def _failed(self, node_id: str, inputs: Mapping[str, object], error: Exception) -> None:
        shown = {
            name: [value if isinstance(value, str | int | float) else str(value)] for name, value in inputs.items()
        }
        data = {
            **self._where(node_id),
            "exception_message": f"{error}\n{error.tips if isinstance(error, NodeError) else ''}",
            "exception_type": type_name(error),
            "traceback": traceback.format_tb(error.__traceback__),
            "current_inputs": shown,
            "current_outputs": list(self._graph),
        }
        self._tell("execution_error", data)

    def _failed_cycle(self, node_id: str) -> None:
        details = {
            "exception_message": "Dependency cycle detected",
            "exception_type": "graph.DependencyCycleError",
            "traceback": [],
            "current_inputs": [],
            "current_outputs": list(self._graph),
        }
        self._tell("execution_error", {**self._where(node_id), **details})

    def _tell(self, kind: str, data: dict[str, Any], everybody: bool = False) -> None:
        stamped = {**data, "timestamp": int(time.time() * 1000)}
        self.messages.append([kind, stamped])
        hub = self._machine.hub
        if hub.client_id is not None or everybody:
            hub.send(kind, stamped, hub.client_id)


@dataclass(frozen=True)
class Ticker:
    """Lets one node report its progress."""

    run: Run
    node_id: str

    def __call__(self, value: float, most: float, window: int = 0) -> None:
        """`value` of `most` is done in `window` (0: none yet); raises PromptInterruptedError when asked to stop."""
        self.run.tick(self.node_id, value, most, window)


def _saving(node: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Those inputs of a node that trade speed for memory, where they do."""
    return [(name, value) for name, value in node.get("inputs", {}).items() if name in MEMORY_INPUTS and value]


def work(queue: PromptQueue, machine: Machine) -> None:
    """The prompt worker: run what the queue holds, for ever."""
    executor = Executor(machine)
    while True:
        taken = queue.get()
        if taken is not None:
            (_, prompt_id, graph, extra_data, outputs), key = taken
            begun = time.perf_counter()
            run = executor.run(graph, prompt_id, extra_data, outputs)
            status = {
                "status_str": "success" if run.success else "error",
                "completed": run.success,
                "messages": run.messages,
            }
            queue.done(key, run.result, status)
            machine.hub.send_own("executing", {"node": None, "prompt_id": prompt_id})
            log.info("Prompt executed in %.2f seconds", time.perf_counter() - begun)
            machine.faults.at_end()
        if "free_memory" in queue.take_flags():
            executor.forget()
            log.info("all results and models were dropped")
