"""Two people without regions, on a real server: the masks of their faces run through more than one window."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from media.faces import find_faces
from media.image import draw_fitted, plan_fit
from media.masks import draw_masks, save_masks
from media.seats import find_seats
from tests.real.bench import STEPS, RealBench, difference
from workflows.graph import References
from workflows.plan import Plan, windows_for

DUO = Path(__file__).resolve().parents[2] / "examples" / "duo.png"
SIZE = (96, 64)
FRAMES, WINDOW, OVERLAP = 33, 17, 9


def test_the_masks_of_found_faces_run_and_each_voice_has_its_own(real: RealBench) -> None:
    with Image.open(DUO) as opened:
        image = opened.convert("RGB")
    faces, warnings = find_faces(image), list[str]()
    fit = plan_fit(image.size, SIZE, "cover", warnings, [face.box for face in faces])
    masks = draw_masks(find_seats([None, None], faces, fit, warnings), fit)
    assert warnings == []
    portrait, mask_file = real.folder / "duo.png", real.folder / "faces.png"
    draw_fitted(image, fit).save(portrait)
    save_masks(masks, mask_file)
    windows = windows_for(FRAMES, WINDOW, OVERLAP)
    assert windows > 1
    plan = Plan(FRAMES, *SIZE, WINDOW, OVERLAP, windows, STEPS, 1, 0.0)
    made = real.arguments(speakers=2, frames=FRAMES, plan=plan, references=References(portrait), masks=mask_file)
    frames = real.run(made).frames
    assert [frame.size for frame in frames] == [SIZE] * FRAMES
    first, second = made["inputs"].voices
    swapped = {**made, "inputs": replace(made["inputs"], voices=(second, first)), "frames_parent": real.folder / "swap"}
    assert difference(frames, real.run(swapped).frames) > 0.1  # type: ignore[arg-type]
