"""The period of a credential, as it states it: three answers and not two, since neither clock nor zone may be sure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum, unique

from dpptag.errors import PassportError
from dpptag.passport.document import JsonObject

_EARLIEST_ZONE, _LATEST_ZONE = timedelta(hours=14), timedelta(hours=-12)
"""Where a time without a zone may lie: UTC+14 is the first to see it, UTC-12 the last."""


@unique
class Window(Enum):
    """Where now lies; ``UNSURE``: the clock is not believable, or a time has no zone and is too near."""

    INSIDE = "inside"
    BEFORE = "before"
    AFTER = "after"
    UNSURE = "unsure"


def stated_time(credential: JsonObject, name: str) -> datetime | None:
    """A date-time of the envelope, naive where it has no zone. Raises PassportError for anything else."""
    value = credential.get(name)
    if value is None:
        return None
    try:
        if not isinstance(value, str) or len(value) > 40 or "T" not in value:
            raise ValueError
        return datetime.fromisoformat(value)
    except ValueError as exc:
        raise PassportError(f"{name} is no date-time", code="time", field=name) from exc


def stated_seconds(credential: JsonObject, name: str) -> float | None:
    """A NumericDate of the token (RFC 7519 section 2). Raises PassportError."""
    value = credential.get(name)
    if value is not None and type(value) not in (int, float):
        raise PassportError(f"the token's {name} is no number of seconds", code="time", field=name)
    return value  # type: ignore[return-value]


def window_of(
    credential: JsonObject, now: datetime, warnings: list[str], *, is_token: bool, is_clock_right: bool
) -> Window:
    """Where ``now`` lies. ``is_token``: the payload of a vc+jwt, whose own period counts, too."""
    start, end = stated_time(credential, "validFrom"), stated_time(credential, "validUntil")
    for name, at in (("validFrom", start), ("validUntil", end)):
        if at is not None and at.tzinfo is None:
            warnings.append(f"{name} has no time zone")
    if not is_clock_right:
        return Window.UNSURE
    if is_token:
        # The signature's own period (VC-JOSE-COSE section 3.1.3): it can only narrow the credential's.
        not_before, expiry = stated_seconds(credential, "nbf"), stated_seconds(credential, "exp")
        if not_before is not None and now.timestamp() < not_before:
            return Window.BEFORE
        if expiry is not None and now.timestamp() >= expiry:
            return Window.AFTER
    if start is not None and now < earliest(start):
        return Window.BEFORE
    if end is not None and now > latest(end):
        return Window.AFTER
    if (start is not None and now < latest(start)) or (end is not None and now > earliest(end)):
        return Window.UNSURE
    return Window.INSIDE


def earliest(at: datetime) -> datetime:
    return at if at.tzinfo else _shifted(at, -_EARLIEST_ZONE)


def latest(at: datetime) -> datetime:
    return at if at.tzinfo else _shifted(at, -_LATEST_ZONE)


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at.replace(tzinfo=UTC) + by
    except OverflowError:
        return at.replace(tzinfo=UTC)
