"""The published JSON Schema takes and refuses what the worker takes and refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import WorkerError
from contract.fields import field_names
from contract.request import parse_request
from contract.rules import FIXED_STEPS
from tests.contract.contract_samples import (
    CHOICES,
    VOICE,
    WHOLE_NUMBERS,
    Number,
    job,
    speaking,
)
from tests.contract.published import INPUT, valid

SOURCES = (
    "a",
    "ä ö/b.png",
    "HTTPS://A/b",
    "http:",
    "dAta:,x",
    "data:" + "A" * 9000,
    "/x:y",
    "1:2",
    "a." * 4096,
    "\x85",
)
MORE_SOURCES = (
    *(" a", "a\n", "\ufeffhttps://A/b\u200b", "data:image/png;base64,AA\r\nAA", "base64,AAAA", "image/png;base64,AAAA"),
    *("audio/x-m4a;codecs=mp4a.40.2;base64,AAAA", "nullable/a.wav", "[anna] one.wav", "b'ben.wav"[:1] + "/c"),
    *("https://a/https://b", "https://a/b?c=d,https://e", "http.wav", "https_/a.wav"),
    *("A" * 8193, "iVBORw0KGgo" + "A" * 60, "/9j/" + "A-_" * 20 + "==", "UklGR" + "AAAA\n" * 20),
)
NO_SOURCES = (
    "",
    "ftp:",
    "file:",
    "File:///a",
    "s3://b",
    "a:b",
    "a\nb",
    "\n",
    "\x7f",
    "a." * 4097,
    "www.a.example/b.png",
    "iVBORw0KGgo\n" * 2,
    "//a.example/b",
    "data:\x00",
    *("null", " undefined\n", "None", "[object File]", "{{ $json.url }}", "${IMAGE}"),
    *('"https://a/b"', "<http://a>", "![](https://a/b)", '["https://a/b"]', "b'AAAA'", "https//a/b", "https%3A%2F%2Fa"),
    *("https://a/b,https://a/c", "https://a/b http://c", "a.wav, https://a/c", "https://a/b\nhttps://a/c"),
    "http://" + "a" * 8192,
)
EMPTY: tuple[object, ...] = ("", " \n", [])
NO_BOXES = ([-0.1, 0, 1, 1], [0, -0.1, 1, 1], [0, 0, 1.1, 1], [0, 0, 1, 1.1], [1, 0, 1, 1], [0, 0, 1, 0])


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"image_url": "a"},
        {"audio_urls": [VOICE]},
        job(foo=1),
        job(image_url=7),
        job(image_url=""),
        job(image_url="", image=" "),
        speaking(audio_urls=[]),
        speaking({"audio": ""}),
        job(speakers={"anna": {"audio": VOICE}}),
        {"image_url": "a", "speakers": {"anna": VOICE, "ben": VOICE}},
        job(audio_urls=[]),
        job(audio_urls=[None]),
        job(audio_urls=[VOICE] * 5),
        speaking(),
        speaking({"region": "left"}),
        speaking({"audio": VOICE, "regio": "left"}),
        speaking({"audio": VOICE, "region": [0, 0, 1]}),
        speaking({"audio": VOICE, "region": "above"}),
        speaking({"audio": None}),
        speaking({"audio": VOICE, "offset_seconds": -1}),
        *(speaking({"audio": VOICE, "channel": channel}) for channel in (0, 33, 1.5, "both", ["left"])),
        job(positive_prompt="x" * 2001),
        *(job(mode=mode) for mode in ("infinite  talk", "infinitetal\u212a")),
        *(job(resolution=other) for other in (481, "480x", "480x255", "1537x480", "1080p")),
        *(job(image=7), job(image_url=None, image=None), job(cfg=99), job(imageURLs="a")),
        {"image": "a", "audio": None},
        job(resolution="480p", video_width=400),
        job(negative_prompt="x" * 2001),
        job(window_frames=34),
        job(window_frames=85),
        job(max_audio_duration=0),
        job(metadata=[1]),
        *(job(output_key=key) for key in ("../a", "a/..", "./a", "/a", "a/", "a//b", "a b", "é.mp4", "a\\b", "a\n")),
        *(job(output_key=key) for key in ("x" * 256, f"a/{'x' * 256}", ".a.part", "a/.b.part", ".a.part/b")),
        *(
            job(upload_url=url)
            for url in (
                "x",
                "ftp://x",
                "https://",
                "https:///v",
                "https://a b",
                "https://a\nb",
                "www.a/v",
                "https://a?b&amp;c",
            )
        ),
        *(job(upload_url="http://a/" + "x" * 8192), job(upload_url="http\u017f://a/v")),
        *(job(image_url=source) for source in NO_SOURCES),
        *(job(audio_urls=[VOICE, source]) for source in NO_SOURCES),
        *(speaking({"audio": source}) for source in NO_SOURCES),
        *(speaking({"audio": VOICE, "region": box}) for box in NO_BOXES),
        *(job(positive_prompt="a\x1b[0m"), job(negative_prompt="a\x85")),
        job(speakers=[{"audio": VOICE}]),
        {"image_url": "a", "audio_urls": None},
        {"image_url": "a", "speakers": None},
        {"image_url": "a", "audio_urls": None, "speakers": None},
        *(job(resolution="480p", width=400), job(resolution="720p", height=704)),
        job(upload_url="https://a/v", output_key="v.mp4"),
        *(job(scheduler=name, steps=5) for name in FIXED_STEPS),
        job(scheduler="flowmatch_distill", use_speed_lora=False),
    ],
    ids=lambda raw: repr(raw)[-40:],
)
def test_what_the_worker_refuses_the_schema_refuses(raw: dict[str, object]) -> None:
    with pytest.raises(WorkerError):
        parse_request(raw)
    assert not valid(INPUT, raw)


@pytest.mark.parametrize(
    "raw",
    [
        *(job(image_url=source, audio_urls=[source]) for source in MORE_SOURCES),
        *(job(audio_urls=source) for source in MORE_SOURCES),
        *(job(image_url="a", **{name: None}) for name in field_names() if name not in ("image_url", "audio_urls")),
        *(
            job(resolution=value)
            for value in (480, 720.0, "480", "480P", "720 p", " 480p", "480x832", "832 X 480", "256*1536")
        ),
        *(job(scheduler=name, steps="4") for name in FIXED_STEPS),
        job(scheduler="flowmatch_distill", use_speed_lora="yes", steps=None),
        job(scheduler="flowmatch_distill", use_speed_lora=1),
        *(job(mode=mode) for mode in ("InfiniteTalk", "infinite_talk", " MULTI-TALK\n")),
        *(job(window_frames=window) for window in ("81", "Fit", " 33 ")),
        *({"image": "a", "audioUrl": "b", name: 4} for name in ("num_inference_steps", "steps", "inferenceSteps")),
        {"imageURL": "a", "image_url": None, "speakers": {"url": "b", "offsetSeconds": "1.5"}},
        {"image_url": "a", "image": None, "speakers": ["b", {"audio": "c", "bbox": ["0", 0, "0.5", 1]}]},
        speaking({"audio": VOICE, "region": "Centre", "offset_seconds": None}),
        *(speaking({"url": VOICE, "audioChannel": channel}) for channel in ("Left", " r", 1, "2", 3.0, 32, None)),
        job(positive_prompt="", negative_prompt=None),
        *(
            {"image_url": "a", "audio_urls": VOICE, name: value}
            for name in field_names()[2:]
            for value in EMPTY
            if name not in ("negative_prompt", "speakers") or value == ""
        ),
        {"image_url": "", "image": "a", "audio_urls": [], "speakers": [{"audio": "", "url": VOICE, "region": ""}]},
        job(scheduler="multitalk", steps=""),
        job(upload_url=" https://a/v\n"),
        *(job(output_key=key) for key in ("a", "a..b", ".a", "...", "a/.../b", ".a/-b/_c", "x" * 255, None)),
        *(job(upload_url=url) for url in ("http://a", "HTTPS://A:1/ä?b=c#d", "http://[::1]/v", None)),
        *(job(image_url=source, audio_urls=[source]) for source in SOURCES),
        *(speaking({"audio": source}) for source in SOURCES),
        *(speaking({"audio": VOICE, "region": box}) for box in ([0, 0, 1, 1], [0.999, 0, 1, 5e-324], None, "auto")),
        job(positive_prompt="a\tb\r\nc 😀", negative_prompt=""),
        job(speakers=None),
        speaking({"audio": VOICE}, audio_urls=None),
        *(job(resolution=None, width=400, height=704), job(resolution="480p"), job(width=400)),
        *(job(upload_url=None, output_key="v.mp4"), job(upload_url="https://a/v", output_key=None)),
        *(job(steps=5), job(use_speed_lora=False), job(scheduler="unipc", steps=5, use_speed_lora=False)),
        *(job(scheduler=name, steps=steps) for name, steps in FIXED_STEPS.items()),
    ],
    ids=lambda raw: repr(raw)[-40:],
)
def test_what_the_worker_takes_the_schema_takes(raw: dict[str, object]) -> None:
    parse_request(raw)
    assert valid(INPUT, raw)


@pytest.mark.parametrize("number", WHOLE_NUMBERS, ids=lambda number: number.name)
@pytest.mark.parametrize("value", [20.0, 25.0, 512.0, -1.0, 20.5, 2.0**53, 1e19, "20 s", True, [20.0]], ids=repr)
def test_of_a_whole_number_both_say_the_same(number: Number, value: object) -> None:
    assert valid(INPUT, number.job(value)) is taken(number.job(value))


@pytest.mark.parametrize("window", [33.0, 65.0, 66.0, 85.0, 65.5])
def test_of_a_window_both_say_the_same(window: float) -> None:
    assert valid(INPUT, job(window_frames=window)) is taken(job(window_frames=window))


def taken(raw: object) -> bool:
    try:
        parse_request(raw)
    except WorkerError:
        return False
    return True


TEXT = st.text(st.sampled_from("aA1._-/:?# \n\x1f\x7f\x85é😀"), max_size=6)


@settings(deadline=None, database=None, derandomize=True, max_examples=500)
@given(
    st.sampled_from(["output_key", "upload_url", "image_url", "positive_prompt"]),
    st.sampled_from(["", "http://", "HttpS:", "data:", "file:", "a+b-c.1:", "http\u017f://"]),
    TEXT,
)
def test_of_a_text_both_say_the_same(name: str, begin: str, text: str) -> None:
    raw = job(**{name: begin + text})
    assert valid(INPUT, raw) is taken(raw)


@settings(deadline=None, database=None, derandomize=True, max_examples=500)
@given(
    st.fixed_dictionaries(
        {"image_url": st.just("a")},
        optional={
            "audio_urls": st.just([VOICE]) | st.none(),
            "speakers": st.just([{"audio": VOICE}]) | st.none(),
            "resolution": st.sampled_from(["480p", None]),
            "width": st.just(400),
            "height": st.just(704),
            "upload_url": st.just("https://a/v") | st.none(),
            "output_key": st.just("v.mp4") | st.none(),
            "scheduler": st.sampled_from(CHOICES["scheduler"]),
            "steps": st.sampled_from([4, 5]),
            "use_speed_lora": st.booleans(),
        },
    )
)
def test_of_fields_together_both_say_the_same(raw: dict[str, object]) -> None:
    assert valid(INPUT, raw) is taken(raw)
