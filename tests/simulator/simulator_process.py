"""A simulator in its own process, and what tests say to it: HTTP, WebSocket, and the inputs of graphs."""

import copy
import json
import math
import os
import random
import subprocess
import uuid
import wave
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests
import websocket
from PIL import Image

from tests.programs import SIMULATOR, Program

HERE = Path(__file__).parent
REPO = HERE.parents[1]
PATIENCE = 30
RATE = 16_000

Graph = dict[str, dict[str, Any]]
Message = dict[str, Any]


class Simulator:
    """`python -m simulator` on a free port, with its temporary files under `temp`. `stop` returns the exit code."""

    def __init__(self, *arguments: str, temp: Path) -> None:
        settings = {**os.environ, "TMPDIR": str(temp)}
        arguments = ("--port", "0", *arguments)
        with Path(os.devnull).open("wb") as nowhere:
            pipe = subprocess.PIPE
            self.process = Program(SIMULATOR, *arguments, environment=settings, stdout=pipe, stderr=nowhere)
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.url = line.split()[-1]

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def get(self, path: str, **query: str) -> requests.Response:
        return requests.get(self.url + path, params=query, timeout=PATIENCE)

    def post(self, path: str, body: object) -> requests.Response:
        return requests.post(self.url + path, json=body, timeout=PATIENCE)

    def queue(self, graph: Graph, client_id: str | None = None, **more: object) -> requests.Response:
        body: dict[str, object] = {"prompt": graph, **more}
        return self.post("/prompt", body if client_id is None else {**body, "client_id": client_id})

    def connect(self, client_id: str) -> "Client":
        return Client(self.url, client_id)

    def run(self, graph: Graph, **more: object) -> "Outcome":
        """Queue a graph and listen to it until its end."""
        client = self.connect(uuid.uuid4().hex)
        answer = self.queue(graph, client.client_id, **more)
        assert answer.status_code == 200, answer.text
        prompt_id = answer.json()["prompt_id"]
        messages = client.until(ended(prompt_id))
        client.close()
        return Outcome(answer.json(), messages, self.get(f"/history/{prompt_id}").json()[prompt_id])


class Client:
    """One WebSocket under one client id; patience: seconds to wait for a message."""

    def __init__(self, url: str, client_id: str, patience: float = PATIENCE) -> None:
        self.client_id = client_id
        address = f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        self._socket = websocket.create_connection(address, timeout=patience, skip_utf8_validation=True)

    def next(self) -> Message:
        text = self._socket.recv()
        if not text:
            raise ConnectionError("the server closed the socket")
        message: Message = json.loads(text)
        return message

    def until(self, wanted: Callable[[Message], bool]) -> list[Message]:
        """All messages up to and with the wanted one."""
        messages = [self.next()]
        while not wanted(messages[-1]):
            messages.append(self.next())
        return messages

    def close(self) -> None:
        self._socket.close()


class Outcome:
    """What a finished prompt left: the answer to POST, all messages, the history entry."""

    def __init__(self, answer: dict[str, Any], messages: list[Message], history: dict[str, Any]) -> None:
        self.answer = answer
        self.messages = messages
        self.history = history

    @property
    def succeeded(self) -> bool:
        return bool(self.history["status"]["status_str"] == "success")

    def event(self, kind: str) -> dict[str, Any]:
        """The data of the one status message of a kind in the history."""
        found = [data for name, data in self.history["status"]["messages"] if name == kind]
        assert len(found) == 1, self.history["status"]
        event: dict[str, Any] = found[0]
        return event

    @property
    def cached(self) -> set[str]:
        return set(self.event("execution_cached")["nodes"])

    @property
    def frames(self) -> list[Path]:
        """The PNG files, by name."""
        (folder,) = self.history["outputs"]["frames_dir"]["text"]
        return sorted(Path(folder).iterdir())


def ended(prompt_id: str) -> Callable[[Message], bool]:
    """The message after which a prompt's history is there."""
    return lambda message: message == {"type": "executing", "data": {"node": None, "prompt_id": prompt_id}}


def is_tick(message: Message) -> bool:
    return bool(message["type"] == "progress")


def tone(seconds: float, dbfs: float = -20.0) -> "array[int]":
    """A 200 Hz tone of that RMS level."""
    peak = 32767 * 10 ** (dbfs / 20) * math.sqrt(2)
    return array("h", (round(peak * math.sin(2 * math.pi * 200 * n / RATE)) for n in range(round(seconds * RATE))))


def room_tone(seconds: float) -> "array[int]":
    """Noise of about -70 dBFS: what a silent speaker's track holds."""
    noise = random.Random(7)  # noqa: S311 - not a secret
    return array("h", (round(noise.gauss(0, 10)) for _ in range(round(seconds * RATE))))


def write_wav(path: Path, samples: "array[int]", rate: int = RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as target:
        target.setnchannels(channels)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.writeframes(samples.tobytes())
    return path


def write_portrait(path: Path, size: tuple[int, int] = (64, 64)) -> Path:
    """A picture without white, no two rows of which are equal."""
    picture = Image.linear_gradient("L").resize(size).point([40 + value // 2 for value in range(256)])
    Image.merge("RGB", (picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), picture)).save(path)
    return path


def write_masks(path: Path, size: tuple[int, int], boxes: Sequence[tuple[int, int, int, int]]) -> Path:
    """One multi-frame PNG: a mask per box, and their background last."""
    masks, background = [], Image.new("RGB", size, (255, 255, 255))
    for box in boxes:
        mask = Image.new("RGB", size)
        mask.paste((255, 255, 255), box)
        background.paste((0, 0, 0), box)
        masks.append(mask)
    masks[0].save(path, save_all=True, append_images=[*masks[1:], background], duration=40)
    return path


def load_graph(name: str) -> Graph:
    """A graph the real server ran."""
    graph: Graph = json.loads((HERE / "graphs" / f"{name}.json").read_text(encoding="utf-8"))
    return graph


def one_speaker(folder: Path, seconds: float = 2.0, audio: "array[int] | None" = None) -> Graph:
    """The recorded graph of one speaker at 64x64, with inputs under `folder` named by absolute paths."""
    graph = load_graph("infinitetalk_one_speaker")
    graph["img"]["inputs"]["image"] = str(write_portrait(folder / "face.png"))
    graph["audio1"]["inputs"]["audio"] = str(write_wav(folder / "a1.wav", audio or tone(seconds)))
    graph["i2v"]["inputs"]["output_path"] = str(folder / "frames")
    return graph


def two_speakers(folder: Path, first: "array[int]", second: "array[int]") -> Graph:
    """The recorded graph of two speakers, left and right at 64x64."""
    graph = load_graph("infinitetalk_two_speakers_block_swap")
    graph["img"]["inputs"]["image"] = str(write_portrait(folder / "face.png"))
    graph["audio1"]["inputs"]["audio"] = str(write_wav(folder / "a1.wav", first))
    graph["audio2"]["inputs"]["audio"] = str(write_wav(folder / "a2.wav", second))
    masks = write_masks(folder / "masks.png", (64, 64), [(4, 20, 28, 60), (36, 20, 60, 60)])
    graph["mimg"]["inputs"]["image"] = str(masks)
    graph["i2v"]["inputs"]["output_path"] = str(folder / "frames")
    return graph


def changed(graph: Graph, node: str, **inputs: object) -> Graph:
    """A copy of a graph with other inputs in one node; None takes an input away."""
    result = copy.deepcopy(graph)
    result[node]["inputs"].update(inputs)
    result[node]["inputs"] = {name: value for name, value in result[node]["inputs"].items() if value is not None}
    return result


def endless(graph: Graph) -> Graph:
    """The graph with windows shorter than their overlap: it never ends."""
    return changed(changed(graph, "i2v", frame_window_size=17, motion_frame=25), "emb", num_frames=50)
