"""Who may talk to the endpoint: no page of another site, by whatever name it calls it, and nobody without the token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoint.served import KEY, Served, served

TOKEN = "token-of-the-owner"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("guard")) as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example.com"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
@pytest.mark.parametrize(
    ("method", "what"), [("GET", "health"), ("POST", "run"), ("POST", "/files"), ("OPTIONS", "run")]
)
def test_a_page_of_another_site_gets_nothing(endpoint: Served, headers: dict[str, str], method: str, what: str) -> None:
    answer = endpoint.ask(method, what, headers=headers, json={"input": {}})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert endpoint.ask("GET", "health").json()["jobs"]["inQueue"] == 0


def test_its_own_page_and_programs_may(endpoint: Served) -> None:
    own = [{}, {"Origin": endpoint.base, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
    local = endpoint.base.replace("127.0.0.1", "localhost")
    for headers in own:
        assert endpoint.ask("GET", "health", headers=headers).status_code == 200
    answer = endpoint.ask("GET", f"{local}/endpoint", headers={"Origin": local})
    assert answer.json()["id"] == "ep-1"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert endpoint.ask("GET", "health", headers={"Origin": local}).status_code == 403  # another origin to a browser


def test_with_a_token_any_name_will_do_but_nobody_without_it(tmp_path: Path) -> None:
    with served(tmp_path, token=TOKEN, any_host=True) as endpoint:
        other = {"Host": "workstation.lan"}
        for shown in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer tök".encode()}):
            for method, what in (("GET", "health"), ("POST", "run"), ("POST", "/files")):
                assert endpoint.ask(method, what, headers={**other, **shown}).status_code == 401
        right = {**other, "Authorization": f"Bearer {TOKEN}"}
        assert endpoint.ask("GET", "health", headers=right).status_code == 200
        answer = endpoint.ask("POST", "/files", headers=right, json={"name": "a.png", "size": 3}).json()
        get = answer["url"].replace("workstation.lan", endpoint.base[7:])
        upload = answer["upload"]["url"].replace("workstation.lan", endpoint.base[7:])
        assert endpoint.ask("PUT", upload, data=b"png").status_code == 201  # the address is the permission
        assert endpoint.ask("GET", get).content == b"png"
        job = {"input": {"image_url": answer["url"]}}
        job_id = endpoint.ask("POST", "run", headers=right, json=job).json()["id"]
        assert job_id
        taken = endpoint.ask("GET", "job-take/w", headers={"Authorization": KEY}).json()
        assert taken["input"]["image_url"] == get  # as the workers know it
