"""Pictures of windows that never run out, so that upstream's loop does not copy them all with each window.

Where it has no picture of its own for a window, the loop appends the last one to a copy of all of them: 3.4 MB more at
400x704 with each window, and twice that for a moment. An hour has 1250 windows.
"""

from typing import Any

ENDLESS = 1 << 30


class EndlessPictures:
    """What InfiniteTalk's windows go by, as the loop uses it.

    Args:
        pictures: [1, 3, pictures, height, width]; the last one serves all further windows.
    """

    def __init__(self, pictures: Any) -> None:
        self._pictures = pictures

    @property
    def shape(self) -> tuple[int, ...]:
        """As if there were one for every window."""
        shape = list(self._pictures.shape)
        shape[2] = ENDLESS
        return tuple(shape)

    def clone(self) -> "EndlessPictures":
        """Itself: the loop changes none of them."""
        return self

    def __getitem__(self, index: tuple[slice, ...]) -> Any:
        """[:, :, window : window + 1], and nothing else."""
        window = index[2].start
        here = window if window < 0 else min(window, self._pictures.shape[2] - 1)
        return self._pictures[:, :, here : here + 1 or None]
