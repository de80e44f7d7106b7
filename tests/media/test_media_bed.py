"""The own sound of a dubbed video, where it stays, lies under the voices at its level."""

from pathlib import Path

import pytest

from contract.cancel import Cancellation
from media.audio import LISTENER_RATE
from media.voices import Bed, lay_out, write_listener_mix
from tests.media.media_sounds import decoded, make_sound, read_wav, rms_dbfs


def test_it_is_heard_where_nobody_speaks(tmp_path: Path) -> None:
    (tmp_path / "bed").mkdir()
    voice = decoded(make_sound(tmp_path / "v.wav", "0.4*sin(2*PI*440*t)*lt(t,0.5)", 1, 16_000), tmp_path)
    own = decoded(make_sound(tmp_path / "own.wav", "0.2*sin(2*PI*220*t)", 2, 16_000), tmp_path / "bed")
    timeline = lay_out([voice], [0], "together", None, [])
    heard = {}
    for level in (None, 0.0, -20.0):
        bed = None if level is None else Bed(own, level)
        write_listener_mix(timeline, 1.0, tmp_path / "mix.wav", Cancellation(), bed=bed)
        left = read_wav(tmp_path / "mix.wav", LISTENER_RATE)[0]
        assert len(left) == LISTENER_RATE, "the video ends with the voices"
        heard[level] = rms_dbfs(left[LISTENER_RATE * 6 // 10 :])
    assert heard[None] < -80
    assert heard[0.0] == pytest.approx(-17, abs=0.5)
    assert heard[0.0] - heard[-20.0] == pytest.approx(20, abs=0.5)
