"""The C2PA manifest of a finished MP4, as c2pa's own reader finds it, and signers that cannot sign."""

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat

from media.credentials import load_signer
from media.mark import DIGITAL_SOURCE_TYPE, add_xmp
from media.signing import SigningError, validation_state
from tests.media.certificates import certificate
from tests.media.test_media_mark import boxes, plain, samples

__all__ = ["plain"]
FAMILY = "WAN 2.1 I2V 14B with InfiniteTalk"


def told(path: Path) -> dict[str, Any]:
    """What c2pa's reader says of a file."""
    with path.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        found: dict[str, Any] = json.loads(reader.json())
    return found


def test_a_signed_video_is_valid_until_a_byte_changes(plain: Path, tmp_path: Path) -> None:
    marked, signed, changed = (tmp_path / f"{name}.mp4" for name in ("marked", "signed", "changed"))
    add_xmp(plain, marked, FAMILY)
    load_signer(*certificate()).sign(marked, signed, FAMILY)
    found = told(signed)
    assert found["validation_state"] == "Valid"
    (manifest,) = found["manifests"].values()
    (actions,) = [one["data"]["actions"] for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2"]
    assert actions == [
        {
            "action": "c2pa.created",
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "softwareAgent": {"name": FAMILY},
        }
    ]
    assert {one["label"] for one in manifest["assertions"]} == {"c2pa.actions.v2", "c2pa.hash.bmff.v3"}
    assert not {"title", "thumbnail", "ingredients"} & manifest.keys()
    assert samples(signed) == samples(plain)
    names = [name for name, _ in boxes(signed)]
    assert names[:2] == ["ftyp", "uuid"]
    assert names.index("moov") < names.index("mdat")

    data = signed.read_bytes()
    for place in (
        data.index(b"mdat") + 2000,
        data.index(b"trainedAlgorithmicMedia", data.index(b"moov")),
        len(data) - 1,
    ):
        changed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert told(changed)["validation_state"] == "Invalid"


@pytest.mark.parametrize(
    ("key", "form", "algorithm"),
    [
        (lambda: None, PrivateFormat.PKCS8, "es256"),
        (lambda: None, PrivateFormat.TraditionalOpenSSL, "es256"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), PrivateFormat.PKCS8, "es384"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), PrivateFormat.TraditionalOpenSSL, "es512"),
        (lambda: rsa.generate_private_key(65537, 2048), PrivateFormat.TraditionalOpenSSL, "ps256"),
        (ed25519.Ed25519PrivateKey.generate, PrivateFormat.PKCS8, "ed25519"),
    ],
)
def test_every_kind_of_key_that_c2pa_takes_signs(
    key: Callable[[], Any], form: PrivateFormat, algorithm: str, tmp_path: Path
) -> None:
    chain, private = certificate(key(), form=form)
    signer = load_signer(chain.replace("\n", "\\n"), private)
    assert signer.algorithm == algorithm
    signer.rehearse()
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "key.pem").write_text(private)
    assert load_signer(str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")).key == signer.key
    assert private.splitlines()[1] not in repr(signer)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: certificate(days=(-30, -2)), "C2PA_CERT has expired"),
        (lambda: certificate(days=(2, 30)), "C2PA_CERT is not valid yet"),
        (lambda: certificate(for_content=False), "C2PA_CERT is no certificate for signing content"),
        (lambda: certificate(self_signed=True), "C2PA_CERT is self-signed"),
        (lambda: (certificate()[0], certificate()[1]), "C2PA_KEY does not belong to C2PA_CERT"),
        (lambda: certificate(passphrase=b"secret"), "C2PA_KEY is encrypted"),
        (lambda: certificate(rsa.generate_private_key(65537, 1024)), "C2PA_KEY is of a kind that C2PA does not take"),  # noqa: S505 - refused
        (lambda: certificate(ec.generate_private_key(ec.SECP256K1())), "C2PA_KEY is of a kind that C2PA does not take"),
        (
            lambda: (certificate()[0], "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
            "C2PA_KEY is no private",
        ),
        (
            lambda: ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", certificate()[1]),
            "C2PA_CERT is no cert",
        ),
        (lambda: ("/nowhere/chain.pem", certificate()[1]), "C2PA_CERT is neither PEM text nor a file"),
        (lambda: (certificate()[0], "/nowhere/key.pem"), "C2PA_KEY is neither PEM text nor a file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_signer_that_cannot_sign_says_why_before_there_is_a_video(
    made: Callable[[], tuple[str, str]], words: str
) -> None:
    with pytest.raises(SigningError) as refused:
        load_signer(*made()).rehearse()
    assert words in str(refused.value)
    assert not refused.value.timestamp


@pytest.mark.parametrize("days", [(-30, -2), (2, 30)])
def test_what_the_clock_says_is_told_where_it_may_be_wrong(days: tuple[int, int]) -> None:
    with pytest.raises(SigningError, match=f"the clock here says {datetime.now(UTC):%Y-%m-%d}$"):
        load_signer(*certificate(days=days)).rehearse()


def test_nobody_is_asked_but_the_authority_that_is_named(plain: Path, tmp_path: Path) -> None:
    """Not even where the certificate names a place to ask."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"

        def hang_up() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                asked.append(address)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        made = certificate(asks=address)
        load_signer(*made).rehearse()
        load_signer(*made).sign(plain, tmp_path / "signed.mp4", FAMILY)
        with (tmp_path / "signed.mp4").open("rb") as signed:
            assert validation_state(signed) == "Valid"
        assert asked == []
        with pytest.raises(SigningError, match="C2PA_TIMESTAMP_URL gives no timestamp") as refused:
            load_signer(*made, address).rehearse()
        assert refused.value.timestamp
        assert asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_certificate_that_ends_while_a_worker_lives_is_seen_at_the_next_job() -> None:
    signer = load_signer(*certificate())
    assert datetime.now(UTC) - signer.not_before < timedelta(days=2)
    object.__setattr__(signer, "not_after", datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(SigningError, match="has expired"):
        signer.rehearse()
