"""When a presigned URL ends, read from its query."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl


def expiry_of(query: str) -> datetime | None:
    """The moment (UTC) after which a URL with this query is refused; None if that cannot be read from it.

    Understands Amazon's signatures 4 (X-Amz-Date and X-Amz-Expires) and 2 (Expires), Google's X-Goog-Date and
    X-Goog-Expires, and Azure's `se` beside `sig`.
    """
    fields = {name.lower(): value for name, value in parse_qsl(query)}
    for vendor in ("amz", "goog"):
        signed_at, seconds = fields.get(f"x-{vendor}-date"), fields.get(f"x-{vendor}-expires")
        if signed_at and seconds:
            return _sum(signed_at, seconds)
    if "expires" in fields:
        return _sum("19700101T000000Z", fields["expires"])
    return _iso(fields["se"]) if "se" in fields and "sig" in fields else None


def _sum(start: str, seconds: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        return datetime.strptime(start, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=int(seconds))
    return None


def _iso(text: str) -> datetime | None:
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None
