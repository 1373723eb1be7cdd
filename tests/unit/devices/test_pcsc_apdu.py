"""Pseudo-APDUs: what is sent, and what is made of every answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.devices.pcsc_apdu import (
    CardKind,
    Received,
    card_kind,
    direct_received,
    direct_transmit,
    historical_bytes,
    is_session_answer,
    session_received,
    switch_protocol,
    transceive,
)

STORAGE = "3B8F8001804F0CA000000306"


@pytest.mark.parametrize(
    ("atr", "kind"),
    [
        (STORAGE + "03 0003 00000000 68", CardKind.TYPE2),
        (STORAGE + "03 FF00 00000000 94", CardKind.TYPE2),
        (STORAGE + "03 0001 00000000 6A", CardKind.CLASSIC),
        (STORAGE + "03 F011 00000000 8A", CardKind.TYPE3),
        (STORAGE + "11 003B 00000000 42", CardKind.TYPE3),
        (STORAGE + "0B 0014 00000000 77", CardKind.TYPE5),
        (STORAGE + "0B 0013 00000000 70", CardKind.TYPE5),
        ("3B 81 80 01 80 80", CardKind.TYPE4),
        ("3B 80 80 01 01", CardKind.TYPE4),
        ("3B 65 00 00 9C 02 02 07 02", CardKind.CONTACT),
        ("", CardKind.CONTACT),
    ],
)
def test_an_atr_tells_the_kind_of_card(atr: str, kind: CardKind) -> None:
    assert card_kind(bytes.fromhex(atr)) is kind


def test_historical_bytes_of_an_ntag424() -> None:
    assert historical_bytes(bytes.fromhex("3B8180018080")) == b"\x80"


def test_get_version_by_direct_transmit() -> None:
    assert direct_transmit(b"\x60").hex() == "ff00000003d44260"


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        ("D54300 0004040201000F03 9000", Received(bytes.fromhex("0004040201000F03"))),
        ("D54301 9000", Received()),
        ("D54302 9000", Received(damaged=True)),
        ("6301", Received()),
        ("6A81", None),
        ("637F", None),
    ],
)
def test_answers_of_direct_transmit(answer: str, received: Received | None) -> None:
    assert direct_received(bytes.fromhex(answer)) == received


def test_a_transceive_carries_its_timer_before_the_frame() -> None:
    assert transceive(b"\x22\x2b", 1_000_000).hex() == "ffc200010b" + "5f460440420f00" + "9502222b" + "00"


def test_the_protocol_of_iso_15693() -> None:
    assert switch_protocol(0x02, 0x03).hex() == "ffc20002048f02020300"


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        ("C003009000 920100 96020000 9702 0011 9000", Received(b"\x00\x11")),
        ("C003009000 920104 96020100 9701 0A 9000", Received(b"\x0a", bits=4)),
        ("C003009000 920100 96020100 9702 0011 9000", Received(b"\x00\x11", damaged=True)),
        ("C003016401 9000", Received()),
        ("C003016A81 9000", None),
        ("6A81", None),
        ("C003 9000", None),
    ],
)
def test_answers_of_a_transparent_session(answer: str, received: Received | None) -> None:
    assert session_received(bytes.fromhex(answer)) == received


def test_a_nibble_is_an_ack_only_with_4_bits() -> None:
    assert Received(b"\x0a", bits=4).nibble == 0x0A
    assert Received(b"\x0a").nibble is None


@given(st.binary(max_size=64))
def test_no_answer_whatever_it_is_breaks_the_parsers(answer: bytes) -> None:
    for parse in (direct_received, session_received, is_session_answer, card_kind, historical_bytes):
        parse(answer)  # type: ignore[operator]
        parse(answer + b"\x90\x00")  # type: ignore[operator]
