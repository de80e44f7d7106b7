"""Every environment variable: its default, its values, and how a bad one stops the start by name."""

import logging
import tempfile
from pathlib import Path

import pytest

from tests.worker.bare_environment import without_settings
from worker.settings import Settings, SettingsError, read_settings

DEFAULTS: dict[str, object] = {
    "ENGINE": "comfyui",
    "COMFYUI_URL": None,
    "COMFYUI_DIR": Path("/opt/ComfyUI"),
    "COMFYUI_PYTHON": Path("/opt/comfyui-venv/bin/python"),
    "COMFYUI_START_SECONDS": 300,
    "SIMULATOR_SPEED": 1.0,
    "SIMULATOR_FAULTS": "",
    "STALL_SECONDS": 300,
    "SILENCE_SECONDS": 120,
    "LOAD_SECONDS": 900,
    "COMFYUI_NODE_PACKS": (),
    "COMFYUI_NODE_FOLDERS": (),
    "MODES": "auto",
    "MODEL_ROOTS": (Path("/opt/models"), Path("/runpod-volume/models"), Path("/runpod-volume/ComfyUI/models")),
    "MODEL_CACHE": Path("/runpod-volume/huggingface-cache/hub"),
    "BASE_MODEL": "q4_k_m",
    "TALK_MODEL": "default",
    "BASE_PRECISION": None,
    "ATTENTION_MODE": None,
    "VAE_PRECISION": None,
    "WAV2VEC_PRECISION": None,
    "FORCE_OFFLOAD": None,
    "READ_AHEAD": True,
    "WARM_UP": False,
    "JOB_TIMEOUT_SECONDS": 3540,
    "MIN_DISK_GB": 2,
    "STORAGE": None,
    "OUTPUT_DIR": Path("output"),
    "OUTPUT_BASE_URL": None,
    "VOLUME_DIR": Path("/runpod-volume"),
    "VOLUME_SECONDS": 30,
    "KEEP_DIR": None,
    "KEEP_MAX_GB": 2,
    "INLINE_MAX_MB": 6,
    "BUCKET_ENDPOINT_URL": None,
    "BUCKET_ACCESS_KEY_ID": None,
    "BUCKET_SECRET_ACCESS_KEY": None,
    "S3_BUCKET": None,
    "S3_ENDPOINT_URL": None,
    "S3_ACCESS_KEY_ID": None,
    "S3_SECRET_ACCESS_KEY": None,
    "S3_REGION": None,
    "S3_ADDRESSING_STYLE": "auto",
    "S3_CHECK_URLS": True,
    "S3_PUBLIC_BASE_URL": None,
    "S3_KEY_PREFIX": "",
    "S3_PRESIGN_SECONDS": 604_800,
    "S3_ATTEMPTS": 10,
    "INPUT_ROOTS": (Path("/runpod-volume"),),
    "IMAGE_MAX_MB": 64,
    "AUDIO_MAX_MB": 200,
    "VIDEO_MAX_MB": 500,
    "ALLOW_PRIVATE_HOSTS": (),
    "ALLOWED_PORTS": (80, 443),
    "ALLOW_PROXY": False,
    "FETCH_SECONDS": 120,
    "AUDIO_MAX_SECONDS": 390,
    "VIDEO_MAX_SECONDS": 600,
    "WORK_DIR": Path(tempfile.gettempdir()) / "talking-video",
    "MARK_AI": True,
    "C2PA_CERT": None,
    "C2PA_KEY": None,
    "C2PA_TIMESTAMP_URL": None,
    "RUNPOD_WEBHOOK_GET_JOB": None,
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": None,
}
GOOD = [
    ("ENGINE", "simulator", "simulator"),
    ("COMFYUI_URL", "http://127.0.0.1:8188", "http://127.0.0.1:8188"),
    ("COMFYUI_DIR", "/srv/ComfyUI", Path("/srv/ComfyUI")),
    ("COMFYUI_PYTHON", "/srv/python", Path("/srv/python")),
    ("COMFYUI_START_SECONDS", "0.5", 0.5),
    ("SIMULATOR_SPEED", "0", 0),
    ("SIMULATOR_FAULTS", "oom:times=1 die:window=2", "oom:times=1 die:window=2"),
    ("TALK_MODEL", "q8_0", "q8_0"),
    ("STALL_SECONDS", "60", 60),
    ("LOAD_SECONDS", "60", 60),
    ("COMFYUI_NODE_PACKS", "one:two", ("one", "two")),
    ("COMFYUI_NODE_FOLDERS", "/a:/b", (Path("/a"), Path("/b"))),
    *(("MODES", value, value) for value in ("auto", "all", "multitalk", "infinitetalk")),
    ("MODEL_ROOTS", "/a:/b", (Path("/a"), Path("/b"))),
    ("MODEL_CACHE", "/hub", Path("/hub")),
    ("FORCE_OFFLOAD", "false", False),
    ("MARK_AI", "false", False),
    ("C2PA_TIMESTAMP_URL", "http://timestamp.example.com", "http://timestamp.example.com"),
    *(("BASE_MODEL", value, value) for value in ("q4_k_m", "q8_0", "fp8")),
    *(("BASE_PRECISION", value, value) for value in ("fp32", "bf16", "fp16", "fp16_fast")),
    *(("ATTENTION_MODE", value, value) for value in ("sdpa", "sageattn", "comfy")),
    ("JOB_TIMEOUT_SECONDS", "600", 600),
    ("STORAGE", "local", "local"),
    ("STORAGE", "volume", "volume"),
    ("KEEP_DIR", "/srv/kept", Path("/srv/kept")),
    ("BUCKET_ENDPOINT_URL", "https://b.s3.eu-west-1.amazonaws.com", "https://b.s3.eu-west-1.amazonaws.com"),
    ("OUTPUT_DIR", "/srv/out", Path("/srv/out")),
    ("OUTPUT_BASE_URL", "http://127.0.0.1:8000/files", "http://127.0.0.1:8000/files"),
    ("ALLOW_PRIVATE_HOSTS", "127.0.0.1:8000,[::1]:80,minio:9000", ("127.0.0.1:8000", "[::1]:80", "minio:9000")),
    ("S3_BUCKET", "videos", "videos"),
    ("S3_ENDPOINT_URL", "http://localhost:9000", "http://localhost:9000"),
    ("S3_PUBLIC_BASE_URL", "https://cdn.example.com/v", "https://cdn.example.com/v"),
    ("S3_KEY_PREFIX", "videos/2026/", "videos/2026/"),
    ("S3_PRESIGN_SECONDS", "60", 60),
    ("S3_ATTEMPTS", "1", 1),
    ("INPUT_ROOTS", "/a", (Path("/a"),)),
    ("INPUT_ROOTS", "/a:/b c", (Path("/a"), Path("/b c"))),
    ("INPUT_ROOTS", "/a::/b:", (Path("/a"), Path("/b"))),
    ("IMAGE_MAX_MB", "0.5", 0.5),
    ("ALLOW_PRIVATE_HOSTS", "minio, Media-1.internal,", ("minio", "Media-1.internal")),
    ("ALLOW_PRIVATE_HOSTS", "10.0.0.0/8,127.0.0.1,fd00::/8,::1", ("10.0.0.0/8", "127.0.0.1", "fd00::/8", "::1")),
    ("ALLOWED_PORTS", "443", (443,)),
    ("ALLOWED_PORTS", "80, 443,8080", (80, 443, 8080)),
    ("ALLOW_PROXY", "true", True),
    ("FETCH_SECONDS", "0.5", 0.5),
    ("AUDIO_MAX_SECONDS", "3600", 3600),
    ("VIDEO_MAX_MB", "0.5", 0.5),
    ("VIDEO_MAX_SECONDS", "60", 60),
    *(("LOG_LEVEL", value, value) for value in ("DEBUG", "INFO", "WARNING", "ERROR")),
    *(("LOG_FORMAT", value, value) for value in ("text", "json")),
]
BAD = [
    ("ENGINE", "cuda", "'simulator'"),
    ("ENGINE", " simulator", "'simulator'"),
    ("COMFYUI_URL", "localhost:8188", "http://"),
    ("COMFYUI_URL", "ftp://localhost", "http://"),
    ("COMFYUI_START_SECONDS", "0", "greater than 0"),
    ("COMFYUI_START_SECONDS", "soon", "number"),
    ("SIMULATOR_SPEED", "-1", "0"),
    ("SIMULATOR_SPEED", "nan", ""),
    ("STALL_SECONDS", "0", "greater than 0"),
    ("STALL_SECONDS", "nan", ""),
    ("BASE_MODEL", "q2_k", "'q8_0'"),
    ("TALK_MODEL", "q4_0", "'q8_0'"),
    ("MODES", "both", "'multitalk'"),
    ("FORCE_OFFLOAD", "perhaps", "boolean"),
    ("MARK_AI", "perhaps", "boolean"),
    ("C2PA_TIMESTAMP_URL", "timestamp.example.com", "http"),
    ("BASE_PRECISION", "fp8", "'bf16'"),
    ("ATTENTION_MODE", "sage", "sdpa"),
    ("VAE_PRECISION", "fp16_fast", "'bf16'"),
    ("WAV2VEC_PRECISION", "fp8", "'fp16'"),
    ("STORAGE", "gcs", "'s3'"),
    ("JOB_TIMEOUT_SECONDS", "0", "greater than 0"),
    ("INLINE_MAX_MB", "8", "7"),
    ("BUCKET_ENDPOINT_URL", "bucket.s3.amazonaws.com", "http"),
    ("S3_ENDPOINT_URL", "localhost:9000", "http"),
    ("S3_PUBLIC_BASE_URL", "cdn.example.com", "http"),
    ("S3_KEY_PREFIX", "a b", ""),
    ("S3_PRESIGN_SECONDS", "59", "60"),
    ("S3_PRESIGN_SECONDS", "604801", "604800"),
    ("S3_PRESIGN_SECONDS", "60.5", "integer"),
    ("S3_ATTEMPTS", "0", "greater than or equal to 1"),
    ("S3_ATTEMPTS", "21", "20"),
    ("IMAGE_MAX_MB", "0", "greater than 0"),
    ("IMAGE_MAX_MB", "20MB", "number"),
    ("IMAGE_MAX_MB", "inf", ""),
    ("AUDIO_MAX_MB", "-1", "greater than 0"),
    ("AUDIO_MAX_MB", "inf", ""),
    ("VIDEO_MAX_MB", "0", "greater than 0"),
    ("VIDEO_MAX_SECONDS", "0", "greater than 0"),
    ("ALLOW_PRIVATE_HOSTS", "minio:0", "'minio:0'"),
    ("ALLOW_PRIVATE_HOSTS", "127.0.0.1:65536", "'127.0.0.1:65536'"),
    ("ALLOW_PRIVATE_HOSTS", "127.1:80", "'127.1:80'"),
    ("ALLOW_PRIVATE_HOSTS", "minio:http", "'minio:http'"),
    ("ALLOW_PRIVATE_HOSTS", "minio,http://minio", "'http://minio'"),
    ("ALLOW_PRIVATE_HOSTS", "10.0.0.1/8", "'10.0.0.1/8'"),
    ("ALLOW_PRIVATE_HOSTS", "127.1", "'127.1'"),
    ("ALLOW_PRIVATE_HOSTS", "*", "'*'"),
    ("ALLOWED_PORTS", "80,http", "integer"),
    ("ALLOWED_PORTS", "0", "greater than or equal to 1"),
    ("ALLOWED_PORTS", "65536", "65535"),
    ("ALLOW_PROXY", "perhaps", "boolean"),
    ("FETCH_SECONDS", "0", "greater than 0"),
    ("FETCH_SECONDS", "inf", ""),
    ("AUDIO_MAX_SECONDS", "0", "greater than 0"),
    ("AUDIO_MAX_SECONDS", "3601", "less than or equal to 3600"),
    ("AUDIO_MAX_SECONDS", "nan", ""),
    ("LOG_LEVEL", "LOUD", "'DEBUG'"),
    ("LOG_FORMAT", "xml", "'text'"),
]
every_variable = pytest.mark.parametrize("name", DEFAULTS)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_settings(monkeypatch)


def value_of(settings: Settings, name: str) -> object:
    return getattr(settings, name.lower())


def test_these_are_all_the_variables() -> None:
    assert {name.upper() for name in Settings.model_fields} == set(DEFAULTS)


def test_the_defaults() -> None:
    settings = read_settings()
    assert {name: value_of(settings, name) for name in DEFAULTS} == DEFAULTS
    assert settings.storage_kind == "local"


@every_variable
def test_every_variable_has_a_meaning(name: str) -> None:
    assert Settings.model_fields[name.lower()].description


@every_variable
def test_an_empty_variable_counts_as_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    assert read_settings() == Settings()
    assert value_of(read_settings(), name) == DEFAULTS[name]


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_good_value_is_read(name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    assert value_of(read_settings(), name) == value


@pytest.mark.parametrize(("name", "text", "told"), BAD)
def test_a_bad_value_stops_the_start_with_its_name(
    name: str, text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as stopped:
        read_settings()
    message = str(stopped.value)
    assert f"{name}: " in message
    assert told in message
    assert len(message.splitlines()) == 1
    assert [other for other in DEFAULTS if other != name and f"{other}: " in message] == []


def test_all_bad_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("ENGINE", "cuda"), ("LOG_LEVEL", "LOUD"), ("S3_PRESIGN_SECONDS", "1"), ("STORAGE", "gcs")):
        monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as stopped:
        read_settings()
    assert all(f"{name}: " in str(stopped.value) for name in ("ENGINE", "LOG_LEVEL", "S3_PRESIGN_SECONDS", "STORAGE"))


@pytest.mark.parametrize(("level", "number"), [("DEBUG", logging.DEBUG), ("WARNING", logging.WARNING)])
def test_the_log_level_has_a_number(level: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    assert read_settings().log_level_number == number


def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_POD_ID", "abc")
    monkeypatch.setenv("S3_SOMETHING", "abc")
    assert read_settings() == Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(read_settings(), "engine", "simulator")  # noqa: B010
