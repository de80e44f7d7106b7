"""The import of the RunPod SDK, less what this worker never uses of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from worker.processor import processor_name_only

# runpod 1.12.0 imports its command line with itself, for three functions that read an API key; of what that needs, only
# its `runpod ssh` commands use paramiko, which brings invoke, nacl and most of cryptography: a tenth of a second.
NEVER_USED = "paramiko"


@contextmanager
def sparing_import() -> Iterator[None]:
    """Import the SDK within this block. Afterwards everything else finds the modules as they are."""
    placeholder = None if NEVER_USED in sys.modules else ModuleType(NEVER_USED)
    if placeholder:
        sys.modules[NEVER_USED] = placeholder
    try:
        with processor_name_only():
            yield
    finally:
        if placeholder:
            del sys.modules[NEVER_USED]
