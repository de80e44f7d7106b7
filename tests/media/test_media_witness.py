"""What this machine does to a program that works on a caller's file is no fault of the file."""

import shutil
import signal
from pathlib import Path

import pytest

from contract.errors import ErrorCode, WorkerError
from media import witness
from media.witness import Witness
from tests.media.media_sounds import decoded, make_sound


@pytest.mark.parametrize("version", ["oom_kill {}", "oom_kill_disable 0\nunder_oom 0\noom_kill {}"])
def test_a_container_without_memory_is_blamed_where_the_kernel_says_so(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the program had used up its own time, for which it would be killed alike."""
    counter = tmp_path / "memory.events"
    counter.write_text(version.format(3))
    monkeypatch.setattr(witness, "OOM_COUNTERS", (tmp_path / "of another version", counter))
    seen = Witness()
    assert not seen.blames_machine(-signal.SIGKILL, processor_limit=0)
    counter.write_text(version.format(4))
    assert seen.blames_machine(-signal.SIGKILL, processor_limit=0)
    assert not seen.blames_machine(-signal.SIGSEGV, processor_limit=0)
    assert not seen.blames_machine(1, processor_limit=0)


def test_a_program_that_fails_on_a_good_file_too_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_sound(tmp_path / "voice.wav", "0.4*sin(2*PI*440*t)", 1, 16_000)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(shutil.which("false")))
    with pytest.raises(WorkerError) as caught:
        decoded(source, tmp_path)
    assert (caught.value.code, caught.value.retryable, caught.value.elsewhere) == (ErrorCode.INTERNAL, True, True)
