"""What the talk model hears: exact length, each voice on its sample, room tone of about -70 dBFS everywhere else."""

import array
import random
from itertools import groupby
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.audio import LISTENER_RATE, MODEL_RATE
from media.voices import Placed, Timeline, write_model_tracks
from tests.media.media_sounds import Samples, peak, read_wav, rms_dbfs, sine, timeline_of, voice_of

THREE = LISTENER_RATE // MODEL_RATE
BLOCK = 5 * MODEL_RATE
TONE_PEAK = 80  # eight times the room tone's RMS


def _tracks(timeline: Timeline, seconds: float, folder: Path, listeners: int = 0) -> list["Samples[int]"]:
    paths = write_model_tracks(timeline, seconds, folder, listeners=listeners, cancel=Cancellation())
    assert len(set(paths)) == len(timeline.voices) + listeners
    return [read_wav(path, MODEL_RATE)[0] for path in paths]


def _assert_room_tone(samples: "Samples[int]") -> None:
    assert rms_dbfs(samples) == pytest.approx(-70, abs=1)
    assert peak(samples) < TONE_PEAK
    assert max(len(list(same)) for value, same in groupby(samples) if value == 0) < 20


def _noise(count: int, seed: int = 1) -> "Samples[int]":
    source = random.Random(seed)  # noqa: S311 - sound
    return array.array("h", (source.randint(-9000, 9000) for _ in range(count)))


@pytest.mark.parametrize("frames", [33, 81, 137, 297])
def test_every_track_lasts_exactly_as_long_as_the_generated_frames(frames: int, tmp_path: Path) -> None:
    timeline = timeline_of((voice_of(tmp_path, "a", model=_noise(16_000)), 0))
    assert [len(track) for track in _tracks(timeline, frames / 25, tmp_path, listeners=1)] == [frames * 640] * 2


def test_a_click_is_on_its_sample(tmp_path: Path) -> None:
    clicks = {0: 20_000, 1: -15_000, 4_000: 12_000, 15_999: -20_000}
    model = array.array("h", (clicks.get(i, 0) for i in range(MODEL_RATE)))
    start = 30_001
    (track,) = _tracks(timeline_of((voice_of(tmp_path, "a", model=model), start * THREE)), 137 / 25, tmp_path)
    loud = {i - start: value for i, value in enumerate(track) if abs(value) > TONE_PEAK}
    assert loud.keys() == clicks.keys()
    assert all(loud[i] == pytest.approx(value, abs=TONE_PEAK) for i, value in clicks.items())


@pytest.mark.parametrize("start", [0, 1, BLOCK - 40_000, BLOCK - 1, BLOCK, BLOCK + 1, 7_777])
def test_blocks_are_seamless(start: int, tmp_path: Path) -> None:
    """The track minus the voice, laid down here by hand, is nothing but room tone: across block edges too."""
    model = _noise(6 * MODEL_RATE)
    total = 297 * 640
    (track,) = _tracks(timeline_of((voice_of(tmp_path, "a", model=model), start * THREE)), total / MODEL_RATE, tmp_path)
    by_hand = array.array("h", bytes(2 * total))
    by_hand[start : start + len(model)] = model
    _assert_room_tone(array.array("h", (a - b for a, b in zip(track, by_hand[:total], strict=True))))


def test_room_tone_before_between_and_after_the_voices(tmp_path: Path) -> None:
    second = LISTENER_RATE
    first, other = (voice_of(tmp_path, name, model=sine(300, 1, MODEL_RATE)) for name in "ab")
    tracks = _tracks(timeline_of((first, second), (other, 4 * second)), 201 / 25, tmp_path)
    for track, start in zip(tracks, (1, 4), strict=True):
        _assert_room_tone(track[: start * MODEL_RATE])
        _assert_room_tone(track[(start + 1) * MODEL_RATE :])
        assert rms_dbfs(track[start * MODEL_RATE : (start + 1) * MODEL_RATE]) > -20


def test_people_who_only_listen_hold_room_tone_and_nothing_else(tmp_path: Path) -> None:
    timeline = timeline_of((voice_of(tmp_path, "a", model=sine(300, 2, MODEL_RATE)), 0))
    speaking, *listening = _tracks(timeline, 137 / 25, tmp_path, listeners=2)
    assert rms_dbfs(speaking[: 2 * MODEL_RATE]) > -20
    for track in listening:
        _assert_room_tone(track)


def test_a_voice_that_comes_parted_from_music_leaves_room_tone_in_its_track(tmp_path: Path) -> None:
    """Somebody else lays it there; the other speaker's is as ever."""
    voices = [(voice_of(tmp_path, name, model=_noise(16_000)), 0) for name in ("a", "b")]
    paths = write_model_tracks(timeline_of(*voices), 1.0, tmp_path, listeners=0, cancel=Cancellation(), left_out={1})
    parted, whole = (read_wav(path, MODEL_RATE)[0] for path in paths)
    _assert_room_tone(parted)
    assert rms_dbfs(whole) > -40


def test_room_tone_is_not_lifted_with_a_soft_voice(tmp_path: Path) -> None:
    voice = voice_of(tmp_path, "a", model=sine(300, 1, MODEL_RATE, 0.01), lufs=-43.0, peak_dbfs=-40.0)
    (track,) = _tracks(timeline_of((voice, 0)), 81 / 25, tmp_path)
    assert rms_dbfs(track[:MODEL_RATE]) == pytest.approx(-43 + 20, abs=0.3)
    _assert_room_tone(track[MODEL_RATE:])


def test_a_voice_that_is_cut_ends_on_its_sample(tmp_path: Path) -> None:
    voice = voice_of(tmp_path, "a", model=_noise(4 * MODEL_RATE))
    length = 2 * LISTENER_RATE
    (track,) = _tracks(Timeline((Placed(voice, 0, length),), length), 81 / 25, tmp_path)
    assert peak(track[2 * MODEL_RATE - 100 : 2 * MODEL_RATE]) > 5000
    _assert_room_tone(track[2 * MODEL_RATE :])


def test_a_voice_that_begins_after_the_end_leaves_room_tone(tmp_path: Path) -> None:
    first, late = (voice_of(tmp_path, name, model=_noise(MODEL_RATE)) for name in "ab")
    length = 2 * LISTENER_RATE
    timeline = Timeline((Placed(first, 0, LISTENER_RATE), Placed(late, 3 * LISTENER_RATE, 0)), length)
    _, track = _tracks(timeline, 2, tmp_path)
    _assert_room_tone(track)


def test_a_cancelled_job_writes_no_further(tmp_path: Path) -> None:
    cancel = Cancellation()
    cancel.cancel()
    timeline = timeline_of((voice_of(tmp_path, "a", model=_noise(MODEL_RATE)), 0))
    with pytest.raises(WorkerError) as caught:
        write_model_tracks(timeline, 4, tmp_path, listeners=0, cancel=cancel)
    assert caught.value.code is ErrorCode.CANCELLED
