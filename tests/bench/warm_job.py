"""A warm job through the real SDK and the simulator, beside the plain sequence that other workers follow."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread

import requests
from imageio_ffmpeg import get_ffmpeg_exe

from tests.bench.encoding import REPOSITORY, draw_frames
from tests.bench.figures import Figure
from tests.serverless.stand import Stand, standing
from tests.serverless.stores import store

GOALS = {(400, 704): 0.40, (720, 1280): 0.30}
TAIL_GOALS = {(400, 704): 0.4, (720, 1280): 1.0}
JOBS = 3
FRAMES = 251
STAGES = ("fetch", "prepare", "load", "encode", "upload")


@dataclass(frozen=True)
class Warm:
    """One job: seconds from its hand-over to its result, and of its stages."""

    whole: float
    stages: dict[str, float]

    @property
    def overhead(self) -> float:
        """What is not the GPU's work."""
        return self.whole - self.stages["sample"]


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Into nobody's terminal."""

    def do_PUT(self) -> None:
        """Take a video and forget it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()


def measure(size: tuple[int, int]) -> tuple[list[Warm], list[float]]:
    """Jobs of this worker, and as many plain sequences, in turns."""
    with tempfile.TemporaryDirectory() as folder, store() as bucket:
        room = Path(folder)
        shutil.copy(REPOSITORY / "examples" / "portrait.png", room / "portrait.png")
        _speech(room / "voice.wav")
        files = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=folder))
        Thread(target=files.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{files.server_port}"
        draw_frames(room / "frames", size, FRAMES)
        (room / "stand").mkdir()
        port = str(files.server_port)
        with standing(room / "stand", bucket, SIMULATOR_SPEED="0", ALLOWED_PORTS=port) as stand:
            _one(stand, "first", url, size)
            pairs = [(_one(stand, f"job-{n}", url, size), _plain(url, room)) for n in range(JOBS)]
        files.shutdown()
        files.server_close()
    return [warm for warm, _ in pairs], [plain for _, plain in pairs]


def _speech(path: Path) -> None:
    """10.01 s of the example's voice, again and again."""
    source = REPOSITORY / "examples" / "hello.wav"
    command = [get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1", "-i", str(source), "-t", "10.01", str(path)]
    subprocess.run(command, check=True)


def _one(stand: Stand, job_id: str, url: str, size: tuple[int, int]) -> Warm:
    stand.plane.wait_until_asked()
    begun = time.monotonic()
    sources = {"image_url": f"{url}/portrait.png", "audio_urls": [f"{url}/voice.wav"]}
    stand.give(job_id, **sources, width=size[0], height=size[1])
    reply = stand.plane.wait_for_result(job_id)
    whole = stand.plane.results(job_id)[0].moment - begun
    return Warm(whole, reply["output"]["timings"])


def _plain(url: str, room: Path) -> float:
    """One thing after the other: fetch each source, convert the voice, hand both over, encode after the last frame,
    read the video back, upload it."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("portrait.png", "voice.wav"):
            (work / name).write_bytes(requests.get(f"{url}/{name}", timeout=60).content)
            shutil.copy(work / name, work / f"handed-{name}")
        quiet = [get_ffmpeg_exe(), "-v", "error", "-y"]
        convert = [*quiet, "-i", str(work / "voice.wav"), "-ac", "1", "-ar", "16000", str(work / "model.wav")]
        subprocess.run(convert, check=True)
        frames = [*quiet, "-framerate", "25", "-i", str(room / "frames" / "frame_%05d.png")]
        coded = ["-i", str(work / "voice.wav"), "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]
        subprocess.run([*frames, *coded, "-pix_fmt", "yuv420p", "-shortest", str(work / "video.mp4")], check=True)
        requests.put(f"{url}/video.mp4", data=(work / "video.mp4").read_bytes(), timeout=60).raise_for_status()
    return time.monotonic() - begun


def figures(size: tuple[int, int], warm: list[Warm], plain: list[float]) -> Iterator[Figure]:
    """What a job costs beside the GPU, of what it costs the plain way; and the tail of the encoder."""
    ours, theirs = median(one.overhead for one in warm), median(plain)
    name = f"{size[0]}x{size[1]}"
    shown = f"{ours / theirs:.2f} ({ours:.2f} of {theirs:.2f} s)"
    yield Figure(f"overhead of a warm job, of the plain sequence, {name}", ours / theirs, shown, GOALS[size])
    tail = median(one.stages["encode"] for one in warm)
    yield Figure(f"seconds from the last frame to the MP4, {name}", tail, f"{tail:.2f} s", TAIL_GOALS[size])
