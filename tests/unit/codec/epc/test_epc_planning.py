"""Which scheme is taken for which serial and chip, and what is said where none fits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec.epc import PlannedEpc, decode_epc, plan_epc
from dpptag.errors import LinkError, PlanError
from tests.unit.codec.epc.epc_rig import GTIN, dates, gtins, serials

HOST = "id.example.com"
DATE = ("17", "271231")


def plan(serial: str, epc_bits: int = 496, **options: Any) -> PlannedEpc:
    return plan_epc(GTIN, serial, epc_bits=epc_bits, **options)


CHOICES: list[tuple[str, dict[str, Any], str, int]] = [
    ("123456789012", {"company_prefix_digits": 7}, "SGTIN-96", 6),
    ("123456789012", {}, "SGTIN+", 8),
    ("0123456789", {"company_prefix_digits": 7}, "SGTIN+", 7),
    ("274877906943", {"company_prefix_digits": 7}, "SGTIN-96", 6),
    ("274877906944", {"company_prefix_digits": 7}, "SGTIN+", 8),
    ("0", {"company_prefix_digits": 7}, "SGTIN-96", 6),  # SGTIN+ takes 5 words, but no chip is that small
    ("0", {"company_prefix_digits": 7, "epc_bits": 80}, "SGTIN+", 5),
    ("0", {}, "SGTIN+", 5),
    ("00", {"company_prefix_digits": 7}, "SGTIN+", 6),
    ("LB70A0001", {"company_prefix_digits": 7}, "SGTIN+", 8),
    ("a/" * 8, {"company_prefix_digits": 7}, "SGTIN+", 12),
    ("a/" * 9, {"company_prefix_digits": 7}, "SGTIN-198", 13),  # both 13 words: the one that more readers know
    ("a/" * 10, {"company_prefix_digits": 7}, "SGTIN-198", 13),  # SGTIN+ takes 14
    ("a/" * 10, {}, "SGTIN+", 14),
    ("7", {"hostname": HOST, "company_prefix_digits": 7}, "SGTIN++", 10),
    ("123456789012", {"hostname": HOST}, "SGTIN++", 12),
    ("123456789012", {"hostname": "dpp.example.eu"}, "SGTIN++", 14),
    ("7", {"date": DATE, "company_prefix_digits": 7}, "DSGTIN+", 7),
    ("7", {"date": DATE, "hostname": HOST}, "DSGTIN++", 11),
    ("7", {"scheme": "SGTIN-198", "company_prefix_digits": 7}, "SGTIN-198", 13),
    ("7", {"scheme": "SGTIN+", "company_prefix_digits": 7}, "SGTIN+", 5),
]


@pytest.mark.parametrize(("serial", "options", "scheme", "words"), CHOICES)
def test_the_smallest_scheme_that_carries_the_serial_exactly_is_taken(
    serial: str, options: dict[str, Any], scheme: str, words: int
) -> None:
    planned = plan(serial, **options)
    assert (planned.scheme, planned.words) == (scheme, words)
    assert len(planned.epc) == 2 * words
    assert planned.spare == options.get("epc_bits", 496) - 16 * words
    assert planned.pc == words << 11
    assert decode_epc(planned.epc).serial == serial


def test_a_scheme_of_more_words_is_taken_where_it_alone_fits_nothing() -> None:
    assert plan("7", 96, company_prefix_digits=7).spare == 0
    with pytest.raises(PlanError):
        plan("7", 64, company_prefix_digits=7)


@given(
    gtins,
    serials,
    st.none() | st.integers(6, 12),
    st.none() | st.sampled_from([HOST, "DPP.Example.EU"]),
    st.none() | dates,
    st.integers(0, 7),
)
def test_whatever_is_planned_decodes_to_what_was_wished(
    gtin: str, serial: str, digits: int | None, host: str | None, date: tuple[str, str] | None, scheme_filter: int
) -> None:
    planned = plan_epc(
        gtin,
        serial,
        company_prefix_digits=digits,
        filter=scheme_filter,
        hostname=host,
        date=date,
        epc_bits=496,
    )
    read = decode_epc(planned.epc)
    assert (read.gtin14, read.serial, read.filter) == (gtin, serial, scheme_filter)
    assert (read.scheme, read.hostname, read.date, read.bits) == (planned.scheme, host, date, planned.bits)
    if read.company_prefix is not None:
        assert digits == len(read.company_prefix)


TOO_LONG: list[tuple[str, int, dict[str, Any], int, list[str]]] = [
    (
        "123456789012",
        96,
        {},
        32,
        ["bank of 128 bits", "serial to 6 characters", "digits of the company prefix: SGTIN-96 fits"],
    ),
    ("123456789012", 128, {"hostname": HOST}, 64, ["bank of 192 bits", "leave the host name out: SGTIN+ fits"]),
    ("123456789012", 128, {"date": DATE}, 16, ["bank of 144 bits", "serial to 9 characters", "leave the date out"]),
    ("0123456789ab", 96, {"company_prefix_digits": 7}, 32, ["bank of 128 bits", "serial to 6 characters"]),
    ("7", 128, {"scheme": "SGTIN-198", "company_prefix_digits": 7}, 80, ["bank of 208 bits", "take SGTIN-96"]),
    ("/" * 20, 208, {}, 16, ["bank of 224 bits", "serial to 18 characters", "prefix: SGTIN-198 fits"]),
    ("7", 512, {"hostname": "a" * 63}, 32, ["leave the host name out: SGTIN+ fits"]),
]


@pytest.mark.parametrize(("serial", "epc_bits", "options", "missing", "ways"), TOO_LONG)
def test_what_does_not_fit_is_refused_with_the_missing_bits_and_every_way_out(
    serial: str, epc_bits: int, options: dict[str, Any], missing: int, ways: list[str]
) -> None:
    with pytest.raises(PlanError) as refused:
        plan(serial, epc_bits, **options)
    assert (refused.value.code, refused.value.facts["missing_bits"]) == ("epc-too-long", missing)
    said = (refused.value.action or "").split("; or ")
    assert len(said) == len(ways)
    for way, sentence in zip(ways, said, strict=True):
        assert way in sentence


def test_a_chip_with_xpc_has_464_bits_for_an_epc() -> None:
    host = "a" * 48
    assert plan("7", 512, hostname=host).words == 27
    assert plan("7", 512, hostname="a" * 52, xpc=True).spare == 0
    assert plan("7", 512, hostname="a" * 56).spare == 16
    with pytest.raises(PlanError) as refused:
        plan("7", 512, hostname="a" * 56, xpc=True)
    assert refused.value.facts["epc_bits"] == 464


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"scheme": "SSCC-96"}, PlanError, "epc-scheme"),
    ({"scheme": "SGTIN-96"}, PlanError, "company-prefix-digits"),
    ({"scheme": "SGTIN-198"}, PlanError, "company-prefix-digits"),
    ({"scheme": "SGTIN-96", "company_prefix_digits": 7, "serial": "007"}, PlanError, "epc-scheme"),
    ({"scheme": "SGTIN-96", "company_prefix_digits": 7, "serial": "A"}, PlanError, "epc-scheme"),
    ({"scheme": "SGTIN+", "hostname": HOST}, PlanError, "epc-scheme"),
    ({"scheme": "SGTIN-96", "company_prefix_digits": 7, "date": DATE}, PlanError, "epc-scheme"),
    ({"scheme": "SGTIN++"}, PlanError, "epc-scheme"),
    ({"scheme": "DSGTIN+"}, PlanError, "epc-scheme"),
    ({"company_prefix_digits": 5}, PlanError, "company-prefix-digits"),
    ({"company_prefix_digits": 13}, PlanError, "company-prefix-digits"),
    ({"serial": ""}, LinkError, "length"),
    ({"serial": "a#"}, LinkError, "epc-characters"),
    ({"filter": 8}, LinkError, "epc-filter"),
    ({"date": ("12", "271231")}, LinkError, "epc-date-type"),
    ({"date": ("17", "271331")}, LinkError, "date"),
    ({"hostname": "id.example.com/dpp"}, LinkError, "epc-hostname"),
    ({"hostname": "https://id.example.com"}, LinkError, "epc-hostname"),
    ({"hostname": "-a"}, LinkError, "host-characters"),
    ({"hostname": "a..b"}, LinkError, "host-characters"),
    ({"hostname": "ex\u00e4mple.com"}, LinkError, "non-ascii"),
    ({"hostname": ""}, LinkError, "no-host"),
]


@pytest.mark.parametrize(("options", "kind", "code"), REFUSED)
def test_a_wish_that_no_epc_says_is_refused(options: dict[str, Any], kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as refused:
        plan(**{"serial": "7", **options})
    assert refused.value.code == code  # type: ignore[attr-defined]
