"""A prompt for each window: upstream's text bridge passes one on, though its loop would take one a window."""

import sys
from typing import Any

MOST_PROMPTS = 17  # the job's own, and one for each scene


class Prompts:
    """The node.

    Inputs: the prompts as CLIPTextEncode gives them, each once; `windows`, which of them (from 1) each window takes,
    separated by commas, the last one for all further windows.
    """

    RETURN_TYPES = ("WANVIDEOTEXTEMBEDS",)
    RETURN_NAMES = ("text_embeds",)
    FUNCTION = "stack"
    CATEGORY = "talking-video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the node takes."""
        more = {f"prompt_{number}": ("CONDITIONING",) for number in range(2, MOST_PROMPTS + 1)}
        required = {"prompt_1": ("CONDITIONING",), "windows": ("STRING", {"default": "1"})}
        return {"required": required, "optional": {**more, "negative": ("CONDITIONING",)}}

    def stack(self, windows: str, negative: Any = None, **prompts: Any) -> tuple[dict[str, Any]]:
        """Each window's embeds, [tokens, channels] on the device, in a list; windows of one prompt share its memory.

        Raises:
            ValueError: a window names no prompt.
        """
        device = sys.modules["comfy.model_management"].get_torch_device()
        by_number = {int(name.rsplit("_", 1)[1]): _embeds(prompt)[0].to(device) for name, prompt in prompts.items()}
        try:
            rows = [by_number[int(number)] for number in windows.split(",")]
        except (KeyError, ValueError) as error:
            raise ValueError(f"windows '{windows}' name a prompt that is not there") from error
        away = _embeds(negative).to(device) if negative is not None else None
        return ({"prompt_embeds": rows, "negative_prompt_embeds": away},)


def _embeds(conditioning: Any) -> Any:
    """[1, tokens, channels], as upstream's bridge takes them."""
    return conditioning[0][0]
