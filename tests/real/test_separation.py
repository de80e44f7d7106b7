"""Voices parted from music on the real server, with tiny random weights: what comes out is noise of the right length,
at the right place and level. With weights of this kind nothing can be heard of how well it parts."""

import json
import math
import os
import subprocess
import uuid
import wave
from array import array
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests

from comfy_client.client import Callbacks, new_id
from comfy_client.clocks import StallTimeouts
from comfy_client.progress import ProgressReader
from comfy_client.supervisor import Engine
from contract.cancel import Cancellation
from handler import answer
from tests.real.bench import RealBench, difference
from tests.real.engine import REPOSITORY
from tests.worker.bench import Bench, probe
from worker.engine_setup import ReadyEngine
from worker.settings import Settings
from worker.startup import make_resources
from workflows.models import separator_file
from workflows.own_nodes import SEPARATE_VOICE, SEPARATOR_LOADER
from workflows.separation import SeparatedVoice

QUIETLY = Callbacks(lambda: None, lambda _: None, lambda: 0)
# An identity in the separator's place: what is put together of blocks is the sound itself, to a rounding.
SEAMS = """
import sys, wave, torch
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from torchaudio.functional import resample
from comfy_nodes.separating import voice_of
same = lambda sound: sound[:, None].expand(-1, 4, -1, -1)
blocks = []
voice = voice_of(Path(sys.argv[2]), 1e9, same, torch.device("cpu"), lambda: blocks.append(1))
with wave.open(sys.argv[2]) as file:
    raw = torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16)
    sound = raw.float().reshape(-1, file.getnchannels()).mean(1) / 32768
whole = resample(resample(sound, 48_000, 44_100), 44_100, 16_000)
print(len(voice) == len(whole), float((voice - whole).abs().max()) < 1e-4, len(blocks))
"""


def _voice(path: Path, seconds: float, channels: int = 2) -> Path:
    """A tone that goes up and down in pitch and loudness, 48 kHz."""
    samples = array("h")
    for index in range(int(seconds * 48_000)):
        t = index / 48_000
        value = round(9000 * (0.6 + 0.4 * math.sin(3 * t)) * math.sin(2 * math.pi * (200 + 50 * math.sin(t)) * t))
        samples.extend([value] * channels)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes(samples.tobytes())
    return path


def test_blocks_join_without_a_seam(tmp_path: Path) -> None:
    sound = _voice(tmp_path / "voice.wav", 28.2)
    command = [os.environ["COMFYUI_PYTHON"], "-c", SEAMS, str(REPOSITORY), str(sound)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "True", "4"], done.stderr[-2000:]


def test_the_frames_go_by_the_parted_voice(real: RealBench) -> None:
    """In more than one window, and not by the track alone."""
    sound = _voice(real.folder / "sound.wav", 1.2)
    parted = {1: SeparatedVoice(sound, start=0.0, seconds=1.2, most_gain=60.0)}
    heard = real.run(real.arguments(seed=21, frames=33, separated=parted))
    plain = real.run(real.arguments(seed=21, frames=33))
    assert {"separator", "separated_1"} <= set(heard.nodes)
    assert len(heard.frames) == len(plain.frames) == 33
    assert difference(heard.frames, plain.frames) > 0.5


def _saved(engine: Engine, track: Path, sound: Path, **placed: float) -> Path:
    """What the talk model would hear, as a file that the server wrote."""
    name = uuid.uuid4().hex
    nodes: dict[str, dict[str, Any]] = {
        "track": {"class_type": "LoadAudio", "inputs": {"audio": str(track)}},
        "separator": {"class_type": SEPARATOR_LOADER, "inputs": {"model_name": separator_file().file}},
        "voice": {
            "class_type": SEPARATE_VOICE,
            "inputs": {"separator": ["separator", 0], "track": ["track", 0], "sound": str(sound), **placed},
        },
        "saved": {"class_type": "SaveAudio", "inputs": {"audio": ["voice", 0], "filename_prefix": name}},
    }
    prompt_id, client = new_id(), engine.client
    reader = ProgressReader(prompt_id, "voice", 1, 1, 1)
    outputs = client.run(nodes, reader, QUIETLY, StallTimeouts(600, 600), Cancellation())
    (shown,) = outputs["saved"]["audio"]
    told = requests.get(f"{client.url}/view", params=shown, timeout=60)
    path = sound.with_name("heard.flac")
    path.write_bytes(told.content)
    return path


def _levels(path: Path) -> list[float]:
    """dBFS of each half second."""
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-"], capture_output=True, check=True
    ).stdout
    samples = array("h", raw)
    size = 8000
    parts = [samples[begin : begin + size] for begin in range(0, len(samples), size)]
    return [10 * math.log10(sum(value * value for value in part) / len(part) / 32768**2 + 1e-12) for part in parts]


def test_the_voice_lies_where_it_belongs_at_the_level_that_the_models_know(ready: ReadyEngine, tmp_path: Path) -> None:
    """23 s in three blocks, after 2 s of the room tone that lies under everything."""
    track = tmp_path / "track.wav"
    with wave.open(str(track), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(array("h", [10 if index % 2 else -10 for index in range(30 * 16_000)]).tobytes())
    sound = _voice(tmp_path / "voice.wav", 23.0)
    heard = _saved(ready.engine, track, sound, start=2.0, seconds=23.0, most_gain=200.0)
    levels = _levels(heard)
    assert len(levels) == 60, "as long as the track"
    assert all(level == pytest.approx(-70.3, abs=0.5) for level in (*levels[:4], *levels[50:])), levels
    assert all(-45 < level < -1 for level in levels[5:49]), levels
    spoken = subprocess.run(
        ["ffmpeg", "-hide_banner", "-i", str(heard), "-af", "ebur128", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    loudness = float(spoken.rsplit("I:", 1)[1].split()[0])
    peak = max(levels)
    assert loudness == pytest.approx(-23, abs=1.5) or peak > -8, "no louder where a peak would clip"


def test_the_handler_separates_by_name_and_keeps_the_viewers_sound(
    settings: Settings, ready: ReadyEngine, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    _voice(tmp_path / "voice.wav", 1.6)
    resources = make_resources(settings.model_copy(update={"input_roots": (tmp_path,)}), ready)
    job = {
        "image_url": bench.picture(size=(256, 256)),
        "audio_urls": ["voice.wav"],
        "width": 256,
        "height": 256,
        "mode": "infinitetalk",
        "window_frames": 33,
        "steps": 1,
        "scheduler": "euler",
        "voice": "separate",
    }
    reply = answer({"id": "parted", "input": job}, resources, Cancellation())
    assert reply.get("status") == "completed", json.dumps(reply)
    assert reply["generation_params"]["voices"] == ["separate"]
    assert reply["video_info"]["windows"] == 2
    video = probe(Path(unquote(urlsplit(reply["output_video_url"]).path)))
    assert video.frames == 40
    assert -20 < video.loudness(0.2, 1.0) < -8
