"""A client of the talking-video worker, on RunPod or on this machine: docs/client.md.

from talking_video import Request, TalkingVideo

with TalkingVideo("ENDPOINT_ID") as endpoint:  # RUNPOD_API_KEY is in the environment
    endpoint.submit(Request("me.jpg", "me.m4a")).download("me.mp4")
"""

from talking_video.aio import AsyncJob, AsyncTalkingVideo
from talking_video.bucket import Bucket
from talking_video.client import Job, TalkingVideo
from talking_video.errors import (
    DownloadError,
    JobCancelledError,
    JobError,
    JobTimedOutError,
    RefusedError,
    RequestError,
    TalkingVideoError,
    UnknownJobError,
    UnreachableError,
)
from talking_video.reply import Progress, Quote, Result
from talking_video.request import Request

__all__ = [
    "AsyncJob",
    "AsyncTalkingVideo",
    "Bucket",
    "DownloadError",
    "Job",
    "JobCancelledError",
    "JobError",
    "JobTimedOutError",
    "Progress",
    "Quote",
    "RefusedError",
    "Request",
    "RequestError",
    "Result",
    "TalkingVideo",
    "TalkingVideoError",
    "UnknownJobError",
    "UnreachableError",
]
