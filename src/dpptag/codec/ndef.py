"""NDEF messages and records (NFC Forum NDEF 1.0, URI RTD 1.0).

Chunked records are read and never written. Every record keeps the bytes it was read from, so that records which are
not ours go back to the tag byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from dpptag.errors import NdefError

MESSAGE_LIMIT: Final = 0x10000
"""Bytes: larger than any tag; a bound on work, not a format limit."""

TNF_EMPTY: Final = 0
TNF_WELL_KNOWN: Final = 1
TNF_MEDIA_TYPE: Final = 2
TNF_UNKNOWN: Final = 5
TNF_UNCHANGED: Final = 6

_MB, _ME, _CF, _SR, _IL = 0x80, 0x40, 0x20, 0x10, 0x08

URI_PREFIXES: Final = (
    "",
    *("http://www.", "https://www.", "http://", "https://", "tel:", "mailto:"),
    *("ftp://anonymous:anonymous@", "ftp://ftp.", "ftps://", "sftp://", "smb://", "nfs://", "ftp://", "dav://"),
    *("news:", "telnet://", "imap:", "rtsp://", "urn:", "pop:", "sip:", "sips:", "tftp:", "btspp://", "btl2cap://"),
    *("btgoep://", "tcpobex://", "irdaobex://", "file://", "urn:epc:id:", "urn:epc:tag:", "urn:epc:pat:"),
    *("urn:epc:raw:", "urn:epc:", "urn:nfc:"),
)
"""URI RTD 1.0 table 3: the text that each identifier code 00h..23h stands for."""


class NdefRecord(NamedTuple):
    """``raw`` is what the record was read from (all chunks), empty for a record made here."""

    tnf: int
    type: bytes
    id: bytes
    payload: bytes
    raw: bytes = b""


def decode_message(message: bytes) -> tuple[NdefRecord, ...]:
    """The records of a whole message; an empty byte string is the empty message. Raises NdefError."""
    length = len(message)
    if length > MESSAGE_LIMIT:
        raise NdefError(f"NDEF message of {length} bytes, more than {MESSAGE_LIMIT}", code="ndef-size")
    records: list[NdefRecord] = []
    at = 0
    open_chunk: NdefRecord | None = None
    while at < length:
        start = at
        head = message[at]
        if (not start) != (head >> 7):
            raise NdefError("message begin flag missing or out of place", code="ndef-message-begin", offset=start)
        if head & (_CF | _SR | _IL) == _SR and at + 2 < length and open_chunk is None:
            # What tags hold: short, whole, without an id. Whatever is odd about it goes the long way.
            tnf = head & 7
            type_end = at + 3 + message[at + 1]
            end = type_end + message[at + 2]
            if end <= length and (0 < tnf < TNF_UNKNOWN) == (type_end > at + 3) and 0 < tnf <= TNF_UNKNOWN:
                records.append(NdefRecord(tnf, message[at + 3 : type_end], b"", message[type_end:end], message[at:end]))
                at = end
                if not head & _ME:
                    continue
                if at != length:
                    raise NdefError("bytes follow the last record", code="ndef-trailing", offset=at)
                return tuple(records)
        tnf, type_, id_, payload, at = _decode_at(message, at, length, head)
        if open_chunk is None:
            if tnf == TNF_UNCHANGED:
                raise NdefError("TNF unchanged outside a chunked record", code="ndef-chunk", offset=start)
            record = NdefRecord(tnf, type_, id_, payload, message[start:at])
        else:
            if tnf != TNF_UNCHANGED or id_:
                raise NdefError("a chunked record goes on with another record", code="ndef-chunk", offset=start)
            record = NdefRecord(
                open_chunk.tnf,
                open_chunk.type,
                open_chunk.id,
                open_chunk.payload + payload,
                open_chunk.raw + message[start:at],
            )
        if head & _CF:
            if head & _ME:
                raise NdefError("message ends inside a chunked record", code="ndef-chunk", offset=start)
            open_chunk = record
            continue
        open_chunk = None
        records.append(record)
        if head & _ME:
            if at != length:
                raise NdefError("bytes follow the last record", code="ndef-trailing", offset=at)
            return tuple(records)
    if length:
        raise NdefError("message ends without its last record", code="ndef-truncated", offset=at)
    return ()


def decode_record(data: bytes) -> NdefRecord:
    """One record without regard to its MB and ME flags; nothing may follow it. Raises NdefError."""
    if not data:
        raise NdefError("empty where a record was expected", code="ndef-truncated", offset=0)
    if data[0] & _CF:
        raise NdefError("a chunk stands alone", code="ndef-chunk", offset=0)
    tnf, type_, id_, payload, end = _decode_at(data, 0, len(data), data[0])
    if tnf == TNF_UNCHANGED:
        raise NdefError("TNF unchanged outside a chunked record", code="ndef-chunk", offset=0)
    if end != len(data):
        raise NdefError("bytes follow the record", code="ndef-trailing", offset=end)
    return NdefRecord(tnf, type_, id_, payload, data)


def _decode_at(message: bytes, at: int, length: int, head: int) -> tuple[int, bytes, bytes, bytes, int]:
    try:
        tnf = head & 7
        type_length = message[at + 1]
        if head & _SR:
            payload_length = message[at + 2]
            at += 3
        else:
            payload_length = int.from_bytes(message[at + 2 : at + 6], "big")
            at += 6
        id_length = 0
        if head & _IL:
            id_length = message[at]
            at += 1
    except IndexError:
        raise NdefError("record header cut short", code="ndef-truncated", offset=at) from None
    type_end = at + type_length
    id_end = type_end + id_length
    end = id_end + payload_length
    if end > length:
        raise NdefError("record runs past the end of the message", code="ndef-truncated", offset=at)
    if tnf == TNF_EMPTY:
        if type_length or id_length or payload_length:
            raise NdefError("an empty record with content", code="ndef-empty-record", offset=at)
    elif tnf == 7:
        raise NdefError("reserved TNF 7", code="ndef-tnf", offset=at)
    elif tnf >= TNF_UNKNOWN:
        if type_length:
            raise NdefError("TNF unknown or unchanged with a type", code="ndef-type", offset=at)
    elif not type_length:
        raise NdefError("a record of this TNF needs a type", code="ndef-type", offset=at)
    return tnf, message[at:type_end], message[type_end:id_end], message[id_end:end], end


def encode_record(record: NdefRecord, *, begin: bool, end: bool) -> bytes:
    """One record, short form where it fits. A record that was read keeps its own bytes but for MB and ME."""
    if record.raw:
        return _with_message_flags(record.raw, begin=begin, end=end)
    short = len(record.payload) < 256
    head = record.tnf | (_MB if begin else 0) | (_ME if end else 0) | (_SR if short else 0) | (_IL if record.id else 0)
    if len(record.type) > 255 or len(record.id) > 255:
        raise NdefError("record type or id over 255 bytes", code="ndef-size")
    return b"".join(
        (
            bytes((head, len(record.type))),
            bytes((len(record.payload),)) if short else len(record.payload).to_bytes(4, "big"),
            bytes((len(record.id),)) if record.id else b"",
            record.type,
            record.id,
            record.payload,
        )
    )


def _with_message_flags(raw: bytes, *, begin: bool, end: bool) -> bytes:
    octets = bytearray(raw)
    octets[0] = (octets[0] & ~_MB) | (_MB if begin else 0)
    at = 0
    while octets[at] & _CF:  # ME stands in the last chunk
        octets[at] &= ~_ME
        at = _decode_at(raw, at, len(raw), raw[at])[4]
    octets[at] = (octets[at] & ~_ME) | (_ME if end else 0)
    return bytes(octets)


def encode_message(records: Iterable[NdefRecord]) -> bytes:
    """The message; the empty message is no bytes at all."""
    items = tuple(records)
    last = len(items) - 1
    return b"".join(encode_record(item, begin=not index, end=index == last) for index, item in enumerate(items))


def uri_record(uri: str) -> NdefRecord:
    """The well-known ``U`` record with the longest prefix code that fits. Raises NdefError: control characters too."""
    code = max((c for c, p in enumerate(URI_PREFIXES) if uri.startswith(p)), key=lambda c: len(URI_PREFIXES[c]))
    try:
        rest = uri[len(URI_PREFIXES[code]) :].encode()
    except UnicodeEncodeError as exc:
        raise NdefError("the URI is not encodable as UTF-8", code="ndef-uri-text") from exc
    _refuse_control_characters(uri)
    return NdefRecord(TNF_WELL_KNOWN, b"U", b"", bytes((code,)) + rest)


def expand_uri(record: NdefRecord) -> str:
    """The text of a ``U`` record, prefix code expanded. Raises NdefError: a reserved code, a control character too."""
    payload = record.payload
    if record.tnf != TNF_WELL_KNOWN or record.type != b"U":
        raise NdefError("not a URI record", code="ndef-not-uri")
    if not payload:
        raise NdefError("URI record without payload", code="ndef-uri-text")
    try:
        uri = URI_PREFIXES[payload[0]] + payload[1:].decode()
    except IndexError:
        raise NdefError("reserved URI identifier code", code="ndef-uri-code", found=payload[0]) from None
    except UnicodeDecodeError as exc:
        raise NdefError("the URI is not UTF-8", code="ndef-uri-text") from exc
    _refuse_control_characters(uri)
    return uri


def _refuse_control_characters(uri: str) -> None:
    if not uri.isprintable() and any(char < " " or "\x7f" <= char <= "\x9f" for char in uri):
        raise NdefError("a control character in the URI", code="ndef-uri-text")
