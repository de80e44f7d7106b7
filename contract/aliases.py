"""Other names for the fields: what the field's habits, other workers and upstream's own tools call them.

A name that can mean one field only is taken as that field, and the caller is told so. A name that means something
else, or whose values count differently, is refused with what to do instead.
"""

import re

from contract.fields import SceneInput, SpeakerInput, field_names
from contract.near import folded, nearest

# Taken. Each also as camelCase; so are the fields' own names.
ALIASES: dict[str, tuple[str, ...]] = {
    "image_url": (
        *("image", "image_uri", "image_link", "image_path", "image_file", "image_data", "image_base64", "image_b64"),
        *("img", "img_url", "input_image", "input_image_url", "source_image", "source_image_url", "init_image"),
        *("reference_image", "reference_image_url", "ref_image", "cond_image", "start_image", "start_image_url"),
        *("first_frame", "first_frame_image", "first_frame_url", "portrait", "portrait_url", "photo", "photo_url"),
        *("picture", "picture_url", "face_image", "face_image_url", "avatar_image", "avatar_url"),
    ),
    "video_url": (
        *("video", "video_uri", "video_link", "video_path", "video_file", "video_data", "video_base64", "video_b64"),
        *("input_video", "input_video_url", "source_video", "source_video_url", "cond_video", "init_video"),
        *("video_input", "reference_video", "reference_video_url", "ref_video", "original_video", "base_video"),
        *("face_video", "face_video_url", "target_video", "target_video_url", "footage"),
    ),
    "audio_urls": (
        *("audio", "audios", "audio_url", "audio_uri", "audio_uris", "audio_link", "audio_links", "audio_path"),
        *("audio_paths", "audio_file", "audio_files", "audio_data", "audio_base64", "audio_b64", "audio_list"),
        *("input_audio", "input_audio_url", "source_audio", "source_audio_url", "driving_audio", "driven_audio"),
        *("driving_audio_url", "driven_audio_url", "cond_audio", "voice_url", "voice_urls", "speech_url", "sound_url"),
        *("wav", "wavs", "wav_url", "wav_urls", "wav_path", "wav_base64", "wav_b64", "mp3_url", "mp3", "mp3_urls"),
    ),
    "positive_prompt": ("prompt", "text_prompt", "positive", "pos_prompt", "prompt_text", "caption"),
    "negative_prompt": ("negative", "neg_prompt", "n_prompt", "negative_text", "uncond_prompt"),
    "width": ("video_width", "output_width"),
    "height": ("video_height", "output_height"),
    "fps": ("frame_rate", "framerate", "frames_per_second", "video_fps", "output_fps"),
    "steps": (
        *("num_inference_steps", "inference_steps", "num_steps", "n_steps", "sampling_steps", "sample_steps"),
        *("sampler_steps", "infer_steps", "denoising_steps"),
    ),
    "cfg_scale": (
        "cfg",
        "guidance_scale",
        "guidance",
        "guide_scale",
        "text_guidance_scale",
        "text_guide_scale",
        "sample_text_guide_scale",
        "sample_guide_scale",
    ),
    "scheduler": ("sampler", "sampler_name", "scheduler_name", "scheduler_type", "sample_solver", "solver"),
    "seed": ("random_seed", "noise_seed", "base_seed", "rand_seed"),
    "mode": ("model", "model_type", "model_name"),
    "use_block_swap": ("block_swap", "enable_block_swap"),
    "blocks_to_swap": ("swap_blocks", "num_blocks_to_swap", "block_swap_count"),
    "use_speed_lora": ("speed_lora", "use_lora", "use_distill_lora", "use_fast_lora", "enable_speed_lora"),
    "speed_lora_strength": ("lora_strength", "lora_scale", "lora_weight", "speed_lora_scale", "speed_lora_weight"),
    "max_audio_duration": (
        *("max_duration", "max_audio_length", "max_audio_seconds", "max_seconds", "audio_max_duration"),
        *("max_duration_seconds", "max_audio_duration_seconds"),
    ),
    "resolution": ("size", "video_size", "output_size", "video_resolution", "output_resolution"),
    "fit": ("fit_mode", "resize_mode", "object_fit"),
    "shift": ("flow_shift", "sample_shift", "sigma_shift", "timestep_shift"),
    "audio_cfg_scale": ("audio_cfg",),
    "color_match": ("colormatch", "colour_match", "color_match_method"),
    "window_frames": ("frame_window_size", "window_size", "frames_per_window", "clip_frames"),
    "metadata": ("meta", "user_metadata", "custom_metadata"),
    "dry_run": ("dryrun", "quote", "quote_only", "estimate_only", "validate_only"),
    "quality": ("preset", "quality_preset", "quality_mode", "quality_level"),
    "output_key": ("output_name", "output_file", "output_filename", "filename", "file_name", "s3_key", "object_key"),
}
SPEAKER_ALIASES: dict[str, tuple[str, ...]] = {
    "audio": (
        *("audio_url", "audio_uri", "audio_path", "audio_file", "audio_data", "audio_base64", "audio_b64", "url"),
        *("voice_url", "wav", "wav_url", "mp3_url", "source", "src", "sound_url"),
    ),
    "region": ("box", "bbox", "bounding_box", "face_box", "position", "area"),
    "channel": ("audio_channel", "channel_number", "channel_name", "stereo_channel", "ch"),
    "offset_seconds": ("offset", "delay", "delay_seconds", "start", "start_time", "start_seconds", "offset_secs"),
}
SCENE_ALIASES: dict[str, tuple[str, ...]] = {
    "at": ("time", "start", "start_time", "start_seconds", "at_seconds", "seconds", "begin", "from", "t", "offset"),
    "prompt": ("positive_prompt", "text", "text_prompt", "caption", "positive"),
    "image_url": ("image", "portrait", "photo_url", "picture", "picture_url", "reference_image", "start_image", "url"),
}
_LENGTH = "the video is as long as the sound; max_audio_duration cuts that"
_GRAPH = "this worker builds its own graph of image_url and audio_urls"
_ONE_LIST = "send all voices in audio_urls, a list, or in speakers"
_NO_LAST = "this worker makes a video of one picture, image_url, or dubs one, video_url"
_NO_DRIVER = "nothing moves a picture but the voices; to dub a video, send it as video_url without image_url"
_STRENGTH = "with video_url and follow 'motion', motion_strength (0 to 1) says how closely the source is kept"
_OWN_SOUND = "send keep_sound 'under' to leave the sound of video_url below the voices"
_NO_SPEECH = "this worker speaks no text: send the spoken sound in audio_urls"
_COUNT = "the number of voices in audio_urls or speakers says it"
_AUDIO_GUIDANCE = "other scales than here; audio_cfg_scale is a factor of cfg_scale (0.8 of 5 is upstream's audio 4)"
_REGIONS = "send speakers, each with audio and region"
_CHANNELS = "one file with a speaker on each channel: send speakers, each with audio and channel ('left', 'right')"
_VOICE = "send voice: 'separate' parts the voice from music for the model, 'as_is' does not, 'auto' decides"
_SETTING = "that is a setting of the worker, not of a job"
_BESIDE = "{} stands beside input, not in it"
_FILE = "upload_url takes a presigned URL for the result, output_key a name in the worker's storage"
# Refused, each with what to do instead.
ADVICE: dict[str, str] = {
    **dict.fromkeys(
        ("num_frames", "frames", "frame_num", "n_frames", "max_frames", "max_frame", "video_length"), _LENGTH
    ),
    **dict.fromkeys(("max_frame_num", "frame_count", "total_frames", "length", "duration", "seconds"), _LENGTH),
    **dict.fromkeys(("video_duration", "duration_seconds", "audio_duration"), _LENGTH),
    **dict.fromkeys(
        ("order", "audio_order", "audio_type", "multi_audio_type", "speaking_order", "turns"),
        "did you mean 'timing' ('together' or 'turns')?",
    ),
    **dict.fromkeys(("voices", "sound", "sounds", "speech"), "did you mean 'audio_urls'?"),
    **dict.fromkeys(("separate", "separate_voice", "separate_vocals", "vocal_separation", "voice_separation"), _VOICE),
    **dict.fromkeys(
        ("vocal_isolation", "isolate_voice", "isolate_vocals", "vocals_only", "demucs", "denoise_audio"), _VOICE
    ),
    **dict.fromkeys(("left_audio", "right_audio", "audio_left", "audio_right", "person_audios"), _ONE_LIST),
    **dict.fromkeys(("driving_video", "driving_video_url", "pose_video", "pose_video_url", "motion_video"), _NO_DRIVER),
    **dict.fromkeys(("videos", "video_urls", "images", "image_urls", "end_image", "end_image_url"), _NO_LAST),
    **dict.fromkeys(("last_frame", "last_image"), _NO_LAST),
    **dict.fromkeys(
        ("text", "text_input", "script", "tts", "tts_text", "tts_audio", "voice_id", "tts_voice", "language"),
        _NO_SPEECH,
    ),
    **dict.fromkeys(("person_count", "num_speakers", "num_persons", "speaker_count", "input_type"), _COUNT),
    **dict.fromkeys(("audio_guide_scale", "audio_guidance_scale", "sample_audio_guide_scale"), _AUDIO_GUIDANCE),
    **dict.fromkeys(
        ("mask", "masks", "mask_url", "mask_image", "regions", "boxes", "bboxes", "bbox", "region"), _REGIONS
    ),
    **dict.fromkeys(("people", "persons", "characters", "faces", "offset_seconds"), _REGIONS),
    **dict.fromkeys(("channel", "channels", "audio_channel", "audio_channels", "multichannel"), _CHANNELS),
    **dict.fromkeys(("split_channels", "split_stereo", "stereo", "dual_channel", "diarize", "diarization"), _CHANNELS),
    **dict.fromkeys(("force_offload", "base_precision", "attention_mode", "precision", "quantization"), _SETTING),
    **dict.fromkeys(("presigned_url", "put_url", "output_url", "output_path", "save_path", "output"), _FILE),
    "video_quality": "did you mean 'quality' ('fast', 'balanced', 'best'), or 'crf' (0 to 40, smaller is better)?",
    **dict.fromkeys(
        ("audio_strength", "audio_weight", "lip_strength", "lipsync_strength", "lip_sync_strength"),
        "did you mean 'audio_scale'?",
    ),
    **dict.fromkeys(("format", "output_format", "video_format", "container"), "the result is always an MP4"),
    **dict.fromkeys(("aspect_ratio", "ratio"), "send width and height, or resolution, which keeps the picture's own"),
    **dict.fromkeys(("lora", "loras", "lora_url", "lora_name"), "the only LoRA is the speed LoRA: use_speed_lora"),
    **dict.fromkeys(("motion_frame", "motion_frames", "overlap_frames", "overlap"), "the mode sets the overlap"),
    **dict.fromkeys(("denoise", "denoise_strength", "strength"), _STRENGTH),
    **dict.fromkeys(("start_step", "video_strength", "v2v_strength", "motion_scale"), _STRENGTH),
    **dict.fromkeys(("keep_audio", "original_audio", "keep_original_audio", "mix_audio"), _OWN_SOUND),
    **dict.fromkeys(("workflow", "workflow_json", "graph", "comfy_workflow"), _GRAPH),
    **dict.fromkeys(("turbo", "go_fast", "fast", "acceleration"), "did you mean quality 'fast'?"),
    **dict.fromkeys(("source_url", "start_keyframe_url"), "did you mean 'image_url' or 'video_url'?"),
    **dict.fromkeys(("webhook", "webhook_url", "callback", "callback_url"), _BESIDE.format("webhook")),
    **dict.fromkeys(
        ("s3_config", "s3", "bucket", "access_id", "access_secret", "endpoint_url", "bucket_name"),
        _BESIDE.format("s3Config"),
    ),
    **dict.fromkeys(("policy", "execution_timeout", "ttl", "timeout"), _BESIDE.format("policy")),
    **dict.fromkeys(("id", "job_id"), _BESIDE.format("id")),
}
SPEAKER_ADVICE: dict[str, str] = {
    **dict.fromkeys(("name", "id", "label", "speaker", "speaker_id", "role"), "speakers are known by their order"),
    **dict.fromkeys(("voice_id", "sound", "text", "script"), "send the spoken sound in audio"),
    **dict.fromkeys(("mask", "mask_url", "side", "face"), "did you mean 'region'?"),
    **dict.fromkeys(("channel_index", "channel_id"), "send channel: 'left', 'right', or a number counted from 1"),
    **dict.fromkeys(("track", "stream", "audio_track"), "the default track is heard; channel names a part of it"),
    **dict.fromkeys(("end", "end_time", "end_seconds", "duration"), "a voice ends with its sound"),
    **dict.fromkeys(("image", "image_url", "portrait"), "the one picture is image_url, or video_url, beside speakers"),
}
SCENE_ADVICE: dict[str, str] = {
    **dict.fromkeys(
        ("end", "end_time", "end_seconds", "duration", "to", "until"), "a scene ends where the next begins"
    ),
    **dict.fromkeys(("audio", "audio_url", "speakers"), "voices are those of the whole video, beside scenes"),
    **dict.fromkeys(("video", "video_url"), "a scene goes by one picture, image_url"),
    **dict.fromkeys(("negative_prompt", "seed", "cfg_scale"), "send it beside scenes: it holds for the whole video"),
    **dict.fromkeys(("frame", "frame_number", "index", "window"), "send at, in seconds of the video"),
    **dict.fromkeys(("name", "id", "label", "title"), "scenes are known by their order"),
}
_ONE_OF_SEVERAL = re.compile(
    "^(audio|wav|mp3|voice|sound|speech|person|speaker)[a-z]*[0-9]+[a-z]*$"
    "|^(first|second|third|fourth)(audio|wav|voice|speech|speaker|person)[a-z]*$"
)
_INDEX = re.compile(r"\[[0-9]{0,3}\]$")  # as forms write the items of a list


def camel(name: str) -> tuple[str, ...]:
    """The name in camelCase, and with URL in capitals, as some write it."""
    first, *others = name.split("_")
    plain = first + "".join(part.capitalize() for part in others)
    return tuple(dict.fromkeys((plain, re.sub(r"(?<=[a-z])Url(?=s?$)", "URL", plain))))


def _taken(fields: dict[str, tuple[str, ...]], names: tuple[str, ...]) -> dict[str, str]:
    """Every other name that is taken, with the field that it means."""
    found: dict[str, str] = {}
    for field in names:
        for name in (field, *fields.get(field, ())):
            found.update(dict.fromkeys((name, *camel(name)), field))
    return {name: field for name, field in found.items() if name != field}


FIELDS, SPEAKER_FIELDS = tuple(field_names()), tuple(SpeakerInput.model_fields)
SCENE_FIELDS = tuple(SceneInput.model_fields)
MEANT = _taken(ALIASES, FIELDS)
MEANT_OF_SPEAKER = _taken(SPEAKER_ALIASES, SPEAKER_FIELDS)
MEANT_OF_SCENE = _taken(SCENE_ALIASES, SCENE_FIELDS)
_NAMES = {*FIELDS, *MEANT}
# By what a field is of: the request itself, a speaker, a scene.
_ADVICE = {
    whose: {folded(name): text for name, text in advice.items()}
    for whose, advice in (("", ADVICE), ("speaker", SPEAKER_ADVICE), ("scene", SCENE_ADVICE))
}
_KNOWN = {
    "": (MEANT, FIELDS),
    "speaker": (MEANT_OF_SPEAKER, SPEAKER_FIELDS),
    "scene": (MEANT_OF_SCENE, SCENE_FIELDS),
}


def hint(name: str, value: object = None, *, whose: str = "") -> str:
    """What to do instead of sending a field of this name, as the end of a sentence; empty where nobody can tell.

    `whose` it is: "speaker", "scene", or "" for the request itself.
    """
    meant, fields = _KNOWN[whose]
    if advice := _ADVICE[whose].get(folded(name)):
        return f": {advice}"
    inner = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(inner, dict) and _NAMES & inner.keys():
        return ": send what it holds in input itself"
    if not whose and _ONE_OF_SEVERAL.match(folded(name)):
        return f": {_ONE_LIST}"
    name = _INDEX.sub("", name)
    near = nearest(name, (*fields, *meant))
    return f", did you mean '{meant.get(near, near)}'?" if near else ""
