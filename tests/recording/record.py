"""Sends prompts to a real server and writes down every answer and every message, with the seconds they came at."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.recording.essence import AT_THE_END, LONG_RUN, Entry, Thinner
from tests.recording.session import INTERRUPTED, REFUSED, Session
from tests.simulator.simulator_process import Client, Graph, Message, ended

PATIENCE = 1800.0  # weights load without a word, and a busy machine is slow
INTERRUPT_AFTER_STEP = 2
KEPT_CALLS = 2  # of a traceback, the last ones

Trace = list[Entry]


@dataclass
class Recorder:
    """What one server says.

    Args:
        url: where it answers.
        hidden: folders of this machine, and what stands in a recording instead.
    """

    url: str
    hidden: Mapping[str, str]

    def object_info(self) -> dict[str, Any]:
        """All node facts."""
        facts: dict[str, Any] = self._get("/object_info")
        return facts

    def versions(self) -> dict[str, str]:
        """Of the server and of what it runs on."""
        system = self._get("/system_stats")["system"]
        return {
            "ComfyUI": system["comfyui_version"],
            "Python": system["python_version"].split()[0],
            "torch": system["pytorch_version"].split("+")[0],
        }

    def prompt(self, graph: Graph, *, interrupt: bool = False) -> Trace:
        """One prompt from its POST to its history, perhaps interrupted after its second step."""
        trace: Trace = self._public(self._run(graph, interrupt=interrupt))
        return trace

    def traces(self, folder: Path) -> Iterator[tuple[str, Trace]]:
        """The session, trace by trace, with its inputs in `folder`. The server must be fresh."""
        session = Session(folder)
        for name, graph in session.prompts().items():
            yield name, self.prompt(graph)
        yield INTERRUPTED, self.prompt(session.interrupted(), interrupt=True)
        for name, graph in session.by_hand().items():
            yield name, self.prompt(graph)
        for name in REFUSED:
            yield name, self.prompt(session.refused(name))

    def _run(self, graph: Graph, *, interrupt: bool = False) -> Trace:
        client = Client(self.url, uuid.uuid4().hex, PATIENCE)
        begun = time.monotonic()

        def entry(**told: Any) -> Entry:
            return {"t": round(time.monotonic() - begun, 2), **told}

        body = {"prompt": graph, "client_id": client.client_id}
        answer = requests.post(f"{self.url}/prompt", json=body, timeout=PATIENCE)
        trace = [entry(http="POST /prompt", status=answer.status_code, body=answer.json())]
        if answer.status_code != requests.codes.ok:
            client.close()
            return trace
        prompt_id = answer.json()["prompt_id"]
        over, thinner = ended(prompt_id), Thinner()
        while not over(message := client.next()):
            kept = thinner.keep(message)
            if kept is not None:
                trace.append(entry(ws=kept))
            if interrupt and _is_step(message, INTERRUPT_AFTER_STEP):
                interrupt = False
                stopped = requests.post(f"{self.url}/interrupt", json={"prompt_id": prompt_id}, timeout=PATIENCE)
                trace.append(entry(http="POST /interrupt", status=stopped.status_code))
        client.close()
        return [*trace, entry(ws=message), entry(http=AT_THE_END, body=self._get(f"/history/{prompt_id}"))]

    def _get(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def _public(self, value: Any, key: str = "") -> Any:
        """Without folders of this machine, whole graphs, and what objects look like in Python."""
        if key == "current_inputs":
            return {name: ["<repr, cut>"] for name in value}
        if key == "traceback":
            value = value[-KEPT_CALLS:]
        if key == "prompt" and isinstance(value, list):
            value = [*value[:2], "<the graph>", *value[3:]]
        if isinstance(value, dict):
            return {name: self._public(member, name) for name, member in value.items()}
        if isinstance(value, list):
            return [self._public(member) for member in value]
        if isinstance(value, str):
            for folder, shown in self.hidden.items():
                value = value.replace(folder, shown)
        return value


def _is_step(message: Message, number: int) -> bool:
    data = message["data"]
    return bool(message["type"] == "progress" and data["value"] == number and data["max"] < LONG_RUN)
