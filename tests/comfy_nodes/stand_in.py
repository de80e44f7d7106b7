"""ComfyUI and the node pack as far as the hook looks at them; the loop's lines are upstream's."""

import types
from collections.abc import Callable
from typing import Any

WRITER = """
import os
from PIL import Image
def multitalk_loop(self, **kwargs):
    video_np, output_path = kwargs["video_np"], kwargs["output_path"]
    img_counter = 0
    for i in range(0, len(video_np)):
        im = Image.fromarray(video_np[i])
        im.save(os.path.join(output_path, f"frame_{img_counter:05d}.png"))
        img_counter += 1
    kwargs["at_the_end"]()
    return output_path,
"""
CALLER = """
class WanVideoSampler:
    def process(self, video_np, output_path, at_the_end):
        return multitalk_loop(**locals())
"""
PACK = "/opt/ComfyUI/custom_nodes/ComfyUI-WanVideoWrapper"


class Comfy:
    """The modules of a server. `load_pack` is what importing the node pack does."""

    def __init__(self) -> None:
        self.nodes, self.server = types.ModuleType("nodes"), types.ModuleType("server")
        self.mappings: dict[str, Any] = {"LoadImage": object}
        self.handlers: list[Callable[[dict[str, Any]], dict[str, Any]]] = []
        instance = types.SimpleNamespace(add_on_prompt_handler=self.handlers.append)
        vars(self.nodes)["NODE_CLASS_MAPPINGS"] = self.mappings
        vars(self.server)["PromptServer"] = types.SimpleNamespace(instance=instance)
        self.modules = {"nodes": self.nodes, "server": self.server}

    def load_pack(self, writer: str = WRITER, caller: str = CALLER) -> None:
        """Put the two modules of the node pack in place."""
        self.writer = self._module(f"{PACK}.multitalk.multitalk_loop", writer)
        self.caller = self._module(f"{PACK}.nodes_sampler", "")
        vars(self.caller)["multitalk_loop"] = vars(self.writer).get("multitalk_loop")
        exec(compile(caller, "nodes_sampler", "exec"), vars(self.caller))  # noqa: S102 - the text above
        self.mappings["WanVideoSampler"] = vars(self.caller)["WanVideoSampler"]

    def prompt(self) -> dict[str, Any]:
        """A prompt comes in."""
        body: dict[str, Any] = {"prompt": {}}
        for handler in self.handlers:
            body = handler(body)
        return body

    def sample(self, video_np: list[Any], output_path: str, at_the_end: Callable[[], object] = lambda: None) -> Any:
        """The sampler node runs."""
        return self.mappings["WanVideoSampler"]().process(video_np, output_path, at_the_end)

    def _module(self, name: str, source: str) -> types.ModuleType:
        module = types.ModuleType(name)
        self.modules[name] = module
        exec(compile(source, name, "exec"), vars(module))  # noqa: S102 - the text above
        return module
