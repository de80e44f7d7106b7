"""What a job takes of memory and disk while it runs."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.programs import REPOSITORY
from tests.worker.bench import Bench, probe

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Cost:
    """The most that was seen while a job ran: memory of the worker's own process in KiB, PNG files on the disk."""

    memory: int
    pictures: int
    window: int


def run_and_watch(bench: Bench, seconds: float, size: tuple[int, int] = (400, 704), speed: str = "2") -> Cost:
    """One job of so many seconds of a tone, at a speed of the simulator. AssertionError where it fails."""
    name = f"{seconds:g}"
    tone = ["-f", "lavfi", "-i", f"sine=f=220:r=16000:d={seconds}", str(bench.folder / f"{name}.wav")]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *tone], check=True)
    sent = {"image_url": bench.picture(size=size), "audio_urls": [f"{name}.wav"], "output_key": f"{name}.mp4"}
    job = {**sent, "width": size[0], "height": size[1]}
    command = [sys.executable, "handler.py", "--test_input", json.dumps({"input": job})]
    environment = {
        **bench.environment,
        "SIMULATOR_SPEED": speed,
        "AUDIO_MAX_SECONDS": "3600",
        "JOB_TIMEOUT_SECONDS": "36000",
    }
    with (bench.folder / f"{name}.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.DEVNULL)
        memory = pictures = 0
        while process.poll() is None:
            memory = max(memory, _high_water(process.pid))
            pictures = max(pictures, sum(1 for _ in bench.work.glob("*/frames-*/*/*.png")))
            try:
                process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        assert process.returncode == 0
        log.seek(0)
        text = log.read()
    reply = json.JSONDecoder().raw_decode(text[text.find("{\n") :])[0]
    assert probe(bench.folder / "output" / f"{name}.mp4").frames == round(seconds * 25)
    return Cost(memory, pictures, reply["generation_params"]["window_frames"])


def _high_water(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) if lines else 0
