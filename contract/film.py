"""What is taken of a video that is dubbed: its motion, its sound."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator

from contract.spelling import choice

Follow = Literal["keyframes", "motion"]
AnyFollow = Annotated[Follow, BeforeValidator(choice(get_args(Follow)))]
FOLLOW_MEANING = "what is taken of video_url: the picture at each window's start, or the motion between them too"
STRENGTH_MEANING = (
    "with follow motion, the share of the steps that are left out, as the source stands in for them: 0 (nothing of its "
    "motion) to 1 (closest to it)"
)
KeepSound = Literal["replace", "under"]
AnyKeepSound = Annotated[KeepSound, BeforeValidator(choice(get_args(KeepSound)))]
