"""Test only: makes ComfyUI build UMT5-XXL and CLIP ViT-H as small as the files of scripts/make_tiny_models.py are.

Promises: a server that loads this node reads the two JSON files beside it where ComfyUI would read its own of the same
name; nothing else changes, and no node is added. ComfyUI fixes both sizes in those files, so stand-in weights alone
cannot be small (docs/facts/tiny-models.md#the-text-encoder, #clip-vision).
"""

import json
from pathlib import Path
from typing import Any

import comfy.clip_vision
import comfy.text_encoders.wan

NODE_CLASS_MAPPINGS: dict[str, type] = {}

_FOLDER = Path(__file__).parent


class TinyUMT5(comfy.text_encoders.wan.UMT5XXlModel):
    def __init__(self, *args: Any, model_options: dict[str, Any] | None = None, **kwargs: Any) -> None:
        # SDClipModel lets the entry "<model name>_model_config" override what it read from its own file.
        tiny = json.loads((_FOLDER / "umt5_config_xxl.json").read_text())
        super().__init__(*args, model_options={**(model_options or {}), "umt5xxl_model_config": tiny}, **kwargs)


class TinyClipVision(comfy.clip_vision.ClipVisionModel):
    def __init__(self, json_config: str) -> None:
        tiny = _FOLDER / Path(json_config).name
        super().__init__(str(tiny) if tiny.is_file() else json_config)


comfy.text_encoders.wan.UMT5XXlModel = TinyUMT5
comfy.clip_vision.ClipVisionModel = TinyClipVision
