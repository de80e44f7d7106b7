"""Proves that an image serves jobs: those of the Hub's tests, and RunPod's API as docker-compose.yml starts it."""

import json
from pathlib import Path
from typing import Any

from prove_image import EXAMPLES, PYTHON, REPOSITORY, STOP_SECONDS, Proof, docker, expect, follow, worker

HUB_TESTS = REPOSITORY / ".runpod" / "tests.json"
PORT = 8000
SERVE = (PYTHON, "-u", "-m", "endpoint", "--port", f"{PORT}", "--folder", "/output/endpoint")  # docker-compose.yml's
MOUNTS = (("/app/endpoint", REPOSITORY / "endpoint"), ("/app/examples", EXAMPLES))  # and its
CALLER = f"""
import json, sys
import requests
api = "http://127.0.0.1:{PORT}"
done = requests.post(api + "/v2/local/runsync", json=json.load(sys.stdin), timeout=200).json()
told = {{"job": done}}
if done["status"] == "COMPLETED":
    video = requests.get(done["output"]["output_video_url"], timeout=20)
    told["video"] = [video.status_code, video.headers.get("Content-Type"), video.content[4:8].decode("latin-1")]
told["page"] = requests.get(api + "/playground/", timeout=20).status_code
told["health"] = requests.get(api + "/v2/local/health", timeout=20).json()
print(json.dumps(told))
"""


def hub_tests(proof: Proof) -> None:
    """The jobs of the Hub's tests succeed with the Hub's settings."""
    told: dict[str, Any] = json.loads(HUB_TESTS.read_text(encoding="utf-8"))
    settings = [text for one in told["config"]["env"] for text in ("--env", f"{one['key']}={one['value']}")]
    for test in told["tests"]:
        done = proof.run(*settings, command=worker(test["input"]), check=False)
        expect(
            not done.returncode and '"status": "completed"' in done.stdout,
            f"{test['name']}: {done.stdout}{done.stderr}",
        )


def served(proof: Proof) -> None:
    """RunPod's API and the page, as docker-compose.yml starts them: a job comes in, its video goes out."""
    volumes = [f"{proof.filled_volume(content(folder))}:{place}:ro" for place, folder in MOUNTS]
    volumes.append(f"{proof.volume()}:/output")
    options = [text for volume in volumes for text in ("--volume", volume)]
    settings = ("--env", "ENGINE=simulator", "--env", "SIMULATOR_SPEED=0")
    command = ("run", "--detach", "--init", "--network", "none", *options, *settings, proof.image, *SERVE)
    name = docker(*command).stdout.strip()
    try:
        with follow("logs", "--follow", name) as lines:
            expect(any("listening on" in line for line in lines), f"it does not start: {said(name)}")
        sent = json.dumps({"input": json.loads(HUB_TESTS.read_text(encoding="utf-8"))["tests"][0]["input"]}).encode()
        told = json.loads(docker("exec", "--interactive", name, PYTHON, "-c", CALLER, given=sent).stdout)
        expect(told["job"]["status"] == "COMPLETED", f"{told['job']}\n{said(name)}")
        expect(told["video"] == [200, "video/mp4", "ftyp"], f"its video: {told['video']}, of {told['job']}")
        expect(told["page"] == 200, f"the page answers {told['page']}")
        expect(told["health"]["jobs"]["completed"] == 1, f"its health: {told['health']}")
        docker("stop", "--time", f"{STOP_SECONDS}", name)
        code = docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()
        expect(code == "0", f"it ended with {code}: {said(name)}")
    finally:
        docker("rm", "--force", name, check=False)


def content(folder: Path) -> dict[str, Path]:
    """What is in a folder, by name."""
    return {path.name: path for path in sorted(folder.iterdir()) if path.name != "__pycache__"}


def said(container: str) -> str:
    """The end of what a container wrote."""
    told = docker("logs", "--tail", "30", container, check=False)
    return told.stdout + told.stderr
