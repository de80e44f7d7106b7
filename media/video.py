"""The MP4: an encoder that follows the frames folder while the windows are written.

One ffmpeg takes the PNGs as they appear (never a half-written one), and each PNG is deleted once it
is fed, so that the disk holds little more than the window in the making. The picture is cut to the
exact frame count, another fps is made last, and picture and sound end together.
"""

import contextlib
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from contract.background import Task
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from media.ffmpeg import FFMPEG, start, stop
from media.reserve import likely_bytes, release, reserve

GENERATED_FPS = 25
POLL_SECONDS = 0.02
END_SECONDS = 0.004  # between two looks whether ffmpeg has ended: the job waits for nothing else then
CLOSE_SECONDS = 600.0
LOOKS = 50
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
SIZE_OFFSET = 16
KEY_FRAME_SECONDS = 2  # how far a jump in a player may miss its aim
TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
PLAYABLE_CRF = 1  # 0 is lossless: a profile of H.264 that most players do not know


@dataclass(frozen=True)
class VideoSpec:
    """What to make: `frames` pictures at 25 fps, turned into `fps`, with the sound of `audio`, `seconds` long, and a
    `comment` that players show."""

    width: int
    height: int
    frames: int
    fps: int
    crf: int
    audio: Path
    comment: str | None = None

    @property
    def output_frames(self) -> int:
        """Pictures of the MP4: the first count at `fps` that is not shorter than the generated ones."""
        return -(-self.frames * self.fps // GENERATED_FPS)

    @property
    def seconds(self) -> float:
        """Length of picture and sound alike."""
        return self.output_frames / self.fps


class FrameEncoder:
    """Encodes the frames that appear in the folders below `parent`, from frame_00000.png on.

    Use: construct (starts at once), then `complete()` when no more frames will come, then `result()`.
    Leaving the `with` block ends ffmpeg and the thread, whatever happened.

    Args:
        shown: the numbers of frames whose PNG goes to `show`, before it is gone; that must not take long.
    """

    def __init__(
        self,
        spec: VideoSpec,
        parent: Path,
        output: Path,
        cancel: Cancellation,
        *,
        shown: Container[int] = (),
        show: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._spec = spec
        self._frames = FrameFolder(parent, spec.width, spec.height)
        self._output = output
        self._cancel = cancel
        self._shown, self._show = shown, show
        self._stop = threading.Event()
        self._complete = threading.Event()
        self._fed = self._taken = 0
        self._error: WorkerError | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        reserve(output, likely_bytes(spec.width, spec.height, spec.output_frames, spec.seconds, spec.crf))
        self._ffmpeg = start(_command(spec, output), self._log.fileno(), stdin=subprocess.PIPE)
        self._thread = Task(self._work, SimpleQueue())
        self._thread.start()

    def __enter__(self) -> "FrameEncoder":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        stop(self._ffmpeg)
        self._thread.join()
        self._log.close()
        if self._ffmpeg.stdin is not None:
            with contextlib.suppress(OSError):  # what ffmpeg did not read any more is lost with it
                self._ffmpeg.stdin.close()

    @property
    def fed(self) -> int:
        """Frames handed to ffmpeg so far."""
        return self._fed

    def check(self) -> None:
        """Raises the encoder's error as soon as there is one, so that a GPU does not work for nothing."""
        if not self._thread.is_alive():
            self._thread.result()  # raises what nobody expected
        if self._error is not None:
            raise self._error

    def complete(self) -> None:
        """No more frames will be written: what is not there now is missing."""
        self._complete.set()

    def has_every_frame(self) -> bool:
        """Whether all frames of the video have been written, encoded yet or not."""
        for _ in range(LOOKS):
            taken = self._taken
            if all(self._frames.is_whole(number) for number in range(taken, self._spec.frames)):
                return True
            self._stop.wait(POLL_SECONDS)  # one that is just being taken is neither here nor there
            if self._taken == taken:
                return False
        return False

    def result(self) -> Path:
        """Wait for the finished MP4.

        Raises:
            WorkerError: ENCODE_FAILED, GENERATION_FAILED where frames are missing, CANCELLED.
        """
        self.complete()
        while self._thread.is_alive():
            self._thread.join(POLL_SECONDS)
            if self._cancel.cancelled:  # the thread may wait in a write to an ffmpeg that reads no more
                stop(self._ffmpeg)
        self._cancel.check()
        self.check()
        return self._output

    def _work(self) -> None:
        try:
            self._feed()
            self._finish()
        except WorkerError as error:
            self._error = error
        except OSError as error:
            self._error = self._failed(f"{error}; {self._said()}")

    def _feed(self) -> None:
        pipe = self._ffmpeg.stdin
        assert pipe is not None  # noqa: S101 - it was asked for
        while self._fed < self._spec.frames:
            if self._stop.is_set():
                raise WorkerError(ErrorCode.CANCELLED, "The encoder was stopped")
            self._cancel.check()
            complete = self._complete.is_set()
            png = self._frames.take(self._fed)
            if png is not None:
                self._taken += 1
                pipe.write(png)
                if self._fed in self._shown:
                    self._show(png)
                self._fed += 1
            elif complete:
                message = f"Video generation failed: {self._fed} of {self._spec.frames} frames were written"
                raise WorkerError(ErrorCode.GENERATION_FAILED, message, stage=Stage.ENCODE)
            else:
                self._complete.wait(POLL_SECONDS)

    def _finish(self) -> None:
        pipe = self._ffmpeg.stdin
        assert pipe is not None  # noqa: S101 - it was asked for
        pipe.close()
        waited = 0.0
        while self._ffmpeg.poll() is None:
            if self._stop.wait(END_SECONDS):
                raise WorkerError(ErrorCode.CANCELLED, "The encoder was stopped")
            self._cancel.check()
            waited += END_SECONDS
            if waited > CLOSE_SECONDS:
                raise WorkerError(ErrorCode.ENCODE_FAILED, "The encoder did not finish in time")
        if self._ffmpeg.returncode:
            # Frames and sound are of this worker's own making: whatever ended it is no fault of the job.
            raise self._failed(self._said())
        release(self._output)

    def _failed(self, said: str) -> WorkerError:
        return WorkerError(ErrorCode.ENCODE_FAILED, "The frames could not be encoded", detail=said, elsewhere=True)

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read(1 << 16).decode("utf-8", "replace")[-2000:]


class FrameFolder:
    """The PNGs that the server writes one after the other into a folder of its own below `parent`; a second attempt,
    which goes on from the first, has another one."""

    def __init__(self, parent: Path, width: int, height: int) -> None:
        self._parent = parent
        self._size = struct.pack(">II", width, height)
        self._folders: list[Path] = []

    def is_whole(self, number: int) -> bool:
        """Whether frame `number` is there to its end."""
        return self._find(number) is not None

    def take(self, number: int) -> bytes | None:
        """The bytes of frame `number`, removed from the folder; None while it is not there or not whole.

        Raises:
            WorkerError: ENCODE_FAILED for a frame that is no PNG of the expected size.
        """
        found = self._find(number)
        if found is None:
            return None
        path, data = found
        if not data.startswith(PNG_SIGNATURE) or data[SIZE_OFFSET : SIZE_OFFSET + 8] != self._size:
            raise WorkerError(ErrorCode.ENCODE_FAILED, f"Frame {number} is not a PNG of the size that was asked for")
        path.unlink()
        return data

    def _find(self, number: int) -> tuple[Path, bytes] | None:
        """A frame that is there to its end, in any of the folders: what the first attempt left of a frame hides
        nothing. By its number, as names of more than five digits do not sort."""
        name = f"frame_{number:05d}.png"
        found = _first_whole(folder / name for folder in self._folders)
        if found is None:
            self._folders = [path for path in self._parent.iterdir() if path.is_dir()]
            found = _first_whole(folder / name for folder in self._folders)
        return found


def _first_whole(paths: Iterable[Path]) -> tuple[Path, bytes] | None:
    return next(((path, data) for path in paths if (data := _whole(path)) is not None), None)


def _whole(path: Path) -> bytes | None:
    """The bytes of a PNG that is there to its end."""
    try:
        with path.open("rb") as file:
            file.seek(-len(PNG_END), 2)
            if file.read() != PNG_END:
                return None
            file.seek(0)
            return file.read()
    except OSError:  # gone, or shorter than its own end
        return None


def _command(spec: VideoSpec, output: Path) -> list[str]:
    """H.264 with the colours tagged as they are, AAC, and the index at the front.

    Frames between the generated ones are blended. Motion-compensated ones (minterpolate) took nine times as long,
    which the GPU would wait for at the end of the job.
    """
    rate = []
    if spec.fps != GENERATED_FPS:
        convert = f"framerate=fps={spec.fps}" if spec.fps > GENERATED_FPS else f"fps=fps={spec.fps}:round=near"
        rate = [convert, "tpad=stop_mode=clone:stop_duration=1", f"trim=end_frame={spec.output_frames}"]
    filters = ",".join(["scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd", "format=yuv420p", *rate, TAGS])
    return [
        *(*FFMPEG, "-loglevel", "error", "-protocol_whitelist", "file,pipe"),
        *("-f", "image2pipe", "-c:v", "png", "-framerate", str(GENERATED_FPS), "-i", "pipe:0"),
        *("-f", "wav", "-i", f"file:{spec.audio}", "-map", "0:v:0", "-map", "1:a:0", "-map_metadata", "-1"),
        *(("-metadata", f"comment={spec.comment}") if spec.comment else ()),
        *("-vf", filters),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", str(max(spec.crf, PLAYABLE_CRF)), "-pix_fmt", "yuv420p"),
        *("-g", str(KEY_FRAME_SECONDS * spec.fps), "-flags", "+cgop"),
        *("-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart", "-f", "mp4"),
        *("-truncate", "0", f"file:{output}"),  # else the room that is reserved would be given back
    ]
