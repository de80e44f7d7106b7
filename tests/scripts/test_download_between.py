"""What stands between the script and the server, such as a login page or a proxy, is no model and costs no progress."""

import shutil
from pathlib import Path

import pytest

from tests.scripts.model_runs import Runs, add_program, entry, noise
from tests.scripts.model_server import Answer, Script, Seen, each_file, linked, redirect, serving

CONTENT = noise(200_000)
BEGUN = 98_304
PAGE = Answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>log in</html>", ranges=False)
UNSIZED_PAGE = Answer(200, PAGE.headers, PAGE.content, ranges=False, sized=False)
OTHER_FILE = Answer(content=noise(150_000, 2), ranges=False)
NO_RANGE = Answer(416, PAGE.headers, b"no such range", ranges=False)


def once(answer: Answer) -> Script:
    """To the first GET; then the file."""
    asked: list[Seen] = []

    def script(request: Seen) -> Answer:
        if request.method == "GET":
            asked.append(request)
        return answer if request.method == "GET" and len(asked) == 1 else Answer(200, linked(CONTENT), CONTENT)

    return script


@pytest.mark.parametrize("known", [(), ("sha256",)], ids=["nothing", "sha256"])
def test_a_web_page_is_no_model(runs: Runs, known: tuple[str, ...]) -> None:
    """Of MultiTalk's file nobody tells size or sha256, so that nothing else would find it out."""
    listed = entry("file", CONTENT)
    runs.list_files({**listed, **{name: None for name in ("bytes", "sha256") if name not in known}})
    with serving(lambda _: PAGE) as server:
        ended = runs.run(server.url)
    assert ended.code == 4
    assert "a web page instead of the file" in ended.lines("ERROR")[0]
    assert server.of("GET") == []
    assert runs.present() == {}


def test_a_web_page_of_the_content_host_is_none_either(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file"))
    with serving(lambda _: PAGE) as content, serving(lambda _: redirect(f"{content.url}/signed")) as endpoint:
        ended = curl_runs.run(endpoint.url)
    assert ended.code == 4
    assert "web page" in ended.lines("ERROR")[0]
    assert curl_runs.present() == {}


def test_a_redirect_may_bring_a_page_along(curl_runs: Runs) -> None:
    """What is judged is the last answer, which tells no type here."""
    curl_runs.list_files(entry("file"))
    moved = redirect("/there", PAGE.headers)
    with serving(lambda seen: moved if seen.path == "/signed" else Answer(content=CONTENT)) as content:
        told = redirect(f"{content.url}/signed", {**PAGE.headers, "X-Linked-Size": str(len(CONTENT))})
        with serving(lambda _: told) as endpoint:
            ended = curl_runs.run(endpoint.url)
    assert ended.code == 0, ended.log
    assert curl_runs.present() == {"vae/file": CONTENT}


@pytest.mark.parametrize("status", [405, 501])
def test_a_mirror_need_not_know_head(runs: Runs, status: int) -> None:
    runs.list_files(entry("file", CONTENT))
    with serving(lambda seen: Answer(status) if seen.method == "HEAD" else Answer(content=CONTENT)) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert runs.present() == {"vae/file": CONTENT}


@pytest.mark.parametrize(
    "answer", [PAGE, UNSIZED_PAGE, OTHER_FILE, NO_RANGE], ids=["page", "unsized-page", "another-file", "416"]
)
def test_what_had_come_survives_another_answer(runs: Runs, answer: Answer) -> None:
    runs.list_files(entry("file", CONTENT))
    runs.put("file.part", CONTENT[:BEGUN])
    with serving(once(answer)) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert "from the start" not in ended.log
    assert [start for start in server.starts() if start and start != BEGUN] == []
    assert BEGUN in server.starts()
    assert runs.present() == {"vae/file": CONTENT}


def test_what_had_come_survives_a_page_that_stays(runs: Runs) -> None:
    runs.list_files(entry("file", CONTENT))
    runs.put("file.part", CONTENT[:BEGUN])
    with serving(lambda seen: PAGE if seen.method == "GET" else Answer(200, linked(CONTENT), CONTENT)) as server:
        ended = runs.run(server.url)
    assert ended.code == 4
    assert "sends something else: 19 bytes of text/html" in ended.lines("ERROR")[0]
    assert runs.present() == {"vae/file.part": CONTENT[:BEGUN]}


def test_a_server_that_never_takes_a_range_is_asked_from_the_start_in_the_end(runs: Runs) -> None:
    runs.list_files(entry("file", CONTENT))
    runs.put("file.part", CONTENT[:BEGUN])
    with serving(lambda seen: NO_RANGE if "range" in seen.headers else Answer(content=CONTENT)) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert "the server does not resume" in ended.log
    assert runs.present() == {"vae/file": CONTENT}


def test_a_map_of_another_file_is_dropped(aria2c_runs: Runs) -> None:
    """aria2c's control file, whole, of a file of 5000 bytes: it would refuse the server's length for ever."""
    aria2c_runs.list_files(entry("file", CONTENT))
    aria2c_runs.put("file.part", bytes(5000))
    control = b"\0\1" + bytes(8) + (1 << 20).to_bytes(4) + (5000).to_bytes(8) + bytes(8) + (1).to_bytes(4) + bytes(5)
    aria2c_runs.put("file.part.aria2", control)
    with serving(each_file({"file": CONTENT})) as server:
        ended = aria2c_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert aria2c_runs.present() == {"vae/file": CONTENT}


def test_a_proxy_is_found_by_both_tools_whatever_the_case_of_its_name(runs: Runs) -> None:
    """curl reads ALL_PROXY, aria2c only all_proxy: a try without it would take minutes to fail."""
    runs.list_files(entry("file", CONTENT))
    with serving(each_file({"file": CONTENT})) as proxy:
        runs.variables["ALL_PROXY"] = proxy.url
        ended = runs.run("http://models.invalid")
    assert ended.code == 0, ended.log
    assert runs.pauses() == []
    assert {request.headers["user-agent"].split("/")[0] for request in proxy.of("GET")} == {runs.tool.removesuffix("c")}


def test_certificates_that_curl_is_told_of_are_aria2cs_too(aria2c_runs: Runs, tmp_path: Path) -> None:
    aria2c_runs.list_files(entry("file", CONTENT))
    own, given = tmp_path / "own", tmp_path / "arguments"
    own.mkdir()
    add_program(own, "aria2c", f'echo "$@" >{given}; exec {shutil.which("aria2c")} "$@"')
    aria2c_runs.variables |= {"PATH": f"{own}:{aria2c_runs.programs}", "CURL_CA_BUNDLE": "/etc/ssl/certs/ours.pem"}
    with serving(each_file({"file": CONTENT})) as server:
        aria2c_runs.run(server.url)
    assert "--ca-certificate=/etc/ssl/certs/ours.pem" in given.read_text(encoding="utf-8").split()


def test_what_aria2c_cannot_get_at_all_curl_may(aria2c_runs: Runs, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    add_program(own, "aria2c", "exit 6")
    aria2c_runs.variables["PATH"] = f"{own}:{aria2c_runs.programs}"
    aria2c_runs.list_files(entry("file", CONTENT))
    with serving(each_file({"file": CONTENT})) as server:
        ended = aria2c_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert len(aria2c_runs.pauses()) == 1
    assert aria2c_runs.present() == {"vae/file": CONTENT}
