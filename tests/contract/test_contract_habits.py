"""Forms in which other services' callers send values: taken and told, or refused with what to send."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from contract.errors import ErrorCode
from contract.fields import field_names
from contract.request import Size, Speaker, parse_request
from tests.contract.contract_samples import IMAGE, VOICE, job, parse, refusal, speaking

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(60))).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(range(200, 256))).decode()
WAV = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt " + bytes(60)).decode()


def test_one_voice_needs_no_list() -> None:
    for raw in (job(audio_urls=VOICE), speaking({"audio": VOICE}) | {"speakers": {"audio": VOICE}}, speaking(VOICE)):
        request = parse_request(raw)
        assert (request.speakers, request.warnings) == ((Speaker(VOICE, None, 0.0),), ())


def test_a_missing_field_hides_nothing() -> None:
    message = refusal({"steps": 99, "foo": 1, "resolution": "480p", "width": 400}, ErrorCode.MISSING_PARAMETER)
    assert message.startswith(
        "Missing required parameter: image_url (or video_url), audio_urls (or speakers). Invalid input: "
    )
    assert all(words in message for words in ("steps: send 50 or less (got 99)", "'foo'", "resolution or width"))
    assert "speaker 2" in refusal(speaking({"audio": VOICE}, {}, steps=99), ErrorCode.MISSING_PARAMETER)


def test_an_input_within_the_input_is_told() -> None:
    assert "an input of its own" in refusal({"input": job()})
    assert "not as JSON in a text" in refusal('{"image_url": "a"}')


@pytest.mark.parametrize("empty", ["", " \n", "\u200b", []])
def test_what_is_empty_counts_as_not_sent_and_is_told(empty: object) -> None:
    of_their_own = ("image_url", "audio_urls", "speakers", "negative_prompt")
    names = [name for name in field_names() if name not in of_their_own]
    told = ", ".join(f"'{name}'" for name in names if name not in ("positive_prompt", "video_url"))
    plain = parse(seed=7)
    found = parse(**dict.fromkeys(names, empty))
    assert found.warnings == (f"empty and taken as not sent: {told}",)
    assert replace(found, seed=7, warnings=()) == plain
    speaker = parse_request(speaking({"audio": VOICE, "region": empty, "offset": empty}))
    assert speaker.speakers == (Speaker(VOICE, None, 0.0),)
    assert speaker.warnings == ("empty and taken as not sent: 'region' of speaker 1, 'offset' of speaker 1",)


def test_speakers_by_name_have_no_order() -> None:
    for speakers in ({"anna": {"audio": VOICE}, "ben": {"audio": VOICE}}, {"0": VOICE}):
        assert "speakers: send a list of speakers" in refusal({"image_url": IMAGE, "speakers": speakers})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fps": "25fps"}, "fps: send an integer, in digits alone"),
        ({"max_audio_duration": "5s"}, "max_audio_duration: send a number, in digits alone, with a point before"),
        ({"max_audio_duration": 0}, "send more than 0 (got 0)"),
        ({"audio_scale": -1}, "send 0 or more (got -1)"),
        ({"audio_urls": {"person1": VOICE}}, "audio_urls: send a list of sources, one for each speaker"),
        ({"upload_url": "https://a/v?b=1&amp;c=2"}, "send & where it has &amp;"),
    ],
    ids=repr,
)
def test_a_value_that_is_none_says_what_to_send(changes: dict[str, Any], words: str) -> None:
    assert words in refusal(job(**changes))


@pytest.mark.parametrize("field", ["scheduler", "color_match", "mode", "resolution", "window_frames"])
def test_a_choice_with_millions_of_blanks_within_is_none(field: str) -> None:
    word = "480p" if field == "resolution" else "fit" if field == "window_frames" else "multitalk"
    assert "send '" in refusal(job(**{field: f"{word[0]}{' ' * 4_000_000}{word}"}))


def test_a_size_out_of_range_names_the_way_out() -> None:
    message = refusal(job(width=1080, height=1920))
    assert "height: send 1536 or less (got 1920)" in message
    assert "resolution '480p' or '720p'" in message
    assert parse(resolution="720p").resolution == "720p"


@pytest.mark.parametrize(
    ("sent", "size", "resolution"),
    [
        (480, None, "480p"),
        (720.0, None, "720p"),
        ("480", None, "480p"),
        ("480P", None, "480p"),
        (" 720 p\n", None, "720p"),
        ("480x832", Size(480, 832), None),
        ("832X480", Size(832, 480), None),
        ("832*480", Size(832, 480), None),
        ("1280 \u00d7 720", Size(1280, 720), None),
        ("401x704", Size(400, 704), None),
    ],
)
def test_a_resolution_may_be_written_otherwise(sent: object, size: Size | None, resolution: str | None) -> None:
    request = parse(resolution=sent)
    assert (request.size, request.resolution) == (size, resolution)
    assert len(request.warnings) == (sent == "401x704")


@pytest.mark.parametrize("sent", [481, 1080, "1080p", "480x", "480x100", "2000x480", "480xx832", True, [480, 832]])
def test_no_other_resolution(sent: object) -> None:
    message = refusal(job(resolution=sent))
    assert all(words in message for words in ("resolution: ", "'480p'", "'720p'", "'480x832'"))


@pytest.mark.parametrize(
    "blanks", [" {}", "{}\n", "\r\n\t{} ", "\u00a0{}", "\u200b{}\u200d", "\ufeff{}", "\u202a{}\u202c"]
)
@pytest.mark.parametrize("source", [IMAGE, "data:image/png;base64," + PNG, "folder/ä ö.png"])
def test_blanks_round_an_address_are_no_part_of_it(source: str, blanks: str) -> None:
    assert parse(image_url=blanks.format(source)).image == source
    assert parse(audio_urls=[blanks.format(source)]).speakers[0].audio == source
    assert parse(upload_url=blanks.format("https://a/v?b=c")).upload_url == "https://a/v?b=c"


@pytest.mark.parametrize(
    "text", [PNG, JPEG, WAV, JPEG.replace("/", "_").replace("+", "-"), PNG.rstrip("="), "A" * 5000]
)
@pytest.mark.parametrize("lines", [1, 3])
def test_base64_alone_is_a_data_uri(text: str, lines: int) -> None:
    if text.startswith("_9j_"):
        assert str(parse(image_url=f"data:image/jpeg;base64,{text}").image).endswith(text)
        return
    cut = "\n".join(text[begin : begin + 40] for begin in range(0, len(text), 40)) if lines > 1 else text
    assert parse(image_url=cut).image == f"data:;base64,{cut}"
    assert parse(image_url="base64," + cut).image == f"data:;base64,{cut}"
    for kind in ("audio/x-m4a;codecs=mp4a.40.2", "image/png;charset=utf-8;name=a b.png"):
        assert parse(image_url=f"{kind};base64,{cut}").image == f"data:{kind};base64,{cut}"
    assert parse(image_url="image/png;base64," + cut).image == f"data:image/png;base64,{cut}"


@pytest.mark.parametrize("path", ["iVBORw0KGgo.png", "UklGR", "/9j/anna.png", "A" * 300, "SUQzfolder/voice.mp3"])
def test_a_path_stays_a_path(path: str) -> None:
    assert parse(image_url=path).image == path


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("www.example.com/a.png", "did you forget https://"),
        ("WWW.example.com/a.png", "did you forget https://"),
        ("//cdn.example.com/a.png", "did you forget https://"),
        ("cdn.example.com:8443/a.png", "did you forget https://"),
        ("localhost:8000/a.png", "did you forget https://"),
        ("C:\\Users\\me\\a.png", "your machine"),
        *((f"{scheme}://me/a.png", "your machine") for scheme in ("file", "content", "ph", "assets-library")),
        *((f"{scheme}://bucket/a.png", "a presigned https://") for scheme in ("s3", "gs")),
        *(
            (empty, "a variable was empty")
            for empty in ("null", "undefined", "None", "[object Object]", "{{ $json.u }}")
        ),
        *(
            (f"{a}https://a/b.png{b}", "the address alone")
            for a, b in ('""', "''", "<>", "()", ('["', '"]'), ("![](", ")"))
        ),
        *(
            (text, "the address alone")
            for text in ("https//a/b.png", "https%3A%2F%2Fa%2Fb", f"b'{PNG}'", f'"data:,{PNG}"')
        ),
        *((f"{IMAGE}{mark}{IMAGE}", "several in one text") for mark in (",", ", ", "\n", " | ", ";")),
        ("blob:https://example.com/1", "your machine"),
        (PNG * 200 + "…", "base64 has not"),
        ("", "it is empty"),
        ({"url": IMAGE}, "not an object"),
        ([IMAGE], "not a list"),
        (7, "not a number"),
    ],
    ids=lambda source: repr(source)[:20],
)
def test_a_source_that_is_none_says_why(source: object, words: str) -> None:
    assert words in refusal(job(image_url=source))


def test_too_many_of_what_is_told() -> None:
    assert "audio_urls: send at most 4 sources, one for each speaker" in refusal(job(audio_urls=[VOICE] * 5))
    assert "speakers: send at most 4 speakers" in refusal(speaking(*[VOICE] * 5))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocks_to_swap": 20}, "blocks_to_swap has no effect without use_block_swap true"),
        ({"blocks_to_swap": 30, "use_block_swap": False}, "blocks_to_swap has no effect"),
        ({"use_block_swap": True, "blocks_to_swap": 0}, "use_block_swap has no effect with blocks_to_swap 0"),
        (
            {"use_speed_lora": False, "speed_lora_strength": 0.8, "cfg_scale": 5, "steps": 20},
            "speed_lora_strength has no",
        ),
        ({"speed_lora_strength": 0, "cfg_scale": 5, "steps": 20, "scheduler": "unipc"}, "use_speed_lora has no effect"),
        ({"timing": "turns"}, "timing has no effect with one voice"),
        ({"cfg_scale": 5}, "cfg_scale 5 with the speed LoRA"),
        ({"cfg_scale": 0.2}, "cfg_scale 0.2 with the speed LoRA"),
        ({"width": 1536, "height": 1536}, "1536x1536"),
        ({"resolution": "1536x1536"}, "1536x1536"),
        ({"output_key": "talks/anna"}, ".mp4"),
        ({"output_key": "anna.mov"}, ".mp4"),
        ({"audio_scale": 0}, "audio_scale 0"),
        ({"audio_urls": [VOICE, f" {VOICE}"]}, "speakers 1 and 2 have the same sound"),
        ({"audio_urls": [VOICE, "a.wav", "a.wav"]}, "speakers 2 and 3 have the same sound"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_has_no_effect_or_a_bad_one_is_warned_about(changes: dict[str, Any], words: str) -> None:
    warnings = [
        warning for warning in parse(**changes).warnings if "scheduler" not in warning and "trained" not in warning
    ]
    assert len(warnings) == 1, warnings
    assert words in warnings[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"use_block_swap": True, "blocks_to_swap": 20},
        {"blocks_to_swap": None, "speed_lora_strength": None, "timing": None},
        {"timing": "together"},
        {"timing": "turns", "audio_urls": ["a.wav", "b.wav"]},
        {"cfg_scale": 1.5},
        {"width": 1280, "height": 720},
        {"width": 1216, "height": 768},
        {"output_key": "talks/anna.MP4"},
    ],
    ids=repr,
)
def test_what_has_its_effect_is_not_warned_about(changes: dict[str, Any]) -> None:
    assert parse(**changes).warnings == ()
