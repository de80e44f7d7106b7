"""docker-compose.yml: what it names exists, and the endpoint runs with what its container has."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from endpoint.options import read_options
from tests.endpoint.endpoint_process import running_endpoint
from tests.image.dockerfile import DOCKERFILE, REPOSITORY
from worker.settings import Settings

FILE = REPOSITORY / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
DOWNLOAD = REPOSITORY / "scripts" / "download_models.sh"
PATIENCE = 120.0


def _filled(text: str) -> str:
    """With each variable's default, as where the environment has none."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def _command(service: str) -> list[str]:
    return [_filled(word) for word in SERVICES[service]["command"]]


def _mounts(service: str) -> dict[str, str]:
    """Place in the container to folder of this repository."""
    pairs = (volume.split(":") for volume in SERVICES[service]["volumes"])
    return {place: source for source, place, *_ in pairs if source.startswith(".")}


def test_the_settings_are_those_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {name: _filled(value) for name, value in SERVICES["endpoint"]["environment"].items()}
    assert set(environment) <= {name.upper() for name in Settings.model_fields}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings().engine == "comfyui"


def test_the_models_are_fetched_where_the_worker_looks() -> None:
    script, *options = _command("models")
    assert REPOSITORY / script == DOWNLOAD
    usage = DOWNLOAD.read_text(encoding="utf-8").split("set -euo")[0]
    assert [word for word in (*options[::2], *SERVICES["models"]["environment"]) if word not in usage] == []
    assert {"HF_TOKEN", "HF_ENDPOINT"} <= set(SERVICES["models"]["environment"])
    (fetched,) = [source for place, source in _mounts("models").items() if place == options[1]]
    (read,) = [place for place, source in _mounts("endpoint").items() if source == fetched]
    assert read in str(Settings.model_fields["model_roots"].default)


def test_what_make_image_proves_is_started_and_mounted_as_here() -> None:
    """scripts/prove_endpoint.py runs without packages, and so cannot read this file itself."""
    code = "import json, prove_endpoint as p; print(json.dumps([p.SERVE, [place for place, _ in p.MOUNTS]]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY / "scripts", capture_output=True, check=True, text=True
    )
    command, places = json.loads(done.stdout)
    assert command == _command("endpoint")
    assert places == [place for place in _mounts("endpoint") if place.startswith("/app/")]


def test_nobody_else_can_reach_it() -> None:
    *_, module, port, number, folder, place = _command("endpoint")
    options = read_options([port, number, folder, place], {})
    assert (module, SERVICES["endpoint"]["network_mode"], "ports" in SERVICES["endpoint"]) == (
        "endpoint",
        "host",
        False,
    )
    assert options.is_local
    assert str(options.folder).startswith(
        next(v.split(":")[1] for v in SERVICES["endpoint"]["volumes"] if "videos" in v)
    )


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """A copy of the image's /app, with what is mounted into it, and nothing else of this repository."""
    app = tmp_path / "app"
    for copied in DOCKERFILE.stages["worker"].all("COPY"):
        *sources, target = copied.words
        if "from" not in copied.options and not target.startswith("/"):
            for source in sources:
                _copy(source, app / (target if source.endswith("/") else f"{target}/{Path(source).name}"))
    for place, source in _mounts("endpoint").items():
        if place.startswith("/app/"):
            _copy(source, app / place.removeprefix("/app/"))
    return app


def _copy(source: str, place: Path) -> None:
    if (REPOSITORY / source).is_dir():
        shutil.copytree(REPOSITORY / source, place, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / source, place)


def _environment(tmp_path: Path) -> dict[str, str]:
    """What the image sets, with its folders below `tmp_path`, and the simulator in ComfyUI's place."""
    image = DOCKERFILE.stages["worker"].environment()
    moved = {name: str(tmp_path / value[1:]) if value.startswith("/") else value for name, value in image.items()}
    assert Path(moved["OUTPUT_DIR"]).is_relative_to(tmp_path)
    Path(moved["HOME"]).mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    ours = {"ENGINE": "simulator", "SIMULATOR_SPEED": "0", "MIN_DISK_GB": "0", "TMPDIR": str(tmp_path)}
    return {**kept, **moved, "BASE_MODEL": "q4_k_m", **ours}


@contextmanager
def _served(container: Path, tmp_path: Path, **settings: str) -> Iterator[str]:
    """The endpoint as docker-compose.yml starts it, on a free port; gives the address of its job API."""
    command = [sys.executable, *_command("endpoint")[1:4], "--port", "0", "--folder", str(tmp_path / "store")]
    environment = {**_environment(tmp_path), **settings}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=container, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        api = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        assert api.startswith("http://127.0.0.1:"), (tmp_path / "log").read_text()
        yield api
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()  # type: ignore[union-attr]


def _is_healthy(api: str, token: str = "") -> bool:
    """What the health check of docker-compose.yml says of it."""
    port = api.split(":")[2].split("/", maxsplit=1)[0]
    check = SERVICES["endpoint"]["healthcheck"]["test"].replace("${PORT:-8000}", port).replace("$$", "$")
    return subprocess.run(["sh", "-c", check], env={**os.environ, "ENDPOINT_TOKEN": token}, check=False).returncode == 0


def test_the_endpoint_makes_and_shows_a_video_with_what_its_container_has(container: Path, tmp_path: Path) -> None:
    with _served(container, tmp_path) as api:
        job = {"input": {"image_url": "portrait.png", "audio_urls": ["hello.wav"], "width": 256, "height": 448}}
        answer = requests.post(f"{api}/runsync", json=job, timeout=PATIENCE).json()
        assert answer["status"] == "COMPLETED", answer
        video = requests.get(answer["output"]["output_video_url"], timeout=PATIENCE)
        assert (video.status_code, video.headers["Content-Type"]) == (200, "video/mp4")
        assert hashlib.sha256(video.content).hexdigest() == answer["output"]["video_info"]["sha256"]
        assert requests.get(f"{api.split('/v2/')[0]}/playground/", timeout=PATIENCE).status_code == 200
        assert _is_healthy(api)
    assert not _is_healthy(api)


def test_an_endpoint_whose_worker_is_not_fit_is_not_healthy(tmp_path: Path) -> None:
    settings = {"ENGINE": "comfyui", "COMFYUI_DIR": str(tmp_path), "ENDPOINT_TOKEN": "t"}  # it has no models
    with running_endpoint(tmp_path, **settings) as endpoint:
        assert _is_healthy(endpoint.api, "t")
        assert not _is_healthy(endpoint.api, "another")
        endpoint.wait_for_log("is not fit for jobs")
        assert not _is_healthy(endpoint.api, "t")


@pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0,
    reason="needs Docker with Compose",
)
def test_compose_reads_it() -> None:
    command = ["docker", "compose", "--file", str(FILE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
