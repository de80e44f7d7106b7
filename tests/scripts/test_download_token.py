"""HF_TOKEN reaches the endpoint, and neither another host nor the command line or environment of a program."""

from base64 import b64encode
from pathlib import Path

import pytest

from tests.scripts.model_runs import Runs, add_program, entry, make_programs, noise
from tests.scripts.model_server import Answer, ModelServer, Seen, each_file, linked, redirect, serving

CONTENT = noise(30_000)
TOKEN = "hf_markedSecret"


def tokens(server: ModelServer) -> set[str | None]:
    return {request.headers.get("authorization") for request in server.seen}


def give_token(runs: Runs) -> Runs:
    """A token (with a line end, as `cat` of a file leaves it), and one file to fetch."""
    runs.variables["HF_TOKEN"] = f"{TOKEN}\n"
    runs.list_files(entry("file", CONTENT))
    return runs


@pytest.fixture
def private(runs: Runs) -> Runs:
    return give_token(runs)


def test_the_endpoint_sees_it_and_the_host_it_points_to_does_not(private: Runs) -> None:
    there = Answer(content=CONTENT)
    with (
        serving(lambda _: there) as content,
        serving(lambda _: redirect(f"{content.url}/signed?a=1&b=%2F", linked(CONTENT))) as endpoint,
    ):
        ended = private.run(endpoint.url)
    assert ended.code == 0, ended.log
    assert tokens(endpoint) == {f"Bearer {TOKEN}"}
    assert tokens(content) == {None}
    assert {request.path for request in content.seen} == {"/signed?a=1&b=%2F"}
    assert TOKEN not in ended.log


@pytest.mark.parametrize("suffix", ["//", "/mirror/", " ", "\n"])
def test_the_endpoint_may_be_written_with_what_means_nothing(private: Runs, suffix: str) -> None:
    with serving(each_file({"file": CONTENT})) as endpoint:
        ended = private.run(endpoint.url + suffix)
    assert ended.code == 0, ended.log
    assert {request.path for request in endpoint.seen} == {
        f"{suffix.strip().rstrip('/')}/someone/models/resolve/main/deep/file"
    }
    assert tokens(endpoint) == {f"Bearer {TOKEN}"}


def test_a_password_in_the_endpoint_is_used_and_not_shown(runs: Runs) -> None:
    runs.list_files(entry("file"))
    with serving(each_file({"file": CONTENT}, linked(CONTENT))) as mirror:
        own = mirror.url.replace("://", "://me:secret@")
        ended = runs.run(own)
        listed = runs.run(own, "--list")
    assert ended.code == 0, ended.log
    assert tokens(mirror) == {f"Basic {b64encode(b'me:secret').decode()}"}
    assert f"{mirror.url}/someone/models" in listed.log
    shown = ended.log + listed.log + (runs.dest / "vae" / "file.sha256").read_text(encoding="utf-8")
    assert "secret" not in shown


def test_it_may_be_in_a_file(private: Runs, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(private.variables.pop("HF_TOKEN"), encoding="utf-8")
    private.variables["HF_TOKEN_PATH"] = str(tmp_path / "token")
    with serving(each_file({"file": CONTENT})) as endpoint:
        ended = private.run(endpoint.url)
    assert ended.code == 0, ended.log
    assert tokens(endpoint) == {f"Bearer {TOKEN}"}


def test_it_is_sent_again_to_another_place_of_the_endpoint(private: Runs) -> None:
    """A renamed repository: the endpoint redirects to itself and serves the file there, without a content host."""

    def script(request: Seen) -> Answer:
        return Answer(content=CONTENT) if request.path == "/new" else Answer(307, {"Location": "/new"})

    with serving(script) as endpoint:
        ended = private.run(endpoint.url)
    assert ended.code == 0, ended.log
    assert tokens(endpoint) == {f"Bearer {TOKEN}"}
    assert private.present() == {"vae/file": CONTENT}


def test_a_redirect_that_only_the_download_meets_is_not_followed_with_it(private: Runs) -> None:
    with serving(each_file({"elsewhere": CONTENT})) as other:

        def script(request: Seen) -> Answer:
            return Answer(content=CONTENT) if request.method == "HEAD" else redirect(f"{other.url}/elsewhere")

        with serving(script) as endpoint:
            ended = private.run(endpoint.url)
    assert ended.code == 4
    assert (other.seen, private.present()) == ([], {})


@pytest.mark.parametrize("lookalike", ["http://127.0.0.1:{port}@localhost:{other}/f", "http://localhost:{port}/f"])
def test_an_address_that_looks_like_the_endpoint_does_not_get_it(curl_runs: Runs, lookalike: str) -> None:
    give_token(curl_runs)
    with serving(each_file({"f": CONTENT})) as other:

        def script(request: Seen) -> Answer:
            if request.path == "/f":
                return Answer(content=CONTENT)
            ports = {"port": request.headers["host"].rsplit(":")[-1], "other": other.url.rsplit(":")[-1]}
            return redirect(lookalike.format(**ports), linked(CONTENT))

        with serving(script) as endpoint:
            curl_runs.run(endpoint.url)
    elsewhere = [seen for seen in (*other.seen, *endpoint.seen) if seen.path == "/f"]
    assert elsewhere
    assert not [seen for seen in elsewhere if TOKEN in seen.headers.get("authorization", "")]


def test_no_program_is_started_with_it(private: Runs, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    real = private.programs
    private.programs = make_programs(tmp_path / "noting", private.tool)
    for program in {"curl", "python3", "stat", private.tool}:
        text = f'tr "\\0" " " <"/proc/$$/environ" >>"{notes}"; echo "$0" "$@" >>"{notes}"; exec {real / program} "$@"'
        add_program(private.programs, program, text)
    with (
        serving(each_file({"file": CONTENT})) as content,
        serving(lambda _: redirect(f"{content.url}/file", linked(CONTENT))) as endpoint,
    ):
        ended = private.run(endpoint.url)
    assert ended.code == 0, ended.log
    noted = notes.read_text(encoding="utf-8")
    assert f"/{private.tool} " in noted
    assert TOKEN not in noted
    assert content.url not in noted  # a signed address is a secret, too


@pytest.mark.parametrize("token", ['hf_"x', "hf_\\x", "hf_\x01x", "hf_ü"])
def test_a_token_that_is_none_is_refused(curl_runs: Runs, token: str) -> None:
    curl_runs.variables["HF_TOKEN"] = token
    ended = curl_runs.run("http://127.0.0.1:9")
    assert ended.code == 2
    assert token not in ended.log
