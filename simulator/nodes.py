"""What each node class does here: take time, check what the real one checks, pass on what frames need, load nothing."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from simulator import pictures, windows
from simulator.audio import Audio, read_wav
from simulator.call import Call, Outputs, Ui
from simulator.sampler import sample
from simulator.separation import lay_over
from simulator.values import (
    ClipPlan,
    Images,
    Loaded,
    Lora,
    Masks,
    Samples,
    SourceVideo,
    TalkModel,
    TextEmbeds,
    Video,
    VideoModel,
    VoiceEmbeds,
)

VOICES = ("audio_1", "audio_2", "audio_3", "audio_4")
KEPT = ("disabled", "mkl", "mvgd")  # with these our node pack has the frames of a window in its hands
SECONDS = {
    "CLIPLoader": 1.0,
    "CLIPTextEncode": 0.4,
    "CLIPVisionLoader": 0.3,
    "TalkingVideoSeparateVoice": 0.5,
    "TalkingVideoSeparatorLoader": 0.2,
    "Wav2VecModelLoader": 0.2,
    "MultiTalkWav2VecEmbeds": 0.3,
    "TalkingVideoVoiceEmbeds": 0.3,
    "WanVideoVAELoader": 0.2,
    "WanVideoClipVisionEncode": 0.2,
    "WanVideoModelLoader": 1.5,
}
"""How long nodes take on the simulated card; the rest take none, the sampler times itself."""


Node = Callable[[Call], tuple[Outputs, Ui | None]]


def _loader(kind: str, name: str) -> Node:
    return lambda call: ((Loaded(kind, call.text(name)),), None)


def _load_image(call: Call) -> tuple[Outputs, Ui | None]:
    return pictures.load(call.folders.annotated(call.text("image"))), None


def _load_audio(call: Call) -> tuple[Outputs, Ui | None]:
    return (read_wav(call.folders.annotated(call.text("audio"))),), None


def _image_scale(call: Call) -> tuple[Outputs, Ui | None]:
    images = call.need("image", Images)
    size = pictures.wanted_size(images, call.number("width"), call.number("height"))
    if size is None:
        return (images,), None
    return (pictures.scale(images, size, call.text("upscale_method"), call.text("crop")),), None


def _image_to_mask(call: Call) -> tuple[Outputs, Ui | None]:
    return (pictures.channel(call.need("image", Images), call.text("channel")),), None


def _image_batch(call: Call) -> tuple[Outputs, Ui | None]:
    return (pictures.batch(call.need("image1", Images), call.need("image2", Images)),), None


def _image_from_batch(call: Call) -> tuple[Outputs, Ui | None]:
    return (pictures.cut(call.need("image", Images), call.number("batch_index"), call.number("length", 1)),), None


def _text_encode(call: Call) -> tuple[Outputs, Ui | None]:
    call.need("clip", Loaded)
    return (Loaded("CONDITIONING", call.text("text")),), None


def _text_bridge(call: Call) -> tuple[Outputs, Ui | None]:
    call.need("positive", Loaded)
    return (TextEmbeds(call.get("negative", Loaded) is not None),), None


def _prompts(call: Call) -> tuple[Outputs, Ui | None]:
    """A prompt for each window; raises ValueError as our node does."""
    call.need("prompt_1", Loaded)
    named = [name for name in call.inputs if name.startswith("prompt_")]
    there = {name.rsplit("_", 1)[1] for name in named if call.get(name, Loaded) is not None}
    windows = call.text("windows", "1")
    numbers = windows.split(",")
    if not there.issuperset(numbers):
        raise ValueError(f"windows '{windows}' name a prompt that is not there")
    return (TextEmbeds(call.get("negative", Loaded) is not None, prompts=tuple(map(int, numbers))),), None


def _source(call: Call) -> tuple[Outputs, Ui | None]:
    """The pictures of a video; raises ValueError as our node does."""
    call.need("vae", Loaded)
    window, files = call.number("frame_window_size"), tuple(sorted(Path(call.text("folder")).iterdir()))
    step = window - call.number("motion_frame")
    if not files or step <= 0 or step % 4:
        raise ValueError(f"{len(files)} pictures, windows of {window} that go on by {step}")
    return (SourceVideo(files),), None


def _apply_nag(call: Call) -> tuple[Outputs, Ui | None]:
    call.need("nag_text_embeds", TextEmbeds)
    return (replace(call.need("original_text_embeds", TextEmbeds), has_nag=True),), None


def _clip_vision_encode(call: Call) -> tuple[Outputs, Ui | None]:
    call.need("clip_vision", Loaded)
    if len(call.need("image_1", Images).frames) > 1:
        raise RuntimeError("simulator: the real node would mix several pictures into one; send it the first alone")
    return (Loaded("WANVIDIMAGE_CLIPEMBEDS", ""),), None


def _talk_model(call: Call) -> tuple[Outputs, Ui | None]:
    name = call.text("model")
    if "talk" not in name.lower():
        raise RuntimeError(f"simulator: {name} is no MultiTalk or InfiniteTalk file")
    return (TalkModel(name),), None


def _lora(call: Call) -> tuple[Outputs, Ui | None]:
    return (Lora(call.text("lora"), call.flag("merge_loras", True)),), None


def _video_model(call: Call) -> tuple[Outputs, Ui | None]:
    """The checks of the real loader, in its order (docs/facts/talk-models.md#files-that-run-together)."""
    name, quantization = call.text("model"), call.text("quantization")
    lora, talk = call.get("lora", Lora), call.get("multitalk_model", TalkModel)
    gguf = name.endswith(".gguf")
    if gguf and quantization != "disabled":
        raise ValueError("Quantization should be disabled when loading GGUF models.")
    if gguf and lora is not None and lora.merged:
        raise ValueError("GGUF models do not support LoRA merging, please disable merge_loras in the LoRA select node.")
    if "scaled" in quantization:
        raise ValueError("The model is not a scaled fp8 model, please disable '_scaled' in quantization")
    if "talk" in name.lower():
        raise ValueError("No patch_embedding weight found, is the selected model a full WanVideo model?")
    if talk is not None and talk.name.endswith(".gguf") and not gguf:
        raise ValueError("Multitalk/InfiniteTalk model is a GGUF model, main model also has to be a GGUF model.")
    if "fast" in quantization and lora is not None and not lora.merged:
        raise NotImplementedError("fp8_fast is not supported with unmerged LoRAs")
    return (VideoModel(name, talk),), None


def _voices(call: Call) -> tuple[Outputs, Ui | None]:
    """Cut the voices to num_frames and count their frames (docs/facts/talk-models.md#the-loop)."""
    call.need("wav2vec_model", Loaded)
    call.need("audio_1", Audio)
    audios = tuple(audio for name in VOICES if (audio := call.get(name, Audio)) is not None)
    num_frames, fps = call.number("num_frames", 81), call.real("fps", 25.0)
    segments = [windows.segment_samples(len(a.samples), a.sample_rate, num_frames, fps) for a in audios]
    if call.flag("normalize_loudness", True):
        shortest = windows.LOUDNESS_BLOCK_SECONDS * windows.WAV2VEC_RATE
        if min(segments) < shortest:
            raise ValueError("Audio must have length greater than the block size.")
    frames = tuple(windows.frames_of_segment(segment, fps) for segment in segments)
    if min(frames) == 0:
        raise RuntimeError("simulator: a voice is shorter than one frame")
    together: windows.Together = "add" if call.text("multi_audio_type") == "add" else "para"
    one_pass = call.real("audio_cfg_scale", 1.0) == 1.0
    masks = call.get("ref_target_masks", Masks)
    embeds = VoiceEmbeds(audios, frames, together, fps, masks, not one_pass)
    total = sum(segments) if together == "add" else max(segments)
    return (embeds, audios[0], min(num_frames, windows.frames_of_segment(total, fps))), None


def _separate_voice(call: Call) -> tuple[Outputs, Ui | None]:
    call.need("separator", Loaded)
    times = [call.real(name, 0.0) for name in ("start", "seconds", "most_gain")]
    return (lay_over(call.need("track", Audio), Path(call.text("sound")), *times),), None


def _clip_plan(call: Call) -> tuple[Outputs, Ui | None]:
    """Fix the window to 4k + 1 and make the folder the frames will go to."""
    call.need("vae", Loaded)
    call.get("clip_embeds", Loaded)
    width, height, mode = call.number("width"), call.number("height"), call.text("mode", "multitalk")
    images = call.get("start_image", Images)
    references = pictures.scale(images, (width, height), "lanczos", "disabled").frames if images else ()
    folder = call.text("output_path")
    if folder:
        stamp = datetime.datetime.now().strftime("%Y%m%d_%H%M%S")
        folder = str(Path(folder) / f"{stamp}_{mode}_output")
        Path(folder).mkdir(parents=True, exist_ok=True)
    window = windows.window_size(call.number("frame_window_size"))
    tiled = call.flag("tiled_vae", False)
    method = call.text("colormatch", "disabled")
    matched, kept = method != "disabled", method in KEPT
    plan = ClipPlan(references, width, height, window, call.number("motion_frame"), mode, folder, tiled, matched, kept)
    return (plan, folder), None


def _sampler(call: Call) -> tuple[Outputs, Ui | None]:
    samples = sample(call)
    return (samples, samples), None


def _pass_images(call: Call) -> tuple[Outputs, Ui | None]:
    samples = call.need("samples", Samples)
    return (samples, samples.folder), None


def _create_video(call: Call) -> tuple[Outputs, Ui | None]:
    samples = call.need("images", Samples)
    return (Video(samples.frames, samples.size),), None


def _save_video(call: Call) -> tuple[Outputs, Ui | None]:
    """An empty file of the right name: this project never asks the server for a video."""
    call.need("video", Video)
    path, name, subfolder = call.folders.next_output(call.text("filename_prefix", "video/ComfyUI"), "mp4")
    path.write_bytes(b"")
    return (), {"images": [{"filename": name, "subfolder": subfolder, "type": "output"}], "animated": [True]}


def _preview_any(call: Call) -> tuple[Outputs, Ui | None]:
    return (), {"text": [str(call.inputs.get("source"))]}


PLAIN: dict[str, Node] = {
    "CLIPLoader": _loader("CLIP", "clip_name"),
    "CLIPTextEncode": _text_encode,
    "CLIPVisionLoader": _loader("CLIP_VISION", "clip_name"),
    "CreateVideo": _create_video,
    "ImageBatch": _image_batch,
    "ImageFromBatch": _image_from_batch,
    "ImageScale": _image_scale,
    "ImageToMask": _image_to_mask,
    "LoadAudio": _load_audio,
    "LoadImage": _load_image,
    "MultiTalkModelLoader": _talk_model,
    "MultiTalkWav2VecEmbeds": _voices,
    "PreviewAny": _preview_any,
    "SaveVideo": _save_video,
    "TalkingVideoSeparateVoice": _separate_voice,
    "TalkingVideoSeparatorLoader": _loader("TALKING_VIDEO_SEPARATOR", "model_name"),
    "TalkingVideoPrompts": _prompts,
    "TalkingVideoSource": _source,
    "TalkingVideoVoiceEmbeds": _voices,
    "WanVideoApplyNAG": _apply_nag,
    "WanVideoBlockSwap": _loader("BLOCKSWAPARGS", "blocks_to_swap"),
    "WanVideoClipVisionEncode": _clip_vision_encode,
    "WanVideoImageToVideoMultiTalk": _clip_plan,
    "WanVideoLoraSelect": _lora,
    "WanVideoModelLoader": _video_model,
    "WanVideoPassImagesFromSamples": _pass_images,
    "WanVideoSampler": _sampler,
    "WanVideoTextEmbedBridge": _text_bridge,
    "WanVideoVAELoader": _loader("WANVAE", "model_name"),
    "Wav2VecModelLoader": _loader("WAV2VECMODEL", "model"),
}


def _timed(name: str, node: Node) -> Node:
    def run(call: Call) -> tuple[Outputs, Ui | None]:
        call.clock.wait(SECONDS.get(name, 0.0))
        return node(call)

    return run


NODES: dict[str, Node] = {name: _timed(name, node) for name, node in PLAIN.items()}
"""The node classes by name."""
