"""Where a statement stands: NDEF records, the SUN query, the user bank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec import cbor, cose
from dpptag.codec import statement as codec
from dpptag.codec.layout import (
    build_ndef,
    build_user_bank,
    read_ndef,
    read_user_bank,
    signed_identity,
    statement_record,
)
from dpptag.codec.ndef import NdefRecord, encode_message, uri_record
from dpptag.errors import CodecError, LayoutError
from dpptag.model.statement import SECONDS_A_DAY, Level, Statement

URI = "https://id.example.com/01/09520123456788/21/1"
DAY = 20778
SIGNATURE = bytes(range(1, 65))
MINIMAL = codec.parse_statement(b"\x41\x51\x2a" + SIGNATURE)
COMPACT = codec.parse_statement(
    cose.assemble(codec.protected_for_slot(1), codec.claims_payload(DAY), SIGNATURE, tagged=False)
)
FULL = codec.parse_statement(
    cose.assemble(
        codec.full_protected(DAY * SECONDS_A_DAY, bytes(8), "application/vc", URI), bytes(32), SIGNATURE, tagged=True
    )
)
SUN = "?e=" + "0123456789abcdefABCDEF0123456789" + "&c=" + "0123456789ABCDEF"


def unknown(payload: bytes) -> NdefRecord:
    return NdefRecord(5, b"", b"", payload)


def second_record(record: NdefRecord) -> Statement | None:
    return read_ndef(encode_message([uri_record(URI), record])).statement


def code_of_second(record: NdefRecord) -> str:
    with pytest.raises(LayoutError) as refusal:
        second_record(record)
    return refusal.value.code


# --- NFC


@pytest.mark.parametrize("statement", [MINIMAL, COMPACT, FULL])
def test_a_message_reads_back_what_was_built(statement: Statement) -> None:
    content = read_ndef(build_ndef(URI, statement))
    assert (content.uri, content.identity, content.statement, content.extra_records) == (URI, URI, statement, 0)


def test_minimal_and_compact_stand_in_a_record_of_tnf_unknown() -> None:
    for level in (Level.MINIMAL, Level.COMPACT):
        assert statement_record(level, b"x") == NdefRecord(5, b"", b"", b"x")


def test_full_stands_in_a_record_of_its_media_type() -> None:
    assert statement_record(Level.FULL, b"x") == NdefRecord(2, b"application/cose", b"", b"x")


def test_the_first_record_is_the_uri_that_phones_open() -> None:
    message = build_ndef(URI, MINIMAL)
    assert message.startswith(b"\x91\x01" + bytes((len(URI) - 7,)) + b"U\x04" + URI[8:].encode())


def test_a_minimal_statement_costs_three_bytes_of_record_header() -> None:
    assert len(build_ndef(URI, MINIMAL)) == 4 + 1 + len(URI) - 8 + 3 + 67


@pytest.mark.parametrize(
    "record",
    [
        unknown(b""),
        unknown(b"\0" * 67),
        unknown(b"\x3f" * 67),
        NdefRecord(1, b"T", b"", codec.encode_statement(MINIMAL)),
        NdefRecord(4, b"example.com:x", b"", codec.encode_statement(MINIMAL)),
        NdefRecord(2, b"application/octet-stream", b"", codec.encode_statement(COMPACT)),
        NdefRecord(2, b"application/cose", b"", codec.encode_statement(COMPACT)),
        NdefRecord(2, b"application/cose", b"", codec.encode_statement(MINIMAL)),
        NdefRecord(2, b"application/cose", b"", b""),
        NdefRecord(0, b"", b"", b""),
    ],
)
def test_a_second_record_of_another_kind_is_no_statement(record: NdefRecord) -> None:
    assert second_record(record) is None


def test_the_media_type_is_compared_byte_for_byte() -> None:
    """Media types have no case, but nothing of a genuine tag may change unnoticed; only ours are written."""
    assert second_record(NdefRecord(2, b"Application/cose", b"", codec.encode_statement(FULL))) is None


def test_full_in_a_record_of_tnf_unknown_is_refused() -> None:
    assert code_of_second(unknown(codec.encode_statement(FULL))) == "record-type"


def test_a_damaged_statement_is_refused_and_not_taken_for_none() -> None:
    assert code_of_second(unknown(codec.encode_statement(MINIMAL)[:-1])) == "length"
    assert code_of_second(unknown(codec.encode_statement(COMPACT)[:-1])) == "statement-damaged"
    assert code_of_second(NdefRecord(2, b"application/cose", b"", b"\xd2\x84")) == "statement-damaged"


def test_a_uri_alone_has_no_statement() -> None:
    assert read_ndef(encode_message([uri_record(URI)])).statement is None


def test_a_statement_behind_the_second_record_is_not_judged() -> None:
    content = read_ndef(encode_message([uri_record(URI), unknown(b""), unknown(codec.encode_statement(MINIMAL))]))
    assert (content.statement, content.extra_records) == (None, 1)


@pytest.mark.parametrize("message", [b"", b"\xd0\x00\x00"])
def test_an_empty_message_is_a_blank_tag(message: bytes) -> None:
    with pytest.raises(LayoutError) as refusal:
        read_ndef(message)
    assert refusal.value.code == "blank"


@pytest.mark.parametrize(
    "first",
    [NdefRecord(1, b"T", b"", b"\x02enx"), NdefRecord(1, b"Sp", b"", b""), unknown(codec.encode_statement(MINIMAL))],
)
def test_a_first_record_that_is_no_uri_is_foreign(first: NdefRecord) -> None:
    with pytest.raises(LayoutError) as refusal:
        read_ndef(encode_message([first, unknown(codec.encode_statement(MINIMAL))]))
    assert refusal.value.code == "foreign"


def test_another_type_called_u_is_no_uri() -> None:
    with pytest.raises(CodecError):
        read_ndef(encode_message([NdefRecord(4, b"U", b"", b"\x04id.example.com")]))


def test_the_identity_is_the_same_under_every_prefix_code() -> None:
    whole = NdefRecord(1, b"U", b"", b"\0" + URI.encode())
    assert read_ndef(encode_message([whole])).identity == read_ndef(encode_message([uri_record(URI)])).identity == URI


# --- the SUN query


def test_a_sun_query_is_not_part_of_the_identity() -> None:
    content = read_ndef(encode_message([uri_record(URI + SUN)]))
    assert (content.uri, content.identity) == (URI + SUN, URI)


NOT_SUN = [
    SUN + "0",
    SUN[:-1],
    SUN.replace("e=", "E="),
    SUN.replace("&c", "&m"),
    SUN + "&x=1",
    "?x=1&" + SUN[1:],
    "?x=1" + SUN,
    "#x" + SUN,
    SUN + "#x",
    SUN + "\n",
    SUN.replace("?", "&"),
    SUN.replace("0", "g", 1),
    SUN.replace("0", "\uff10", 1),
    SUN.replace("&", "&amp;"),
    "?c=" + "0" * 16 + "&e=" + "0" * 32,
    "?e=" + "0" * 16 + "&c=" + "0" * 32,
    SUN + SUN,
]


@pytest.mark.parametrize("query", NOT_SUN)
def test_only_the_exact_form_is_a_sun_query(query: str) -> None:
    assert signed_identity(URI + query) == URI + query


@given(st.text(alphabet="?#&=ec0aF/x", max_size=70))
def test_stripping_twice_is_stripping_once(tail: str) -> None:
    once = signed_identity(URI + tail + SUN)
    assert signed_identity(once) == once


# --- UHF user bank


@pytest.mark.parametrize(("statement", "size"), [(MINIMAL, 68), (COMPACT, 82), (FULL, None)])
def test_a_user_bank_begins_with_the_dsfid_and_has_whole_words(statement: Statement, size: int | None) -> None:
    bank = build_user_bank(statement)
    assert bank[0] == 0
    assert bank[1 : 1 + len(codec.encode_statement(statement))] == codec.encode_statement(statement)
    assert len(bank) % 2 == 0
    assert size is None or len(bank) == size


def test_bare_fills_a_bank_of_512_bits_without_dsfid() -> None:
    assert build_user_bank(codec.bare_statement(SIGNATURE, 1)) == SIGNATURE


@pytest.mark.parametrize("statement", [MINIMAL, COMPACT, FULL])
@pytest.mark.parametrize("rest", [0, 2, 300])
def test_a_user_bank_reads_back_with_zeros_behind(statement: Statement, rest: int) -> None:
    assert read_user_bank(build_user_bank(statement) + bytes(rest)) == statement


@pytest.mark.parametrize("bank", [b"", b"\0\0", bytes(64), bytes(128), b"\x10\x41" + SIGNATURE, b"\0\x3f" + SIGNATURE])
def test_another_or_blank_bank_holds_no_statement(bank: bytes) -> None:
    assert read_user_bank(bank) is None


def test_a_bare_signature_is_no_statement_by_its_bytes() -> None:
    assert read_user_bank(SIGNATURE) is None


BANKS = {
    "torn: the first word was not written": (b"\0\0" + build_user_bank(MINIMAL)[2:], "torn"),
    "torn: one bit at the end": (bytes(63) + b"\1", "torn"),
    "an odd length": (build_user_bank(MINIMAL)[:-1], "odd-length"),
    "a byte behind": (build_user_bank(MINIMAL) + b"\0\1", "trailing"),
    "a byte behind in the same word": (build_user_bank(COMPACT)[:-1] + b"\1", "trailing"),
    "the pad is not zero": (build_user_bank(MINIMAL) + b"\xff\xff", "trailing"),
    "cut short": (build_user_bank(MINIMAL)[:-2], "statement-damaged"),
    "compact cut short": (build_user_bank(COMPACT)[:-2], "statement-damaged"),
    "compact with another array count": (b"\0\x85" + build_user_bank(COMPACT)[2:], None),
    "a length beyond the bank": (b"\0\x84\x5b\x7f" + b"\xff" * 60, "statement-damaged"),
    "an indefinite array in it": (b"\0\xd2\x9f" + bytes(61), "statement-damaged"),
    "larger than any chip": (bytes(0x10002), "size"),
}


@pytest.mark.parametrize(("bank", "code"), BANKS.values(), ids=BANKS.keys())
def test_a_damaged_bank_is_refused_by_code(bank: bytes, code: str | None) -> None:
    if code is None:
        assert read_user_bank(bank) is None
        return
    with pytest.raises(LayoutError) as refusal:
        read_user_bank(bank)
    assert refusal.value.code == code


@given(st.binary(max_size=140))
def test_any_bank_is_a_statement_none_or_a_layout_error(bank: bytes) -> None:
    try:
        statement = read_user_bank(bank)
    except LayoutError:
        return
    if statement is not None:
        again = build_user_bank(statement)
        assert bank == again + bytes(len(bank) - len(again))


@given(st.integers(0, 81), st.integers(0, 255))
def test_a_mutated_bank_never_reads_to_the_same_statement(at: int, octet: int) -> None:
    bank = bytearray(build_user_bank(COMPACT))
    if bank[at] == octet:
        return
    bank[at] = octet
    try:
        assert read_user_bank(bytes(bank)) != COMPACT
    except LayoutError:
        return


@given(st.binary(max_size=200))
def test_any_message_is_content_or_a_codec_error(message: bytes) -> None:
    try:
        content = read_ndef(message)
    except CodecError:
        return
    assert content.uri.startswith(content.identity)


@given(st.binary(max_size=120))
def test_any_second_record_is_a_statement_none_or_a_layout_error(payload: bytes) -> None:
    try:
        second_record(unknown(payload))
        second_record(NdefRecord(2, b"application/cose", b"", cbor.encode(payload)))
    except LayoutError:
        return
