"""Addresses that carry their own permission, as presigned ones do: a keyed digest of what they allow."""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

KEY_BYTES = 32


@dataclass(frozen=True)
class Signer:
    """Signs with a key that only this endpoint has."""

    key: bytes

    def sign(self, *allowed: object) -> str:
        """For an address's query. Parts are texts or numbers without line breaks."""
        text = "\n".join(map(str, allowed))
        digest = hmac.new(self.key, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def accepts(self, signature: str, *allowed: object) -> bool:
        """Whether it is the signature of just that."""
        return hmac.compare_digest(signature.encode(), self.sign(*allowed).encode())


def signer_of(file: Path) -> Signer:
    """With the key in a file, so that addresses outlive the process; made where there is none, for its owner alone."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = file.read_bytes()
        if len(key) == KEY_BYTES:
            return Signer(key)
        file.unlink()
        return signer_of(file)
    with os.fdopen(handle, "wb") as out:
        key = secrets.token_bytes(KEY_BYTES)
        out.write(key)
    return Signer(key)
