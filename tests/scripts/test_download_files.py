"""Files arrive whole, under their names and no other; what was begun goes on where it ended."""

import pytest

from tests.scripts.model_runs import Runs, entry, noise
from tests.scripts.model_server import Answer, each_file, in_turn, serving

MIB = 1 << 20


def test_files_arrive_and_a_second_run_asks_for_nothing(runs: Runs) -> None:
    contents = {"one.safetensors": noise(3000, 1), "two.gguf": noise(70_000, 2), "three.pth": noise(1, 3)}
    runs.list_files(*(entry(name, content) for name, content in contents.items()))
    with serving(each_file(contents)) as server:
        first = runs.run(server.url)
        asked = len(server.seen)
        second = runs.run(server.url)
    assert (first.code, second.code) == (0, 0), first.log + second.log
    assert runs.present() == {f"vae/{name}": content for name, content in contents.items()}
    assert len(first.lines("start ")) == len(first.lines("done ")) == len(second.lines("there ")) == 3
    assert "MB/s" in first.lines("done ")[0]
    assert len(server.seen) == asked
    assert {request.path for request in server.seen} == {
        f"/someone/models/resolve/main/deep/{name}" for name in contents
    }
    assert list(runs.temporary.iterdir()) == []


def test_aria2c_takes_a_large_file_over_several_connections(aria2c_runs: Runs) -> None:
    content = noise(6 * MIB)
    aria2c_runs.list_files(entry("large", content))
    with serving(each_file({"large": content})) as server:
        ended = aria2c_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert len(set(server.starts())) > 1
    assert aria2c_runs.present() == {"vae/large": content}


def test_a_broken_connection_goes_on_where_it_broke(curl_runs: Runs) -> None:
    content = noise(300_000)
    curl_runs.list_files(entry("file", content))
    whole = Answer(content=content)
    with serving(in_turn(Answer(content=content, sent=123_456), whole)) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert server.starts() == [0, 123_456]
    assert curl_runs.present() == {"vae/file": content}
    assert curl_runs.pauses() == ["2"]


def test_aria2c_is_started_again_where_it_gives_up(aria2c_runs: Runs) -> None:
    content = noise(400_000)
    aria2c_runs.list_files(entry("file", content))
    broken = [Answer(content=content, sent=100_000), *[Answer(content=content, sent=0)] * 9]
    with serving(in_turn(*broken, Answer(content=content))) as server:
        ended = aria2c_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert aria2c_runs.pauses() != []
    assert aria2c_runs.present() == {"vae/file": content}


def test_a_part_file_of_an_earlier_run_is_continued(runs: Runs) -> None:
    content = noise(200_000)
    runs.list_files(entry("file", content))
    runs.put("file.part", content[:98_304])
    with serving(each_file({"file": content})) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert [start for start in server.starts() if start] == [98_304]  # aria2c first asks once from the start
    assert runs.present() == {"vae/file": content}


def test_a_whole_part_file_needs_no_server(curl_runs: Runs) -> None:
    content = noise(5000)
    curl_runs.list_files(entry("file", content))
    curl_runs.put("file.part", content)
    with serving(each_file({})) as server:
        assert curl_runs.run(server.url).code == 0
    assert server.seen == []
    assert curl_runs.present() == {"vae/file": content}


@pytest.mark.parametrize("part", [b"wrong" * 20_000, noise(200_001, 5)], ids=["wrong-bytes", "too-long"])
def test_a_part_file_that_cannot_be_right_is_replaced(runs: Runs, part: bytes) -> None:
    content = noise(200_000)
    runs.list_files(entry("file", content))
    runs.put("file.part", part)
    with serving(each_file({"file": content})) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert "again vae/file from the start" in ended.log
    assert runs.present() == {"vae/file": content}


def test_a_server_without_ranges_is_asked_from_the_start(runs: Runs) -> None:
    content = noise(200_000)
    runs.list_files(entry("file", content))
    runs.put("file.part", content[:50_000])
    with serving(lambda _: Answer(content=content, ranges=False)) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert "the server does not resume" in ended.log
    assert runs.present() == {"vae/file": content}


def test_curl_does_not_go_on_with_what_aria2c_left_holes_in(curl_runs: Runs) -> None:
    content = noise(200_000)
    curl_runs.list_files(entry("file", content))
    curl_runs.put("file.part", bytes(100_000))
    curl_runs.put("file.part.aria2", b"map")
    with serving(each_file({"file": content})) as server:
        ended = curl_runs.run(server.url)
    assert ended.code == 0, ended.log
    assert server.starts() == [0]
    assert curl_runs.present() == {"vae/file": content}


def test_without_a_known_sum_an_old_part_file_is_not_trusted(runs: Runs) -> None:
    content = noise(200_000)
    runs.list_files(entry("file"))
    runs.put("file.part", content[:50_000])
    with serving(each_file({"file": content})) as server:
        ended = runs.run(server.url)
    assert ended.code == 0, ended.log
    assert server.starts() == [0]
    assert runs.present() == {"vae/file": content}


def test_without_a_known_sum_no_second_connection_is_opened(aria2c_runs: Runs) -> None:
    """The holes that several connections may leave would go unseen."""
    aria2c_runs.list_files(entry("file"))
    with serving(each_file({"file": noise(5000)})) as server:
        assert aria2c_runs.run(server.url).code == 0
    assert {request.headers["user-agent"].split("/")[0] for request in server.of("GET")} == {"curl"}
