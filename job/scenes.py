"""The scenes of a job: which window begins each, what is seen of it, and the pictures that the windows go by."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.request import Request, Scene
from contract.response import SceneInfo
from media.faces import find_faces
from media.image import Fit, draw_fitted, open_portrait, plan_fit
from media.references import save_references
from workflows.graph import References
from workflows.own_nodes import PROMPTS
from workflows.plan import FPS, Plan
from workflows.scenes import WindowPrompts, begins_at, by_window, prompts_of, window_at

KINDS = ("prompt", "image")
PORTRAIT = "portrait.png"


@dataclass(frozen=True)
class PlacedScenes:
    """The scenes on the windows of a plan.

    Attributes:
        prompts: of the windows; None where all have the job's own.
        pictures: the source that each window goes by, up to the last change; None is the portrait.
        told: what became of each scene, in the order in which they were sent.
    """

    prompts: WindowPrompts | None
    pictures: tuple[str | None, ...]
    told: tuple[SceneInfo, ...]


def pictures_of(request: Request) -> dict[str, str]:
    """The pictures that scenes bring, each source once: what it is called in messages, and the source."""
    first = {scene.image: f"scene {scene.number}" for scene in reversed(request.scenes) if scene.image is not None}
    return {name: source for source, name in first.items()}


def place_scenes(request: Request, plan: Plan, own_nodes: Collection[str], warnings: list[str]) -> PlacedScenes:
    """Put each scene where the nearest window begins.

    Raises:
        WorkerError: INVALID_INPUT for a scene after the end, or in a video of one window; for prompts, where the server
            lacks our node for them.
    """
    placed = [(scene, _window(scene, request, plan)) for scene in request.scenes]
    for scene, window in placed:
        if window is None:
            cut = request.max_audio_duration
            warnings.append(f"scene {scene.number} begins after the cut at {cut:g} s and is not seen")
    seen = [(scene, window) for scene, window in placed if window is not None]
    shown = _shown(seen, plan, warnings)
    texts = by_window(request.positive_prompt, [(window, scene.prompt) for scene, window in seen if scene.prompt])
    pictures = by_window(None, [(window, scene.image) for scene, window in seen if scene.image])
    prompts = prompts_of(texts)
    changes = prompts.texts != (request.positive_prompt,)
    if len(prompts.texts) > 1 and PROMPTS not in own_nodes:
        raise WorkerError(
            ErrorCode.INVALID_INPUT,
            "Prompts of scenes need this project's node pack in ComfyUI, which this worker's lacks: send scenes with "
            "pictures only, or several jobs",
            stage=Stage.PREPARE,
        )
    told = [
        SceneInfo(
            at=scene.at,
            begins_at=None if window is None else begins_at(plan, window),
            window=None if window is None else window + 1,
            shows=tuple(shown.get(scene.number, ())),
        )
        for scene, window in sorted(placed, key=lambda one: one[0].number)
    ]
    return PlacedScenes(prompts if changes else None, pictures, tuple(told))


def _window(scene: Scene, request: Request, plan: Plan) -> int | None:
    """The window that begins a scene; None behind a cut that the caller asked for."""
    seconds = plan.frames / FPS
    if scene.at >= seconds:
        if request.max_audio_duration is not None and scene.at >= request.max_audio_duration:
            return None
        raise _refused(
            f"scene {scene.number} begins at {scene.at:g} s, and the video ends at {seconds:g} s; ", "an earlier time"
        )
    try:
        return window_at(plan, scene.at)
    except ValueError as error:
        smaller = "window_frames 33" if plan.frames > 33 else "more sound"
        reason = (
            f"scene {scene.number} begins at {scene.at:g} s, and this video of {seconds:g} s is made in one window; "
        )
        raise _refused(reason, smaller) from error


def _refused(reason: str, remedy: str) -> WorkerError:
    message = f"Invalid input: {reason}send {remedy}, or leave the scene out"
    return WorkerError(ErrorCode.INVALID_INPUT, message, stage=Stage.PREPARE)


def _shown(seen: Sequence[tuple[Scene, int]], plan: Plan, warnings: list[str]) -> dict[int, list[str]]:
    """What is seen of each scene, by its number: of several in one window, the last that brings it."""
    last: dict[tuple[int, str], Scene] = {}
    for scene, window in seen:
        last |= {(window, kind): scene for kind in KINDS if getattr(scene, kind)}
    shown: dict[int, list[str]] = {}
    for scene, window in seen:
        for kind in (kind for kind in KINDS if getattr(scene, kind)):
            winner = last[window, kind]
            if winner is scene:
                shown.setdefault(scene.number, []).append(kind)
            else:
                apart = (plan.window - plan.overlap) / FPS
                warnings.append(
                    f"the {kind} of scene {scene.number} is not seen: scene {winner.number} begins in the same window, "
                    f"at {begins_at(plan, window):g} s; send times at least {apart:g} s apart"
                )
    return shown


@dataclass(frozen=True)
class PictureRoom:
    """Where pictures are fitted: as the portrait is, into its frame.

    Attributes:
        folder: has portrait.png, and gets the others.
        portrait: how that lies in the frame.
        mode: "cover" or "contain".
    """

    folder: Path
    portrait: Fit
    mode: str
    warnings: list[str]
    cancel: Cancellation

    def fitted(self, source: Path, name: str) -> Path:
        """The picture that is called `name` in messages.

        Raises:
            WorkerError: IMAGE_INVALID, naming it; CANCELLED.
        """
        told: list[str] = []
        try:
            image = open_portrait(source, told, self.cancel)
        except WorkerError as error:
            if error.code is ErrorCode.CANCELLED:
                raise
            message = f"The image of {name}: {error.message}"
            raise WorkerError(error.code, message, detail=error.detail, elsewhere=error.elsewhere) from error
        faces = [face.box for face in find_faces(image)]
        fit = plan_fit((image.width, image.height), (self.portrait.width, self.portrait.height), self.mode, told, faces)
        target = self.folder / f"{name.replace(' ', '_')}.png"
        draw_fitted(image, fit).save(target, compress_level=1)
        self.warnings.extend(f"{name}: {line}" for line in told)
        return target


def draw_pictures(
    pictures: Sequence[str | None], sources: Mapping[str, str], files: Mapping[str, Path], room: PictureRoom
) -> References:
    """What the windows go by, in one file.

    Args:
        pictures: the source of each window's picture; None is the portrait.
        sources: as `pictures_of` has them.
        files: what was brought of them, by the same names.

    Raises:
        WorkerError: as `PictureRoom.fitted`.
    """
    portrait = room.folder / PORTRAIT
    if tuple(pictures) == (None,):
        return References(portrait)
    names = {source: name for name, source in sources.items()}
    fitted: dict[str | None, Path] = {None: portrait}
    for source in dict.fromkeys(source for source in pictures if source is not None):
        fitted[source] = room.fitted(files[names[source]], names[source])
    target = room.folder / "references.png"
    return References(target, save_references(_opened(fitted[source] for source in pictures), target))


def _opened(files: Iterable[Path]) -> Iterator[Image.Image]:
    for file in files:
        with Image.open(file) as picture:
            yield picture.convert("RGB")
