"""A warm job through the real SDK and the simulator, beside the plain sequence that other workers follow."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from urllib.parse import urlsplit

import requests
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from tests.bench.distance import far_away
from tests.bench.encoding import DISTINCT, REPOSITORY, draw_frames
from tests.bench.figures import Figure
from tests.serverless.stand import Stand, standing
from tests.serverless.stores import Store, store
from tests.worker.bench import launch_simulator

Size = tuple[int, int]
SIZES: tuple[Size, ...] = ((400, 704), (720, 1280))
# At these speeds of the simulator a window of 73 frames takes 2.7 and 3.1 s: less than on the fastest GPU (6 and 44 s).
SPEEDS = {(400, 704): 0.5, (720, 1280): 2.0}
GOALS = {(400, 704): 0.40, (720, 1280): 0.30}
MOST_SECONDS = {(400, 704): 0.45, (720, 1280): None}
TAIL_GOALS = {(400, 704): 0.4, (720, 1280): 1.0}
ROUND_TRIP, FAR_GOAL = 0.05, 0.60
JOBS = 3
FRAMES = 251
STAGES = ("fetch", "prepare", "encode", "upload")
EXECUTED = re.compile(r"Prompt executed in ([\d.]+) seconds")


@dataclass(frozen=True)
class Warm:
    """One job: seconds from its hand-over to its result, of the graph in the engine, and of its stages."""

    whole: float
    graph: float
    stages: dict[str, float]

    @property
    def overhead(self) -> float:
        """What is not the GPU's work."""
        return self.whole - self.graph


@dataclass(frozen=True)
class Place:
    """Where jobs come from and go to: a folder, the address of its files, a bucket, and an engine."""

    room: Path
    files: str
    bucket: str
    engine: str


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Into nobody's terminal."""

    def do_PUT(self) -> None:
        """Take a video and forget it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()


def measure(size: Size, round_trip: float = 0.0, jobs: int = JOBS) -> tuple[list[Warm], list[float]]:
    """Jobs of this worker, and as many plain sequences, in turns; inputs and store `round_trip` seconds away."""
    with _place(size, round_trip) as (place, bucket), ExitStack() as stack:
        (place.room / "stand").mkdir()
        ports = ",".join(str(urlsplit(url).port) for url in (place.files, place.bucket))
        at = {"S3_ENDPOINT_URL": place.bucket, "COMFYUI_URL": place.engine, "ALLOWED_PORTS": ports}
        stand = stack.enter_context(standing(place.room / "stand", bucket, hold_seconds=1.0, **at))
        _one(stand, "first", place, size)
        pairs = [(_one(stand, f"job-{n}", place, size), _plain(place, size)) for n in range(jobs)]
    return [warm for warm, _ in pairs], [plain for _, plain in pairs]


@contextmanager
def _place(size: Size, round_trip: float) -> Iterator[tuple[Place, Store]]:
    with tempfile.TemporaryDirectory() as folder, store(keeps=True) as bucket, ExitStack() as stack:
        room = Path(folder)
        shutil.copy(REPOSITORY / "examples" / "portrait.png", room / "portrait.png")
        _speech(room / "voice.wav")
        draw_frames(room / "frames", size, FRAMES)
        _unpack(room / "frames", room / "frames.rgb")
        files = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=folder))
        Thread(target=files.serve_forever, daemon=True).start()
        stack.callback(files.server_close)
        stack.callback(files.shutdown)
        ports = [files.server_port, int(urlsplit(bucket.url).port or 0)]
        if round_trip:
            ports = [stack.enter_context(far_away(port, round_trip)) for port in ports]
        folders = ("--frames", str(room / "frames"), "--output-directory", str(room / "output"))
        engine = launch_simulator(room / "simulator.log", "--speed", f"{SPEEDS[size]:g}", *folders)
        stack.callback(engine.stop)
        sources, videos = (f"http://127.0.0.1:{port}" for port in ports)
        yield Place(room, sources, videos, engine.url), bucket


def _speech(path: Path) -> None:
    """10.01 s of the example's voice, again and again."""
    source = REPOSITORY / "examples" / "hello.wav"
    command = [get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1", "-i", str(source), "-t", "10.01", str(path)]
    subprocess.run(command, check=True)


def _unpack(frames: Path, target: Path) -> None:
    """The pixels of the distinct frames, as they are in memory after the VAE."""
    with target.open("wb") as file:
        for path in sorted(frames.glob("*.png"))[:DISTINCT]:
            with Image.open(path) as frame:
                file.write(frame.tobytes())


def _one(stand: Stand, job_id: str, place: Place, size: Size) -> Warm:
    stand.plane.wait_until_asked()
    begun = time.monotonic()
    sources = {"image_url": f"{place.files}/portrait.png", "audio_urls": [f"{place.files}/voice.wav"]}
    stand.give(job_id, **sources, width=size[0], height=size[1])
    reply = stand.plane.wait_for_result(job_id)
    whole = stand.plane.results(job_id)[0].moment - begun
    graph = EXECUTED.findall((place.room / "simulator.log").read_text())[-1]
    return Warm(whole, float(graph), reply["output"]["timings"])


def _plain(place: Place, size: Size) -> float:
    """One thing after the other: fetch each source, convert the voice, hand both to the engine, encode after the last
    frame, read the video back from the engine, upload it."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("portrait.png", "voice.wav"):
            (work / name).write_bytes(requests.get(f"{place.files}/{name}", timeout=60).content)
        quiet = [get_ffmpeg_exe(), "-v", "error", "-y"]
        convert = [*quiet, "-i", str(work / "voice.wav"), "-ac", "1", "-ar", "16000", str(work / "model.wav")]
        subprocess.run(convert, check=True)
        for name in ("portrait.png", "model.wav"):
            handed = {"image": (name, (work / name).read_bytes())}
            requests.post(f"{place.engine}/upload/image", files=handed, timeout=60).raise_for_status()
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-framerate", "25"]
        frames = [*quiet, *raw, "-stream_loop", "-1", "-i", str(place.room / "frames.rgb")]
        coded = ["-frames:v", str(FRAMES), "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]
        made = ["-pix_fmt", "yuv420p", "-shortest", str(place.room / "output" / "video.mp4")]
        subprocess.run([*frames, "-i", str(work / "voice.wav"), *coded, *made], check=True)
        video = requests.get(f"{place.engine}/view", params={"filename": "video.mp4"}, timeout=60).content
        requests.put(f"{place.files}/video.mp4", data=video, timeout=60).raise_for_status()
    return time.monotonic() - begun


def figures(size: Size, warm: list[Warm], plain: list[float]) -> Iterator[Figure]:
    """What a job costs beside the GPU, of what it costs the plain way; and the tail of the encoder."""
    ours, name = median(one.overhead for one in warm), f"{size[0]}x{size[1]}"
    yield _share(name, ours, plain, GOALS[size])
    yield Figure(f"seconds of a warm job beside the GPU's work, {name}", ours, f"{ours:.2f} s", MOST_SECONDS[size])
    tail = median(one.stages["encode"] for one in warm)
    yield Figure(f"seconds from the last frame to the MP4, {name}", tail, f"{tail:.2f} s", TAIL_GOALS[size])


def far_figures(size: Size, warm: list[Warm], plain: list[float]) -> Iterator[Figure]:
    """The same with inputs and store a round trip away."""
    ours = median(one.overhead for one in warm)
    yield _share(f"{size[0]}x{size[1]}, {1000 * ROUND_TRIP:.0f} ms away", ours, plain, FAR_GOAL)


def _share(name: str, ours: float, plain: list[float], goal: float) -> Figure:
    theirs = median(plain)
    shown = f"{ours / theirs:.2f} ({ours:.2f} of {theirs:.2f} s)"
    return Figure(f"overhead of a warm job, of the plain sequence, {name}", ours / theirs, shown, goal)
