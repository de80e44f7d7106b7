"""Run as a program: lays out two voices of so many seconds and prints its own peak memory in kB.

Not `ru_maxrss`: that keeps the size of the process which started this one.
"""

import sys
import wave
from pathlib import Path

from contract.cancel import Cancellation
from media.audio import LISTENER_RATE, MODEL_RATE, Voice
from media.voices import lay_out, write_listener_mix, write_model_tracks


def long_wav(path: Path, rate: int, channels: int, seconds: int) -> Path:
    """Sound of any length, written a second at a time."""
    one_second = (b"\x10\x20" * channels + b"\x90\xe0" * channels) * (rate // 2)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        for _ in range(seconds):
            out.writeframes(one_second)
    return path


def main(folder: Path, seconds: int) -> None:
    """Both voices through the layout, the model tracks and the mix."""
    listener = long_wav(folder / "voice_48k.wav", LISTENER_RATE, 2, seconds)
    model = long_wav(folder / "voice_16k.wav", MODEL_RATE, 1, seconds)
    voice = Voice(listener, model, seconds * LISTENER_RATE, -20.0, -6.0)
    cancel = Cancellation()
    timeline = lay_out([voice, voice], [0, 0.3], "together", None, [])
    tracks = write_model_tracks(timeline, seconds + 1, folder, listeners=0, cancel=cancel)
    write_listener_mix(timeline, seconds + 1, folder / "sound.wav", cancel)
    for written in (*tracks, folder / "sound.wav", listener, model):
        written.unlink()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
