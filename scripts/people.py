"""Who is drawn: the colours and measures of Anna and Ben, in the units of `portraits`."""

from dataclasses import dataclass

from drawing import Colour


@dataclass(frozen=True)
class Person:
    """What tells one person from the other: colours, and a few measures of the face."""

    skin: Colour
    shade: Colour
    glow: Colour
    blush: Colour
    lips: Colour
    hair: Colour
    hair_light: Colour
    iris: Colour
    coat: Colour
    coat_shade: Colour
    shirt: Colour
    shirt_shade: Colour
    outline: str
    brow: str
    brow_width: float
    lash: str
    lash_width: float
    eye_height: float
    nose_width: float
    mouth_width: float
    mouth_height: float
    neck_width: float
    slope: float
    woman: bool


ANNA = Person(
    skin=(245, 206, 180),
    shade=(208, 142, 116),
    glow=(255, 234, 216),
    blush=(238, 134, 118),
    lips=(204, 98, 96),
    hair=(98, 54, 40),
    hair_light=(168, 102, 68),
    iris=(82, 132, 98),
    coat=(52, 130, 100),
    coat_shade=(24, 78, 62),
    shirt=(252, 244, 230),
    shirt_shade=(206, 186, 164),
    outline="0,-214 80,-202 126,-152 141,-80 140,0 131,70 108,134 70,180 34,203 0,209",
    brow="22,-49 52,-59 82,-62 114,-44",
    brow_width=12,
    lash="-35,8 -21,-10 0,-18.5 21,-15 34,-7 44,-7",
    lash_width=9,
    eye_height=1.16,
    nose_width=1.0,
    mouth_width=49,
    mouth_height=1.0,
    neck_width=64,
    slope=316,
    woman=True,
)
BEN = Person(
    skin=(194, 138, 102),
    shade=(132, 82, 58),
    glow=(228, 178, 140),
    blush=(190, 98, 74),
    lips=(166, 92, 80),
    hair=(42, 33, 34),
    hair_light=(104, 84, 78),
    iris=(98, 62, 38),
    coat=(58, 86, 142),
    coat_shade=(32, 50, 96),
    shirt=(246, 247, 250),
    shirt_shade=(186, 194, 212),
    outline="0,-214 84,-202 128,-152 143,-80 143,0 138,72 122,136 84,186 42,210 0,215",
    brow="22,-43 50,-50 84,-53 116,-35",
    brow_width=18,
    lash="-35,8 -21,-10 0,-18.5 21,-15 37,-1",
    lash_width=6,
    eye_height=1.0,
    nose_width=1.2,
    mouth_width=54,
    mouth_height=0.82,
    neck_width=86,
    slope=344,
    woman=False,
)
