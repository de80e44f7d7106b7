"""The arithmetic of parting a voice from music: no sample without a block, and no leftover turned up to a voice."""

import pytest

from comfy_nodes.blocks import BLOCK_SECONDS, STEP_SECONDS, gain_db, starts


@pytest.mark.parametrize("seconds", [0.0, 0.3, 9.9, 10.0, 10.01, 18.99, 19.0, 19.01, 25.0, 390.0, 3600.0])
def test_blocks_cover_the_whole_and_each_begins_within_it(seconds: float) -> None:
    begun = starts(seconds)
    assert begun == [STEP_SECONDS * number for number in range(len(begun))]
    assert begun[-1] + BLOCK_SECONDS >= seconds
    assert len(begun) == 1 or begun[-1] + BLOCK_SECONDS - STEP_SECONDS < seconds, "the last one adds something"


@pytest.mark.parametrize(
    ("loudness", "peak", "most", "gain"),
    [
        (-33.0, -15.0, 40.0, 10.0),  # to -23 LUFS
        (-13.0, -3.0, 40.0, -10.0),  # also down
        (-40.0, -10.0, 40.0, 9.0),  # no peak beyond -1 dBFS
        (-50.0, -35.0, 12.0, 12.0),  # what music leaves where there is no voice
        (-70.0, -55.0, 12.0, 0.0),  # silence stays silence
        (float("-inf"), -20.0, 12.0, 12.0),  # too short to be measured
    ],
)
def test_a_parted_voice_is_as_loud_as_the_talk_models_know(
    loudness: float, peak: float, most: float, gain: float
) -> None:
    assert gain_db(loudness, peak, most) == pytest.approx(gain)
