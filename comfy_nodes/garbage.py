"""Makes the collections of garbage between two windows short.

The loop collects garbage before each window. That looks at every object of ComfyUI and the models, some 0.3 s on the
machine of an H100 (docs/gpu, "caches, gc"), while the GPU waits. Nothing of a window is among them.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """What is there when the block begins is collected first, and then passed over until its end."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
