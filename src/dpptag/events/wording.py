"""What may stand in an event: identifiers, codes and free text that every hash implementation reads alike.

Implementations of the event hash disagree on booleans, date-times, large or exponent numbers and plain web addresses
in extension values; on free text, codes, canonical Digital Links, ``urn:uuid:``, ``did:web:`` and plain numbers they
agree. What they disagree on is refused before an id is made of it.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum, unique
from typing import Final

from dpptag.codec import digital_link
from dpptag.errors import InputError, LinkError
from dpptag.events.gs1_uri import canonical_identifier


@unique
class BizStep(StrEnum):
    """The CBV business steps that the event kinds use; a test holds them against the schema's list."""

    DESTROYING = "destroying"
    REPAIRING = "repairing"


@unique
class Disposition(StrEnum):
    """The CBV dispositions that the event kinds use; a test holds them against the schema's list."""

    ACTIVE = "active"
    AVAILABLE = "available"
    DAMAGED = "damaged"
    NEEDS_REPLACEMENT = "needs_replacement"
    UNAVAILABLE = "unavailable"


_PLAIN_URI: Final = re.compile(
    r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|did:web:[A-Za-z0-9.%:_-]{1,200}|ni:///sha-256;[A-Za-z0-9_-]{43}"
)
_PLAIN_NUMBER: Final = re.compile(r"[0-9]{1,15}|[0-9]{1,7}\.[0-9]{1,4}")
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:.*", re.DOTALL)
_ADDRESS: Final = re.compile(r"(?:https?:|urn:|dpt:|rdfs:|cbv:).*", re.DOTALL | re.I)


def item_identifier(text: str) -> str:
    """The identifier by which events name the item of a Digital Link on any host, or of an EPC URN.

    On id.gs1.org and at its finest level: variant and lot go where there is a serial. ``urn:uuid:``, ``did:web:`` and
    RFC 6920 ``ni:`` URIs are their own. Raises LinkError for anything else.
    """
    if _PLAIN_URI.fullmatch(text):
        return text
    return canonical_identifier(digital_link.parse(canonical_identifier(text)).canonical)


def check_identifier(what: str, text: str) -> str:
    """``text`` if it is in the form of :func:`item_identifier`. Raises InputError naming ``what``."""
    try:
        canonical = item_identifier(text)
    except LinkError as exc:
        raise InputError(
            f"the {what} {text[:120]!r} is no GS1 Digital Link, urn:uuid:, did:web: or ni: {exc.message}",
            code="event-identifier",
        ) from exc
    if canonical != text:
        raise InputError(
            f"the {what} is not in its canonical form: {text[:120]!r}",
            code="event-identifier-form",
            action=f"write it as {canonical[:120]}",
        )
    return text


def check_text(what: str, text: str, limit: int) -> str:
    """Stripped free text of at most ``limit`` characters. Raises InputError for what hash tools read differently."""
    text = text.strip()
    if not text or len(text) > limit:
        raise InputError(f"the {what} needs 1 to {limit} characters", code="event-text-length", found=len(text))
    if any(unicodedata.category(char) in ("Cc", "Cs", "Cn") for char in text):
        raise InputError(f"the {what} holds a control character", code="event-text-control")
    odd_number = _is_number(text) and not _PLAIN_NUMBER.fullmatch(text)
    if odd_number or _DATE_TIME.fullmatch(text) or _ADDRESS.fullmatch(text) or text.casefold() in ("true", "false"):
        raise InputError(
            f"the {what} {text[:60]!r} reads differently to other tools (number, date-time, address, true or false)",
            code="event-value-ambiguous",
            action="add a word to it",
        )
    return text


def check_code(what: str, text: str, form: re.Pattern[str], wanted: str) -> str:
    """``text`` if it has ``form``. Raises InputError."""
    if not form.fullmatch(text):
        raise InputError(f"the {what} {text[:40]!r} is not {wanted}", code="event-code", found=text[:40])
    return text


def _is_number(text: str) -> bool:
    """As the reference implementation decides it: whatever Python's ``float`` takes, ``1_0`` and ``nan`` too."""
    try:
        float(text)
    except ValueError:
        return False
    return True
