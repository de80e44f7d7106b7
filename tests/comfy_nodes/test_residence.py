"""The VAE leaves the GPU where its place is needed, and only there."""

from dataclasses import dataclass, field

import pytest

from comfy_nodes.residence import ROOM, Residence


@dataclass(frozen=True)
class Device:
    type: str


@dataclass
class Vae:
    moves: list[str] = field(default_factory=list)

    def to(self, device: Device) -> None:
        self.moves.append(device.type)


GPU, CPU = Device("cuda"), Device("cpu")


@pytest.mark.parametrize(
    ("free", "moves"),
    [(ROOM, ["cpu", "cuda", "cuda", "cuda"]), (ROOM - 1, ["cpu", "cuda", "cpu", "cuda", "cpu", "cuda", "cpu"])],
)
def test_it_stays_where_there_is_room(free: int, moves: list[str]) -> None:
    vae = Vae()
    residence = Residence(vae, lambda device: {GPU: free}[device])
    for device in (CPU, GPU, CPU, GPU, CPU, GPU, CPU):
        residence.move(device)
    assert vae.moves == moves


def test_room_that_goes_sends_it_away() -> None:
    vae, left = Vae(), [ROOM, 0]
    residence = Residence(vae, lambda _: left.pop(0))
    for device in (GPU, CPU, GPU, CPU, CPU):
        residence.move(device)
    assert vae.moves == ["cuda", "cuda", "cpu", "cpu"]
