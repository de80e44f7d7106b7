"""Jobs full of marked secrets: some become videos, the others fail, each in a way of its own."""

import base64
from dataclasses import dataclass, field
from typing import Any

from tests.hostile.marks import mark

JOB_KEY_ID, JOB_SECRET = mark("JobKeyId"), mark("JobSecret")
TOLD = tuple(map(mark, ("Positive", "Negative", "Metadata")))  # what a caller gets back
QUERY = f"?X-Amz-Credential={mark('Credential')}%2Fus&X-Amz-Signature={mark('Signature')}"
SIGNED = f"{QUERY}#{mark('Fragment')}"
USER = f"{mark('User')}:{mark('Password')}@"
ENGINE_TEXT = f"GET:https://a.test/w.bin?token={mark('EngineUrl')}"
VIDEO = ""  # instead of an error code


@dataclass
class Jobs:
    """Of a caller whose things are at `url`, a gossiping server. `expected` has each job's error code."""

    url: str
    expected: dict[str, str] = field(default_factory=dict)
    all: list[dict[str, Any]] = field(default_factory=list)

    def add(self, job_id: str, code: str, s3: dict[str, Any] | None = None, **change: Any) -> None:
        """One more, with an s3Config or none. All its texts are marked; its sources have signed addresses."""
        job_input = {
            "image_url": f"{self.url}/portrait{SIGNED}",
            "audio_urls": [f"{self.url}/voice{SIGNED}"],
            "positive_prompt": f"a person says {TOLD[0]}",
            "negative_prompt": f"no {TOLD[1]}",
            "metadata": {"note": TOLD[2]},
            "width": 256,
            "height": 256,
            **change,
        }
        self.all.append({"id": job_id, "input": job_input, **({"s3Config": s3} if s3 else {})})
        self.expected[job_id] = code

    def hurry(self, seconds: float) -> None:
        """Let RunPod end the last job after this time; the worker ends it before."""
        self.all[-1]["policy"] = {"executionTimeout": round(seconds * 1000)}

    def bucket(self, place: str, **change: str) -> dict[str, Any]:
        """An s3Config whose bucket is the path `place` of the server."""
        return {"accessId": JOB_KEY_ID, "accessSecret": JOB_SECRET, "endpointUrl": f"{self.url}/{place}", **change}

    def with_user(self, path: str) -> str:
        """An address of the server with a user and a password."""
        return self.url.replace("//", f"//{USER}") + path


def add_ordinary(jobs: Jobs) -> None:
    """Jobs that succeed, one of them at the second attempt, and one that has no time."""
    url = jobs.url
    jobs.add("fine", VIDEO)
    jobs.add("fine-put", VIDEO, upload_url=f"{url}/put/v.mp4{SIGNED}")
    jobs.add("shaky-put", VIDEO, upload_url=f"{url}/shaky/v.mp4{SIGNED}")
    jobs.add("own-bucket", VIDEO, jobs.bucket("jobs"))
    jobs.add("late", "deadline_exceeded")
    jobs.hurry(0.01)


def add_bad_requests(jobs: Jobs) -> None:
    """Jobs that cannot be read, or name what is no place."""
    url, user = jobs.url, jobs.with_user
    jobs.add("wrong-type", "invalid_input", steps=mark("Value"), positive_prompt=[mark("Value")])
    jobs.add("wrong-source", "invalid_input", image_url=[f"{url}/{SIGNED}"])
    jobs.add("too-long", "invalid_input", positive_prompt=mark("Value") * 9000)
    jobs.add("missing", "missing_parameter", audio_urls=None)
    jobs.add("user-image", "source_refused", image_url=user("/portrait"))
    jobs.add("user-voice", "source_refused", audio_urls=[user("/voice")])
    jobs.add("private", "source_refused", image_url=f"http://10.0.0.1/{SIGNED}")
    jobs.add("scheme", "invalid_input", image_url=f"ftp://a.test/{SIGNED}")
    redirect = f"/moved{QUERY}&to=http://{USER}10.0.0.1/%3Fa%3D{mark('Next')}"
    jobs.add("moved", "source_refused", image_url=url + redirect)
    jobs.add("put-user", "storage_misconfigured", upload_url=user("/put/v.mp4"))
    jobs.add("put-private", "storage_misconfigured", upload_url=f"http://10.0.0.1/v.mp4{SIGNED}")
    jobs.add("put-expired", "storage_misconfigured", upload_url=f"{url}/put/v.mp4{QUERY}&Expires=1")
    jobs.add("bucket-user", "invalid_input", jobs.bucket("jobs", endpointUrl=user("/jobs")))
    jobs.add("bucket-query", "invalid_input", jobs.bucket("jobs", endpointUrl=f"{url}/jobs{SIGNED}"))
    jobs.add("bucket-lines", "invalid_input", jobs.bucket("jobs", accessSecret=f"{JOB_SECRET}\n{JOB_SECRET}"))
    jobs.add("bucket-field", "invalid_input", jobs.bucket("jobs", secret=JOB_SECRET))
    jobs.add("bucket-text", "invalid_input", {"accessSecret": JOB_SECRET})


def add_bad_sources(jobs: Jobs) -> None:
    """Jobs whose sources do not come, or are broken."""
    url = jobs.url
    for kind in ("403", "404", "500", "reset", "cut", "silent"):
        jobs.add(f"image-{kind}", "image_unavailable", image_url=f"{url}/{kind}/a{SIGNED}")
    jobs.add("voice-404", "audio_unavailable", audio_urls=[f"{url}/voice{SIGNED}", f"{url}/404/b{SIGNED}"])
    jobs.add("nobody", "image_unavailable", image_url=f"http://127.0.0.1:9/{SIGNED}")
    jobs.add("broken-image", "image_invalid", image_url=f"{url}/broken{SIGNED}")
    jobs.add("broken-voice", "audio_invalid", audio_urls=[f"{url}/broken{SIGNED}"])
    data = base64.b64encode(mark("Data").encode() * 9).decode()
    jobs.add("broken-data", "image_invalid", image_url=f"data:image/png;base64,{data}")
    jobs.add("malformed-data", "source_refused", image_url=f"data:image/png;base64,{mark('Data')}!{mark('Data')}")


def add_bad_stores(jobs: Jobs) -> None:
    """Jobs whose video is not taken."""
    url = jobs.url
    jobs.add("put-403", "storage_misconfigured", upload_url=f"{url}/403/v.mp4{SIGNED}")
    jobs.add("put-moved", "storage_misconfigured", upload_url=f"{url}/moved/v.mp4{QUERY}&to=http://{USER}a.test")
    for kind, code in (("403", "storage_misconfigured"), ("500", "storage_failed"), ("reset", "storage_failed")):
        jobs.add(f"bucket-{kind}", code, jobs.bucket(kind))
    jobs.add("bucket-refused", "storage_misconfigured", jobs.bucket("jobs"), output_key="refused/v.mp4")
    jobs.add("own-refused", "storage_misconfigured", output_key="refused/v.mp4")


def add_bad_engine(jobs: Jobs, window_fault: str) -> None:
    """Jobs with which the engine fails: at the node of masks, or as it begins a second window; then a good one."""
    speaker = {"audio": f"{jobs.url}/voice{SIGNED}", "region": [0.1, 0.1, 0.6, 0.9]}
    jobs.add("engine-error", "generation_failed", audio_urls=None, speakers=[speaker])
    jobs.add("second-window", window_fault, window_frames=33, audio_urls=["long.wav"], max_audio_duration=2)
    jobs.add("after", VIDEO)
