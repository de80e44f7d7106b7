"""A node pack for ComfyUI: it saves the frames of a window without holding the sampler, and adds what upstream lacks.

The window writer of ComfyUI-WanVideoWrapper saves its PNGs one after the other in the sampling thread while
the GPU idles. With this pack loaded and TALKING_VIDEO_FRAMES_DIR set, saves below that folder are done by a
few threads, each frame appears whole, and the sampler node returns after the last one. Frames are matched in
colour and converted to bytes on the device that made them, the weights of a GGUF model are not copied again in a
second job, and torch settles its order of attention kernels first. Without the pack, or beside another version of the
node pack, everything works as before, slower.

Its nodes, `pack.CLASSES`, are for jobs that need them: more than 10 000 frames, a prompt for each window, a voice
parted from music, a video whose motion is followed.

The only code of ours inside ComfyUI: it knows the standard library, Pillow and, in there, torch, and no other
room. Imported anywhere else it does nothing.
"""

import os
import sys

from .attention import settle_order
from .hook import FOLDER_VARIABLE, attach
from .pack import classes

NODE_CLASS_MAPPINGS: dict[str, type] = classes(sys.modules)

attach(os.environ.get(FOLDER_VARIABLE), sys.modules)
settle_order(sys.modules)
