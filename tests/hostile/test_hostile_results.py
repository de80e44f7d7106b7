"""Places that a job names for its result: the rules for sources hold for them too, at the check and at every
connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contract.errors import ErrorCode, Stage
from tests.hostile.corpus import HOSTS_NOT_PUBLIC, NAMES, NO_ADDRESSES, PORTS
from tests.hostile.results import HUSH, MakeStorage, guard, job_bucket, put_url, refused, store
from tests.hostile.servers import PRIVATE, PUBLIC, Authority, Names, Raw, http, says
from tests.storage.scripted_server import Answer, Scripted, Seen, scripted_server
from tests.storage.storage_servers import VIDEO, FakeBucket, failure, keep_to_this_test

EVERY_PLACE = pytest.mark.parametrize("make", [put_url, job_bucket])
GOOD, BAD = PRIVATE, PUBLIC  # a scripted server is at the former; here it stands for a public address


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep_to_this_test(monkeypatch, tmp_path)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    file = tmp_path / "finished.mp4"
    file.write_bytes(VIDEO)
    return file


class Place:
    """A store at the good address and a trap at the bad one, on the same port."""

    def __init__(self, server: Scripted, trap: Raw, bucket: FakeBucket) -> None:
        self.server, self.trap, self.bucket = server, trap, bucket
        self.port = urlsplit(server.url).port or 0
        self.url = f"http://twice.test:{self.port}"

    @property
    def stored(self) -> list[bytes]:
        """What has arrived."""
        puts = [seen.body for seen in self.server.seen if seen.method == "PUT" and "partNumber" not in seen.query]
        return [*puts, *self.bucket.objects.values()]


@contextmanager
def both() -> Iterator[Place]:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        return Answer(200) if HUSH in request.target else bucket(request)

    with scripted_server(answer) as server, Raw(says(http(b"secret")), BAD, urlsplit(server.url).port or 0) as trap:
        yield Place(server, trap, bucket)


def _looks(make: MakeStorage, good: int) -> list[tuple[str, ...]]:
    """Answers that are good for the check (a bucket's takes three connections) and `good` - 1 connections after it."""
    return [(GOOD,)] * (good if make is put_url else good + 2)


@EVERY_PLACE
@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "10.0.0.1", "loop.test", "mixed.test"])
def test_a_place_that_is_not_public_is_refused_before_the_gpu_works(host: str, make: MakeStorage) -> None:
    storage = make(f"https://{host}", guard(Names(**NAMES)))
    message = refused(lambda: storage.check(Stage.VALIDATE), Stage.VALIDATE, "127.0.0.1", "10.0.0.1", "169.254")
    assert message.endswith(" cannot be used: the address is not public.")
    assert ("upload_url" if make is put_url else "s3Config's endpointUrl") in message


@pytest.mark.parametrize("host", HOSTS_NOT_PUBLIC)
def test_no_notation_hides_an_address_from_the_check(host: str) -> None:
    storage = put_url(f"http://{host}", guard(Names(**NAMES)))
    refused(lambda: storage.check(Stage.VALIDATE), Stage.VALIDATE)


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_a_url_that_is_no_source_is_no_place_for_a_result(url: str) -> None:
    storage = put_url(url, guard(Names(**NAMES)))
    assert failure(lambda: storage.check(Stage.VALIDATE))[1] is Stage.VALIDATE


@EVERY_PLACE
@pytest.mark.parametrize("port", [port for port in PORTS if port])
def test_the_ports_are_those_of_sources(port: int, make: MakeStorage) -> None:
    names = Names(fine_test=[("93.184.216.34",)])
    storage = make(f"http://fine.test:{port}", guard(names))
    message = refused(lambda: storage.check(Stage.VALIDATE), Stage.VALIDATE)
    assert message.endswith("the address has a port that is not allowed.")
    assert names.asked == []


@EVERY_PLACE
def test_a_listed_host_may_be_private_and_on_any_port(make: MakeStorage, video: Path) -> None:
    with both() as place:
        storage = make(place.server.url, guard(Names(), GOOD))
        storage.check(Stage.VALIDATE)
        store(storage, video)
        assert place.stored == [VIDEO]


@EVERY_PLACE
def test_a_name_that_turns_private_after_the_check_is_refused(make: MakeStorage, video: Path) -> None:
    with both() as place:
        names = Names(twice_test=[*_looks(make, good=1), (BAD,)])
        storage = make(place.url, guard(names, f"{GOOD}/32", ports=(place.port,)))
        storage.check(Stage.VALIDATE)
        looks = len(names.asked)
        message = refused(lambda: store(storage, video), Stage.UPLOAD, GOOD, BAD)
        assert message.endswith("the address is not public.")
        assert place.trap.connections == 0
        assert place.stored == []
        assert len(names.asked) <= looks + 2  # a refusal is final: at most the taking-back looks again


@EVERY_PLACE
def test_the_connection_goes_to_the_address_that_was_checked(make: MakeStorage, video: Path) -> None:
    """A name that changes between any two look-ups: none of them connects to what another one found."""
    with both() as place:
        names = Names(twice_test=[*_looks(make, good=2), (BAD,)])
        storage = make(place.url, guard(names, f"{GOOD}/32", ports=(place.port,)))
        storage.check(Stage.VALIDATE)
        if make is put_url:
            store(storage, video)
            assert place.stored == [VIDEO]
            assert place.server.seen[0].headers["host"] == f"twice.test:{place.port}"
        else:
            refused(lambda: store(storage, video), Stage.UPLOAD)
        assert place.trap.connections == 0


@EVERY_PLACE
@pytest.mark.parametrize("answer", [(GOOD, BAD), (BAD, GOOD)])
def test_one_private_address_among_others_is_enough_to_refuse(
    make: MakeStorage, video: Path, answer: tuple[str, ...]
) -> None:
    with both() as place:
        storage = make(place.url, guard(Names(twice_test=[answer]), f"{GOOD}/32", ports=(place.port,)))
        refused(lambda: storage.check(Stage.VALIDATE), Stage.VALIDATE)
        refused(lambda: store(storage, video), Stage.UPLOAD)
        assert (place.trap.connections, place.server.seen) == (0, [])


@EVERY_PLACE
def test_a_name_that_nobody_knows_may_be_known_later(make: MakeStorage) -> None:
    storage = make("https://nobody.test", guard(Names()))
    assert failure(lambda: storage.check(Stage.VALIDATE)) == (ErrorCode.STORAGE_FAILED, Stage.VALIDATE)


@EVERY_PLACE
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(make: MakeStorage, video: Path, status: int) -> None:
    with Raw(says(http()), BAD) as inside:
        answer = Answer(status, headers={"Location": inside.url})
        with scripted_server(lambda _: answer) as server:
            storage = make(server.url, guard(Names(), GOOD))
            assert failure(lambda: store(storage, video))[1] is Stage.UPLOAD
        assert inside.connections == 0


@pytest.mark.parametrize("stage", [Stage.VALIDATE, Stage.UPLOAD])
def test_a_url_that_leads_readers_inside_is_not_opened(video: Path, stage: Stage) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        return Answer(302, headers={"Location": inside.url}) if request.method == "GET" else bucket(request)

    with Raw(says(http(b"\0")), BAD) as inside, scripted_server(answer) as server:
        storage = job_bucket(server.url, guard(Names(), GOOD, ports=(80, inside.port)))
        look = {Stage.VALIDATE: lambda: storage.check(Stage.VALIDATE), Stage.UPLOAD: lambda: store(storage, video)}
        assert refused(look[stage], stage, BAD).endswith("the address is not public.")
        assert inside.connections == 0


@EVERY_PLACE
def test_tls_proves_the_name_and_not_the_address(
    make: MakeStorage, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, heard = Authority(tmp_path), list[str | None]()
    with Raw(says(http()), GOOD, tls=authority.serving("good.test", heard)) as server:
        names = Names(good_test=[(GOOD,)])
        storage = make(f"https://good.test:{server.port}", guard(names, f"{GOOD}/32", ports=(server.port,)))
        assert failure(lambda: store(storage, video))[0] is ErrorCode.STORAGE_FAILED
    assert set(heard) == {"good.test"}
    assert server.requests == []  # nobody vouches for the certificate


@EVERY_PLACE
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used_only_where_it_is_allowed(
    make: MakeStorage, video: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with both() as place, scripted_server(lambda _: Answer(403)) as proxy:
        monkeypatch.setenv(name, proxy.url.replace("//", "//me:pass@"))
        names = Names(twice_test=[(GOOD,)])
        store(make(place.url, guard(names, f"{GOOD}/32", ports=(place.port,))), video)
        assert (place.stored, proxy.seen) == ([VIDEO], [])
        through = make("http://far.test", guard(names, allow_proxy=True))
        assert failure(lambda: store(through, video))[0] is ErrorCode.STORAGE_MISCONFIGURED
        assert proxy.seen[0].target.startswith("http://far.test/bucket/talk.mp4?")
        assert proxy.seen[0].headers["proxy-authorization"] == "Basic bWU6cGFzcw=="
        assert names.asked.count("far.test") == 0


@EVERY_PLACE
@pytest.mark.parametrize("host", ["10.0.0.1", "2130706433", "fine.test:22"])
def test_what_can_be_told_without_the_proxy_is_refused(
    make: MakeStorage, monkeypatch: pytest.MonkeyPatch, video: Path, host: str
) -> None:
    with Raw(says(http()), BAD) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        storage = make(f"http://{host}", guard(Names(), allow_proxy=True))
        refused(lambda: storage.check(Stage.VALIDATE), Stage.VALIDATE)
        refused(lambda: store(storage, video), Stage.UPLOAD)
        assert proxy.connections == 0
