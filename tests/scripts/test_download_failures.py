"""What goes wrong ends with its own exit code; only what may pass is tried again, after the pause it asks for."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.scripts.model_runs import Runs, entry, noise
from tests.scripts.model_server import Answer, Script, Seen, each_file, in_turn, linked, redirect, serving

CONTENT = noise(50_000)
OTHER = noise(50_000, 2)
GOOD = Answer(content=CONTENT)


def test_a_wrong_sum_is_refused_and_removed(runs: Runs) -> None:
    runs.list_files(entry("file", CONTENT))
    with serving(each_file({"file": OTHER})) as server:
        ended = runs.run(server.url)
    assert ended.code == 5
    assert server.starts() == [0, 0]
    assert "what came is wrong and was removed: its sha256 is" in ended.log
    assert runs.present() == {}


def test_a_wrong_byte_costs_one_more_try_where_the_sum_is_known(runs: Runs) -> None:
    wrong = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    runs.list_files(entry("file", CONTENT))
    with serving(in_turn(Answer(content=wrong), GOOD)) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert server.starts() == [0, 0]
    assert "what came is wrong: its sha256 is" in ended.lines("again")[0]
    assert runs.present() == {"vae/file": CONTENT}


def test_a_file_that_ends_too_early_is_tried_again(curl_runs: Runs) -> None:
    """Without a length nobody but the list knows that something is missing."""
    curl_runs.list_files(entry("file", CONTENT))
    with serving(in_turn(Answer(content=CONTENT, sized=False, sent=20_000), GOOD)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert server.starts() == [0, 20_000]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-Linked-Size": "50001"}, "has 50001 bytes, the list says 50000"),
        (linked(OTHER), "the list says"),
        ({}, "has 7 bytes, the list says 50000"),
    ],
    ids=["linked-size", "linked-sum", "content-length"],
)
def test_another_file_than_the_lists_is_not_even_begun(curl_runs: Runs, headers: dict[str, str], reason: str) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(lambda _: Answer(200, headers, CONTENT if headers else b"another")) as server:
        ended = curl_runs.run(server.url)
    assert (ended.code, server.of("GET")) == (5, [])
    assert reason in ended.log
    assert "it is another file" in ended.log


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "HF_TOKEN"), (403, "licence"), (404, "revision and path"), (410, "in the list")]
)
def test_a_refusal_is_final_and_the_other_files_still_come(curl_runs: Runs, status: int, advice: str) -> None:
    curl_runs.list_files(entry("gated", CONTENT), entry("free", OTHER))
    others = each_file({"free": OTHER})
    with serving(lambda request: Answer(status) if "gated" in request.path else others(request)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 6
    assert [request.method for request in server.seen if "gated" in request.path] == ["HEAD"]
    assert advice in ended.lines("ERROR")[0]
    assert f"HTTP {status}" in ended.lines("ERROR")[0]
    assert (curl_runs.present(), curl_runs.pauses()) == ({"vae/free": OTHER}, [])


def test_another_refusal_of_the_server_is_final(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(lambda _: Answer(418)) as server:
        ended = curl_runs.run(server.url)
    assert (ended.code, len(server.seen)) == (4, 1)


def heads_too(*answers: Answer) -> Script:
    """The answers in turn, whatever is asked."""
    remaining = list(answers)
    return lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_too_many_requests_wait_as_long_as_asked(curl_runs: Runs, method: str) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    busy = Answer(429, {"Retry-After": "7"}, b"slow down")
    with serving((heads_too if method == "HEAD" else in_turn)(busy, busy, GOOD)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert curl_runs.pauses() == ["7", "7"]
    assert "in 7 s: HTTP 429" in ended.log
    assert curl_runs.present() == {"vae/file": CONTENT}


def test_with_aria2c_too(aria2c_runs: Runs) -> None:
    """aria2c tells no status, so that the script asks once more itself."""
    aria2c_runs.list_files(entry("file", CONTENT))
    busy = Answer(429, {"Retry-After": "7"}, b"slow down")
    with serving(in_turn(busy, busy, GOOD)) as server:
        ended = aria2c_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert aria2c_runs.pauses() == ["7"]


@pytest.mark.parametrize(
    ("after", "seconds"),
    [("86400", range(600, 601)), ("0", range(1)), ("tomorrow, maybe", range(1)), ("date", range(60, 101))],
)
def test_a_retry_after_may_be_a_date_and_has_bounds(curl_runs: Runs, after: str, seconds: range) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    with serving(heads_too(Answer(503, {"Retry-After": after.replace("date", date)}), GOOD)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert [int(pause) in seconds for pause in curl_runs.pauses()] == [True]


@pytest.mark.parametrize("status", [500, 503, 408])
def test_a_server_in_trouble_is_asked_again(curl_runs: Runs, status: int) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(in_turn(Answer(status), Answer(status), Answer(status), GOOD)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert curl_runs.pauses() == ["2", "4", "8"]


@pytest.mark.parametrize("begun", [0, 20_000])
def test_an_error_page_is_never_part_of_a_file(curl_runs: Runs, begun: int) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    if begun:
        curl_runs.put("file.part", CONTENT[:begun])
    with serving(in_turn(Answer(500, content=b"an error page"), GOOD)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert server.starts() == [begun, begun]
    assert curl_runs.present() == {"vae/file": CONTENT}


def test_a_server_in_trouble_for_ever_ends_the_run(runs: Runs) -> None:
    runs.list_files(entry("file", CONTENT))
    runs.variables["RETRY_SECONDS"] = "1"
    with serving(in_turn(Answer(500), Answer(500))) as server:
        ended = runs.run(server.url)
    assert ended.code == 4
    assert runs.pauses() == ["1", "2", "4", "8"]
    assert "gave up after 5 tries: HTTP 500" in ended.log


def test_progress_gives_all_tries_back(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    breaks = [Answer(content=CONTENT, sent=4000)] * 9
    with serving(in_turn(*breaks, GOOD)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert server.starts() == [n * 4000 for n in range(10)]


def test_a_server_that_is_not_there_ends_the_run(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ended = curl_runs.run(f"http://127.0.0.1:{port}")
    assert ended.code == 4
    assert "gave up after 5 tries: curl:" in ended.log


def test_redirects_without_end_end(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(lambda request: redirect(request.path + "x")) as server:
        ended = curl_runs.run(server.url)
    assert (ended.code, len(server.seen)) == (4, 5)
    assert "redirects without end" in ended.log


def test_a_signed_address_that_ran_out_is_asked_for_again(runs: Runs) -> None:
    """The first address gives nothing but 403, the next one works."""
    runs.list_files(entry("file", CONTENT))

    def content_host(request: Seen) -> Answer:
        return Answer(403) if request.path == "/signed-1" else GOOD

    with serving(content_host) as content:
        places = [redirect(f"{content.url}/signed-1", linked(CONTENT)), redirect(f"{content.url}/signed-2")]
        with serving(heads_too(*places)) as endpoint:
            ended = runs.run(endpoint.url)
    assert ended.code == 0, ended.log
    assert len(endpoint.seen) == 2
    assert runs.present() == {"vae/file": CONTENT}


def test_a_content_host_that_forbids_for_ever_ends_the_run(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(lambda _: Answer(403)) as content, serving(lambda _: redirect(f"{content.url}/signed")) as endpoint:
        ended = curl_runs.run(endpoint.url)
    assert ended.code == 6
    assert f"HTTP 403 from {content.url}" in ended.log
