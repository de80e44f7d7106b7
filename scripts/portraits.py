"""A drawn person: head and shoulders, frontal, mouth closed.

Promises: a face is about 380 units high (hairline -170, chin 210) and 280 wide around an origin
between the eyes, and lit from the upper left; the mouth lies at (0, 126). `HEAD` is the box around
the head; long hair hangs lower.
"""

from drawing import Canvas, Colour, Point, Shape, blob, curve, flipped, mirrored, oval, path, ribbon
from people import Person
from PIL import Image

HEAD = (-190.0, -282.0, 190.0, 216.0)
WHITE: Colour = (255, 255, 255)
INK: Colour = (48, 32, 32)
BOTH_SIDES = (1, -1)


def draw_person(canvas: Canvas, person: Person, x: float, y: float, scale: float) -> None:
    """Draw the whole person with the point between the eyes at pixel (x, y)."""
    canvas.place(x, y, scale)
    if person.woman:
        _long_hair_behind(canvas, person)
    _neck(canvas, person)
    (_jacket if person.woman else _shirt_and_sweater)(canvas, person)
    face = _head(canvas, person)
    _nose(canvas, person)
    for side in BOTH_SIDES:
        _eye(canvas, person, side)
        brow = ribbon(person.brow_width, path(person.brow))
        canvas.fill(flipped(brow, side), person.hair, alpha=0.92, soft=0.8)
    _mouth(canvas, person, face)
    (_long_hair_in_front if person.woman else _short_hair)(canvas, person, face)


def _lighter(colour: Colour, by: int) -> Colour:
    red, green, blue = (min(255, max(0, part + by)) for part in colour)
    return red, green, blue


def _neck(canvas: Canvas, person: Person) -> None:
    wide = person.neck_width
    sides: list[Point] = [(wide, 110), (wide - 2, 210), (wide + 8, 262), (wide + 60, 304)]
    neck = mirrored([(0, 90), *sides, (150, 400), (0, 480)])
    canvas.fill(neck, person.skin)
    inside = canvas.mask(neck)
    canvas.fill(mirrored(path("0,120 110,130 104,200 56,250 0,264")), person.shade, soft=8, within=inside)
    canvas.fill(blob(path("20,130 120,130 130,310 64,300")), person.shade, alpha=0.5, soft=16, within=inside)
    for side in BOTH_SIDES:
        bone = ribbon(7, path("16,352 56,338 118,330"))
        canvas.fill(flipped(bone, side), person.shade, alpha=0.5, soft=2.5, within=inside)
        tendon = ribbon(7, path("52,262 34,310 12,346"))
        canvas.fill(flipped(tendon, side), person.shade, alpha=0.32, soft=4, within=inside)


def _garment(canvas: Canvas, person: Person, front: str, side: int) -> Image.Image:
    """One half of a jacket or sweater: `front` is its edge from the bottom up to the neck."""
    slope, edge = person.slope, path(front)
    arm: Shape = [edge[-1], (176, 310), (slope - 66, 346), (slope - 14, 404), (slope + 12, 530), (slope + 34, 960)]
    body = flipped([*curve(edge), *curve(arm)], side)
    canvas.fill(body, person.coat)
    inside = canvas.mask(body)
    sleeve = path("-6,380 60,420 80,960 10,960 0,600", at=(slope, 0))
    canvas.fill(flipped(sleeve, side), person.coat_shade, alpha=0.75 if side > 0 else 0.5, soft=20, within=inside)
    fold = ribbon(9, path("-86,980 -92,700 -64,520", at=(slope, 0)))
    canvas.fill(flipped(fold, side), person.coat_shade, alpha=0.6, soft=2.5, within=inside)
    canvas.fill(oval(84 - slope, 392, 70, 20), WHITE, alpha=0.1, soft=18, within=inside)
    return inside


def _jacket(canvas: Canvas, person: Person) -> None:
    blouse = mirrored(path("0,412 50,392 92,334 124,300 190,420 150,760 0,900"))
    canvas.fill(blouse, person.shirt)
    seam = ribbon(8, path("-102,318 -50,396 0,417 50,396 102,318"))
    canvas.fill(seam, person.shirt_shade, alpha=0.8)
    lapel = [*curve(path("98,424 76,540 34,750")), *curve(path("60,690 150,560 222,428")), *path("150,436")]
    collar = [*curve(path("98,424 100,350 82,262")), *curve(path("82,262 120,276 176,334 204,408")), *path("150,436")]
    shadow = curve(path("28,960 60,720 108,470 116,360 96,268"))
    for side in BOTH_SIDES:
        fold = ribbon(14, path("20,470 36,580 22,760"))
        canvas.fill(flipped(fold, side), person.shirt_shade, alpha=0.5, soft=8)
        edge = flipped([(x - 8, y) for x, y in shadow] + path("140,300 140,960"), side)
        canvas.fill(edge, person.coat_shade, alpha=0.6, soft=11, within=canvas.mask(blouse))
        inside = _garment(canvas, person, "12,960 40,720 92,470 100,360 80,268", side)
        for part, light in ((lapel, 0.07), (collar, 0.12)):
            below = flipped([(x + 6, y + 12) for x, y in part], side)
            canvas.fill(below, person.coat_shade, alpha=0.85, soft=7, within=inside)
            canvas.fill(flipped(part, side), person.coat)
            canvas.fill(flipped(part, side), WHITE, alpha=light)


def _shirt_and_sweater(canvas: Canvas, person: Person) -> None:
    canvas.fill(mirrored(path("0,356 46,330 76,292 92,310 100,400 0,480")), person.shirt_shade)
    flap = [*curve(path("8,366 52,326 84,256")), *curve(path("84,256 106,276 122,338 116,356")), *path("62,420")]
    for side in BOTH_SIDES:
        inside = _garment(canvas, person, "0,960 0,452 62,396 108,330 100,272", side)
        hem = ribbon(15, path("-6,464 66,402 113,336 110,262"))
        canvas.fill(flipped(hem, side), person.coat_shade, alpha=0.8, within=inside)
        below = flipped([(x + 4, y + 10) for x, y in flap], side)
        canvas.fill(below, INK, alpha=0.4, soft=7, within=inside)
    canvas.fill(ribbon(3, path("0,384 1,420 0,452")), INK, alpha=0.35)
    for side in BOTH_SIDES:
        canvas.fill(flipped(flap, side), person.shirt)
        inner = ribbon(12, path("12,372 56,332 88,262"))
        canvas.fill(flipped(inner, side), person.shirt_shade, alpha=0.6, soft=4)


def _head(canvas: Canvas, person: Person) -> Image.Image:
    for side in () if person.woman else BOTH_SIDES:
        canvas.fill(flipped(blob(path("134,-30 152,-38 166,-24 164,10 150,46 136,52")), side), person.skin)
        hollow = blob(path("142,-16 154,-22 156,0 147,28 140,20"))
        canvas.fill(flipped(hollow, side), person.shade, alpha=0.7, soft=3)
    outline = mirrored(path(person.outline))
    canvas.fill(outline, person.skin)
    face = canvas.mask(outline)
    right = blob(path("60,-230 170,-200 190,0 170,160 50,250 100,130 120,0 112,-120"))
    canvas.fill(right, person.shade, alpha=0.62, soft=20, within=face)
    left = blob(path("-120,-180 -170,-120 -170,60 -150,160 -134,60 -132,-60"))
    canvas.fill(left, person.shade, alpha=0.35, soft=14, within=face)
    if not person.woman:
        beard = mirrored(path("0,98 60,106 116,66 170,66 150,200 0,250"))
        canvas.fill(beard, person.hair, alpha=0.13, soft=16, within=face)
    canvas.fill(oval(-28, -104, 72, 40), person.glow, alpha=0.75, soft=24, within=face)
    for x in (-88, 84):
        canvas.fill(oval(x, 70, 34, 23), person.blush, alpha=0.4, soft=16, within=face)
    canvas.fill(oval(-86, 44, 26, 12), person.glow, alpha=0.7, soft=10, within=face)
    canvas.fill(oval(0, 184, 26, 11), person.glow, alpha=0.5, soft=9, within=face)
    return face


def _eye(canvas: Canvas, person: Person, side: int) -> None:
    x = 62.0 * side

    def lines(text: str) -> Shape:
        return path(text, wide=side * 1.12, tall=person.eye_height, at=(x, 0))

    canvas.fill(blob(lines("-38,-6 0,-30 42,-12 38,12 0,22 -34,12")), person.shade, alpha=0.5, soft=8)
    white = blob(lines("-34,7 -20,-10 0,-18 20,-14 35,-1 22,12 0,17 -20,14"))
    canvas.fill(white, (252, 249, 246))
    inside = canvas.mask(white)
    canvas.fill(oval(x, -2, 20, 20), INK, within=inside)
    canvas.fill(oval(x, -2, 18, 18), person.iris, within=inside)
    canvas.fill(oval(x, 6, 11, 8), _lighter(person.iris, 60), alpha=0.8, soft=3, within=inside)
    canvas.fill(oval(x, -2, 8.6, 8.6), (22, 16, 18), within=inside)
    canvas.fill(ribbon(15, lines("-36,2 -18,-16 0,-22 20,-18 37,-4")), INK, alpha=0.42, soft=4, within=inside)
    canvas.fill(oval(x - 7, -9, 5, 5), WHITE)
    canvas.fill(oval(x + 7, 6, 2.4, 2.4), WHITE, alpha=0.8)
    canvas.fill(ribbon(person.lash_width, lines(person.lash)), INK)
    canvas.fill(ribbon(2.4, lines("-24,14 0,18.5 24,12.5 35,1")), person.shade)
    canvas.fill(ribbon(3, lines("-30,-14 -6,-27 18,-25 38,-12")), person.shade)


def _nose(canvas: Canvas, person: Person) -> None:
    wide = person.nose_width
    canvas.fill(blob(path("9,-24 19,-8 18,50 30,80 14,84 9,40", wide=wide)), person.shade, alpha=0.45, soft=6)
    canvas.fill(blob(path("-12,-30 -20,-16 -15,10 -10,0")), person.shade, alpha=0.3, soft=5)
    canvas.fill(ribbon(10, path("-3,-20 -4,30 -3,68")), person.glow, alpha=0.85, soft=4)
    base = blob(path("-24,82 0,79 24,82 16,94 0,98 -16,94", wide=wide))
    canvas.fill(base, person.shade, alpha=0.55, soft=5)
    for side in BOTH_SIDES:
        nostril = ribbon(5.5, path("6,89 13,84 20,87", wide=wide))
        canvas.fill(flipped(nostril, side), INK, alpha=0.6, soft=1)
        wing = ribbon(3.4, path("23,62 29,75 23,87", wide=wide))
        canvas.fill(flipped(wing, side), person.shade, alpha=0.9, soft=1)
    canvas.fill(oval(-3, 69, 7, 5), WHITE, alpha=0.4, soft=3)


def _mouth(canvas: Canvas, person: Person, face: Image.Image) -> None:
    wide, tall = person.mouth_width, person.mouth_height

    def lines(text: str) -> Shape:
        return path(text, wide=wide, tall=tall, at=(0, 126))

    canvas.fill(oval(0, 158, 32, 7), person.shade, alpha=0.65, soft=6, within=face)
    canvas.fill(oval(0, 103, 5, 7), person.shade, alpha=0.4, soft=3)
    canvas.fill(mirrored(lines("0,2 0.5,1 1,-6 0.76,10 0.42,20 0,23")), person.lips)
    canvas.fill(mirrored(lines("0,-11 0.2,-16 0.55,-11 1,-6 0.5,3 0,4")), _lighter(person.lips, -24))
    canvas.fill(oval(-7, 126 + 12 * tall, 15, 3.4), WHITE, alpha=0.45, soft=3)
    seam = ribbon(3.6, lines("-1.06,-9 -0.5,1 -0.16,2 0,3.5 0.16,2 0.5,1 1.06,-9"))
    canvas.fill(seam, INK, alpha=0.75)
    for side in BOTH_SIDES:
        canvas.fill(flipped(oval(wide + 6, 117, 3, 6), side), person.shade, alpha=0.45, soft=3)


def _long_hair_behind(canvas: Canvas, person: Person) -> None:
    back = mirrored(path("0,-258 110,-238 170,-170 184,-40 192,90 212,220 200,340 130,390 0,380"))
    canvas.fill(back, person.hair)
    middle = mirrored(path("0,40 150,60 160,320 0,360"))
    canvas.fill(middle, INK, alpha=0.62, soft=18, within=canvas.mask(back))


def _long_hair_in_front(canvas: Canvas, person: Person, face: Image.Image) -> None:
    """Parted at the left; either side sweeps past the temple and down in front of the shoulder."""
    wide = (
        path("-44,-250 -8,-266 62,-266 134,-228 178,-144 190,-40 196,60 220,160 234,270 212,370 164,432"),
        path("-46,-172 30,-156 92,-128 126,-84 137,-20 139,40 139,100 146,180 162,260 176,350 164,432"),
    )
    slim = (
        path("-40,-250 -84,-262 -140,-226 -178,-144 -190,-40 -198,70 -224,180 -232,290 -206,380 -160,430"),
        path("-44,-172 -102,-130 -130,-82 -138,-20 -139,50 -141,120 -152,210 -168,300 -172,350 -160,430"),
    )
    locks = [(pair, [*curve(pair[0]), *curve(pair[1][::-1])]) for pair in (wide, slim)]
    for _, lock in locks:
        canvas.fill([(x, y + 12) for x, y in lock], person.shade, alpha=0.8, soft=9, within=face)
    for (outer, inner), lock in locks:
        canvas.fill(lock, person.hair)
        _strands(canvas, person, outer, inner, canvas.mask(lock))


def _strands(canvas: Canvas, person: Person, outer: Shape, inner: Shape, inside: Image.Image) -> None:
    """Lighter and darker strokes between the two edges of a lock."""
    light = person.hair_light
    for share, width, colour, alpha in (
        (0.14, 10, INK, 0.28),
        (0.3, 9, light, 0.5),
        (0.42, 5, INK, 0.3),
        (0.55, 14, light, 0.55),
        (0.7, 6, INK, 0.32),
        (0.82, 7, light, 0.4),
        (0.93, 8, INK, 0.35),
    ):
        ends = zip(outer, inner, strict=True)
        line = [(a + (c - a) * share, b + (d - b) * share) for (a, b), (c, d) in ends]
        canvas.fill(ribbon(width, line), colour, alpha=alpha, soft=2.2, within=inside)


def _short_hair(canvas: Canvas, person: Person, face: Image.Image) -> None:
    outer = "-149,16 -157,-60 -152,-146 -124,-218 -64,-260 20,-278 98,-264 144,-206 160,-126 158,-50 149,16"
    inner = "149,16 138,-30 135,-84 118,-122 92,-142 30,-160 -40,-154 -98,-132 -124,-108 -136,-66 -138,-30 -149,16"
    shape = [*curve(path(outer)), *curve(path(inner))]
    canvas.fill([(x, y + 9) for x, y in shape], person.shade, alpha=0.8, soft=8, within=face)
    canvas.fill(shape, person.hair)
    inside = canvas.mask(shape)
    for k in range(8):
        stroke = ribbon(10, path("-14,-146 -12,-188 12,-228 50,-252", at=(-100 + 31 * k, -4 * k + k * k / 2)))
        canvas.fill(stroke, person.hair_light, alpha=0.6 - 0.04 * k, soft=2.5, within=inside)
