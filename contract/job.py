"""A job as RunPod hands it to a worker."""

from collections.abc import Mapping
from typing import Any

Job = Mapping[str, Any]
"""Its JSON. `id` (text) and `input` (what `contract.request` reads) are always there; `policy` (an object whose
`executionTimeout` counts milliseconds) and `s3Config` (the caller's bucket) where the caller sent them."""
