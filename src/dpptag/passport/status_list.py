"""Bitstring Status List 1.0, from a list at hand: was this credential withdrawn? Nothing is ever fetched."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final

from dpptag.errors import PassportError
from dpptag.passport.document import JsonObject

LIST_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of an expanded list: 134 million credentials. What would expand to more is refused before it does."""
_SHORTEST: Final = 16 * 1024  # section 6.1: smaller lists would tell too much about who asks
_GZIP: Final = 31  # wbits of zlib for the gzip format
_PURPOSES: Final = ("revocation", "suspension")
_INDEX_DIGITS: Final = 9
_MOST_ENTRIES: Final = 16
"""One for each purpose is usual; each costs the expansion of a list."""


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """A BitstringStatusListEntry: the bit ``index`` of the list credential ``url`` says whether ``purpose`` holds."""

    purpose: str
    index: int
    url: str


def status_entries(credential: JsonObject) -> tuple[StatusEntry, ...]:
    """The entries of ``credentialStatus`` that can withdraw a credential, none where it has no status.

    The index is taken as text (the standard) and as a number (the schema of UNTP 0.7.0). Raises PassportError.
    """
    found = credential.get("credentialStatus")
    if found is None:
        return ()
    if isinstance(found, list) and len(found) > _MOST_ENTRIES:
        raise PassportError(f"more than {_MOST_ENTRIES} entries of credentialStatus", code="status-kind")
    entries = []
    for entry in found if isinstance(found, list) else [found]:
        if not isinstance(entry, dict) or entry.get("type") != "BitstringStatusListEntry":
            raise PassportError("a credentialStatus of a kind that is not known here", code="status-kind")
        purpose, url = entry.get("statusPurpose"), entry.get("statusListCredential")
        if not isinstance(purpose, str) or not isinstance(url, str) or entry.get("statusSize", 1) != 1:
            raise PassportError("a credentialStatus without purpose or list", code="status-kind")
        if purpose in _PURPOSES:
            entries.append(StatusEntry(purpose, _index(entry.get("statusListIndex")), url))
    return tuple(entries)


def _index(value: object) -> int:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()) or len(text) > _INDEX_DIGITS:
        raise PassportError("statusListIndex is no whole number", code="status-index")
    return int(text)


def bit_of(list_credential: JsonObject, entry: StatusEntry) -> bool:
    """Whether the bit is set (bit 0 is the most significant of the first byte). Raises PassportError.

    The caller has verified the list's own signature, issuer and period.
    """
    subject = list_credential.get("credentialSubject")
    if not isinstance(subject, dict) or subject.get("type") != "BitstringStatusList":
        raise PassportError("not a status list: its subject is no BitstringStatusList", code="status-list")
    purpose = subject.get("statusPurpose")
    if entry.purpose not in (purpose if isinstance(purpose, list) else [purpose]):
        raise PassportError(f"this status list is not one of {entry.purpose}", code="status-purpose")
    octets = _expanded(subject.get("encodedList"))
    if entry.index >= 8 * len(octets):
        raise PassportError("the status list ends before this credential's place", code="status-range")
    return bool(octets[entry.index // 8] >> (7 - entry.index % 8) & 1)


def _expanded(text: object) -> bytes:
    """Multibase ``u``, base64url without padding, gzip (section 3.3)."""
    if not isinstance(text, str) or text[:1] != "u" or not text.isascii():
        raise PassportError("the encoded list is no multibase base64url", code="status-list")
    try:
        packed = urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
        if urlsafe_b64encode(packed).rstrip(b"=").decode() != text[1:]:
            raise PassportError("the encoded list is not canonical base64url", code="status-list")
        unpacker = zlib.decompressobj(_GZIP)
        octets = unpacker.decompress(packed, LIST_LIMIT + 1)
    except (Base64Error, zlib.error, ValueError) as exc:
        raise PassportError("the encoded list is no gzip in base64url", code="status-list") from exc
    if len(octets) > LIST_LIMIT:
        raise PassportError(f"the status list expands to more than {LIST_LIMIT} bytes", code="status-size")
    if not unpacker.eof or unpacker.unused_data:
        raise PassportError("the encoded list is cut off, or bytes follow it", code="status-list")
    if len(octets) < _SHORTEST:
        raise PassportError(f"the status list has fewer than {_SHORTEST} bytes", code="status-size")
    return octets
