"""What settings need of each other, names that are misspelt, and secrets, which nobody is shown."""

import pytest

from comfy_client.server import NOT_FOR_ENGINES
from tests.worker.bare_environment import without_settings
from worker.logs import redact
from worker.settings import Settings, SettingsError, read_settings
from worker.slips import misspelt


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_settings(monkeypatch)


@pytest.mark.parametrize("bucket", [None, ""])
def test_s3_needs_a_bucket(bucket: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE", "s3")
    if bucket is not None:
        monkeypatch.setenv("S3_BUCKET", bucket)
    with pytest.raises(SettingsError, match=r"S3_BUCKET: .*STORAGE=s3"):
        read_settings()


def test_a_missing_bucket_is_told_with_the_other_bad_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE", "s3")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(SettingsError, match="LOG_LEVEL: ") as stopped:
        read_settings()
    assert "S3_BUCKET: " in str(stopped.value)


@pytest.mark.parametrize(
    ("storage", "bucket", "kind"),
    [("", "", "local"), ("", "videos", "s3"), ("local", "videos", "local"), ("s3", "videos", "s3")],
)
def test_videos_go_to_s3_where_there_is_a_bucket(
    storage: str, bucket: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE", storage)
    monkeypatch.setenv("S3_BUCKET", bucket)
    assert read_settings().storage_kind == kind


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "top-secret")
    settings = read_settings()
    assert not any("top-secret" in text for text in (repr(settings), str(settings), repr(settings.model_dump())))
    assert settings.s3_secret_access_key is not None
    assert settings.s3_secret_access_key.get_secret_value() == "top-secret"
    for name in ("S3_ENDPOINT_URL", "S3_PUBLIC_BASE_URL", "COMFYUI_URL", "ENGINE"):
        monkeypatch.setenv(name, "user:top-secret@host")
    with pytest.raises(SettingsError) as stopped:
        read_settings()
    assert "top-secret" not in str(stopped.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("S3_BUKET", "S3_BUCKET"),
        ("S3_BUCKETS", "S3_BUCKET"),
        ("S3_BUCKTE", "S3_BUCKET"),
        ("s3_buket", "S3_BUCKET"),
        ("BUCKET_ENDPOINT_ULR", "BUCKET_ENDPOINT_URL"),
        ("WORKDIR", "WORK_DIR"),
        ("LOG_LEVLE", "LOG_LEVEL"),
        ("INPUT_ROOT", "INPUT_ROOTS"),
        ("S3-BUCKET", "S3_BUCKET"),
    ],
)
def test_a_slip_in_a_name_is_found(name: str, meant: str) -> None:
    assert misspelt({name: "x", "PATH": "/bin", "HOME": "/root"}) == [(name.upper(), meant)]
    assert misspelt({name: ""}) == [], "an empty variable counts as not set"
    assert misspelt({name: "x", meant: "y"}) == [], "it is set, too"


@pytest.mark.parametrize(
    "name",
    ["MODE", "S3_BUCKET", "s3_bucket", "AWS_REGION", "RUNPOD_POD_ID", "S3_SOMETHING", "HF_TOKEN", "BUCKET", "HOSTNAME"],
)
def test_other_names_are_left_in_peace(name: str) -> None:
    expected = [("MODE", "MODES")] if name == "MODE" else []
    assert misspelt({name: "x"}) == expected


def test_a_gguf_talk_model_beside_another_base_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALK_MODEL", "q8_0")
    monkeypatch.setenv("BASE_MODEL", "fp8")
    with pytest.raises(SettingsError, match="TALK_MODEL: q8_0 is GGUF and runs with a GGUF base only"):
        read_settings()
    monkeypatch.setenv("BASE_MODEL", "q8_0")
    assert read_settings().talk_model == "q8_0"


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({}, "local"),
        ({"S3_BUCKET": "videos"}, "s3"),
        ({"BUCKET_ENDPOINT_URL": "https://b.s3.eu-west-1.amazonaws.com"}, "s3"),
        ({"RUNPOD_WEBHOOK_GET_JOB": "http://127.0.0.1/job-take"}, "volume"),
        ({"RUNPOD_WEBHOOK_GET_JOB": "http://127.0.0.1/job-take", "S3_BUCKET": "videos"}, "s3"),
        ({"RUNPOD_WEBHOOK_GET_JOB": "http://127.0.0.1/job-take", "STORAGE": "local"}, "local"),
    ],
)
def test_a_container_that_ends_is_no_place_for_videos_unless_asked_for(
    variables: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert read_settings().storage_kind == kind


def test_every_secret_is_hidden_from_the_log_and_from_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    assert names
    monkeypatch.setenv("S3_BUCKET", "videos")
    for name in names:
        monkeypatch.setenv(name.upper(), f"hidden-{name}")
    assert {f"hidden-{name}" for name in names} <= set(Settings().secrets)
    assert {name.upper() for name in names} <= set(NOT_FOR_ENGINES)


@pytest.mark.parametrize("line_end", ["\n", "\\n", "\r\n"])
def test_no_line_of_a_private_key_is_written(line_end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["-----BEGIN PRIVATE KEY-----", "MIGHAgEAMBMGByqGSM49", "AgEGCCqGSM49AwEHBG0w", "-----END PRIVATE KEY-----"]
    monkeypatch.setenv("C2PA_KEY", line_end.join(lines))
    settings = read_settings()
    assert not any(line in text for line in lines[1:3] for text in (repr(settings), repr(settings.model_dump())))
    assert redact(f"cannot read '{lines[1]}' nor {lines[2]}", settings.secrets) == "cannot read '…' nor …"
