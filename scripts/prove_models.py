"""Proves what an image has of models: that they are whole, that anybody may read them, and, where small files stand in
for them, that its ComfyUI makes a video with them on the processor; and that a build's token is nowhere in it.
"""

import json
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from prove_image import JOB, REPOSITORY, Proof, Unproved, docker, expect, worker
from standin_models import StandInModels

READ_ONLY = ("--read-only", "--tmpfs", "/tmp")  # noqa: S108 - in a container
VERIFY = 'exec scripts/download_models.sh --verify --dest /opt/models --mode {} --base "$BASE_MODEL"'
WRONG_MODES = "find /opt/models '(' ! -user 0 -o -perm /022 -o ! -perm -044 ')'"
TINY_NODES = REPOSITORY / "tests" / "real" / "nodes"
TINY_JOB = {
    **{**JOB, "mode": "infinitetalk", "width": 256, "height": 256},
    **{"window_frames": 33, "steps": 1, "max_audio_duration": 1.0},
}
TINY_FRAMES = 25
CHUNK = 1 << 18
GZIP, GZIP_WINDOW = b"\x1f\x8b", 31


def proofs(image: str, standin: StandInModels | None) -> list[Callable[[Proof], None]]:
    """Those that suit the image: none where its label says that no models are in it."""
    label = docker("inspect", "--format", '{{index .Config.Labels "models"}}', image).stdout.strip()
    if label in ("", "none", "<no value>"):
        return []

    def its_models(proof: Proof) -> None:
        """The models of its list are in it, whole, read by anybody and written by root alone."""
        command = ("sh", "-c", VERIFY.format(label))
        done = proof.run(*READ_ONLY, "--user", "4242:4242", command=command, check=False)
        expect(not done.returncode and "files are in /opt/models" in done.stdout, f"{done.stdout}{done.stderr}")
        others = proof.run("--user", "0", command=("sh", "-c", WRONG_MODES)).stdout
        expect(not others, f"their owners or permissions are wrong:\n{others}")

    def found_by_its_comfyui(proof: Proof) -> None:
        """ComfyUI finds them, and makes a video with them on the processor."""
        nodes = proof.filled_volume({path.name: path for path in TINY_NODES.iterdir()})
        # Threads of torch that spin while they wait take the processors from the others.
        options = proof.options(
            ENGINE="comfyui",
            COMFYUI_NODE_FOLDERS="/nodes",
            COMFYUI_NODE_PACKS="tiny_configs:frame_probe",
            OMP_WAIT_POLICY="passive",
        )
        output = ("--volume", f"{proof.volume()}:/output", "--volume", f"{nodes}:/nodes:ro")
        done = proof.run(*READ_ONLY, *output, *options, command=worker(TINY_JOB), check=False)
        try:
            reply = json.loads(done.stdout)
        except ValueError as error:
            raise Unproved(f"no reply: {done.stdout[-1000:]}\n{done.stderr[-3000:]}") from error
        expect(reply["status"] == "completed" and reply["engine"] == "comfyui", f"{reply}\n{done.stderr[-3000:]}")
        expect(reply["video_info"]["frames"] == TINY_FRAMES, f"{reply['video_info']}")

    return [its_models, *([found_by_its_comfyui] if standin else [])]


def look_for_token(image: str, token: str, log: Sequence[str]) -> None:
    """Raises Unproved where a build's token is in its log, in the image's history, or anywhere in its layers."""
    expect(not any(token in line for line in log), "the build's log shows the token")
    told = docker("history", "--no-trunc", image).stdout + docker("inspect", image).stdout
    expect(token not in told, "the image's history or configuration shows the token")
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                if member.isfile() and (file := archive.extractfile(member)):
                    expect(not _holds(file, token.encode()), f"a layer of the image holds the token: {member.name}")
    expect(not process.returncode, "docker save failed")


def _holds(file: IO[bytes], wanted: bytes) -> bool:
    """Whether a file of a saved image has these bytes."""
    seen = b""
    for piece in _unpacked(file):
        if wanted in seen[-len(wanted) :] + piece:
            return True
        seen = piece
    return False


def _unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """The content, piece by piece: engines save their layers packed, or as they are."""
    piece = file.read(CHUNK)
    unpacker = zlib.decompressobj(GZIP_WINDOW) if piece.startswith(GZIP) else None
    while piece:
        yield unpacker.decompress(piece) if unpacker else piece
        piece = (unpacker and unpacker.unused_data) or file.read(CHUNK)
        if unpacker and unpacker.eof:
            unpacker = zlib.decompressobj(GZIP_WINDOW)
