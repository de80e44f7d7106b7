"""The nodes of this project's own pack (`comfy_nodes`) that graphs use where a job needs them.

A server may run without the pack: what needs a node is then refused in words, everything else works as before.
"""

VOICE_EMBEDS = "TalkingVideoVoiceEmbeds"  # more than 10 000 frames
PROMPTS = "TalkingVideoPrompts"  # a prompt for each window
SEPARATE_VOICE = "TalkingVideoSeparateVoice"  # a voice that is parted from music; needs weights that few workers have
SEPARATOR_LOADER = "TalkingVideoSeparatorLoader"
SOURCE = "TalkingVideoSource"  # a video whose motion is followed, encoded window by window
OWN_NODES = frozenset({VOICE_EMBEDS, PROMPTS, SOURCE})
