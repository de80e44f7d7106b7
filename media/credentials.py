"""The certificate and the key that sign videos, read and held against each other: for those who sign, as cryptography
takes a while to import."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from media.signing import Signer, SigningError

CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def load_signer(certificate: str, key: str, timestamp_url: str | None = None) -> Signer:
    """A signer of PEM text; of a file's path, the file is read.

    Raises:
        SigningError: what is wrong with either, or with both together.
    """
    chain = _pem("C2PA_CERT", certificate)
    try:
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError:
        raise SigningError("C2PA_CERT is no certificate in PEM form") from None
    private = _private_key(_pem("C2PA_KEY", key))
    if private.public_key() != leaf.public_key():
        raise SigningError("C2PA_KEY does not belong to C2PA_CERT: its chain begins with the signer's own certificate")
    plain = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Signer(
        chain=chain,
        key=plain.decode(),
        algorithm=_algorithm(private),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        timestamp_url=timestamp_url,
    )


def _pem(name: str, value: str) -> str:
    text = value.replace("\\n", "\n")  # as one line of an environment has it
    if "-----BEGIN" in text:
        return text
    with suppress(OSError, ValueError):
        return Path(value).read_text(encoding="ascii")
    raise SigningError(f"{name} is neither PEM text nor a file that this worker can read")


def _private_key(pem: str) -> Any:
    try:
        return serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise SigningError("C2PA_KEY is encrypted: send it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningError("C2PA_KEY is no private key in PEM form") from None


def _algorithm(key: Any) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise SigningError("C2PA_KEY is of a kind that C2PA does not take: EC P-256, P-384 or P-521, RSA, or Ed25519")
