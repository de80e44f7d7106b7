"""Every file is proved, or said to be unproved; what is there is never changed without being told to."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.model_runs import Runs, add_program, entry, make_programs, noise
from tests.scripts.model_server import Answer, Seen, each_file, linked, redirect, serving

CONTENT = noise(40_000)
FLIPPED = CONTENT[:20_000] + bytes([CONTENT[20_000] ^ 1]) + CONTENT[20_001:]
SERVED = each_file({"file": CONTENT}, linked(CONTENT))
SILENT = each_file({"file": CONTENT})


@pytest.mark.parametrize("known", [(), ("bytes",), ("sha256",)], ids=["nothing", "bytes", "sha256"])
def test_what_the_list_lacks_is_taken_from_the_server_and_recorded(curl_runs: Runs, known: tuple[str, ...]) -> None:
    listed = entry("file", CONTENT)
    curl_runs.list_files({**listed, **{name: None for name in ("bytes", "sha256") if name not in known}})
    with serving(SERVED) as server:
        ended = curl_runs.run(server.url)
        asked = len(server.seen)
        again = curl_runs.run(server.url, "--verify", "--strict")
    assert (ended.code, again.code) == (0, 0), ended.log + again.log
    assert len(server.seen) == asked
    record = curl_runs.dest / "vae" / "file.sha256"
    comment, line = record.read_text(encoding="utf-8").splitlines()
    assert comment.startswith(
        f"# 40000 bytes; size and sha256 as {server.url} gave them for someone/models/resolve/main/deep/file on 20"
    )
    assert line == f"{listed['sha256']}  file"
    subprocess.run(["sha256sum", "-c", "--strict", record], cwd=record.parent, check=True, capture_output=True)


@pytest.mark.parametrize("begun", [0, 10_000])
def test_the_sum_is_taken_while_the_bytes_arrive(runs: Runs, tmp_path: Path, begun: int) -> None:
    """One reading, of what comes; what an earlier run of curl had begun is read from the disk, once, in the end."""
    runs.programs = make_programs(tmp_path / "programs", runs.tool)
    noting = 'case "$*" in *hashlib*) readlink /proc/$$/fd/0 >>"$PAUSES" ;; esac'
    add_program(runs.programs, "python3", f'{noting}; exec {Path(sys.executable).resolve()} "$@"')
    runs.list_files(entry("file", CONTENT))
    if begun:
        runs.put("file.part", CONTENT[:begun])
    with serving(SERVED) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert runs.present() == {"vae/file": CONTENT}
    (read,) = runs.pauses()
    assert read.startswith(f"{runs.dest}/vae/file.part" if begun and runs.tool == "curl" else "pipe:")


def test_what_the_list_has_is_not_recorded(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    with serving(SERVED) as server:
        assert curl_runs.run(server.url).code == 0
    assert curl_runs.present() == {"vae/file": CONTENT}


def test_the_servers_sum_refuses_a_wrong_file(runs: Runs) -> None:
    runs.list_files(entry("file"))
    with serving(lambda _: Answer(200, linked(CONTENT), FLIPPED)) as server:
        ended = runs.run(server.url)
    assert ended.code == 5
    assert runs.present() == {}


def test_only_the_endpoint_is_believed(curl_runs: Runs) -> None:
    """A content host's own X-Linked headers prove nothing."""
    curl_runs.list_files(entry("file"))
    with serving(SERVED) as content, serving(lambda _: redirect(f"{content.url}/file")) as endpoint:
        ended = curl_runs.run(endpoint.url)
    assert ended.code == 0
    assert "WARNING: vae/file is unverified" in ended.log
    assert curl_runs.present() == {"vae/file": CONTENT}


@pytest.mark.parametrize("etag", ['"0123456789abcdef0123456789abcdef01234567"', "W/x", "", '"$(id)"'])
def test_without_any_sum_the_file_is_kept_with_a_warning(curl_runs: Runs, etag: str) -> None:
    curl_runs.list_files(entry("file"))
    with serving(lambda _: Answer(200, {"X-Linked-Etag": etag}, CONTENT)) as server:
        ended = curl_runs.run(server.url)
        again = curl_runs.run(server.url)
    for run in (ended, again):
        assert run.code == 0, run.log
        assert len(run.lines("WARNING: vae/file is unverified")) == 1
    assert curl_runs.present() == {"vae/file": CONTENT}


def test_a_file_of_unknown_size_comes_with_a_second_warning(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file"))
    with serving(lambda _: Answer(content=CONTENT, sized=False)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert len(ended.lines("WARNING")) == 2
    assert curl_runs.present() == {"vae/file": CONTENT}


@pytest.mark.parametrize("there", [False, True])
def test_strictly_it_is_an_error_and_nothing_is_fetched(curl_runs: Runs, there: bool) -> None:
    curl_runs.list_files(entry("file"))
    if there:
        curl_runs.put("file", CONTENT)
    with serving(SILENT) as server:
        ended = curl_runs.run(server.url, "--strict")
    assert ended.code == 5
    assert server.of("GET") == []
    assert "(--strict)" in ended.log
    assert curl_runs.present() == ({"vae/file": CONTENT} if there else {})


@pytest.mark.parametrize("recorded", [False, True])
def test_a_flipped_byte_is_found_by_verify_and_mended_by_repair_only(curl_runs: Runs, recorded: bool) -> None:
    curl_runs.list_files(entry("file") if recorded else entry("file", CONTENT))
    with serving(SERVED) as server:
        assert curl_runs.run(server.url).code == 0
        curl_runs.put("file", FLIPPED)
        before = curl_runs.present()
        asked = len(server.seen)
        unlooked, verified = curl_runs.run(server.url), curl_runs.run(server.url, "--verify")
        assert (curl_runs.present(), len(server.seen)) == (before, asked)
        repaired = curl_runs.run(server.url, "--repair")
    assert (unlooked.code, verified.code, repaired.code) == (0, 5, 0)
    assert "is wrong: its sha256 is" in verified.log
    assert "It stays; --repair fetches it anew" in verified.log
    assert "sha256 proved" not in unlooked.log
    assert len(repaired.lines("wrong vae/file")) == len(repaired.lines("done vae/file")) == 1
    assert curl_runs.present()["vae/file"] == CONTENT


def test_a_wrong_size_is_found_without_verify(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.put("file", CONTENT[:-1])
    with serving(SERVED) as server:
        ended = curl_runs.run(server.url)
        assert (ended.code, server.seen) == (5, [])
        assert "it has 39999 bytes, not 40000" in ended.log
        assert curl_runs.present() == {"vae/file": CONTENT[:-1]}
        assert curl_runs.run(server.url, "--repair").code == 0
    assert curl_runs.present() == {"vae/file": CONTENT}


def test_a_repair_that_fails_leaves_the_old_file(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file", CONTENT))
    curl_runs.put("file", FLIPPED)
    with serving(each_file({"file": b"x" * len(CONTENT)})) as server:
        ended = curl_runs.run(server.url, "--repair")
    assert ended.code == 5
    assert curl_runs.present() == {"vae/file": FLIPPED}


@pytest.mark.parametrize(("there", "code"), [(CONTENT, 0), (FLIPPED, 5), (CONTENT[1:], 5)])
def test_a_file_from_elsewhere_is_held_against_the_server_once(curl_runs: Runs, there: bytes, code: int) -> None:
    """The list knows nothing and there is no record: somebody copied the file here."""
    curl_runs.list_files(entry("file"))
    curl_runs.put("file", there)
    with serving(SERVED) as server:
        first = curl_runs.run(server.url)
        asked = len(server.seen)
        second = curl_runs.run(server.url)
    assert (first.code, second.code) == (code, code)
    assert server.of("GET") == []
    assert (len(server.seen) == asked) is (code == 0)


@pytest.mark.parametrize("answer", [Answer(200, linked(CONTENT), CONTENT), Answer(503)], ids=["told", "server-gone"])
@pytest.mark.parametrize(("there", "code"), [(CONTENT, 0), (CONTENT[:100], 5)], ids=["whole", "cut-off"])
def test_a_file_of_unknown_size_from_elsewhere_is_held_against_its_sum(
    curl_runs: Runs, there: bytes, code: int, answer: Answer
) -> None:
    """Such as the base q4_k_m, by a copy that broke off."""
    curl_runs.list_files({**entry("file", CONTENT), "bytes": None})
    curl_runs.put("file", there)
    with serving(lambda _: answer) as server:
        ended = curl_runs.run(server.url)
        assert curl_runs.run(server.url, "--verify").code == code
    assert ended.code == code, ended.log
    assert server.of("GET") == []


def test_a_file_from_elsewhere_is_kept_where_the_server_is_gone(curl_runs: Runs) -> None:
    curl_runs.list_files(entry("file"))
    curl_runs.put("file", CONTENT)
    with serving(lambda _: Answer(503)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert "WARNING: vae/file is unverified" in ended.log
    assert curl_runs.pauses() == []


def test_a_file_has_its_name_only_when_it_is_proved(curl_runs: Runs) -> None:
    """While the second half is on its way there is nothing but the .part file."""
    names: list[list[str]] = []

    def script(request: Seen) -> Answer:
        names.append(sorted(curl_runs.present()))
        return Answer(content=CONTENT, sent=None if request.start else 10_000)

    curl_runs.list_files(entry("file", CONTENT))
    with serving(script) as server:
        assert curl_runs.run(server.url).code == 0
    assert names[2:] == [["vae/file.part"]] * 2
    assert all(set(seen) <= {"vae/file.part"} for seen in names)
