"""What the viewer hears: the callers' own channels at 48 kHz, exact in length and place, never clipped, in balance."""

import array
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.audio import LISTENER_RATE
from media.voices import Placed, Timeline, write_listener_mix
from tests.media.media_sounds import Samples, peak, read_wav, rms_dbfs, sine, timeline_of, voice_of

BLOCK = 5 * LISTENER_RATE
SECOND = LISTENER_RATE
Stereo = tuple["Samples[int]", "Samples[int]"]


def _mix(timeline: Timeline, seconds: float, folder: Path) -> list["Samples[int]"]:
    path = folder / "sound.wav"
    write_listener_mix(timeline, seconds, path, Cancellation())
    channels = read_wav(path, LISTENER_RATE)
    assert [len(channel) for channel in channels] == [round(seconds * LISTENER_RATE)] * 2
    return channels


def _noise(count: int, seed: int, high: int = 9000) -> Stereo:
    source = random.Random(seed)  # noqa: S311 - sound
    chance = source.randint
    left, right = (array.array("h", (chance(-high, high) for _ in range(count))) for _ in "lr")
    return left, right


def _by_hand(placed: Sequence[tuple["Samples[int]", int]], total: int) -> list[int]:
    """One channel: every voice added at its sample."""
    out = [0] * total
    for samples, start in placed:
        for i in range(min(len(samples), total - start)):
            out[start + i] += samples[i]
    return out


def _flat(seconds: float, value: int) -> Stereo:
    samples = array.array("h", [value]) * round(seconds * SECOND)
    return samples, samples


@pytest.mark.parametrize("start", [0, 1, 12_345, BLOCK - 1, BLOCK, BLOCK + 1])
def test_a_lone_voice_is_bit_exact_on_its_sample_and_silent_elsewhere(start: int, tmp_path: Path) -> None:
    left, right = _noise(2 * SECOND, 1, 32_767)
    seconds = 8.04
    mixed = _mix(timeline_of((voice_of(tmp_path, "a", listener=(left, right)), start)), seconds, tmp_path)
    for heard, sent in zip(mixed, (left, right), strict=True):
        assert not any(heard[:start])
        assert heard[start : start + len(sent)] == sent
        assert not any(heard[start + len(sent) :])


def test_a_voice_across_three_blocks_is_seamless(tmp_path: Path) -> None:
    left, right = _noise(6 * SECOND, 2)
    start = BLOCK - 100
    mixed = _mix(timeline_of((voice_of(tmp_path, "a", listener=(left, right)), start)), 11.2, tmp_path)
    assert mixed[0][start : start + len(left)] == left
    assert mixed[1][start : start + len(right)] == right


@pytest.mark.parametrize("frames", [1, 13, 125, 126, 251])
def test_the_sound_is_as_long_as_the_picture(frames: int, tmp_path: Path) -> None:
    voice = voice_of(tmp_path, "a", listener=_flat(0.5, 1000))
    left, _ = _mix(timeline_of((voice, 0)), frames / 25, tmp_path)
    assert len(left) == frames * 1920
    assert not any(left[SECOND // 2 :])


def test_two_voices_add_up_sample_by_sample_across_the_blocks(tmp_path: Path) -> None:
    first, second = _noise(6 * SECOND, 3), _noise(2 * SECOND, 4)
    starts = BLOCK - 7_777, BLOCK - 3
    voices = [voice_of(tmp_path, name, listener=sound) for name, sound in (("a", first), ("b", second))]
    mixed = _mix(timeline_of(*zip(voices, starts, strict=True)), 11.0, tmp_path)
    for side, heard in enumerate(mixed):
        wanted = _by_hand([(first[side], starts[0]), (second[side], starts[1])], len(heard))
        assert max(abs(a - b) for a, b in zip(heard, wanted, strict=True)) <= 1


def test_left_and_right_stay_where_they_were(tmp_path: Path) -> None:
    silent = array.array("h", bytes(2 * SECOND))
    left_only = voice_of(tmp_path, "a", listener=(sine(440, 1, SECOND, 0.5), silent))
    right_only = voice_of(tmp_path, "b", listener=(silent, sine(660, 1, SECOND, 0.25)))
    left, right = _mix(timeline_of((left_only, 0), (right_only, 0)), 1.0, tmp_path)
    assert max(abs(a - b) for a, b in zip(left, sine(440, 1, SECOND, 0.5), strict=True)) <= 1
    assert max(abs(a - b) for a, b in zip(right, sine(660, 1, SECOND, 0.25), strict=True)) <= 1


@pytest.mark.parametrize("count", [2, 3, 4])
def test_loud_voices_in_phase_are_turned_down_together_instead_of_clipped(count: int, tmp_path: Path) -> None:
    sound = sine(200, 1, SECOND, 1.0)
    voices = [voice_of(tmp_path, f"v{n}", listener=(sound, sound)) for n in range(count)]
    left, right = _mix(timeline_of(*((voice, 0) for voice in voices)), 1.0, tmp_path)
    assert left == right
    assert 32_000 < peak(left) < 32_767
    scale = peak(left) / peak(sound)
    assert max(abs(a - scale * b) for a, b in zip(left, sound, strict=True)) <= 2


def test_voices_that_have_to_be_turned_down_keep_their_balance_all_along(tmp_path: Path) -> None:
    """Loud alone, both together, soft alone: one factor for the whole."""
    loud, soft = sine(300, 3, SECOND, 1.0), sine(300, 3, SECOND, 0.2)
    timeline = timeline_of(
        (voice_of(tmp_path, "a", listener=(loud, loud)), 0),
        (voice_of(tmp_path, "b", listener=(soft, soft)), 2 * SECOND),
    )
    left, _ = _mix(timeline, 5.0, tmp_path)
    assert peak(left) < 32_767
    alone_loud, alone_soft = left[SECOND : 2 * SECOND], left[4 * SECOND :]
    assert rms_dbfs(alone_loud) - rms_dbfs(alone_soft) == pytest.approx(13.98, abs=0.02)
    assert rms_dbfs(loud) - rms_dbfs(alone_loud) == pytest.approx(1.58 + 0.1, abs=0.05)


def test_the_loudest_place_counts_wherever_it_is(tmp_path: Path) -> None:
    """The two meet at full scale only in the second block; the first is turned down with it."""
    sound = sine(100, 6, SECOND, 0.9)
    late = voice_of(tmp_path, "b", listener=(sound[:SECOND], sound[:SECOND]))
    timeline = timeline_of((voice_of(tmp_path, "a", listener=(sound, sound)), 0), (late, BLOCK))
    left, _ = _mix(timeline, 6.0, tmp_path)
    assert peak(left) < 32_767
    assert peak(left[:SECOND]) == pytest.approx(peak(left) / 2, rel=0.01)


def test_taking_turns_keeps_the_level_of_each(tmp_path: Path) -> None:
    first, second = sine(440, 1, SECOND, 0.8), sine(440, 1, SECOND, 0.1)
    timeline = timeline_of(
        (voice_of(tmp_path, "a", listener=(first, first)), 0),
        (voice_of(tmp_path, "b", listener=(second, second)), SECOND),
    )
    left, _ = _mix(timeline, 2.0, tmp_path)
    assert rms_dbfs(left[:SECOND]) == pytest.approx(rms_dbfs(first), abs=0.01)
    assert rms_dbfs(left[SECOND:]) == pytest.approx(rms_dbfs(second), abs=0.01)


def test_a_mono_voice_is_on_both_sides_alone_and_beside_a_stereo_one(tmp_path: Path) -> None:
    mono, silent = sine(440, 1, SECOND, 0.5), array.array("h", bytes(2 * SECOND))
    alone = voice_of(tmp_path, "a", listener=(mono,))
    assert _mix(timeline_of((alone, 0)), 1.0, tmp_path) == [mono, mono]
    other = sine(660, 1, SECOND, 0.3)
    for order in ((0, 1), (1, 0)):
        voices = [(alone, 0), (voice_of(tmp_path, "b", listener=(other, silent)), 0)]
        left, right = _mix(timeline_of(*(voices[number] for number in order)), 1.0, tmp_path)
        assert max(abs(a - b - c) for a, b, c in zip(left, mono, other, strict=True)) <= 1
        assert max(abs(a - b) for a, b in zip(right, mono, strict=True)) <= 1


def test_a_voice_is_cut_where_the_timeline_says(tmp_path: Path) -> None:
    voice = voice_of(tmp_path, "a", listener=_flat(3, 5000))
    length = SECOND + 480
    left, _ = _mix(Timeline((Placed(voice, 0, length),), length), 1.04, tmp_path)
    assert set(left[:length]) == {5000}
    assert not any(left[length:])


def test_a_cancelled_job_writes_no_further(tmp_path: Path) -> None:
    cancel = Cancellation()
    cancel.cancel()
    timeline = timeline_of((voice_of(tmp_path, "a", listener=_flat(1, 1000)), 0))
    with pytest.raises(WorkerError) as caught:
        write_listener_mix(timeline, 1.0, tmp_path / "sound.wav", cancel)
    assert caught.value.code is ErrorCode.CANCELLED
