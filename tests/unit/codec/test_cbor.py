"""Strict CBOR (RFC 8949): what the reader takes, what it refuses, and that it agrees with cbor2 on lengths."""

import io
import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec import cbor
from dpptag.errors import CborError
from tests.vectors import vector_path

READ, REFUSED = 35, 47
# Appendix A gives these in diagnostic notation, because JSON cannot say them.
DIAGNOSTIC = {"h''": b"", "h'01020304'": bytes((1, 2, 3, 4)), "{1: 2, 3: 4}": {1: 2, 3: 4}}


def appendix_a() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(vector_path("cbor", "appendix_a.json").read_text())
    return cases


def is_in_subset(data: bytes) -> bool:
    """From the heads alone: integers, strings, arrays, maps and null, each of definite length."""
    at = 0
    while at < len(data):
        major, info = data[at] >> 5, data[at] & 0x1F
        if major == 6 or info > 27 or (major == 7 and info != 22):
            return False
        width = 0 if info < 24 else 1 << (info - 24)
        argument = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else info
        at += 1 + width + (argument if major in (2, 3) else 0)
    return True


def exact(value: object) -> object:
    """Types beside values: 1, 1.0 and True are equal in Python."""
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return [(exact(key), exact(item)) for key, item in value.items()]
    return type(value), value


def test_appendix_a_is_read_where_it_is_in_the_subset_and_refused_elsewhere() -> None:
    read, refused = 0, 0
    for case in appendix_a():
        data = bytes.fromhex(case["hex"])
        if is_in_subset(data):
            wanted = case["decoded"] if "decoded" in case else DIAGNOSTIC[case["diagnostic"]]
            assert exact(cbor.decode(data)) == exact(wanted), case["hex"]
            read += 1
        else:
            with pytest.raises(CborError):
                cbor.decode(data)
            refused += 1
    assert (read, refused) == (READ, REFUSED)


def test_appendix_a_is_written_back_byte_for_byte() -> None:
    written = 0
    for case in appendix_a():
        data = bytes.fromhex(case["hex"])
        if is_in_subset(data):
            assert cbor.encode(cbor.decode(data)) == data, case["hex"]
            written += 1
    assert written == READ


MALFORMED = {
    "a201260126": "a duplicate key",
    "a2616101616102": "a duplicate text key",
    "a201f5f501": "a key 1 and a key true",
    "a200f4f401": "a key 0 and a key false",
    "a20001f9000002": "a key 0 and a key 0.0",
    "a2f97e0001f97e0002": "two NaN keys",
    "a1f97e0001": "a NaN key",
    "a1f501": "a key true",
    "a1f601": "a key null",
    "a1410001": "a byte string key",
    "a18001": "an array key",
    "a1a001": "a map key",
    "a101f9c700": "-7.0 where -7 is meant",
    "a1f93c0026": "1.0 as label 1",
    "f5": "true",
    "f4": "false",
    "f7": "undefined",
    "f0": "an unassigned simple value",
    "f8ff": "a simple value in two bytes",
    "f818": "a simple value in two bytes below 32",
    "f800": "a simple value that has a shorter form",
    "f90000": "a half float",
    "fb3ff0000000000000": "a double",
    "0000": "a byte behind the item",
    "f6f6": "an item behind the item",
    "1801": "1 in two bytes",
    "190001": "1 in three bytes",
    "1a00000001": "1 in five bytes",
    "1b0000000000000001": "1 in nine bytes",
    "3800": "-1 in two bytes",
    "5801ff": "a length in two bytes that fits the head",
    "7801": "text cut short behind a long head",
    "9801f6": "an array count in two bytes that fits the head",
    "b8010000": "a map count in two bytes that fits the head",
    "5f4100ff": "an indefinite byte string",
    "7f6161ff": "an indefinite text string",
    "9ff6ff": "an indefinite array",
    "bf0000ff": "an indefinite map",
    "ff": "a break alone",
    "a20a00": "a map cut short",
    "82f6": "an array cut short",
    "4401": "a byte string cut short",
    "18": "a head cut short",
    "5b7fffffffffffffff": "a length of 2^63",
    "5bffffffffffffffff00": "a length of 2^64",
    "9b7fffffffffffffff": "a count of 2^63",
    "bb7fffffffffffffff": "a map count of 2^63",
    "9affffffff": "a count of 2^32",
    "1c": "a reserved head",
    "61ff": "text that is not UTF-8",
    "62c328": "text that is not UTF-8 either",
    "63eda080": "a surrogate in UTF-8",
    "a2200019010000": "keys in length-first order, which is not bytewise on the encoding",
    "a202000100": "keys in descending order",
    "": "nothing",
}


@pytest.mark.parametrize("data", MALFORMED, ids=MALFORMED.values())
def test_outside_the_subset_is_refused(data: str) -> None:
    with pytest.raises(CborError):
        cbor.decode(bytes.fromhex(data))


TAGGED = ("c074323031332d30332d32315432303a30343a30305a", "c11a514b67b0", "c24101", "c34101", "c48200f6", "d74101")
TAGGED += ("d818456449455446", "d81980", "d81c80", "d81d00", "d8206161", "d8236161", "d82548" + "00" * 8, "d82b00")
TAGGED += ("d8344401020304", "d9010280", "d90104440a000001", "d90105a1440a00000018ff", "d903ec6a323032302d30312d3031")
TAGGED += ("d9d9f700", "d284404040", "d903e800", "dbffffffffffffffff00", "81c06130", "a100c06130")


@pytest.mark.parametrize("data", TAGGED)
def test_a_tag_is_refused_before_anything_acts_on_it(data: str) -> None:
    with pytest.raises(CborError):
        cbor.decode(bytes.fromhex(data))


@pytest.mark.parametrize("data", ["d8236161", "d9010280", "c24101", "d90100d81900", "d8286161"])
def test_a_tag_is_refused_as_a_tag(data: str) -> None:
    with pytest.raises(CborError) as refusal:
        cbor.decode(bytes.fromhex(data))
    assert refusal.value.code == "cbor-tag"


def test_1024_bytes_are_read() -> None:
    assert cbor.decode(b"\x59\x03\xfd" + bytes(1021)) == bytes(1021)


def test_1025_bytes_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(CborError) as refusal:
        cbor.decode(b"\xff" * 1025)
    assert refusal.value.code == "cbor-size"


def test_four_levels_are_read() -> None:
    assert cbor.decode(b"\x81" * 3 + b"\x80") == [[[[]]]]


@pytest.mark.parametrize(
    "bomb", [b"\x81" * 5 + b"\x80", b"\x81" * 1023, b"\xa1\x00" * 500, b"\xc1" * 1000, b"\x9f" * 900]
)
def test_deeper_nesting_is_refused(bomb: bytes) -> None:
    with pytest.raises(CborError):
        cbor.decode(bomb)


def test_map_keys_are_sorted_bytewise_on_their_encoding() -> None:
    assert cbor.encode({-1: 0, 10: 0, 256: 0}).hex() == "a3" + "0a00" + "19010000" + "2000"


def test_the_order_differs_from_cbor2_canonical() -> None:
    """cbor2 sorts length first (RFC 7049): written with it, our maps would not read back."""
    with pytest.raises(CborError) as refusal:
        cbor.decode(cbor2.dumps({10: 0, 256: 0, -1: 0}, canonical=True))
    assert refusal.value.code == "cbor-not-deterministic"


@pytest.mark.parametrize("value", [1.0, True, bytes, {1.0: 1}, {True: 1}, bytearray(), {1, 2}, 2**64, -(2**64) - 1])
def test_other_values_are_not_written(value: object) -> None:
    with pytest.raises(CborError):
        cbor.encode(value)


def test_text_that_is_no_unicode_is_not_written() -> None:
    with pytest.raises(CborError) as refusal:
        cbor.encode("\udc80")
    assert refusal.value.code == "cbor-text"


@pytest.mark.parametrize(("value", "head"), [(2**64 - 1, "1b" + "ff" * 8), (-(2**64), "3b" + "ff" * 8)])
def test_integers_of_64_bits_are_the_widest(value: int, head: str) -> None:
    assert cbor.encode(value).hex() == head
    assert cbor.decode(bytes.fromhex(head)) == value


leaves = st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=30)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-300, 70000) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(values)
def test_what_is_written_reads_back_with_its_types(value: object) -> None:
    data = cbor.encode(value)
    again = cbor.decode(data, max_size=1 << 20, max_depth=40)
    assert exact_unordered(again) == exact_unordered(value)


def exact_unordered(value: object) -> object:
    if isinstance(value, dict):
        return {(type(key), key): exact_unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact_unordered(item) for item in value]
    return type(value), value


@given(values)
def test_cbor2_reads_what_is_written_as_the_same(value: object) -> None:
    assert cbor2.loads(cbor.encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_read_to_what_encodes_to_them(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except CborError:
        return
    assert cbor.encode(value) == data


wide_values = st.recursive(
    leaves | st.booleans() | st.floats() | st.integers(-(2**80), 2**80),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers() | st.text(max_size=3), inner, max_size=4)
        | st.builds(cbor2.CBORTag, st.integers(60000, 2**40), inner)
    ),
    max_leaves=8,
)


@given(wide_values, st.binary(max_size=4))
def test_an_item_ends_where_cbor2_says(value: object, rest: bytes) -> None:
    data = cbor2.dumps(value)
    assert cbor.item_end(data + rest, 0, depth=40) == len(data)


@given(st.binary(max_size=60))
def test_an_item_of_any_bytes_ends_inside_them_and_where_cbor2_stops(data: bytes) -> None:
    try:
        end = cbor.item_end(data, 0)
    except CborError:
        return
    assert 0 < end <= len(data)
    stream = io.BytesIO(data)
    try:
        # No tag acts on its content here, so that only the grammar decides.
        cbor2.CBORDecoder(stream, tag_hook=lambda *_: None, semantic_decoders={}).decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError):
        return
    assert stream.tell() == end


@pytest.mark.parametrize(
    "data", ["", "18", "1903", "41", "8200", "a100", "d2", "5f", "9f", "ff", "1c", "5bffffffffffffffff"]
)
def test_an_item_cut_short_has_no_end(data: str) -> None:
    with pytest.raises(CborError):
        cbor.item_end(bytes.fromhex(data), 0)


def test_an_item_nested_too_deep_has_no_end() -> None:
    with pytest.raises(CborError):
        cbor.item_end(b"\x81" * 1000, 0)


def test_a_large_integer_is_no_length() -> None:
    assert cbor.item_end(b"\x1b" + b"\xff" * 8, 0) == 9
