"""NDEF records and messages: the tables of vectors/ndef, chunks, and records that are not ours.

The tables' ``signature_payload_*`` belong to the Signature RTD, which no code here reads or writes.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec.layout import build_ndef, later_records, read_ndef
from dpptag.codec.ndef import (
    URI_PREFIXES,
    NdefRecord,
    decode_message,
    decode_record,
    encode_message,
    encode_record,
    expand_uri,
    uri_record,
)
from dpptag.codec.statement import bare_statement, parse_statement
from dpptag.errors import LayoutError, NdefError
from tests.vectors import vector_path

URI = "https://id.example.com/01/09520123456788/21/1"
MINIMAL = parse_statement(b"\x41\x51\x2a" + bytes(range(64)))


def table(name: str) -> list[dict[str, Any]]:
    tables = json.loads(vector_path("ndef", "ndef_tables.json").read_text())
    rows: list[dict[str, Any]] = tables[name]
    return rows


def fields(record: NdefRecord) -> tuple[int, str, str, str]:
    return record.tnf, record.type.hex(), record.id.hex(), record.payload.hex()


def wanted_fields(record: dict[str, Any]) -> tuple[int, str, str, str]:
    return record["tnf"], record["type_hex"], record["id_hex"], record["payload_hex"]


def test_valid_records_read_to_their_fields() -> None:
    rows = table("records_valid")
    assert len(rows) == 10
    read = 0
    for row in rows:
        if row["record"]["tnf"] == 6:
            continue  # "unchanged" is the middle of a chunked record: no record by itself, see the next test
        assert fields(decode_record(bytes.fromhex(row["hex"]))) == wanted_fields(row["record"]), row["hex"]
        read += 1
    assert read == 9


def test_the_unchanged_record_of_the_table_is_read_as_a_chunk_only() -> None:
    (row,) = (row for row in table("records_valid") if row["record"]["tnf"] == 6)
    with pytest.raises(NdefError) as refusal:
        decode_record(bytes.fromhex(row["hex"]))
    assert refusal.value.code == "ndef-chunk"
    text, empty = decode_message(bytes.fromhex("b10101546e" + row["hex"] + "550000"))
    assert (fields(text), fields(empty)) == ((1, "54", "", "6e"), (5, "", "", ""))


def test_valid_records_are_written_as_they_were_read() -> None:
    for row in table("records_valid"):
        if row["record"]["tnf"] != 6:
            data = bytes.fromhex(row["hex"])
            assert encode_record(decode_record(data), begin=False, end=False) == data


def test_valid_records_are_written_from_their_fields() -> None:
    for row in table("records_valid"):
        tnf, type_, id_, payload = wanted_fields(row["record"])
        if tnf != 6:
            record = NdefRecord(tnf, bytes.fromhex(type_), bytes.fromhex(id_), bytes.fromhex(payload))
            again = decode_record(encode_record(record, begin=False, end=False))
            assert fields(again) == wanted_fields(row["record"])


def test_invalid_records_are_ndef_errors() -> None:
    rows = table("records_invalid")
    assert len(rows) == 19
    for row in rows:
        with pytest.raises(NdefError):
            decode_record(bytes.fromhex(row["hex"]))


def test_valid_messages_read_to_their_records() -> None:
    rows = table("messages_valid")
    assert len(rows) == 9
    for row in rows:
        records = decode_message(bytes.fromhex(row["hex"]))
        wanted = [record for record in row["records"] if record["tnf"] != 6]
        if any(record["cf"] for record in row["records"]):
            assert len(records) == len(wanted)
        else:
            assert [fields(record) for record in records] == [wanted_fields(record) for record in wanted]


def test_valid_messages_are_written_as_they_were_read() -> None:
    for row in table("messages_valid"):
        data = bytes.fromhex(row["hex"])
        assert encode_message(decode_message(data)) == data, row["hex"]


def test_invalid_messages_are_ndef_errors() -> None:
    rows = table("messages_invalid")
    assert len(rows) == 4
    for row in rows:
        with pytest.raises(NdefError):
            decode_message(bytes.fromhex(row["hex"]))


def test_uris_of_messages_are_expanded() -> None:
    compared = 0
    for row in table("messages_valid"):
        if "uris" in row:
            records = decode_message(bytes.fromhex(row["hex"]))
            assert [expand_uri(record) for record in records] == row["uris"]
            compared += 1
    assert compared == 3


def test_all_36_prefix_codes_are_expanded() -> None:
    rows = table("uri_payload_valid")
    assert len(rows) == len(URI_PREFIXES) == 36
    for row in rows:
        assert expand_uri(NdefRecord(1, b"U", b"", bytes.fromhex(row["hex"]))) == row["uri"]


def test_all_36_prefixes_read_back_from_the_code_that_the_writer_picks() -> None:
    for row in table("uri_payload_valid"):
        assert expand_uri(uri_record(row["uri"])) == row["uri"]


def test_invalid_uri_payloads_are_ndef_errors() -> None:
    rows = table("uri_payload_invalid")
    assert len(rows) == 4
    for row in rows:
        with pytest.raises(NdefError):
            expand_uri(NdefRecord(1, b"U", b"", bytes.fromhex(row["hex"])))


def test_the_longest_prefix_is_picked() -> None:
    assert uri_record("https://www.example.com").payload == b"\x02example.com"
    assert uri_record("https://id.example.com").payload == b"\x04id.example.com"
    assert uri_record("urn:epc:id:x").payload == b"\x1ex"


@pytest.mark.parametrize(
    "uri", ["https://a/\x00", "https://a/\x1b[2J", "https://a/\x7f", "https://a/\x85", "https://a/\udc80"]
)
def test_a_uri_with_control_characters_or_no_unicode_is_not_written(uri: str) -> None:
    with pytest.raises(NdefError) as refusal:
        uri_record(uri)
    assert refusal.value.code == "ndef-uri-text"


@pytest.mark.parametrize("octets", [b"\x00a\x1bb", b"\x04a\n", b"\x04\x7f", b"\x04\xc2\x85"])
def test_a_uri_with_control_characters_is_not_read(octets: bytes) -> None:
    with pytest.raises(NdefError) as refusal:
        expand_uri(NdefRecord(1, b"U", b"", octets))
    assert refusal.value.code == "ndef-uri-text"


def test_an_iri_is_read() -> None:
    assert expand_uri(NdefRecord(1, b"U", b"", b"\x04" + "münchen.example/ ".encode())) == "https://münchen.example/ "


@pytest.mark.parametrize(
    "record",
    [NdefRecord(2, b"U", b"", b"\x04a"), NdefRecord(1, b"T", b"", b"\x04a"), NdefRecord(1, b"u", b"", b"\x04a")],
)
def test_another_record_is_no_uri(record: NdefRecord) -> None:
    with pytest.raises(NdefError) as refusal:
        expand_uri(record)
    assert refusal.value.code == "ndef-not-uri"


def test_an_empty_uri_payload_is_refused() -> None:
    with pytest.raises(NdefError):
        expand_uri(NdefRecord(1, b"U", b"", b""))


def test_chunks_are_put_together() -> None:
    # first chunk "T" of type X with id i, a middle chunk, a last chunk in long form
    message = bytes.fromhex("b9010101586961" + "36000162" + "4600" + "00000001" + "63")
    (record,) = decode_message(message)
    assert record == NdefRecord(1, b"X", b"i", b"abc", message)


CHUNK_FAULTS = {
    "b1010158" + "61" + "5101015862": "a new record instead of the next chunk",
    "b101015861": "the message ends inside",
    "f101015861": "message end in a chunk that is not the last",
    "d6000161": "unchanged without a first chunk",
    "b101015861" + "5e0001016962": "unchanged, but with an id",
    "b101015861" + "5601015862": "unchanged, but with a type",
    "b101015861" + "d6000162": "message begin in a later chunk",
}


@pytest.mark.parametrize("message", CHUNK_FAULTS, ids=CHUNK_FAULTS.values())
def test_broken_chunks_are_refused(message: str) -> None:
    with pytest.raises(NdefError):
        decode_message(bytes.fromhex(message))


@pytest.mark.parametrize("message", ["d50000" + "00", "d50000" + "d50000", "d5000101ff"])
def test_bytes_behind_the_last_record_are_refused(message: str) -> None:
    with pytest.raises(NdefError) as refusal:
        decode_message(bytes.fromhex(message))
    assert refusal.value.code == "ndef-trailing"


def test_a_message_over_64_kib_is_refused() -> None:
    with pytest.raises(NdefError) as refusal:
        decode_message(b"\xd5" * 0x10001)
    assert refusal.value.code == "ndef-size"


def test_a_payload_length_of_4_gib_is_refused() -> None:
    with pytest.raises(NdefError) as refusal:
        decode_message(bytes.fromhex("c500ffffffff"))
    assert refusal.value.code == "ndef-truncated"


def test_many_chunks_are_read_in_bounded_work() -> None:
    message = b"\xb5\x00\x00" + b"\x36\x00\x01x" * 16000 + b"\x56\x00\x00"
    (record,) = decode_message(message)
    assert len(record.payload) == 16000


@given(st.binary(max_size=80))
def test_any_bytes_are_a_message_or_an_ndef_error(data: bytes) -> None:
    try:
        records = decode_message(data)
    except NdefError:
        return
    assert encode_message(records) == data


@given(st.binary(max_size=80))
def test_any_bytes_are_a_record_or_an_ndef_error(data: bytes) -> None:
    try:
        record = decode_record(data)
    except NdefError:
        return
    assert encode_record(record, begin=bool(data[0] & 0x80), end=bool(data[0] & 0x40)) == data


@given(st.integers(0, 40), st.binary(max_size=20))
def test_any_uri_payload_is_text_or_an_ndef_error(code: int, rest: bytes) -> None:
    try:
        uri = expand_uri(NdefRecord(1, b"U", b"", bytes((code,)) + rest))
    except NdefError:
        return
    assert expand_uri(uri_record(uri)) == uri


def chunked(type_: bytes, parts: list[bytes]) -> bytes:
    """TNF external in chunks, the first with the type."""
    first = bytes((0x34, len(type_), len(parts[0]))) + type_ + parts[0]
    middle = b"".join(bytes((0x36, 0, len(part))) + part for part in parts[1:-1])
    return first + middle + bytes((0x16, 0, len(parts[-1]))) + parts[-1]


plain_records = st.builds(
    lambda tnf, type_, id_, payload, short: encode_plain(tnf, type_, id_, payload, short=short),
    st.integers(1, 5),
    st.binary(min_size=1, max_size=8),
    st.binary(max_size=4),
    st.binary(max_size=40),
    st.booleans(),
)
chunked_records = st.builds(
    chunked, st.binary(min_size=1, max_size=5), st.lists(st.binary(max_size=9), min_size=2, max_size=5)
)


def encode_plain(tnf: int, type_: bytes, id_: bytes, payload: bytes, *, short: bool) -> bytes:
    """Also the long form where the short one would do: another writer may have chosen it."""
    type_ = b"" if tnf == 5 else type_
    head = tnf | (0x10 if short else 0) | (0x08 if id_ else 0)
    length = bytes((len(payload),)) if short else len(payload).to_bytes(4, "big")
    return bytes((head, len(type_))) + length + (bytes((len(id_),)) if id_ else b"") + type_ + id_ + payload


def as_message(record: bytes) -> bytearray:
    """``record`` alone in a message: MB in its first head, ME in the head of its last chunk."""
    at, out = 0, bytearray(record)
    out[0] |= 0x80
    while out[at] & 0x20:
        at += 3 + out[at + 1] + out[at + 2]
    out[at] |= 0x40
    return out


def as_tail(records: list[bytes]) -> bytes:
    """``records`` as the end of a message: ME in the last."""
    last = as_message(records[-1])
    last[0] &= 0x7F
    return b"".join(records[:-1]) + bytes(last)


@given(st.lists(plain_records | chunked_records, min_size=1, max_size=4))
def test_later_records_stay_byte_for_byte_through_an_update(foreign: list[bytes]) -> None:
    tail = as_tail(foreign)
    before = bytearray(build_ndef(URI, MINIMAL))
    second = before.index(b"\x55\x00\x43")  # ME, SR, TNF unknown, 67 bytes
    before[second] &= ~0x40 & 0xFF
    message = bytes(before) + tail

    updated = build_ndef(URI + "2", MINIMAL, later_records(message))

    assert updated.endswith(tail)
    assert read_ndef(updated).extra_records == len(foreign)
    assert read_ndef(updated).statement == MINIMAL


def test_nothing_is_kept_of_a_message_that_cannot_be_read() -> None:
    assert later_records(b"\xff\xff") == ()


def test_an_empty_message_is_no_bytes() -> None:
    assert encode_message(()) == b""
    assert decode_message(b"") == ()


def test_no_bytes_are_no_record() -> None:
    with pytest.raises(NdefError) as refusal:
        decode_record(b"")
    assert refusal.value.code == "ndef-truncated"


def test_a_type_over_255_bytes_is_not_written() -> None:
    with pytest.raises(NdefError) as refusal:
        encode_record(NdefRecord(2, b"x" * 256, b"", b""), begin=True, end=True)
    assert refusal.value.code == "ndef-size"


def test_payloads_from_256_bytes_on_take_the_long_form() -> None:
    short, long = NdefRecord(5, b"", b"", bytes(255)), NdefRecord(5, b"", b"", bytes(256))
    assert encode_message([short])[:3] == b"\xd5\x00\xff"
    assert encode_message([long])[:6] == b"\xc5\x00\x00\x00\x01\x00"


def test_bare_has_no_place_on_nfc() -> None:
    with pytest.raises(LayoutError) as refusal:
        build_ndef(URI, bare_statement(bytes(64), 1))
    assert refusal.value.code == "bare-on-nfc"
