"""How ComfyUI is started: with which node packs, and what of this process's environment it gets."""

import os
from pathlib import Path

import pytest

from comfy_client.server import NOT_FOR_ENGINES, ComfyInstall, EngineCommand, EngineProcess, comfyui_command
from contract.cancel import Cancellation
from contract.errors import WorkerError


def test_no_node_pack_is_loaded_but_those_that_are_named(tmp_path: Path) -> None:
    install = ComfyInstall(tmp_path, Path("python"), tmp_path, tmp_path, ("one", "two"), cpu=False)
    arguments = comfyui_command(install).arguments
    begin = arguments.index("--disable-all-custom-nodes")
    assert arguments[begin : begin + 5] == (
        *("--disable-all-custom-nodes", "--whitelist-custom-nodes", "one", "two"),
        "--disable-api-nodes",
    )
    assert arguments[arguments.index("--listen") + 1] == "127.0.0.1"


def test_it_gets_the_environment_without_the_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_SECRET", "for everybody")
    for name in NOT_FOR_ENGINES:
        monkeypatch.setenv(name, "for us alone")
    with EngineProcess(EngineCommand("env", ("env",), tmp_path, 1)) as engine:
        with pytest.raises(WorkerError, match="ended unexpectedly"):
            engine.wait_until_ready(30, Cancellation())
        engine.stop()  # all that it said has been read
        said = "\n".join(engine.last_lines())
    assert "NO_SECRET=for everybody" in said
    assert "for us alone" not in said


@pytest.mark.parametrize("leader", ["exec sleep 100", "exit 0"])
def test_its_end_is_the_end_of_all_that_it_started(tmp_path: Path, leader: str) -> None:
    """Also of what does not end when it is asked, and holds the output open."""
    os.mkfifo(tmp_path / "alive")
    script = f"(trap '' TERM; exec 3>alive; echo >&3; exec sleep 1000) & {leader}"
    engine = EngineProcess(EngineCommand("bash", ("bash", "-c", script), tmp_path, 1))
    with (tmp_path / "alive").open("rb") as alive:
        assert alive.read(1) == b"\n"
        engine.stop()
        assert alive.read() == b"", "nobody holds its other end any more"
