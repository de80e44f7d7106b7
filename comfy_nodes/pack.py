"""The nodes of this pack by their names; each in a module of its own, as inside ComfyUI alone there is torch."""

import importlib
from collections.abc import Mapping
from types import ModuleType

CLASSES = {
    "TalkingVideoPrompts": ("prompts", "Prompts"),
    "TalkingVideoSeparateVoice": ("separation", "SeparateVoice"),
    "TalkingVideoSeparatorLoader": ("separation", "SeparatorLoader"),
    "TalkingVideoSource": ("source", "Source"),
    "TalkingVideoVoiceEmbeds": ("voices", "VoiceEmbeds"),
}


def classes(modules: Mapping[str, ModuleType]) -> dict[str, type]:
    """What ComfyUI asks a pack for; nothing outside of ComfyUI.

    Args:
        modules: `sys.modules`.
    """
    if not isinstance(getattr(modules.get("nodes"), "NODE_CLASS_MAPPINGS", None), dict):
        return {}
    return {
        name: getattr(importlib.import_module(f".{module}", __package__), kind)
        for name, (module, kind) in CLASSES.items()
    }
