"""The Hub's files: what they offer is what the settings take, and their test is a job that this worker can do."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.worker.bench import Bench
from worker.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
HUB: dict[str, Any] = json.loads((REPOSITORY / ".runpod/hub.json").read_text(encoding="utf-8"))
TESTS: dict[str, Any] = json.loads((REPOSITORY / ".runpod/tests.json").read_text(encoding="utf-8"))
INPUTS: dict[str, dict[str, Any]] = {one["key"]: one["input"] for one in HUB["config"]["env"] if "input" in one}
KINDS = {bool: "boolean", int: "number", float: "number"}  # by a setting's type; all others: "string"
POOLS = {
    *(
        "AMPERE_16",
        "AMPERE_24",
        "ADA_24",
        "ADA_32_PRO",
        "AMPERE_48",
        "ADA_48_PRO",
        "AMPERE_80",
        "ADA_80_PRO",
        "HOPPER_141",
    ),
}
# What a user of the Hub has no reason to choose: paths inside the image, the simulator, what RunPod sets.
NOT_OFFERED = {
    *("ENGINE", "COMFYUI_URL", "COMFYUI_DIR", "COMFYUI_PYTHON", "COMFYUI_START_SECONDS", "SIMULATOR_SPEED"),
    *(
        "SIMULATOR_FAULTS",
        "COMFYUI_NODE_PACKS",
        "COMFYUI_NODE_FOLDERS",
        "MODEL_ROOTS",
        "MODEL_CACHE",
        "READ_AHEAD",
        "OUTPUT_DIR",
        "OUTPUT_BASE_URL",
    ),
    *(
        "BASE_PRECISION",
        "VAE_PRECISION",
        "WAV2VEC_PRECISION",
        "FORCE_OFFLOAD",
        "SILENCE_SECONDS",
        "MIN_DISK_GB",
        "VOLUME_DIR",
    ),
    *(
        "VOLUME_SECONDS",
        "KEEP_DIR",
        "KEEP_MAX_GB",
        "S3_ATTEMPTS",
        "S3_CHECK_URLS",
        "ALLOW_PRIVATE_HOSTS",
        "ALLOWED_PORTS",
        "ALLOW_PROXY",
        "FETCH_SECONDS",
        "INPUT_ROOTS",
        "WORK_DIR",
        "LOG_FORMAT",
        "MARK_AI",
        "C2PA_CERT",
        "C2PA_KEY",
        "C2PA_TIMESTAMP_URL",
        "RUNPOD_WEBHOOK_GET_JOB",
    ),
    *("BUCKET_ENDPOINT_URL", "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY"),  # RunPod's own; S3_… are offered
}


def test_every_setting_is_offered_or_has_a_reason_not_to_be() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    assert set(INPUTS) | NOT_OFFERED == settings
    assert not set(INPUTS) & NOT_OFFERED


@pytest.mark.parametrize("key", INPUTS)
def test_what_is_offered_is_what_the_setting_takes(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offered, field = INPUTS[key], Settings.model_fields[key.lower()]
    literals = {value for part in (field.annotation, *get_args(field.annotation)) for value in get_args(part)}
    kinds = {KINDS[part] for part in (field.annotation, *get_args(field.annotation)) if part in KINDS}
    assert offered["type"] == (kinds.pop() if kinds else "string")
    assert not kinds
    assert offered["default"] == (field.default if field.default is not None else "")
    assert offered["name"]
    assert offered["description"]
    monkeypatch.setenv("S3_BUCKET", "videos")  # which STORAGE=s3 needs
    values = [option["value"] for option in offered.get("options", [])]
    values += [str(offered[end]) for end in ("min", "max") if end in offered]
    for value in [*values, str(offered["default"])]:
        assert not literals or value in {*literals, ""} or offered["type"] == "number"
        monkeypatch.setenv(key, value)
        Settings()


SWITCHES = [key for key, offered in INPUTS.items() if offered["type"] == "boolean"]


@pytest.mark.parametrize("key", SWITCHES)
def test_a_switch_says_what_the_setting_reads(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = INPUTS[key]
    assert {"trueValue", "falseValue"} <= offered.keys(), "without them nobody knows which text RunPod sets"
    for text, meant in ((offered["trueValue"], True), (offered["falseValue"], False)):
        monkeypatch.setenv(key, text)
        assert getattr(Settings(), key.lower()) is meant


def test_warming_up_is_offered() -> None:
    assert "WARM_UP" in SWITCHES


def test_the_secret_is_no_default() -> None:
    assert INPUTS["S3_SECRET_ACCESS_KEY"]["default"] == ""


def test_the_card_is_one_that_the_hub_knows() -> None:
    config = HUB["config"]
    assert (HUB["type"], HUB["category"], config["runsOn"], config["gpuCount"]) == ("serverless", "video", "GPU", 1)
    assert set(config["gpuIds"].split(",")) <= POOLS
    assert all(float(version) >= 12.8 for version in config["allowedCudaVersions"])
    assert config["containerDiskInGb"] >= 20
    for preset in config["presets"]:
        for key, value in preset["defaults"].items():
            assert value in [option["value"] for option in INPUTS[key]["options"]]
    assert TESTS["config"]["allowedCudaVersions"] == config["allowedCudaVersions"]
    for one in HUB["config"]["env"]:
        assert ("input" in one) != ("value" in one)


def _advised(setting: str) -> str:
    """What the page on deploying advises for the endpoint."""
    page = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
    (value,) = re.findall(rf"^ +\| {re.escape(setting)} \| (.*) \|$", page, re.MULTILINE)
    return str(value)


def test_the_card_is_what_the_page_advises() -> None:
    config = HUB["config"]
    pools = config["gpuIds"].split(",")
    assert len(pools) == len(set(pools))
    assert set(pools) == set(re.findall(r"[A-Z]+_\d+(?:_PRO)?", _advised("GPU pools")))
    assert {"ADA_32_PRO", "HOPPER_141"} <= set(pools)
    assert _advised("container disk").startswith(f"{config['containerDiskInGb']} GB ")
    assert _advised("CUDA filter") == f"{config['allowedCudaVersions'][0]} and newer"
    assert config["allowedCudaVersions"] == ["12.8", "12.9", "13.0"], "all that RunPod names from there on"
    (init,) = [one["value"] for one in config["env"] if one["key"] == "RUNPOD_INIT_TIMEOUT"]
    assert _advised("`RUNPOD_INIT_TIMEOUT`").startswith(f"{init}:")


@pytest.mark.parametrize("test", TESTS["tests"], ids=lambda test: test["name"])
def test_the_hubs_own_test_passes_here(bench: Bench, test: dict[str, Any]) -> None:
    environment = {one["key"]: one["value"] for one in TESTS["config"]["env"]}
    assert set(environment) <= {name.upper() for name in Settings.model_fields}
    run = bench.run(test["input"], **environment)
    assert run.code == 0, run.log
    assert run.reply["status"] == "completed"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
