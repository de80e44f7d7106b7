"""Every environment variable that the worker reads, with its type, default and meaning.

Nothing else in the worker reads the environment. A bad value stops the start with its name.
"""

import logging
import re
import tempfile
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contract.fields import Mode
from sources.places import split_port

HOST_NAME = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]*[a-z][a-z0-9_-]*", re.IGNORECASE)  # its end is no number


class SettingsError(Exception):
    """The environment cannot be used; the message names each bad variable."""


def _temporary() -> Path:
    """A folder of ours in the temporary one; in /tmp where none can be written, which the start check tells."""
    try:
        return Path(tempfile.gettempdir()) / "talking-video"
    except FileNotFoundError:
        return Path("/tmp/talking-video")  # noqa: S108 - it is only named


class Settings(BaseSettings):
    """The worker's settings. Field names in capitals are the variables' names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, allow_inf_nan=False)

    engine: Literal["comfyui", "simulator"] = Field(
        "comfyui", description="what makes the frames: ComfyUI, or a stand-in that needs no GPU"
    )
    comfyui_url: str | None = Field(
        None, pattern=r"^http://", description="use this running server, on this machine, and start none"
    )
    comfyui_dir: Path = Field(Path("/opt/ComfyUI"), description="folder of the ComfyUI to start")
    comfyui_python: Path = Field(Path("/opt/comfyui-venv/bin/python"), description="interpreter to start ComfyUI with")
    comfyui_start_seconds: float = Field(300, gt=0, description="how long ComfyUI may take until it answers")
    simulator_speed: float = Field(
        1.0, ge=0, description="how much faster than its model the simulator works; 0: no waiting"
    )
    simulator_faults: str = Field(
        "", description="faults that the simulator shows, separated by blanks, such as oom:times=1"
    )
    stall_seconds: float = Field(300, gt=0, description="a job whose sampling shows no progress for this long is ended")
    load_seconds: float = Field(900, gt=0, description="the same before the first step: weights load without a word")
    silence_seconds: float = Field(
        120,
        gt=0,
        description="a ComfyUI that answers nothing for this long is started again, and the job made in a second "
        "attempt. While it samples: five times the longest pause so far, at least 30 s and at most this",
    )
    comfyui_node_packs: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further node packs to allow, separated by ':'"
    )
    comfyui_node_folders: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="further folders with node packs, separated by ':'"
    )

    modes: Literal["auto", "all", Mode] = Field(
        "auto", description="modes whose models must be there; auto: those whose models are, at least one"
    )
    model_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (Path("/opt/models"), Path("/runpod-volume/models"), Path("/runpod-volume/ComfyUI/models")),
        description="folders with model files, first found first taken, separated by ':'",
    )
    model_cache: Path = Field(
        Path("/runpod-volume/huggingface-cache/hub"), description="RunPod's folder of cached models, looked at last"
    )
    base_model: Literal["q4_k_m", "q8_0", "fp8"] = Field("q4_k_m", description="which base model of models.json")
    talk_model: Literal["default", "q8_0"] = Field(
        "default", description="q8_0: InfiniteTalk's smaller GGUF files, which need a GGUF base"
    )
    base_precision: Literal["fp32", "bf16", "fp16", "fp16_fast"] | None = Field(
        None, description="precision of the base model; default: what suits the GPU, here and for the three below"
    )
    attention_mode: Literal["sdpa", "flash_attn_2", "flash_attn_3", "sageattn", "sageattn_3", "comfy"] | None = Field(
        None, description="attention kernel, as WanVideoModelLoader names it"
    )
    vae_precision: Literal["fp16", "fp32", "bf16"] | None = Field(None, description="precision of the VAE")
    wav2vec_precision: Literal["fp32", "bf16", "fp16"] | None = Field(None, description="precision of wav2vec2")
    force_offload: bool | None = Field(
        None, description="take the weights off the GPU after each job; default: below 70 GB of its memory"
    )

    read_ahead: bool = Field(
        True, description="read the weights into memory while ComfyUI starts, as far as half of the free memory goes"
    )
    warm_up: bool = Field(
        False, description="make one smallest window before jobs are taken: the first one finds everything loaded"
    )

    job_timeout_seconds: float | None = Field(
        3540,
        gt=0,
        description="longest job, where it has no policy.executionTimeout of its own; keep it below the endpoint's",
    )
    min_disk_gb: float = Field(
        2, ge=0, description="free space that WORK_DIR must have at the start and before each job"
    )

    storage: Literal["local", "s3", "volume"] | None = Field(
        None, description="default: s3 where a bucket is set, else volume on RunPod and local elsewhere"
    )
    output_dir: Path = Field(Path("output"), description="folder of STORAGE=local")
    output_base_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="a server shows OUTPUT_DIR there: replies name this address plus the key",
    )
    volume_dir: Path = Field(
        Path("/runpod-volume"), description="where RunPod mounts the network volume; STORAGE=volume uses its videos/"
    )
    volume_seconds: float = Field(
        30,
        gt=0,
        description="a volume, or another folder of the settings, that does not answer for so long is given up: the "
        "job goes on without it, or ends, and the worker asks to be replaced",
    )
    keep_dir: Path | None = Field(
        None, description="results, and videos that could not be stored; default: on the volume, else in WORK_DIR"
    )
    keep_max_gb: float = Field(
        2,
        ge=0,
        description="the most that kept videos take on the worker's own disk, in 10^9 bytes; the oldest go first",
    )
    inline_max_mb: float = Field(
        6, ge=0, le=7, description="without a volume, a video up to this size that could not be stored is in the reply"
    )
    bucket_endpoint_url: str | None = Field(
        None, pattern=r"^https?://", description="RunPod's way to name a bucket: endpoint and bucket in one URL"
    )
    bucket_access_key_id: str | None = Field(None, description="belongs to BUCKET_ENDPOINT_URL")
    bucket_secret_access_key: SecretStr | None = Field(None, description="belongs to BUCKET_ENDPOINT_URL")
    s3_bucket: str | None = Field(None, validate_default=True, description="bucket of STORAGE=s3")
    s3_endpoint_url: str | None = Field(
        None, pattern=r"^https?://", description="any S3-compatible service; default AWS"
    )
    s3_access_key_id: str | None = Field(
        None, description="default: boto3's own chain (role, profile, AWS_… variables)"
    )
    s3_secret_access_key: SecretStr | None = Field(None, description="belongs to S3_ACCESS_KEY_ID")
    s3_region: str | None = Field(
        None,
        description="the bucket's; default: the one in the endpoint's host, else boto3's own choice. Where the store "
        "names another one, that is used",
    )
    s3_addressing_style: Literal["auto", "path", "virtual"] = Field(
        "auto", description="the bucket in a URL's path, or in front of its host; auto tries"
    )
    s3_check_urls: bool = Field(
        True,
        description="open each stored video's URL before it is told; false for addresses that only callers can reach",
    )
    s3_public_base_url: str | None = Field(
        None, pattern=r"^https?://", description="replies name this address plus the key instead of a presigned URL"
    )
    s3_key_prefix: str = Field("", pattern=r"^[A-Za-z0-9._/-]*$", description="put before every key")
    s3_presign_seconds: int = Field(604_800, ge=60, le=604_800, description="how long a presigned URL works")
    s3_attempts: int = Field(
        10,
        ge=1,
        le=20,
        description="how often each request of an upload is made before it fails; the pauses of ten add up to 10 s",
    )

    input_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (Path("/runpod-volume"),), description="folders below which a source may be a plain path, separated by ':'"
    )
    image_max_mb: float = Field(64, gt=0, description="largest portrait, in MB of 1,000,000 bytes")
    audio_max_mb: float = Field(200, gt=0, description="largest voice file, in MB of 1,000,000 bytes")
    video_max_mb: float = Field(500, gt=0, description="largest video to dub, in MB of 1,000,000 bytes")
    allow_private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="host names, addresses and networks that sources may be at, private or not, separated by ','; with"
        " a port, such as 127.0.0.1:8000, on that port alone",
    )
    allowed_ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], NoDecode] = Field(
        (80, 443), description="ports that sources may be at, separated by ','"
    )
    allow_proxy: bool = Field(
        False, description="fetch sources through the environment's proxies, which then look the names up"
    )
    fetch_seconds: float = Field(120, gt=0, description="how long one source may take, with all repetitions")
    audio_max_seconds: float = Field(390, gt=0, le=3600, description="longest voice, in seconds of decoded sound")
    video_max_seconds: float = Field(600, gt=0, description="the most that is decoded of a video to dub, in seconds")
    work_dir: Path = Field(
        default_factory=_temporary,
        description="where a job's files are while it runs; default: talking-video in the temporary folder",
    )

    mark_ai: bool = Field(
        True, description="each MP4 says in its metadata that AI made it: a comment, and XMP with IPTC's source type"
    )
    c2pa_cert: str | None = Field(
        None, description="signs each MP4 (C2PA) with this certificate and its chain: a PEM file, or PEM text"
    )
    c2pa_key: SecretStr | None = Field(
        None, description="belongs to C2PA_CERT: a PEM file, or PEM text, without passphrase"
    )
    c2pa_timestamp_url: str | None = Field(
        None, pattern=r"^https?://", description="RFC 3161 authority that dates each signature; default: none is asked"
    )

    runpod_webhook_get_job: str | None = Field(None, description="set by RunPod: where jobs are taken")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="the least that is logged")
    log_format: Literal["text", "json"] | None = Field(
        None, description="json: one object a line; text: for people; default: text on a terminal, json elsewhere"
    )

    @field_validator("input_roots", "model_roots", "comfyui_node_folders", "comfyui_node_packs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(":") if part) if isinstance(value, str) else value

    @field_validator("allow_private_hosts", "allowed_ports", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("allow_private_hosts")
    @classmethod
    def _hosts_or_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            host, port = split_port(entry)
            try:
                HOST_NAME.fullmatch(host) or ip_network(host)
                if port is not None and not 1 <= port <= 65535:
                    raise ValueError
            except ValueError as error:
                raise ValueError(f"'{entry}' is no host name, address or network such as 10.0.0.0/8") from error
        return value

    @field_validator("work_dir", "volume_dir", "comfyui_dir", "input_roots", "model_roots", "comfyui_node_folders")
    @classmethod
    def _absolute(cls, value: Path | tuple[Path, ...]) -> Path | tuple[Path, ...]:
        return tuple(path.absolute() for path in value) if isinstance(value, tuple) else value.absolute()

    @field_validator("s3_bucket")
    @classmethod
    def _bucket_for_s3(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("storage") == "s3" and not info.data.get("bucket_endpoint_url"):
            raise ValueError("needed for STORAGE=s3, or BUCKET_ENDPOINT_URL")
        return value

    @field_validator("talk_model")
    @classmethod
    def _gguf_with_gguf(cls, value: str, info: ValidationInfo) -> str:
        if value == "q8_0" and info.data.get("base_model") == "fp8":
            raise ValueError("q8_0 is GGUF and runs with a GGUF base only: set BASE_MODEL to q4_k_m or q8_0")
        return value

    @property
    def storage_kind(self) -> Literal["local", "s3", "volume"]:
        """Where finished videos go."""
        if self.s3_bucket or self.bucket_endpoint_url:
            return self.storage or "s3"
        # On RunPod a folder of the container is gone with the worker; it must be asked for by name.
        return self.storage or ("volume" if self.runpod_webhook_get_job else "local")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written."""
        hidden = (self.s3_secret_access_key, self.bucket_secret_access_key, self.c2pa_key)
        shown = (self.s3_access_key_id, self.bucket_access_key_id)
        found = [*(secret.get_secret_value() for secret in hidden if secret), *(key for key in shown if key)]
        lines = [line for secret in found for line in re.split(r"\\n|[\r\n]+", secret) if not line.startswith("-----")]
        return tuple(dict.fromkeys([*found, *lines]))  # of a key as text each line alone would tell a part

    @property
    def log_level_number(self) -> int:
        """For the logging module."""
        return logging.getLevelNamesMapping()[self.log_level]


def read_settings() -> Settings:
    """The settings of this process's environment.

    Raises:
        SettingsError: one line that names every bad variable and what it should be.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"{str(p['loc'][0]).upper()}: {p['msg'].removeprefix('Value error, ')}"
            for p in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError("bad settings: " + "; ".join(problems)) from error
