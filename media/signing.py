"""Signs a finished MP4 with a C2PA manifest (https://c2pa.org): who says that AI made it, and that nothing was changed.

The manifest has the action c2pa.created with its digital source type and the model family, and nothing of the caller's.
Nothing is asked of the network but a timestamp, where an authority is named. c2pa-python is loaded where it is used.
"""

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from contract.version import VERSION
from media.mark import DIGITAL_SOURCE_TYPE, TOOL

MP4 = "video/mp4"
# A copy of the file is made in memory up to this size, and in the temporary folder beyond it.
SETTINGS = {"core": {"backing_store_memory_threshold_in_mb": 16}}
VALID = ("Valid", "Trusted")  # c2pa's words: whether a reader trusts the signer is the reader's business
# The least that is an MP4: what a rehearsal signs.
SMALLEST_MP4 = (
    b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom" + b"\x00\x00\x00\x08moov" + b"\x00\x00\x00\x10mdat" + bytes(8)
)


class SigningError(Exception):
    """Why nothing can be signed, in words for the operator that hold nothing of the key.

    Attributes:
        timestamp: the timestamp authority is the cause.
    """

    def __init__(self, reason: str, *, timestamp: bool = False) -> None:
        super().__init__(reason)
        self.timestamp = timestamp


@dataclass(frozen=True)
class Signer:
    """A certificate with its chain, the leaf first, and its private key, all PEM; `credentials.load_signer` makes it.

    Attributes:
        algorithm: C2PA's name for it: es256, es384, es512, ps256 or ed25519.
        timestamp_url: of an RFC 3161 authority; None: the signature has no time of its own.
    """

    chain: str
    key: str = field(repr=False)
    algorithm: str
    not_before: datetime
    not_after: datetime
    timestamp_url: str | None = None

    def rehearse(self) -> None:
        """Sign the smallest of MP4s as a video is signed, and read it back.

        Raises:
            SigningError: no video could be signed.
        """
        now = datetime.now(UTC)
        if not self.not_before <= now <= self.not_after:
            when = "is not valid yet" if now < self.not_before else "has expired"
            days = f"{self.not_before:%Y-%m-%d} to {self.not_after:%Y-%m-%d}"
            raise SigningError(f"C2PA_CERT {when} ({days}); the clock here says {now:%Y-%m-%d}")
        signed = io.BytesIO()
        self._sign(io.BytesIO(SMALLEST_MP4), signed, "rehearsal", self.timestamp_url)
        state = validation_state(signed)
        if state not in VALID:
            raise SigningError(f"what C2PA_CERT and C2PA_KEY sign is {state.lower()}")

    def sign(self, video: Path, target: Path, model: str) -> None:
        """Write the MP4, signed, to `target`; `model` is the name of the family that made it.

        Raises:
            SigningError: it cannot be signed.
            OSError: the disk.
        """
        with video.open("rb") as source, target.open("w+b") as signed:
            self._sign(source, signed, model, self.timestamp_url)

    def _sign(self, source: IO[bytes], target: IO[bytes], model: str, timestamp_url: str | None) -> None:
        import c2pa  # noqa: PLC0415 - 0.3 s and 23 MB, for those who sign

        info = c2pa.C2paSignerInfo(
            alg=self.algorithm.encode(),
            sign_cert=self.chain.encode(),
            private_key=self.key.encode(),
            ta_url=timestamp_url.encode() if timestamp_url else None,
        )
        try:
            with (
                c2pa.Context.from_dict(SETTINGS) as context,
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder(json.dumps(manifest(model)), context) as builder,
            ):
                builder.sign(signer, MP4, source, target)
        except c2pa.C2paError as error:
            timestamp = timestamp_url is not None and "http" in str(error)
            reason = "the authority of C2PA_TIMESTAMP_URL gives no timestamp" if timestamp else _words(str(error))
            raise SigningError(reason, timestamp=timestamp) from None


def manifest(model: str) -> dict[str, Any]:
    """What is signed beside the file itself, as c2pa's builder takes it."""
    created = {
        "action": "c2pa.created",
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "softwareAgent": {"name": model},
    }
    return {
        "claim_generator_info": [{"name": TOOL, "version": VERSION}],
        "format": MP4,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }


def validation_state(signed: IO[bytes]) -> str:
    """What c2pa's own reader finds: Valid, Trusted or Invalid."""
    import c2pa  # noqa: PLC0415

    signed.seek(0)
    try:
        with c2pa.Reader(MP4, signed) as reader:
            return str(json.loads(reader.json()).get("validation_state"))
    except c2pa.C2paError:
        return "Invalid"


def _words(said: str) -> str:
    if "self-signed" in said:
        return "C2PA_CERT is self-signed: C2PA asks for one of a certificate authority, whose chain may follow it"
    if "certificate is invalid" in said:
        return (
            "C2PA_CERT is no certificate for signing content: it needs the key usage digitalSignature, and "
            "emailProtection, documentSigning or C2PA's claimSigning as extended key usage"
        )
    return f"C2PA_CERT and C2PA_KEY cannot sign ({said[:200]})"
