"""Files that change while they are looked at or read, and texts that cost more memory than they have bytes."""

import os
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from sources.local import data_pieces, file_pieces
from sources.transfer import Transfer, save_pieces
from tests.hostile.fetching import nothing_left
from tests.marks import slow

LIMIT = 1_000_000


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with nothing_left():
        yield


def _transfer() -> Transfer:
    return Transfer(Cancellation(), 60)


def _code(work: Callable[[], object]) -> ErrorCode | None:
    try:
        work()
    except WorkerError as error:
        return error.code
    return None


def test_a_file_that_grows_while_it_is_read_is_ended_by_counting(tmp_path: Path) -> None:
    path = tmp_path / "v.wav"
    path.write_bytes(b"x")

    def growing() -> Iterator[bytes]:
        for piece in file_pieces("v.wav", (tmp_path,), LIMIT):
            with path.open("ab") as file:
                file.write(bytes(100_000))
            yield piece

    assert _code(lambda: save_pieces(growing(), tmp_path / "to", LIMIT, _transfer())) is ErrorCode.SOURCE_TOO_LARGE
    assert path.stat().st_size < 2 * LIMIT


def test_a_large_file_is_not_read_at_all(tmp_path: Path) -> None:
    with (tmp_path / "v.wav").open("wb") as file:
        file.truncate(10**12)
    assert _code(lambda: next(file_pieces("v.wav", (tmp_path,), LIMIT))) is ErrorCode.SOURCE_TOO_LARGE


@pytest.mark.parametrize("other", ["link", "folder link", "pipe"])
def test_a_file_that_is_exchanged_all_the_time_is_read_as_itself_or_refused(other: str, tmp_path: Path) -> None:
    """Between any two looks at it, the file or its folder may become a way out, or a pipe that blocks."""
    root, away = tmp_path / "root", tmp_path / "away"
    for folder in (root / "in", away):
        folder.mkdir(parents=True)
        (folder / "v.wav").write_bytes(folder.name.encode())
    place, good, bad = (root / "in" if other == "folder link" else root / "in" / "v.wav"), root / "good", root / "bad"
    place.rename(good)
    if other == "pipe":
        os.mkfifo(bad)
    else:
        bad.symlink_to(away if other == "folder link" else away / "v.wav")
    over = Event()

    def exchange() -> None:
        while not over.is_set():
            for one in (good, bad):
                one.rename(place)
                place.rename(one)

    thread = Thread(target=exchange)
    thread.start()
    try:
        found = set()
        for _ in range(2000):
            try:
                found.add(b"".join(file_pieces("in/v.wav", (root,), LIMIT)))
            except WorkerError as error:
                found.add(error.code.encode())
    finally:
        over.set()
        thread.join()
    assert found <= {b"in", ErrorCode.SOURCE_REFUSED.encode()}
    assert b"in" in found


def test_a_pipe_is_not_even_opened(tmp_path: Path) -> None:
    """Opening does something already: whoever waits to write would go on."""
    os.mkfifo(tmp_path / "pipe")
    opened = Event()

    def write() -> None:
        with (tmp_path / "pipe").open("wb"):
            opened.set()

    writer = Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            assert _code(lambda: next(file_pieces("pipe", (tmp_path,), LIMIT))) is ErrorCode.SOURCE_REFUSED
        assert not opened.wait(0.1)
    finally:
        os.close(os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK))
        writer.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_below_a_root_is_not_opened(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except OSError:
        pytest.skip("no devices here")
    assert _code(lambda: next(file_pieces("zero", (tmp_path,), LIMIT))) is ErrorCode.SOURCE_REFUSED


@pytest.mark.parametrize(
    "uri",
    [
        "data:;base64," + "%41" * LIMIT,
        "data:;base64," + "A" * LIMIT,
        *slow("data:," + "%00" * LIMIT, "data:," + "%" * LIMIT, "data:," + "é" * (LIMIT // 2)),
    ],
    ids=["base64 in signs", "base64", "signs", "bare signs", "letters"],
)
def test_a_data_uri_takes_little_memory_beside_its_text(uri: str, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        assert save_pieces(data_pieces(uri), tmp_path / "to", LIMIT, _transfer()) <= LIMIT
        assert tracemalloc.get_traced_memory()[1] < 20 * LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [65533, 65534, 65535, 65536, 65537, 65538, 131072, 196610])
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_data_uri_is_the_same_wherever_its_pieces_are_cut(size: int, shift: int, tmp_path: Path) -> None:
    text = "x" * shift + "%41" * (size // 3) + "%" * shift
    save_pieces(data_pieces("data:," + text), tmp_path / "to", LIMIT, _transfer())
    assert (tmp_path / "to").read_bytes() == b"x" * shift + b"A" * (size // 3) + b"%" * shift


@pytest.mark.parametrize("padding", ["AA==", "AAA="])
def test_base64_that_goes_on_after_its_end_is_refused(padding: str, tmp_path: Path) -> None:
    """Also where the end is that of a piece."""
    text = "A" * (65536 - 4) + padding
    save_pieces(data_pieces("data:;base64," + text), tmp_path / "to", LIMIT, _transfer())
    for more in ("A", "AAAA", "=", "==", " A"):
        pieces = data_pieces("data:;base64," + text + more)
        assert _code(partial(list, pieces)) is ErrorCode.SOURCE_REFUSED


def test_a_cancel_ends_a_copy(tmp_path: Path) -> None:
    (tmp_path / "v.wav").write_bytes(bytes(LIMIT))
    cancel = Cancellation()
    transfer = Transfer(cancel, 60)

    def pieces() -> Iterator[bytes]:
        for piece in file_pieces("v.wav", (tmp_path,), LIMIT):
            yield piece
            cancel.cancel()

    assert _code(lambda: save_pieces(pieces(), tmp_path / "to", LIMIT, transfer)) is ErrorCode.CANCELLED
    assert (tmp_path / "to").stat().st_size < LIMIT
