"""The four levels of a statement: sizes, dispatch by the first byte, refusals, and two readers that agree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec import cbor, cose
from dpptag.codec import statement as codec
from dpptag.codec.cose import parse_sign1
from dpptag.errors import LayoutError
from dpptag.model.statement import SECONDS_A_DAY, Level, Statement

DAY = 20778
SIGNATURE = bytes(range(64))
URI = "https://id.example.com/01/09520123456788/21/1"
HINT = bytes.fromhex("496bd8afadf307e5")


def compact(day: int = DAY, digest: bytes | None = None, slot: int = 1, algorithm: int = -7) -> bytes:
    protected, payload = codec.protected_for_slot(slot, algorithm), codec.claims_payload(day, digest)
    return cose.assemble(protected, payload, SIGNATURE, tagged=False)


def minimal(day: int = DAY, digest: bytes = b"", slot: int = 1) -> bytes:
    return bytes((0x40 | (0x20 if digest else 0) | slot,)) + day.to_bytes(2, "big") + digest + SIGNATURE


def full(payload: object = bytes(32), signature: bytes = SIGNATURE, drop: int | None = None, **changes: Any) -> bytes:
    """A full statement; ``changes`` by label, such as ``l4=b""``."""
    header: dict[int | str, object] = {1: -7, 4: HINT, 15: {6: DAY * SECONDS_A_DAY + 5}}
    header |= {258: -16, 259: "application/vc", 260: URI}
    header |= {int(label[1:]): value for label, value in changes.items()}
    if drop is not None:
        del header[drop]
    return b"\xd2" + cbor.encode([cbor.encode(header), {}, payload, signature])


def code_of(data: bytes) -> str:
    with pytest.raises(LayoutError) as refusal:
        codec.parse_statement(data)
    return refusal.value.code


# --- sizes (DESIGN.md 2.2)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (minimal(), 67),
        (minimal(digest=bytes(16)), 83),
        (compact(), 80),
        (compact(digest=bytes(16)), 97),
        (compact(digest=bytes(32)), 115),
    ],
)
def test_each_level_has_its_size(data: bytes, size: int) -> None:
    assert len(data) == size
    assert codec.encode_statement(codec.parse_statement(data)) == data


def test_bare_is_its_64_bytes() -> None:
    assert codec.encode_statement(codec.bare_statement(SIGNATURE, 3)) == SIGNATURE


# --- the first byte


def test_the_first_byte_tells_the_level() -> None:
    starts = {octet for octet in range(256) if codec.is_statement_start(octet)}
    assert starts == {*range(0x40, 0x80), 0x84, 0xD2}


def test_any_other_first_byte_is_no_statement() -> None:
    others = [octet for octet in range(256) if not codec.is_statement_start(octet)]
    assert len(others) == 190
    for octet in others:
        assert code_of(bytes((octet,)) + bytes(79)) == "no-statement"
        with pytest.raises(LayoutError) as refusal:
            codec.stored_length(bytes((octet,)) + bytes(79))
        assert refusal.value.code == "no-statement"


@pytest.mark.parametrize("data", [b"", b"\0" * 67, b"\xff" * 67])
def test_blank_memory_is_no_statement(data: bytes) -> None:
    assert code_of(data) == "no-statement"


def test_the_head_byte_of_minimal_names_slot_and_digest() -> None:
    for head in range(0x40, 0x80):
        digest = bytes(range(16)) if head & 0x20 else b""
        read = codec.parse_statement(bytes((head,)) + b"\x51\x2a" + digest + SIGNATURE)
        assert (read.slot, read.digest, read.day) == (head & 0x1F, digest or None, DAY)


@pytest.mark.parametrize("length", [*range(1, 67), *range(68, 83), *range(84, 120)])
def test_minimal_has_exactly_67_or_83_bytes(length: int) -> None:
    assert code_of(b"\x41\x51\x2a" + bytes(117)[: length - 3] if length > 2 else b"\x41\x51"[:length]) == "length"


def test_minimal_of_the_other_width_is_refused() -> None:
    assert code_of(b"\x61" + minimal()[1:]) == "length"
    assert code_of(b"\x41" + minimal(digest=bytes(16))[1:]) == "length"


# --- what a level is rebuilt to


def test_minimal_is_the_compact_statement_with_the_rest_left_out() -> None:
    for digest in (b"", bytes(range(16))):
        rebuilt = codec.parse_statement(minimal(digest=digest))
        stored = codec.parse_statement(compact(digest=digest or None))
        assert (rebuilt.protected, rebuilt.payload) == (stored.protected, stored.payload)


@pytest.mark.parametrize("day", [1, 23, 24, 255, 256, 65535])
def test_minimal_rebuilds_the_shortest_encoding_of_its_day(day: int) -> None:
    assert codec.parse_statement(minimal(day)).payload == cbor.encode([day])
    assert codec.parse_statement(minimal(day, bytes(16))).payload == cbor.encode([day, bytes(16)])


def test_the_export_of_bare_is_the_template() -> None:
    exported = codec.export_cose_sign1(codec.bare_statement(SIGNATURE, 5))
    assert exported.hex() == "d28446a201260441" + "05" + "a0" + "428100" + "5840" + SIGNATURE.hex()


def test_the_export_of_minimal_is_the_template() -> None:
    exported = codec.export_cose_sign1(codec.parse_statement(minimal(slot=5)))
    assert exported.hex() == "d28446a201260441" + "05" + "a0" + "448119512a" + "5840" + SIGNATURE.hex()


@pytest.mark.parametrize("data", [minimal(), minimal(digest=bytes(16)), compact(), compact(digest=bytes(32)), full()])
def test_every_export_is_a_tagged_cose_sign1(data: bytes) -> None:
    read = codec.parse_statement(data)
    sign1 = parse_sign1(codec.export_cose_sign1(read))
    assert (sign1.tagged, sign1.protected, sign1.payload, sign1.signature) == (
        True,
        read.protected,
        read.payload,
        SIGNATURE,
    )


def test_the_external_aad_is_the_array_of_domain_identity_and_chip() -> None:
    chip = bytes.fromhex("04a1b2c3d4e5f6")
    assert codec.external_aad(URI, chip) == cbor.encode(["dpptag/1", URI, chip])
    assert codec.external_aad(b"\x30\x01", chip) == cbor.encode(["dpptag/1", b"\x30\x01", chip])


# --- compact: two readers


ALGORITHMS = (-7, -8, -9, -19)


@given(
    st.integers(1, 65535),
    st.none() | st.binary(min_size=16, max_size=16) | st.binary(min_size=32, max_size=32),
    st.integers(0, 31),
    st.sampled_from(ALGORITHMS),
)
def test_both_readers_read_compact_alike(day: int, digest: bytes | None, slot: int, algorithm: int) -> None:
    data = compact(day, digest, slot, algorithm)
    general = codec._parse_compact(data)
    assert codec._parse_compact_by_position(data) in (general, None)
    assert general == Statement(
        *(Level.COMPACT, algorithm, slot, None, day, digest),
        *(codec.protected_for_slot(slot, algorithm), codec.claims_payload(day, digest), SIGNATURE),
    )


@pytest.mark.parametrize("digest", [None, bytes(16), bytes(32)])
def test_what_is_written_today_is_read_by_position(digest: bytes | None) -> None:
    assert codec._parse_compact_by_position(compact(digest=digest)) is not None


def general_or_none(data: bytes) -> Statement | None:
    try:
        return codec._parse_compact(data)
    except LayoutError:
        return None


@pytest.mark.parametrize("digest", [None, bytes(16), bytes(32)])
def test_the_reader_by_position_takes_no_mutation_that_strict_cbor_refuses(digest: bytes | None) -> None:
    """Every value of every byte outside digest and signature; those two are free in both readers."""
    data = compact(digest=digest)
    header = len(data) - 64
    mutations = 0
    for at in range(header):
        for octet in range(256):
            mutant = data[:at] + bytes((octet,)) + data[at + 1 :]
            fast = codec._parse_compact_by_position(mutant)
            if fast is not None:
                assert fast == general_or_none(mutant), mutant.hex()
            mutations += 1
    assert mutations == header * 256


@given(st.integers(0, 79), st.integers(0, 255), st.sampled_from([None, bytes(16), bytes(32)]))
def test_a_mutated_compact_statement_reads_the_same_both_ways(at: int, octet: int, digest: bytes | None) -> None:
    data = bytearray(compact(digest=digest))
    data[at] = octet
    fast = codec._parse_compact_by_position(bytes(data))
    assert fast is None or fast == general_or_none(bytes(data))


def compact_of(header: object, claims: object, signature: object = SIGNATURE, unprotected: object = None) -> bytes:
    parts = [cbor.encode(header), unprotected or {}, claims if claims is None else cbor.encode(claims), signature]
    return cbor.encode(parts)


COMPACT_REFUSED = {
    "alg is a list": (compact_of({1: [], 4: b"\1"}, [DAY]), "algorithm"),
    "alg is a map": (compact_of({1: {}, 4: b"\1"}, [DAY]), "algorithm"),
    "alg is null": (compact_of({1: None, 4: b"\1"}, [DAY]), "algorithm"),
    "alg is text": (compact_of({1: "ES256", 4: b"\1"}, [DAY]), "algorithm"),
    "alg is ES384": (compact_of({1: -35, 4: b"\1"}, [DAY]), "algorithm"),
    "alg is 0": (compact_of({1: 0, 4: b"\1"}, [DAY]), "algorithm"),
    "kid of no byte": (compact_of({1: -7, 4: b""}, [DAY]), "slot-range"),
    "kid of two bytes": (compact_of({1: -7, 4: b"\0\1"}, [DAY]), "slot-range"),
    "kid is a number": (compact_of({1: -7, 4: 1}, [DAY]), "slot-range"),
    "slot 32": (compact_of({1: -7, 4: b"\x20"}, [DAY]), "slot-range"),
    "slot 255": (compact_of({1: -7, 4: b"\xff"}, [DAY]), "slot-range"),
    "no kid": (compact_of({1: -7}, [DAY]), "statement-labels"),
    "no alg": (compact_of({4: b"\1"}, [DAY]), "statement-labels"),
    "another label": (compact_of({1: -7, 4: b"\1", 3: 0}, [DAY]), "statement-labels"),
    "another text label": (compact_of({1: -7, 4: b"\1", "x": 0}, [DAY]), "statement-labels"),
    "an unprotected label": (compact_of({1: -7, 4: b"\1"}, [DAY], unprotected={5: 0}), "statement-labels"),
    "kid unprotected": (compact_of({1: -7}, [DAY], unprotected={4: b"\1"}), "statement-labels"),
    "day 0": (compact_of({1: -7, 4: b"\1"}, [0]), "day-range"),
    "day 65536": (compact_of({1: -7, 4: b"\1"}, [65536]), "day-range"),
    "a day before 1970": (compact_of({1: -7, 4: b"\1"}, [-1]), "day-range"),
    "day is text": (compact_of({1: -7, 4: b"\1"}, ["1"]), "claims"),
    "day is null": (compact_of({1: -7, 4: b"\1"}, [None]), "claims"),
    "no claims": (compact_of({1: -7, 4: b"\1"}, []), "claims"),
    "three claims": (compact_of({1: -7, 4: b"\1"}, [DAY, bytes(16), 0]), "claims"),
    "claims are a map": (compact_of({1: -7, 4: b"\1"}, {1: DAY}), "claims"),
    "digest is null": (compact_of({1: -7, 4: b"\1"}, [DAY, None]), "claims"),
    "digest of 15 bytes": (compact_of({1: -7, 4: b"\1"}, [DAY, bytes(15)]), "claims"),
    "digest of 20 bytes": (compact_of({1: -7, 4: b"\1"}, [DAY, bytes(20)]), "claims"),
    "digest of no bytes": (compact_of({1: -7, 4: b"\1"}, [DAY, b""]), "claims"),
    "digest is text": (compact_of({1: -7, 4: b"\1"}, [DAY, "x" * 16]), "claims"),
    "detached": (compact_of({1: -7, 4: b"\1"}, None), "claims"),
    "claims are no CBOR": (cose.assemble(codec.protected_for_slot(1), b"\xff", SIGNATURE, tagged=False), "claims"),
    "claims with a byte behind": (
        cose.assemble(codec.protected_for_slot(1), b"\x81\x01\x00", SIGNATURE, tagged=False),
        "claims",
    ),
    "day not in its shortest form": (
        cose.assemble(codec.protected_for_slot(1), b"\x81\x19\x00\x01", SIGNATURE, tagged=False),
        "claims",
    ),
    "signature of 63 bytes": (compact_of({1: -7, 4: b"\1"}, [DAY], bytes(63)), "signature-length"),
    "signature of 65 bytes": (compact_of({1: -7, 4: b"\1"}, [DAY], bytes(65)), "signature-length"),
    "a byte behind": (compact() + b"\0", "statement-damaged"),
    "cut short": (compact()[:-1], "statement-damaged"),
    "labels in the other order": (
        cose.assemble(bytes.fromhex("a20441010126"), codec.claims_payload(DAY), SIGNATURE, tagged=False),
        "statement-damaged",
    ),
    "alg twice": (
        cose.assemble(bytes.fromhex("a301260126044101"), codec.claims_payload(DAY), SIGNATURE, tagged=False),
        "statement-damaged",
    ),
    "alg -7.0": (
        cose.assemble(bytes.fromhex("a201f9c700044101"), codec.claims_payload(DAY), SIGNATURE, tagged=False),
        "statement-damaged",
    ),
}


@pytest.mark.parametrize(("data", "code"), COMPACT_REFUSED.values(), ids=COMPACT_REFUSED.keys())
def test_a_malformed_compact_statement_is_refused_by_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_tagged_compact_is_refused_as_full_without_its_labels() -> None:
    assert code_of(b"\xd2" + compact()) == "statement-labels"


def test_day_0_of_minimal_is_refused() -> None:
    assert code_of(minimal(0)) == "day-range"


# --- full (RFC 9995)


def test_full_reads_to_its_fields() -> None:
    read = codec.parse_statement(full())
    assert (read.level, read.algorithm, read.slot, read.key_hint) == (Level.FULL, -7, None, HINT)
    assert (read.day, read.issued_at) == (DAY, DAY * SECONDS_A_DAY + 5)
    assert (read.uri, read.content_type, read.digest) == (URI, "application/vc", bytes(32))


def test_full_is_written_with_exactly_its_six_labels() -> None:
    protected = codec.full_protected(DAY * SECONDS_A_DAY + 5, HINT + bytes(24), "application/vc", URI)
    header = cbor.decode(protected)
    assert header == {1: -7, 4: HINT, 15: {6: DAY * SECONDS_A_DAY + 5}, 258: -16, 259: "application/vc", 260: URI}
    assert cose.assemble(protected, bytes(32), SIGNATURE, tagged=True) == full()


@pytest.mark.parametrize("data", [full(), full(l259=60), full(l1=-19), full(l260="")])
def test_full_is_written_back_as_it_was_read(data: bytes) -> None:
    assert codec.encode_statement(codec.parse_statement(data)) == data


def test_the_last_second_of_a_day_belongs_to_it() -> None:
    assert codec.parse_statement(full(l15={6: (DAY + 1) * SECONDS_A_DAY - 1})).day == DAY
    assert codec.parse_statement(full(l15={6: (DAY + 1) * SECONDS_A_DAY})).day == DAY + 1


FULL_REFUSED = {
    **{f"without label {label}": (full(drop=label), "statement-labels") for label in (1, 4, 15, 258, 259, 260)},
    "another label": (full(l5=b""), "statement-labels"),
    "crit": (full(l2=[1]), "statement-damaged"),
    "kid of 1 byte": (full(l4=b"\1"), "key-hint"),
    "kid of 32 bytes": (full(l4=bytes(32)), "key-hint"),
    "kid is text": (full(l4="12345678"), "key-hint"),
    "iat is text": (full(l15={6: "1"}), "claims"),
    "iat is null": (full(l15={6: None}), "claims"),
    "claims besides iat": (full(l15={6: DAY * SECONDS_A_DAY, 1: "x"}), "claims"),
    "no iat": (full(l15={}), "claims"),
    "claims are a list": (full(l15=[]), "claims"),
    "iat on day 0": (full(l15={6: SECONDS_A_DAY - 1}), "day-range"),
    "iat before 1970": (full(l15={6: -1}), "day-range"),
    "iat after 2149": (full(l15={6: 65536 * SECONDS_A_DAY}), "day-range"),
    "hash is SHA-512": (full(l258=-44), "hash-algorithm"),
    "hash is a list": (full(l258=[-16]), "hash-algorithm"),
    "content type is bytes": (full(l259=b"x"), "content-type"),
    "content type is negative": (full(l259=-1), "content-type"),
    "location is bytes": (full(l260=b"x"), "payload-location"),
    "location is null": (full(l260=None), "payload-location"),
    "digest of 16 bytes": (full(bytes(16)), "digest-length"),
    "digest detached": (full(None), "digest-length"),
    "alg is a list": (full(l1=[]), "algorithm"),
    "alg is a map": (full(l1={}), "algorithm"),
    "alg is ES512": (full(l1=-36), "algorithm"),
    "signature of 96 bytes": (full(signature=bytes(96)), "signature-length"),
    "over 1024 bytes": (full(l260="x" * 1000), "statement-damaged"),
    "untagged": (full()[1:], "statement-labels"),
    "a byte behind": (full() + b"\0", "statement-damaged"),
    "tagged twice": (b"\xd2" + full(), "statement-damaged"),
}


@pytest.mark.parametrize(("data", "code"), FULL_REFUSED.values(), ids=FULL_REFUSED.keys())
def test_a_malformed_full_statement_is_refused_by_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


# --- all of them


@pytest.mark.parametrize("slot", [-1, 32, 256])
def test_a_slot_outside_0_to_31_is_not_written(slot: int) -> None:
    with pytest.raises(LayoutError) as refusal:
        codec.protected_for_slot(slot)
    assert refusal.value.code == "slot-range"


@pytest.mark.parametrize("issued_at", [0, SECONDS_A_DAY - 1, 65536 * SECONDS_A_DAY])
def test_full_of_an_impossible_day_is_not_written(issued_at: int) -> None:
    with pytest.raises(LayoutError) as refusal:
        codec.full_protected(issued_at, HINT, "x", URI)
    assert refusal.value.code == "day-range"


@pytest.mark.parametrize("data", [minimal(), minimal(digest=bytes(16)), compact(), compact(digest=bytes(32)), full()])
def test_a_statement_delimits_itself(data: bytes) -> None:
    assert codec.stored_length(data + bytes(40)) == len(data)


@given(st.sampled_from([b"\x41", b"\x61", b"\x84", b"\xd2", b"\xd2\x84", b"\x84\x46\xa2\x01"]), st.binary(max_size=130))
def test_any_bytes_are_a_statement_or_a_layout_error(start: bytes, rest: bytes) -> None:
    data = start + rest
    try:
        read = codec.parse_statement(data)
    except LayoutError:
        return
    assert codec.encode_statement(read) == data


header_values = st.recursive(
    st.none() | st.integers(-40, 40) | st.binary(max_size=9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.integers(0, 9), inner, max_size=2),
    max_leaves=3,
)


@given(
    st.booleans(),
    st.fixed_dictionaries(
        dict.fromkeys((1, 4), header_values),
        optional=dict.fromkeys((2, 3, 15, 258, 259, 260, "x"), header_values),
    ),
    header_values,
    header_values,
)
def test_headers_and_claims_of_any_type_are_a_layout_error(
    tagged: bool, header: dict[int | str, object], claims: object, payload: object
) -> None:
    for content in (cbor.encode(claims), payload):
        data = (b"\xd2" if tagged else b"") + cbor.encode([cbor.encode(header), {}, content, SIGNATURE])
        with pytest.raises(LayoutError):
            codec.parse_statement(data)


@given(st.integers(0, 225), st.integers(0, 255))
def test_a_mutated_full_statement_reads_to_other_bytes_or_is_refused(at: int, octet: int) -> None:
    data = full()
    at %= len(data)
    mutant = data[:at] + bytes((octet,)) + data[at + 1 :]
    try:
        read = codec.parse_statement(mutant)
    except LayoutError:
        return
    assert codec.encode_statement(read) == mutant
