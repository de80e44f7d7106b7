"""Leaves the weights of a GGUF model where they are: upstream copies the whole file to the GPU again in every job.

What `keep_weights` makes stands where nodes_sampler.py has `load_weights`. It remembers how a transformer was loaded,
and loads it again only where something is different: the files, the precision, the block swap, or the place of a
parameter, as after an offload. Sampling changes no weight, as a LoRA of a GGUF model is never merged.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

MARK = "_talking_video_loaded"
NOT_WEIGHTS = ("loras", "controlnet", "uni3c")  # upstream's loader passes them by
MOVED_BY_MODEL = ("multitalk_audio_proj.",)  # to the GPU before each use, and off it after that
NOWHERE = "meta"  # an offloaded weight is there
ELSEWHERE = "wherever the model has put it"


def keep_weights(load_weights: Callable[..., Any]) -> Callable[..., Any]:
    """Upstream's loader, less what it need not do."""

    @functools.wraps(load_weights)
    def load(transformer: Any, sd: Any = None, *arguments: Any, **options: Any) -> Any:
        if not options.get("gguf") or arguments:
            return load_weights(transformer, sd, *arguments, **options)
        asked = _asked(sd, options)
        if vars(transformer).pop(MARK, None) == (asked, places(transformer)):
            log.info("talking-video: the weights are where they belong already")
            done = None
        else:
            done = load_weights(transformer, sd, **options)
        vars(transformer)[MARK] = (asked, places(transformer))
        return done

    return load


def places(transformer: Any) -> dict[str, tuple[str, int]]:
    """Where each weight is, and how much there is of it."""
    found = {}
    for name, parameter in transformer.named_parameters():
        if not any(part in name for part in NOT_WEIGHTS):
            moves = name.startswith(MOVED_BY_MODEL) and parameter.device.type != NOWHERE
            found[name] = (ELSEWHERE if moves else str(parameter.device), parameter.numel())
    return found


def _asked(sd: Any, options: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two loads the same. No reference to the model: it must go when ComfyUI lets go of it."""
    plain = {key: value for key, value in options.items() if key not in ("patcher", "reader")}
    return (id(sd), [id(reader) for reader in options.get("reader") or ()], repr(sorted(plain.items(), key=str)))
