"""Proves a built image in containers, without a GPU: as its own user and as others, read-only, on a volume that nobody
prepared, and ended in the middle of a job.

Inputs come from examples/, by volumes and standard input alone: the engine may be on another machine. No container has
a network, so that whatever the worker needs is in the image.
"""

import io
import json
import re
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"
CERTIFICATES = REPOSITORY / "tests" / "media" / "certificates.py"
PYTHON = "/opt/worker-venv/bin/python"
FRAMES = 98  # of hello.wav
JOB = {
    "image_url": "/in/portrait.png",
    "speakers": [{"audio": "/in/hello.wav", "region": "auto"}],
    "output_key": "video.mp4",
}
SECONDS, STOP_SECONDS = 300, 20
READER = "import c2pa, json; print(json.loads(c2pa.Reader('video/mp4', open('{}', 'rb')).json())['validation_state'])"
COUNTER = """
import subprocess
from media.ffmpeg import installed
command = [installed("ffmpeg"), "-i", "{}", "-map", "0:v", "-c", "copy", "-f", "null", "-"]
print(subprocess.run(command, check=True, capture_output=True, text=True).stderr.rpartition("frame=")[2].split()[0])
"""


class Unproved(Exception):  # noqa: N818 - what it says is the end of the proof
    """What was not as it should be."""


def docker(*arguments: str, given: bytes | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """One command of Docker's. Raises Unproved where it fails and `check` is set."""
    done = subprocess.run(["docker", *arguments], input=given, capture_output=True, timeout=SECONDS, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    if check and done.returncode:
        raise Unproved(f"docker {' '.join(arguments)[:300]}\n{out[-2000:]}\n{err[-2000:]}")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def expect(true: object, what: str) -> None:
    """Raises Unproved with `what` where it is not so."""
    if not true:
        raise Unproved(what)


class Proof:
    """What the proofs of one image share: its name, a volume with the inputs, a certificate."""

    def __init__(self, image: str, stack: ExitStack) -> None:
        self.image, self._stack = image, stack
        self._inputs = self.filled_volume({name: EXAMPLES / name for name in ("portrait.png", "hello.wav")})
        script = CERTIFICATES.read_text(encoding="utf-8") + "\nimport json\nprint(json.dumps(certificate()))\n"
        told = self.run("--interactive", command=(PYTHON, "-"), given=script.encode()).stdout
        self._chain, self._key = json.loads(told)

    def volume(self) -> str:
        """A new one, as the engine makes it: owned by root. Gone at the end."""
        name = f"talking-video-proof-{uuid.uuid4().hex}"
        docker("volume", "create", name)
        self._stack.callback(docker, "volume", "rm", "--force", name, check=False)
        return name

    def filled_volume(self, files: Mapping[str, Path]) -> str:
        """One with these files and folders under these names."""
        name = self.volume()
        with io.BytesIO() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                for place, path in files.items():
                    archive.add(path, place)
            sent = packed.getvalue()
        options = ("--interactive", "--user", "0", "--volume", f"{name}:/new")
        self.run(*options, command=("tar", "--no-same-owner", "-xC", "/new"), given=sent)
        return name

    def run(
        self, *options: str, command: tuple[str, ...], given: bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A container of the image, until it ends; one that takes too long is ended."""
        name = f"talking-video-proof-{uuid.uuid4().hex}"
        asked = ("run", "--rm", "--name", name, "--network", "none", *options, self.image, *command)
        try:
            return docker(*asked, given=given, check=check)
        except subprocess.TimeoutExpired:
            docker("rm", "--force", name, check=False)
            raise

    def options(self, speed: int = 0, **settings: str) -> list[str]:
        """Of a container that makes a video of the inputs with the simulator, signed."""
        told = {
            **{"ENGINE": "simulator", "SIMULATOR_SPEED": f"{speed}", "INPUT_ROOTS": "/in", "LOG_FORMAT": "text"},
            **{"C2PA_CERT": self._chain, "C2PA_KEY": self._key, **settings},
        }
        variables = [text for name, value in told.items() for text in ("--env", f"{name}={value}")]
        return ["--volume", f"{self._inputs}:/in:ro", *variables]

    def reply(self, *options: str, storage: str = "local") -> dict[str, Any]:
        """Of `JOB`, run by --test_input."""
        done = self.run(*options, *self.options(STORAGE=storage), command=worker(JOB), check=False)
        try:
            told: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            raise Unproved(f"no reply: {done.stdout[-1000:]}\n{done.stderr[-2000:]}") from error
        return told


def worker(job: dict[str, Any]) -> tuple[str, ...]:
    """The command of a container that runs one job."""
    return (PYTHON, "-u", "handler.py", "--test_input", json.dumps({"input": job}))


def finished(proof: Proof, *options: str, path: str = "/output/video.mp4", storage: str = "local") -> None:
    """A job with a face to find and a mark to sign; its video is looked at inside the image."""
    reply = proof.reply(*options, storage=storage)
    expect(reply["status"] == "completed", f"the job failed: {reply}")
    info = reply["video_info"]
    expect(info["marks"] == ["metadata", "c2pa"], f"the marks are {info['marks']}")
    ((left, top, right, bottom),) = info["regions"]
    expect(0 <= left < right <= 1 and 0 <= top < bottom <= 1, f"the face is at {info['regions']}")
    expect(right - left < 1 or bottom - top < 1, "no face was found: the region is the whole picture")
    frames = int(proof.run(*options, command=(PYTHON, "-c", COUNTER.format(path))).stdout)
    expect(frames == info["frames"] == FRAMES, f"{frames} frames in the file, {info['frames']} in the reply")
    state = proof.run(*options, command=(PYTHON, "-c", READER.format(path))).stdout.strip()
    expect(state == "Valid", f"c2pa's reader says {state}")


def its_own_user(proof: Proof) -> None:
    """A job as the image's own user, on a root that cannot be written."""
    finished(proof, "--read-only", "--tmpfs", "/tmp", "--volume", f"{proof.volume()}:/output")  # noqa: S108


def another_user(proof: Proof) -> None:
    """A job as a user that the image does not know, on a root that cannot be written."""
    finished(proof, "--user", "4242:0", "--read-only", "--tmpfs", "/tmp", "--volume", f"{proof.volume()}:/output")  # noqa: S108


def nothing_to_write(proof: Proof) -> None:
    """Without any place to write, a sentence says what to mount."""
    reply = proof.reply("--read-only")
    expect(reply["status"] == "failed", "it worked without a place to write")
    expect("WORK_DIR" in reply["error"] and "Mount something" in reply["error"], f"it said: {reply['error']}")


def a_fresh_volume(proof: Proof) -> None:
    """A network volume as RunPod makes it, of root alone: the message has the command, and that command helps."""
    options = ("--volume", f"{proof.volume()}:/runpod-volume")
    reply = proof.reply(*options, storage="volume")
    expect(reply["status"] == "failed", "root's volume was written by another user")
    told = f"{reply['error']}"
    expect("/runpod-volume" in told and "10001" in told, f"it said: {told}")
    remedy = re.search(r"install -d -m 2775 -g 0 [\w/ -]+", told)
    if remedy is None:
        raise Unproved(f"it said: {told}")
    proof.run(*options, "--user", "0", command=("sh", "-c", remedy[0]))
    finished(proof, *options, path="/runpod-volume/videos/video.mp4", storage="volume")


def ended_in_the_middle(proof: Proof) -> None:
    """It is healthy while it works, and a `docker stop` ends it at once, with a reply."""
    options = [*proof.options(speed=1), "--health-interval", "1s", "--health-start-period", "0s"]
    job = {**JOB, "preview": True}
    begun = f"{time.time():.0f}"
    name = docker("run", "--detach", "--network", "none", *options, proof.image, *worker(job)).stdout.strip()
    try:
        filters = ("--filter", f"container={name}", "--filter", "event=health_status")
        with follow("events", "--since", begun, *filters) as lines:
            expect("healthy" in next(lines).split(), "the health check fails")
        with follow("logs", "--follow", name) as lines:
            expect(any("preview of the newest window" in line for line in lines), "no window was finished")
        begun_stop = time.monotonic()
        docker("stop", "--time", f"{STOP_SECONDS}", name)
        seconds = time.monotonic() - begun_stop
        told = docker("logs", name).stdout
        code = docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()
        expect('"error_code": "interrupted"' in told, f"it said: {told[-1000:]}")
        expect(code == "143" and seconds < STOP_SECONDS, f"exit code {code} after {seconds:.1f} s")
    finally:
        docker("rm", "--force", name, check=False)


@contextmanager
def follow(*command: str) -> Iterator[Iterator[str]]:
    """The lines that a command of Docker's prints while it runs."""
    with subprocess.Popen(["docker", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            yield iter(process.stdout)
        finally:
            process.terminate()


PROOFS: tuple[Callable[[Proof], None], ...] = (
    *(its_own_user, another_user, nothing_to_write, a_fresh_volume, ended_in_the_middle),
)


def prove(image: str, more: Sequence[Callable[[Proof], None]] = ()) -> int:
    """All of it and `more`, told line by line; 0 where all is as it should be, else 1."""
    print(f"\n{image}:")
    with ExitStack() as stack:
        try:
            proof = Proof(image, stack)
            for one in (*PROOFS, *more):
                begun = time.monotonic()
                one(proof)
                print(f"  proved in {time.monotonic() - begun:4.1f} s: {(one.__doc__ or '').strip()}", flush=True)
        except (Unproved, subprocess.TimeoutExpired) as error:
            print(f"NOT PROVED: {error}", file=sys.stderr)
            return 1
    print("the image is proved")
    return 0
