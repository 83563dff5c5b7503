"""When an answer asks to be called again. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST = 24 * 3600.0
_SECONDS = re.compile(r"[0-9]{1,18}")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that `Retry-After` asks to wait: 0 to 24 h, or None if it is absent or malformed.

    headers: looked up as `retry-after` and as `Retry-After`. now: the wall clock as a Unix time; a date in
    the past means 0.
    """
    text = (headers.get("retry-after") or headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST)
    due = _http_date(text)
    return None if due is None else min(max(due - now, 0.0), LONGEST)


def _http_date(text: str) -> float | None:
    """Return the Unix time of an HTTP date in one of its three forms; without a zone it is GMT."""
    try:
        parsed = parsedate_to_datetime(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
