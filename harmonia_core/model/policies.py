"""Values of a definition that carry their own rules: durations, joins, retry policies. Pure.

A rule that is broken raises PydanticCustomError, whose type is the code of the problem.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

MAX_SECONDS = 100 * 365 * 86_400.0

_ISO = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?",
    re.ASCII,
)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}", re.ASCII)
_UNITS = {"weeks": 604_800.0, "days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0}


def read_duration(value: Any) -> float:
    """Return seconds from a number of seconds or an ISO 8601 duration (`PT1M30S`, `P1D`).

    Raises ValueError for anything else, for years and months, which have no fixed length,
    and for more than 100 years.
    """
    if isinstance(value, str):
        seconds = _iso_seconds(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= MAX_SECONDS else MAX_SECONDS + 1
    else:
        raise ValueError("a duration is a number of seconds or an ISO 8601 duration such as PT90S")
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError("a duration lies between 0 seconds and 100 years")
    return seconds


def read_moment(value: Any) -> float:
    """Return epoch seconds of an RFC 3339 time with its zone (`2027-01-31T08:00:00+01:00`).

    Raises ValueError for anything else, a time without a zone included.
    """
    message = f"{value!r:.40} is no moment; write RFC 3339 with a zone, such as 2027-01-31T08:00:00Z"
    if not isinstance(value, str) or _MOMENT.match(value) is None:
        raise ValueError(message)
    try:
        found = datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(message) from None
    if found.tzinfo is None:
        raise ValueError(message)
    return found.timestamp()


def _iso_seconds(text: str) -> float:
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groups()) or text.endswith("T"):
        hint = " without years and months" if re.match(r"P\d+[YM]", text) else ""
        raise ValueError(f"{text!r:.40} is no duration; write seconds or ISO 8601{hint}, such as PT90S")
    found = {unit: float(number.replace(",", ".")) for unit, number in match.groupdict().items() if number}
    return sum(_UNITS[unit] * number for unit, number in found.items())


def _duration(value: Any) -> float:
    try:
        return read_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration-invalid", "{reason}", {"reason": str(error)}) from None


def _time_limit(value: Any) -> float:
    seconds = _duration(value)
    if seconds == 0:
        raise PydanticCustomError("duration-invalid", "a time limit must be longer than 0 seconds")
    return seconds


def _moment(value: Any) -> Any:
    try:
        read_moment(value)
    except ValueError as error:
        raise PydanticCustomError("moment-invalid", "{reason}", {"reason": str(error)}) from None
    return value


Moment = Annotated[str, BeforeValidator(_moment)]
"""The text of a moment, as it was written."""
Seconds = Annotated[float, BeforeValidator(_duration)]
TimeLimit = Annotated[float, BeforeValidator(_time_limit)]


class Spec(BaseModel):
    """Refuse unknown keys and changes; what every part of a definition does."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RetryPolicySpec(Spec):
    """Say whether and when a failed attempt is tried again; delays in seconds or ISO 8601.

    retry_on, no_retry_on: error categories, codes or exception class names; an empty
        `retry_on` means every retryable error, and `no_retry_on` wins.
    """

    max_retries: int = Field(3, ge=0, le=10_000, strict=True)
    initial_delay: Seconds = 1.0
    backoff_multiplier: float = Field(2.0, ge=1, le=100, strict=True)
    max_delay: Seconds = 60.0
    jitter: float = Field(0.1, ge=0, le=1, strict=True)
    retry_on: tuple[str, ...] = ()
    no_retry_on: tuple[str, ...] = ()


_FAILURES = ("fail", "compensate", "hold")


def _on_failure(value: Any) -> Any:
    if value not in _FAILURES:
        raise PydanticCustomError("value-wrong", "'on_failure' is one of fail, compensate, hold")
    return value


OnFailure = Annotated[Literal["fail", "compensate", "hold"], BeforeValidator(_on_failure)]


class JoinSpec(Spec):
    """Say how many dependencies must be done and what counts as done."""

    count: Literal["all", "any"] | int = "all"
    done: Literal["success", "skipped", "end"] = "skipped"


_COUNTS, _DONE = ("all", "any"), ("success", "skipped", "end")
_JOIN_FORMS = "a join is 'all', 'any', a number from 1, or {count, done}"


def _join(value: Any) -> Any:
    form = value if isinstance(value, dict) else {"count": value}
    count, done = form.get("count", "all"), form.get("done", "skipped")
    if not (count in _COUNTS or (type(count) is int and count > 0)):
        raise PydanticCustomError("join-invalid", _JOIN_FORMS)
    if done not in _DONE:
        raise PydanticCustomError("join-invalid", "'done' is one of success, skipped, end")
    return form


Join = Annotated[JoinSpec, BeforeValidator(_join)]
