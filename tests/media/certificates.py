"""Certificates for the tests of signing, made anew by each run: a small authority, and signers of it."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text) for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    none = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return x509.KeyUsage(
        digital_signature=signs, key_cert_sign=not signs, crl_sign=not signs, decipher_only=False, **none
    )


def certificate(
    key: CertificateIssuerPrivateKeyTypes | None = None,
    *,
    days: tuple[int, int] = (-1, 365),
    for_content: bool = True,
    self_signed: bool = False,
    asks: str | None = None,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
    passphrase: bytes | None = None,
) -> tuple[str, str]:
    """A chain, the signer's own certificate first, and its key, as PEM.

    Args:
        days: from now, of its validity.
        for_content: whether it may sign content.
        asks: the address where it says that its revocation can be asked for (OCSP).
    """
    now, key = datetime.now(UTC), key or ec.generate_private_key(ec.SECP256R1())
    authority = key if self_signed else ec.generate_private_key(ec.SECP256R1())
    issuer, signer = _name("Signer" if self_signed else "Authority"), _name("Signer")

    def begun(
        subject: x509.Name, public: x509.ObjectIdentifier | object, first: int, last: int
    ) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)  # type: ignore[arg-type]
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now + first * DAY).not_valid_after(now + last * DAY)

    root = begun(issuer, authority.public_key(), -900, 900)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    root = root.add_extension(_usage(signs=False), critical=True)
    root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
    leaf = begun(signer, key.public_key(), *days)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(_usage(signs=True), critical=True)
    leaf = leaf.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
    )
    if for_content:
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    if asks:
        place = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(asks))
        leaf = leaf.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    root_alone = [root.sign(authority, hashes.SHA256())]
    chain = root_alone if self_signed else [leaf.sign(authority, hashes.SHA256()), *root_alone]
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return "".join(one.public_bytes(PEM).decode() for one in chain), key.private_bytes(PEM, form, locked).decode()
