"""Writing an EPC: the bits of every vector, exact round trips, what each scheme refuses."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec.epc import SCHEMES as HEADERS
from dpptag.codec.epc import Sgtin, decode_epc, encode_epc
from dpptag.codec.epc.bit_writing import BitWriter, alphanumeric_encoding
from dpptag.codec.epc.bits import BitReader
from dpptag.codec.epc.hostname import read_hostname
from dpptag.codec.epc.hostname_writing import write_hostname
from dpptag.errors import LinkError
from tests.unit.codec.epc.epc_rig import (
    CSET82,
    GTIN,
    SCHEMES,
    bank,
    dates,
    epc_vectors,
    field,
    gtins,
    plus,
    serials,
    seven_bit,
    words,
)


def written_host(host: str) -> tuple[str, int]:
    """What ``write_hostname`` makes of a host: the bits, and how many."""
    writer = BitWriter()
    write_hostname(writer, host)
    whole = writer.words()
    return f"{int.from_bytes(whole, 'big'):0{8 * len(whole)}b}"[: writer.bits], writer.bits


# --- vectors


def test_every_sgtin_vector_is_written_bit_for_bit() -> None:
    """Encoders choose freely among legal encodings; all sources of these vectors chose as we do."""
    run = dict.fromkeys(SCHEMES, 0)
    for vector in epc_vectors("vectors"):
        if vector["scheme"] in SCHEMES:
            sgtin = decode_epc(bank(vector))
            encoded = encode_epc(sgtin)
            assert encoded.epc == bank(vector)
            assert encoded.bits == sgtin.bits
            run[vector["scheme"]] += 1
    assert run == {"SGTIN-96": 3, "SGTIN-198": 2, "SGTIN+": 9, "SGTIN++": 3, "DSGTIN+": 2, "DSGTIN++": 1}


def test_every_host_name_vector_is_written_as_short_or_shorter() -> None:
    """Those of another legal choice are the two of GS1's page without optimisation: their source uses no sequence."""
    other = []
    for vector in epc_vectors("hostname_vectors"):
        text, size = written_host(vector["host"])
        if text != vector["bits_string"]:
            assert size < vector["bits"]
            other.append((vector["host"], vector["method"]))
    assert other == [("id.example.com", "7-bit, no optimisation"), ("example.com", "7-bit, no optimisation")]


# --- errata of TDS 2.3 and older texts: what the bits say counts


def by_hex(start: str) -> Sgtin:
    (found,) = (decode_epc(bank(v)) for v in epc_vectors("vectors") if v["hex"].startswith(start))
    return found


def test_erratum_the_serial_of_the_sgtin_96_example_is_123456789() -> None:
    assert by_hex("3066C4409047E1").serial == "123456789"  # E.3 prints 1234567896789 in the URI


def test_erratum_the_host_of_both_plus_plus_examples_is_id_example_com() -> None:
    assert by_hex("FD3795211411234538566CB0AFC525").hostname == "id.example.com"  # E.3 prints example.com
    assert by_hex("FC342CDE7952").hostname == "id.example.com"


def test_erratum_the_item_reference_of_the_old_sgtin_198_example_is_712345() -> None:
    assert by_hex("3674257BF6").gtin14 == "70614141123451"  # older texts print 812345


@pytest.mark.parametrize(
    ("host", "units"), [("a.org.cn", (2, 29)), ("a.net.cn", (2, 30)), ("a.tech", (3, 0))], ids=["org", "net", "tech"]
)
def test_erratum_tables_b3_and_b4_have_first_units_2_and_3(host: str, units: tuple[int, int]) -> None:
    bits = "1" + field(3, 6) + seven_bit("a" + "".join(map(chr, units)))  # printed 0 for two rows of B3, 2 for B4
    assert written_host(host) == (bits, 28)


def test_erratum_base64_has_the_alphabet_of_rfc_4648() -> None:
    bits = "011" + field(3, 5) + field(26, 6) + field(62, 6) + field(63, 6)  # 14.5.6.4.1 lists that of Code 40
    assert encode_epc(Sgtin("SGTIN+", 1, GTIN, "a-_")).epc == words(plus(bits))


# --- exact round trip, scheme by scheme


@st.composite
def sgtins(draw: st.DrawFn) -> Sgtin:
    scheme, gtin = draw(st.sampled_from(SCHEMES)), draw(gtins)
    serial = draw(st.integers(0, 2**38 - 1).map(str) if scheme == "SGTIN-96" else serials)
    prefix = gtin[1 : 1 + draw(st.integers(6, 12))] if scheme in ("SGTIN-96", "SGTIN-198") else None
    host = draw(st.sampled_from(HOSTS)) if scheme.endswith("++") else None
    date = draw(dates) if scheme.startswith("D") else None
    return Sgtin(scheme, draw(st.integers(0, 7)), gtin, serial, prefix, host, (), date)


HOSTS = [
    "id.example.com",
    "ID.EXAMPLE.COM",
    "Id.Example.Com",
    "www.example.eu",
    "qr.x-1.co.uk",
    "dpp.example.company.eu",
    "id.com",
    "www.id.qr.com.com",
    "x.coyqr.",
    "localhost:8443",
    "a",
    "0.TECH",
]


@given(sgtins())
def test_what_is_written_reads_back_exactly(sgtin: Sgtin) -> None:
    encoded = encode_epc(sgtin)
    read = decode_epc(encoded.epc)
    assert read == sgtin
    assert (read.bits, encoded.epc[0]) == (encoded.bits, HEADERS[sgtin.scheme])
    assert encode_epc(read) == encoded


@pytest.mark.parametrize("scheme", ["SGTIN-198", "SGTIN+"])
@pytest.mark.parametrize(
    "serial", ["0", "00", "007", "0" * 20, "9" * 20, "00AB", "00ab", "0-", CSET82[:20], CSET82[62:]]
)
def test_leading_zeros_and_every_character_are_kept(scheme: str, serial: str) -> None:
    sgtin = Sgtin(scheme, 1, GTIN, serial, "9520123" if scheme == "SGTIN-198" else None)
    assert decode_epc(encode_epc(sgtin).epc).serial == serial


_host_units = st.one_of(
    st.sampled_from("abzAZ09-.").map(ord),
    st.sampled_from([0b0011110, 0b0011111, 0b0100000, 0b1011011, 0b1111111]),
    st.tuples(st.just(0), st.integers(0, 127)),
    st.tuples(st.just(2), st.integers(0, 31)),
)


def _host_bits(parts: list[int | tuple[int, int]]) -> str:
    units = [unit for part in parts for unit in ((part,) if isinstance(part, int) else part)]
    return "1" + field(len(units), 6) + "".join(field(unit, 7) for unit in units)


_hosts = st.lists(_host_units, min_size=1, max_size=9).map(_host_bits)


@given(_hosts)
def test_a_host_in_any_legal_encoding_is_written_again_as_the_same_host(bits: str) -> None:
    host = read_hostname(BitReader(words(bits)))
    again, _ = written_host(host)
    assert read_hostname(BitReader(words(again))) == host


@given(
    sgtins().filter(lambda sgtin: "+" in sgtin.scheme),
    st.sampled_from([(("10", "LOT7"),), (("10", "0"), ("17", "261200"))]),
)
def test_aidc_data_behind_an_epc_read_back(sgtin: Sgtin, aidc: tuple[tuple[str, str], ...]) -> None:
    if sgtin.date is None or sgtin.date[0] != "17":
        assert decode_epc(encode_epc(replace(sgtin, aidc=aidc)).epc) == replace(sgtin, aidc=aidc)


@given(st.text(alphabet="0123456789", min_size=1, max_size=20), _hosts, st.sampled_from([0, 1, 2, 3, 4, 5]))
def test_an_epc_of_any_legal_encoding_is_written_again_as_the_same_item(serial: str, host: str, indicator: int) -> None:
    """Digits go into every encoding of a serial; decode, encode, decode."""
    digits = [int(digit) for digit in serial]
    data = {
        0: field(int(serial), (10 ** len(serial) - 1).bit_length()),
        1: "".join(field(digit, 4) for digit in digits),
        2: "".join(field(digit, 4) for digit in digits),
        3: "".join(field(52 + digit, 6) for digit in digits),
        4: seven_bit(serial),
        5: "".join(
            field(
                sum(weight * (30 + digit) for weight, digit in zip((1600, 40, 1), digits[at : at + 3], strict=False))
                + 1,
                16,
            )
            for at in range(0, len(digits), 3)
        ),
    }[indicator]
    bits = plus(field(indicator, 3) + field(len(serial), 5) + data, header=0xFD) + host
    if len(bits) <= 496:
        read = decode_epc(words(bits))
        assert (read.serial, read.bits) == (serial, len(bits))
        again = decode_epc(encode_epc(read).epc)
        assert again == read
        assert decode_epc(encode_epc(again).epc).bits == again.bits


# --- which encoding is taken

CHOICES = [
    ("7", 0, 4),  # hex would take 4 bits too: the lower indicator
    ("0001", 0, 14),
    ("1" * 20, 0, 67),
    ("F", 1, 4),
    ("f", 2, 4),
    ("G", 3, 6),
    ("GH", 3, 12),
    ("GHI", 5, 16),
    ("GHIJKLMN", 3, 48),  # URN Code 40 would take 48 bits too
    ("GHIJKLMNO", 5, 48),
    ("G.", 4, 14),
    ("G.H", 5, 16),
    ("g/", 4, 14),
    ("A_", 3, 12),
]


@pytest.mark.parametrize(("serial", "indicator", "size"), CHOICES)
def test_a_serial_takes_the_encoding_with_the_fewest_bits(serial: str, indicator: int, size: int) -> None:
    assert alphanumeric_encoding(serial) == (indicator, size)


@given(serials)
def test_no_other_encoding_of_a_serial_is_shorter(serial: str) -> None:
    _, size = alphanumeric_encoding(serial)
    length = len(serial)
    alphabets = {4: "0123456789ABCDEF", 6: "AZaz09-_", 7: CSET82}
    for width, alphabet in alphabets.items():
        if set(serial) <= set(alphabet):
            assert size <= width * length
    if serial.isdigit():
        assert size == (10**length - 1).bit_length()
    if set(serial) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:"):
        assert size <= 16 * -(-length // 3)


@pytest.mark.parametrize(
    ("host", "units"),
    [
        ("id.example.com", "\x20example\x5b"),
        ("id.com", "id\x5b"),  # id. at the start would leave com: one unit more
        ("www.uk", "\x1fuk"),  # a tie: the start sequence is taken
        ("x.com.eu", "x.com\x00\x44"),  # .com stands inside: plain
        ("a.id.net", "a.id\x5d"),  # id. stands inside: plain
        ("example.co.uk", "example\x02\x19"),
        ("example.eu:8443", "example.eu:8443"),
        ("Example.EU", "Example.EU"),
    ],
)
def test_sequences_stand_at_the_start_and_the_end_of_a_host(host: str, units: str) -> None:
    assert written_host(host)[0] == "1" + field(len(units), 6) + seven_bit(units)


def test_a_host_in_capitals_takes_urn_code_40() -> None:
    assert written_host("ABC")[0] == "0" + field(3, 6) + field(0x0694, 16)


# --- refusals

OK = Sgtin("SGTIN-96", 1, GTIN, "7", company_prefix="9520123")
PLUS = Sgtin("SGTIN+", 1, GTIN, "7")
DATED = replace(PLUS, scheme="DSGTIN+", date=("17", "271231"))
HOSTED = replace(PLUS, scheme="SGTIN++", hostname="id.example.com")

REFUSED = [
    (replace(OK, scheme="SSCC-96"), "epc-scheme"),
    (replace(OK, filter=8), "epc-filter"),
    (replace(OK, filter=-1), "epc-filter"),
    (replace(OK, gtin14="09520123456789"), "check-digit"),
    (replace(OK, gtin14="9520123456788"), "gtin-short"),
    (replace(OK, gtin14="0952012345678X"), "characters"),
    (replace(OK, gtin14="0952012345678\u0668"), "characters"),
    (replace(OK, serial=""), "length"),
    (replace(OK, serial="1" * 21), "length"),
    (replace(OK, serial="a b"), "epc-characters"),
    (replace(OK, serial="a#b"), "epc-characters"),
    (replace(OK, serial="007"), "epc-serial"),
    (replace(OK, serial="A"), "epc-serial"),
    (replace(OK, serial=str(2**38)), "epc-serial"),
    (replace(OK, serial="\u0661"), "epc-characters"),
    (replace(OK, company_prefix=None), "epc-scheme"),
    (replace(OK, company_prefix="95201"), "epc-company-prefix"),
    (replace(OK, company_prefix="9520123456788"), "epc-company-prefix"),
    (replace(OK, company_prefix="9520124"), "epc-company-prefix"),
    (replace(OK, hostname="id.example.com"), "epc-scheme"),
    (replace(OK, date=("17", "271231")), "epc-scheme"),
    (replace(OK, aidc=(("10", "A"),)), "epc-scheme"),
    (replace(PLUS, company_prefix="9520123"), "epc-scheme"),
    (replace(PLUS, hostname="id.example.com"), "epc-scheme"),
    (replace(PLUS, date=("17", "271231")), "epc-scheme"),
    (replace(PLUS, aidc=(("21", "A"),)), "epc-aidc-unsupported"),
    (replace(PLUS, aidc=(("10", "A"), ("10", "B"))), "duplicate-ai"),
    (replace(PLUS, aidc=(("17", "271331"),)), "date"),
    (replace(PLUS, aidc=(("10", ""),)), "length"),
    (replace(PLUS, aidc=(("10", "A" * 21),)), "length"),
    (replace(DATED, date=None), "epc-scheme"),
    (replace(DATED, date=("12", "271231")), "epc-date-type"),
    (replace(DATED, date=("17", "271331")), "date"),
    (replace(DATED, date=("17", "270229")), "date"),
    (replace(DATED, date=("7006", "270200")), "date"),
    (replace(DATED, date=("7007", "270201270202")), "date"),
    (replace(DATED, date=("17", "27123X")), "characters"),
    (replace(DATED, aidc=(("17", "271231"),)), "duplicate-ai"),
    (replace(HOSTED, hostname=None), "epc-scheme"),
    (replace(HOSTED, hostname=""), "epc-hostname"),
    (replace(HOSTED, hostname="a/b"), "epc-hostname"),
    (replace(HOSTED, hostname="a_b"), "epc-hostname"),
    (replace(HOSTED, hostname="a" * 64), "epc-hostname"),
    (replace(HOSTED, serial="/" * 20, hostname="a" * 63), "epc-length"),
]


@pytest.mark.parametrize(("value", "code"), REFUSED)
def test_what_a_scheme_cannot_say_exactly_is_refused(value: Sgtin, code: str) -> None:
    with pytest.raises(LinkError) as refused:
        encode_epc(value)
    assert refused.value.code == code


def test_the_values_of_the_refusals_are_otherwise_good() -> None:
    for value in (OK, PLUS, DATED, HOSTED):
        assert decode_epc(encode_epc(value).epc) == value
