"""Where a statement stands on its carrier: NDEF message or Gen2 user bank (docs/tag-format.md sections 4 and 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from dpptag.codec import statement as codec
from dpptag.codec.ndef import (
    TNF_EMPTY,
    TNF_MEDIA_TYPE,
    TNF_UNKNOWN,
    NdefRecord,
    decode_message,
    encode_message,
    expand_uri,
    uri_record,
)
from dpptag.errors import LayoutError, NdefError
from dpptag.model.statement import Level, Statement

MEDIA_TYPE_COSE: Final = b"application/cose"
BARE_BANK_BYTES: Final = 64
"""A user bank of exactly 512 bits: the only place where ``bare`` is known."""
USER_BANK_LIMIT: Final = 0x10000
_DSFID: Final = 0x00  # no directory, data format 0: no claim of TDS conformance

SUN_QUERY: Final = "?e=" + 32 * "0" + "&c=" + 16 * "0"
"""What is written behind the identity where the chip mirrors its encrypted PICC data and its MAC (NTAG 424 DNA)."""

_WITH_SUN_QUERY: Final = re.compile(r"([^?#]*)\?e=[0-9A-Fa-f]{32}&c=[0-9A-Fa-f]{16}", re.ASCII)


class NfcContent(NamedTuple):
    """``identity`` is ``uri`` less a final SUN query. ``statement`` is None where record 2 is not ours."""

    uri: str
    identity: str
    statement: Statement | None
    extra_records: int


def signed_identity(uri: str) -> str:
    """The text that is signed: the URI as it stands, less a query that is just ``?e=<32 hex>&c=<16 hex>``.

    What stands behind another ``?`` or a ``#`` is no SUN query, whatever it looks like, and stays signed.
    """
    if uri[-19:-16] != "&c=":
        return uri
    found = _WITH_SUN_QUERY.fullmatch(uri)
    return found[1] if found else uri


def read_ndef(message: bytes) -> NfcContent:
    """Records 1 and 2 of a tag. Raises NdefError or LayoutError: blank, foreign or damaged content."""
    records = decode_message(message)
    if not records or records[0].tnf == TNF_EMPTY:
        raise LayoutError("the tag is blank: an empty NDEF message", code="blank")
    first = records[0]
    if first.type != b"U":
        raise LayoutError(
            "foreign content: the first record is no URI", code="foreign", tnf=first.tnf, type=repr(first.type[:40])
        )
    uri = expand_uri(first)
    extra = max(len(records) - 2, 0)
    statement = _judged_record(records[1]) if len(records) > 1 else None
    return NfcContent(uri, signed_identity(uri), statement, extra)


def _judged_record(record: NdefRecord) -> Statement | None:
    payload = record.payload
    if record.tnf == TNF_UNKNOWN:
        if not payload or not codec.is_statement_start(payload[0]):
            return None
        statement = codec.parse_statement(payload)
        if statement.level is Level.FULL:
            raise LayoutError("a full statement belongs in an application/cose record", code="record-type")
        return statement
    if record.tnf == TNF_MEDIA_TYPE and record.type == MEDIA_TYPE_COSE:
        if payload[:1] != b"\xd2":
            return None
        return codec.parse_statement(payload)
    return None


def statement_record(level: Level, stored: bytes) -> NdefRecord:
    """Record 2: TNF Unknown for minimal and compact, media type application/cose for full."""
    if level is Level.BARE:
        raise LayoutError("bare is never written to an NFC tag", code="bare-on-nfc")
    if level is Level.FULL:
        return NdefRecord(TNF_MEDIA_TYPE, MEDIA_TYPE_COSE, b"", stored)
    return NdefRecord(TNF_UNKNOWN, b"", b"", stored)


def build_ndef(uri: str, statement: Statement, later_records: Sequence[NdefRecord] = ()) -> bytes:
    """The message: URI, statement, then whatever stood behind them before, byte for byte."""
    record = statement_record(statement.level, codec.encode_statement(statement))
    return encode_message((uri_record(uri), record, *later_records))


def later_records(message: bytes) -> tuple[NdefRecord, ...]:
    """The records behind a statement, which an update must keep; none where the message holds no statement."""
    try:
        return decode_message(message)[2:] if read_ndef(message).statement is not None else ()
    except (NdefError, LayoutError):
        return ()


def with_later_records(message: bytes, later: Sequence[NdefRecord]) -> bytes:
    """``message`` and, behind it, records of another one byte for byte."""
    return encode_message((*decode_message(message), *later)) if later else message


def build_user_bank(statement: Statement) -> bytes:
    """The user bank of a Gen2 tag, whole 16-bit words; the rest of a larger bank is zero."""
    stored = codec.encode_statement(statement)
    if statement.level is Level.BARE:
        return stored
    bank = bytes((_DSFID,)) + stored
    return bank + b"\0" * (len(bank) % 2)


def read_user_bank(bank: bytes) -> Statement | None:
    """Minimal, compact or full of a user bank; None where there is no statement. Raises LayoutError where damaged.

    ``bare`` is not known here: its place is decided by bank size and trust data.
    """
    if len(bank) > USER_BANK_LIMIT:
        raise LayoutError("user bank larger than any chip's", code="size", found=len(bank))
    if len(bank) % 2:
        raise LayoutError("a user bank has whole words of two bytes", code="odd-length", found=len(bank))
    if bank[:2] == b"\0\0" and any(bank):
        raise LayoutError("torn: the first word is missing", code="torn")
    if len(bank) < 2 or bank[0] != _DSFID or not codec.is_statement_start(bank[1]):
        return None
    end = 1 + codec.stored_length(bank[1:])
    if end > len(bank):
        raise LayoutError("the statement runs past the end of the user bank", code="statement-damaged")
    if any(bank[end:]):
        raise LayoutError("bytes follow the statement", code="trailing")
    return codec.parse_statement(bank[1:end])
