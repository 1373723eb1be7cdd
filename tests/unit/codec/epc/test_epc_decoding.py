"""Reading the EPC bank: every vector, every refusal, every bit pattern."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec.check_digit import check_digit
from dpptag.codec.digital_link import parse
from dpptag.codec.epc import Sgtin, decode_epc
from dpptag.codec.epc.bits import BitReader
from dpptag.codec.epc.hostname import read_hostname
from dpptag.errors import LinkError
from tests.unit.codec.epc.epc_rig import (
    CSET82,
    SCHEMES,
    bank,
    bcd,
    epc_vectors,
    field,
    plus,
    refusal,
    seven_bit,
    words,
)


def test_every_sgtin_vector_decodes_to_its_link() -> None:
    run = dict.fromkeys(SCHEMES, 0)
    for vector in epc_vectors("vectors"):
        scheme = vector["scheme"]
        if scheme not in SCHEMES:
            continue
        sgtin = decode_epc(bank(vector))
        assert (sgtin.scheme, sgtin.filter) == (scheme, vector["filter"])
        if "digital_link" in vector:
            assert sgtin.digital_link == vector["digital_link"]
        if "ai_json" in vector:
            assert sgtin.ais == vector["ai_json"]
        assert sgtin.bits == vector.get("bits", sgtin.bits)
        run[scheme] += 1
    assert run == {"SGTIN-96": 3, "SGTIN-198": 2, "SGTIN+": 9, "SGTIN++": 3, "DSGTIN+": 2, "DSGTIN++": 1}


def test_every_vector_of_another_scheme_is_an_unknown_header() -> None:
    run = 0
    for vector in epc_vectors("vectors"):
        if vector["scheme"] not in SCHEMES:
            assert refusal(bank(vector)) == "epc-unknown-header"
            run += 1
    assert run == 29


def test_every_host_name_vector_decodes() -> None:
    run = 0
    for vector in epc_vectors("hostname_vectors"):
        assert read_hostname(BitReader(words(str(vector["bits_string"])))) == vector["host"]
        run += 1
    assert run == 6


# TDS Annex E.3: header 30, filter 3, partition 1, company prefix 95060001343, item 05, serial 123456789
WORKED = "3066C4409047E140075BCD15"


def test_the_worked_example_of_the_standard() -> None:
    assert decode_epc(bytes.fromhex(WORKED)) == Sgtin(
        "SGTIN-96", 3, "09506000134352", "123456789", company_prefix="95060001343"
    )
    assert decode_epc(bytes.fromhex(WORKED)).gs1_digits == "9506000134352"


def sgtin96(partition: int, prefix: int, prefix_bits: int, item: int, item_bits: int, serial: int = 1) -> bytes:
    return words(
        "00110000"
        + field(1, 3)
        + field(partition, 3)
        + field(prefix, prefix_bits)
        + field(item, item_bits)
        + field(serial, 38)
    )


def sgtin198(serial: str) -> bytes:
    return words("00110110" + field(1, 3) + field(5, 3) + field(9520123, 24) + field(45678, 20) + serial)


ONE = "000" + field(1, 5) + field(7, 4)  # the serial "7" as a numeric string


def date(kind: int, year: int, month: int, day: int) -> str:
    """Date type and date of DSGTIN+."""
    return field(kind, 4) + field(year, 7) + field(month, 4) + field(day, 5)


REFUSED = [
    (b"", "epc-length"),
    (b"\x30", "epc-length"),
    (bytes(64), "epc-length"),
    (bytes(12), "epc-unprogrammed"),
    (bytes.fromhex("00" + "11" * 11), "epc-unknown-header"),
    (words(plus(ONE, header=0xF1)), "epc-unknown-header"),
    (bytes.fromhex(WORKED)[:10], "epc-length"),
    (bytes.fromhex(WORKED) + bytes(2), "epc-length"),
    (sgtin96(7, 1, 24, 1, 20), "epc-partition"),
    (sgtin96(5, 10**7, 24, 1, 20), "epc-range"),
    (sgtin96(5, 1, 24, 10**6, 20), "epc-range"),
    (sgtin96(0, 10**12, 40, 1, 4), "epc-range"),
    (sgtin96(0, 1, 40, 10, 4), "epc-range"),
    (sgtin198("0" * 140), "epc-characters"),
    (sgtin198(seven_bit("A\0B" + "\0" * 17)), "epc-characters"),
    (sgtin198(seven_bit("A B".ljust(20, "\0"))), "epc-characters"),
    (sgtin198(seven_bit("A#B".ljust(20, "\0"))), "epc-characters"),
    (sgtin198(seven_bit("AB".ljust(20, "\0")) + "0000000001"), "epc-fill"),
    (words(plus(ONE, gtin="09520123456789")), "check-digit"),
    (words(plus(ONE).replace(bcd("0952"), "1010" + bcd("952"), 1)), "epc-digit"),
    (words(plus("000" + "00000")), "epc-length"),
    (words(plus("000" + field(21, 5) + "0" * 80)), "epc-length"),
    (words(plus("110" + field(1, 5) + "0" * 16)), "epc-reserved"),
    (words(plus("111" + field(1, 5) + "0" * 16)), "epc-reserved"),
    (words(plus("000" + field(1, 5) + field(10, 4))), "epc-range"),
    (words(plus("100" + field(1, 5) + seven_bit("#"))), "epc-characters"),
    (words(plus("101" + field(1, 5) + field(0, 16))), "epc-characters"),
    (words(plus("101" + field(1, 5) + field(64001, 16))), "epc-characters"),
    (words(plus("101" + field(2, 5) + field(1600 + 0 + 5 + 1, 16))), "epc-characters"),
    (words(plus("101" + field(1, 5) + field(1600 + 40 * 2 + 1, 16))), "epc-characters"),
    (words(plus("100" + field(20, 5) + seven_bit("ABC"))), "epc-truncated"),
    (words(plus(ONE)) + b"\0\0", "epc-fill"),
    (words(plus(ONE) + "1"), "epc-fill"),
    (words(plus(ONE, toggle="1")), "epc-truncated"),
    (words(plus(ONE, toggle="1") + bcd("21") + ONE), "epc-aidc-unsupported"),
    (words(plus(ONE, toggle="1") + (bcd("10") + ONE) * 2), "duplicate-ai"),
    (words(plus(ONE, toggle="1") + bcd("17") + field(27, 7) + field(13, 4) + field(1, 5)), "date"),
    (words(plus(ONE, header=0xFB, date=date(7, 27, 1, 1))), "epc-reserved"),
    (words(plus(ONE, header=0xFB, date=date(15, 27, 1, 1))), "epc-reserved"),
    (words(plus(ONE, header=0xFB, date=date(4, 100, 1, 1))), "date"),
    (words(plus(ONE, header=0xFB, date=date(4, 27, 0, 1))), "date"),
    (words(plus(ONE, header=0xFB, date=date(4, 27, 2, 29))), "date"),
    (words(plus(ONE, header=0xFB, date=date(5, 27, 2, 0))), "date"),  # AI 7006 names a day
    (
        words(plus(ONE, header=0xFB, date=date(4, 27, 1, 1), toggle="1") + bcd("17") + date(0, 1, 1, 1)[4:]),
        "duplicate-ai",
    ),
    (words(plus(ONE, header=0xFC, date=date(4, 27, 1, 1))), "epc-hostname"),
    (words(plus(ONE, header=0xFD)), "epc-truncated"),
    (words(plus(ONE, header=0xFD) + "0" + field(0, 6)), "epc-hostname"),
    (words(plus(ONE, header=0xFD) + "1" + field(3, 6) + seven_bit("a/b")), "epc-hostname"),
    (words(plus(ONE, header=0xFD) + "1" + field(3, 6) + seven_bit("a?b")), "epc-hostname"),
    (words(plus(ONE, header=0xFD) + "1" + field(3, 6) + seven_bit("a:b")), "epc-hostname"),
    (words(plus(ONE, header=0xFD) + "1" + field(3, 6) + seven_bit("a$b")), "epc-reserved"),
    (words(plus(ONE, header=0xFD) + "1" + field(2, 6) + seven_bit("a\x04")), "epc-reserved"),
    (words(plus(ONE, header=0xFD) + "1" + field(3, 6) + seven_bit("a\x03\x01")), "epc-reserved"),
    (words(plus(ONE, header=0xFD) + "1" + field(2, 6) + seven_bit("a\x00")), "epc-hostname"),
    (words(plus(ONE, header=0xFD) + "1" + field(63, 6) + seven_bit("\x1f" * 8)), "epc-truncated"),
    (words(plus(ONE, header=0xFD) + "1" + field(17, 6) + "0011111" * 17), "epc-hostname"),
]


@pytest.mark.parametrize(("data", "code"), REFUSED)
def test_a_malformed_epc_is_refused_with_its_code(data: bytes, code: str) -> None:
    assert refusal(data) == code


@pytest.mark.parametrize(
    ("serial", "bits"),
    [
        ("007", "000" + field(3, 5) + field(7, 10)),
        ("0A", "001" + field(2, 5) + field(0x0A, 8)),
        ("0a", "010" + field(2, 5) + field(0x0A, 8)),
        ("A_", "011" + field(2, 5) + field(0, 6) + field(63, 6)),
        ("12", "100" + field(2, 5) + seven_bit("12")),
        ("ABC", "101" + field(3, 5) + field(0x0694, 16)),
        ("A", "101" + field(1, 5) + field(1600 + 1, 16)),
    ],
)
def test_every_encoding_of_a_serial_is_taken(serial: str, bits: str) -> None:
    assert decode_epc(words(plus(bits))).serial == serial


@pytest.mark.parametrize(
    ("kind", "ai"), [(0, "11"), (1, "13"), (2, "15"), (3, "16"), (4, "17"), (5, "7006"), (6, "7007")]
)
def test_every_date_type_is_the_attribute_of_its_ai(kind: int, ai: str) -> None:
    sgtin = decode_epc(words(plus(ONE, header=0xFB, date=date(kind, 27, 2, 28))))
    assert (sgtin.scheme, sgtin.date, sgtin.serial) == ("DSGTIN+", (ai, "270228"), "7")
    assert sgtin.digital_link == f"https://id.gs1.org/01/09520123456788/21/7?{ai}=270228"


def test_a_date_may_be_a_whole_month() -> None:
    assert decode_epc(words(plus(ONE, header=0xFB, date=date(4, 27, 2, 0)))).date == ("17", "270200")


def test_a_date_and_a_batch_stand_where_a_link_has_them() -> None:
    data = (
        plus(ONE, header=0xFB, date=date(4, 27, 2, 0), toggle="1") + bcd("11") + date(0, 26, 1, 2)[4:] + bcd("10") + ONE
    )
    link = "https://id.gs1.org/01/09520123456788/10/7/21/7?17=270200&11=260102"
    assert decode_epc(words(data)).digital_link == link


def test_the_link_has_the_host_of_the_epc_in_lower_case() -> None:
    host = "0" + field(3, 6) + field(1600 * 1 + 40 * 28 + 2 + 1, 16)  # URN Code 40 "A.B"
    sgtin = decode_epc(words(plus(ONE, header=0xFD) + host))
    assert sgtin.hostname == "A.B"
    assert sgtin.digital_link == "https://a.b/01/09520123456788/21/7"


def test_a_country_domain_may_stand_inside_a_host() -> None:
    host = "1" + field(5, 6) + seven_bit("x\x00\x2fy\x1e")  # x .co y qr.
    assert decode_epc(words(plus(ONE, header=0xFD) + host)).hostname == "x.coyqr."


PARTITIONS = [(40, 12, 4), (37, 11, 7), (34, 10, 10), (30, 9, 14), (27, 8, 17), (24, 7, 20), (20, 6, 24)]


@given(st.integers(0, 6), st.text(alphabet="0123456789", min_size=13, max_size=13), st.integers(0, 2**38 - 1))
def test_an_sgtin96_of_every_partition_decodes(partition: int, digits: str, serial: int) -> None:
    prefix_bits, length, item_bits = PARTITIONS[partition]
    prefix, item = digits[1 : 1 + length], digits[0] + digits[1 + length :]
    sgtin = decode_epc(sgtin96(partition, int(prefix), prefix_bits, int(item), item_bits, serial))
    assert (sgtin.gtin14, sgtin.serial) == (digits + check_digit(digits), str(serial))
    assert sgtin.company_prefix == prefix


@given(st.text(alphabet=CSET82, min_size=1, max_size=20))
def test_an_sgtin198_serial_decodes_and_its_link_reads_back(serial: str) -> None:
    sgtin = decode_epc(sgtin198(seven_bit(serial.ljust(20, "\0"))))
    assert sgtin.serial == serial
    assert parse(sgtin.digital_link).ais == {"01": "09520123456788", "21": serial}


@given(st.text(alphabet=CSET82, min_size=1, max_size=20))
def test_an_sgtin_plus_serial_decodes(serial: str) -> None:
    bits = "100" + field(len(serial), 5) + seven_bit(serial)
    assert decode_epc(words(plus(bits))).serial == serial


@given(st.sampled_from([0x30, 0x36, 0xF7, 0xFB, 0xFC, 0xFD]), st.binary(min_size=1, max_size=61))
def test_any_bank_is_an_sgtin_with_a_valid_link_or_a_link_error(header: int, rest: bytes) -> None:
    try:
        sgtin = decode_epc(bytes((header,)) + rest)
    except LinkError:
        return
    assert parse(sgtin.digital_link).ais == sgtin.ais


@given(st.binary(max_size=70))
def test_any_bytes_are_an_sgtin_or_a_link_error(data: bytes) -> None:
    try:
        sgtin = decode_epc(data)
    except LinkError:
        return
    assert sgtin.scheme in SCHEMES
