"""pydub's AudioSegment, without its warning that no ffmpeg is on the PATH: the worker's own is one of its packages."""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Couldn't find ffmpeg", RuntimeWarning)
    from pydub import AudioSegment

__all__ = ["AudioSegment"]
