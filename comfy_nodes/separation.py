"""The nodes that part a voice from music: the talk model then hears the voice, and the viewer the sound as it was."""

from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
import torch

from .blocks import MODEL_RATE, starts

FOLDER = "voice_separation"
MEMORY_BYTES = 3 << 30  # 10 s of sound in fp32 took 1.7 GB with its process
LONGEST_SECONDS = 86_400.0


class SeparatorLoader:
    """The weights of a Hybrid Demucs, from the models folder `voice_separation`."""

    CATEGORY = "talking-video"
    RETURN_TYPES = ("TALKING_VIDEO_SEPARATOR",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """The files that are there."""
        known = FOLDER in folder_paths.folder_names_and_paths
        return {"required": {"model_name": (folder_paths.get_filename_list(FOLDER) if known else [],)}}

    def load(self, model_name: str) -> tuple[Any]:
        """The network with these weights, on the CPU."""
        from .separating import build  # noqa: PLC0415 - with torchaudio, which no other part of this pack needs

        path = folder_paths.get_full_path_or_raise(FOLDER, model_name)
        return (build(comfy.utils.load_torch_file(path, safe_load=True)),)


class SeparateVoice:
    """A track of a voice, with the voice that is in `sound` laid over it from `start` on.

    `track` is what lies under the voice (mono, 16 kHz), `sound` a WAV of which `seconds` are used, `most_gain` (dB) the
    most that the parted voice is turned up.
    """

    CATEGORY = "talking-video"
    RETURN_TYPES = ("AUDIO",)
    FUNCTION = "separate"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the worker's graphs fill in."""
        seconds = {"default": 0.0, "min": 0.0, "max": LONGEST_SECONDS, "step": 0.001}
        return {
            "required": {
                "separator": ("TALKING_VIDEO_SEPARATOR",),
                "track": ("AUDIO",),
                "sound": ("STRING", {"default": ""}),
                "start": ("FLOAT", seconds),
                "seconds": ("FLOAT", seconds),
                "most_gain": ("FLOAT", {"default": 0.0, "min": -200.0, "max": 200.0, "step": 0.001}),
            }
        }

    def separate(
        self, *, separator: Any, track: dict[str, Any], sound: str, start: float, seconds: float, most_gain: float
    ) -> tuple[dict[str, Any]]:
        """One block after the other on ComfyUI's device; the network leaves it afterwards."""
        from .separating import placed, voice_of  # noqa: PLC0415

        memory = comfy.model_management
        device = memory.get_torch_device()
        memory.free_memory(MEMORY_BYTES, device)
        progress = comfy.utils.ProgressBar(len(starts(seconds)))
        try:
            separator.to(device)
            with torch.inference_mode():
                voice = voice_of(Path(sound), seconds, separator, device, lambda: progress.update(1))
                heard = placed(track["waveform"][0].mean(0), voice, start, most_gain)
        finally:
            separator.to("cpu")
            memory.soft_empty_cache()
        return ({"waveform": heard[None, None], "sample_rate": MODEL_RATE},)
