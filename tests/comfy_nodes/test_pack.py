"""What ComfyUI gets of the pack, and the pictures that never run out; the nodes themselves are in tests/real."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from comfy_nodes.endless import EndlessPictures
from comfy_nodes.pack import CLASSES, classes
from workflows.own_nodes import OWN_NODES, SEPARATE_VOICE, SEPARATOR_LOADER


@dataclass(frozen=True)
class Batch:
    """A tensor of pictures, as far as the loop looks at it: [1, 3, pictures, height, width]."""

    pictures: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return 1, 3, len(self.pictures), 704, 400

    def __getitem__(self, index: tuple[slice, ...]) -> tuple[str, ...]:
        assert index[:2] == (slice(None), slice(None))
        return self.pictures[index[2]]


def test_outside_comfyui_there_is_no_node_and_graphs_name_those_that_there_are() -> None:
    assert classes({}) == classes({"nodes": ModuleType("nodes")}) == {}
    assert set(CLASSES) == OWN_NODES | {SEPARATE_VOICE, SEPARATOR_LOADER}
    folder = Path(__file__).resolve().parents[2] / "comfy_nodes"
    for module, kind in CLASSES.values():
        assert f"class {kind}:" in (folder / f"{module}.py").read_text(encoding="utf-8")


def test_the_last_picture_serves_every_window_after_it() -> None:
    endless = EndlessPictures(Batch(("first", "second"))).clone()
    taken = [endless[:, :, window : window + 1] for window in (0, 1, 2, 1249)]
    assert taken == [("first",), ("second",), ("second",), ("second",)]
    assert endless[:, :, -1:, :, :] == ("second",)
    assert endless.shape[2] > 1_000_000, "so that the loop never appends one"
    assert endless.shape[3:] == (704, 400)
