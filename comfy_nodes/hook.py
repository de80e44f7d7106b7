"""Puts `Pictures` into ComfyUI-WanVideoWrapper at run time; no file of it is touched.

Names are replaced, and only where all look as they do in commit 088128b: `Image` in multitalk/multitalk_loop.py;
`multitalk_loop` as nodes_sampler.py calls it, so that the sampler returns after the last frame is saved, frames stay
on the device until they are bytes, and garbage is looked for among this run's objects only; and `load_weights` there,
so that weights are not copied twice. Anything else is left as it is, with one warning that says why.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import PIL.Image

from .garbage import only_new_garbage
from .pictures import Pictures
from .saver import FrameSaver, thread_count
from .weights import keep_weights

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "TALKING_VIDEO_FRAMES_DIR"
SAMPLER_NODE = "WanVideoSampler"
LOOP = "multitalk_loop"
USED_BY_LOOP = {"Image", "fromarray", "save"}
# What the loop does with a decoded window: frames.Frames must know each of them.
USED_ON_FRAMES = {"decode", "cpu", "clamp", "add", "div", "mul", "float", "numpy", "transpose", "astype", "unsqueeze"}
LOADER, USED_BY_LOADER = "load_weights", {"GGUFParameter", "named_parameters", "set_module_tensor_to_device"}

Modules = Mapping[str, ModuleType]
Prompt = dict[str, Any]


class UnexpectedError(Exception):
    """The node pack is not what this was written for; the text says where."""


@dataclass(frozen=True)
class Target:
    """Where the two names are: the module that saves and the module that calls it."""

    writer: ModuleType
    caller: ModuleType
    loop: FunctionType

    @property
    def frames_stay(self) -> bool:
        """Whether the loop does with a window what `frames.Frames` knows."""
        return set(self.loop.__code__.co_names) >= USED_ON_FRAMES

    @property
    def loader(self) -> FunctionType | None:
        """The loader of weights, where it is the one that we know."""
        found = getattr(self.caller, LOADER, None)
        known = isinstance(found, FunctionType) and set(found.__code__.co_names) >= USED_BY_LOADER
        return found if known else None


def attach(folder: str | None, modules: Modules) -> None:
    """Hook now, or at the first prompt where the node pack is not loaded yet. Outside ComfyUI: nothing.

    Args:
        folder: saves below it are handed over; None or empty: nothing is hooked.
        modules: `sys.modules`.
    """
    mappings = getattr(modules.get("nodes"), "NODE_CLASS_MAPPINGS", None)
    if not isinstance(mappings, dict):
        return
    if not folder:
        log.info("talking-video: %s is not set; frames are saved by the sampler itself", FOLDER_VARIABLE)
    elif SAMPLER_NODE in mappings:
        _hook(Path(folder), mappings, modules)
    else:
        _hook_at_first_prompt(Path(folder), mappings, modules)


def find_target(mappings: Mapping[str, Any], modules: Modules) -> Target:
    """The place to hook.

    Raises:
        UnexpectedError: where anything differs from what we know.
    """
    node = mappings.get(SAMPLER_NODE)
    caller = modules.get(getattr(node, "__module__", ""))
    if node is None or caller is None:
        raise UnexpectedError(f"there is no node {SAMPLER_NODE}")
    process = inspect.unwrap(getattr(node, "process", len))
    if not isinstance(process, FunctionType) or LOOP not in process.__code__.co_names:
        raise UnexpectedError(f"{SAMPLER_NODE}.process does not call {LOOP}")
    loop = getattr(caller, LOOP, None)
    if not isinstance(loop, FunctionType) or not set(loop.__code__.co_names) >= USED_BY_LOOP:
        raise UnexpectedError(f"{LOOP} does not save its frames by Image.fromarray")
    writer = modules.get(loop.__module__)
    if writer is None or vars(writer) is not loop.__globals__ or getattr(writer, "Image", None) is not PIL.Image:
        raise UnexpectedError(f"Image is not PIL's in the module of {LOOP}")
    return Target(writer, caller, loop)


def install(target: Target, pictures: Pictures) -> None:
    """Replace the names."""
    loop, prepare = target.loop, _preparation(target)

    @functools.wraps(loop)
    def saving_loop(*arguments: Any, **options: Any) -> Any:
        output = (options.get("image_embeds") or {}).get("output_path")
        with only_new_garbage(), pictures.saving() as saver:
            return loop(*arguments, **(prepare(options, saver) if pictures.takes(output) else options))

    setattr(target.writer, "Image", pictures)  # noqa: B010 - it is no attribute of ModuleType
    setattr(target.caller, LOOP, saving_loop)
    if target.loader is not None:
        setattr(target.caller, LOADER, keep_weights(target.loader))


def _preparation(target: Target) -> Callable[[dict[str, Any], FrameSaver], dict[str, Any]]:
    """What is done to the loop's arguments."""
    if not target.frames_stay:
        return lambda options, _: options
    from .frames import keep_frames_on_device  # noqa: PLC0415 - torch is there in ComfyUI alone

    return keep_frames_on_device


def _hook(folder: Path, mappings: Mapping[str, Any], modules: Modules) -> None:
    try:
        target = find_target(mappings, modules)
    except UnexpectedError as reason:
        log.warning("talking-video: %s; frames are saved by the sampler itself, slower", reason)
        return
    install(target, Pictures(PIL.Image, folder))
    where = "on their device" if target.frames_stay else "by the sampler"
    log.info("talking-video: frames below %s are saved by %d threads, converted %s", folder, thread_count(), where)


def _hook_at_first_prompt(folder: Path, mappings: Mapping[str, Any], modules: Modules) -> None:
    """ComfyUI calls such handlers before it queues a prompt; by then every node pack is loaded."""
    instance = getattr(getattr(modules.get("server"), "PromptServer", None), "instance", None)
    add: Callable[[Callable[[Prompt], Prompt]], None] | None = getattr(instance, "add_on_prompt_handler", None)
    if add is None:
        log.warning("talking-video: no way to wait for %s; frames are saved by the sampler itself", SAMPLER_NODE)
        return

    @functools.cache
    def hook_once() -> None:
        _hook(folder, mappings, modules)

    def on_prompt(prompt: Prompt) -> Prompt:
        hook_once()
        return prompt

    add(on_prompt)
