"""The capability container: what is accepted, and what makes it none."""

from __future__ import annotations

import pytest

from dpptag.tags.type4_cc import BrokenCcError, CapabilityContainer, parse_cc

PLAIN = "000F20003B00340406E104040000 00"
NTAG424 = "001720010000FF0406E104010000000506E10500808283"
ST25TA = "000F2000FF0036040600010100 00 00"


def test_the_cc_of_a_delivered_ntag_424_has_its_limits_clamped_to_short_apdus() -> None:
    assert parse_cc(bytes.fromhex(NTAG424)) == CapabilityContainer(0x20, 255, 255, 0xE104, 256, 0, 0)


def test_the_cc_of_a_delivered_st25ta_writes_54_bytes_at_once() -> None:
    assert parse_cc(bytes.fromhex(ST25TA)) == CapabilityContainer(0x20, 255, 54, 0x0001, 256, 0, 0)


def test_mapping_version_3_with_the_same_tlv_is_the_same() -> None:
    assert parse_cc(bytes.fromhex(PLAIN.replace("000F20", "000F30"))).mapping == 0x30


@pytest.mark.parametrize(
    ("cc", "why"),
    [
        ("", "cannot be"),
        ("000E20003B00340406E1040400000", "cannot be"),
        ("010020003B00340406E10404000000", "cannot be"),
        ("001020003B00340406E10404000000", "says 16 bytes and has 15"),
        ("000F10003B00340406E10404000000", "version 1.0"),
        ("000F40003B00340406E10404000000", "version 4.0"),
        ("000F20000E00340406E10404000000", "too little"),
        ("000F20003B00000406E10404000000", "too little"),
        ("000F20003B00010406E10404000000", "too little"),
        ("000F20003B00340506E10404000000", "no NDEF file"),
        ("000F20003B00340608E10404000000", "no NDEF file"),
        ("000F20003B0034040600000400 00 00", "0000h"),
        ("000F20003B00340406E10304000000", "E103h"),
        ("000F20003B003404063F0004000000", "3F00h"),
        ("000F20003B00340406E10400040000", "4 bytes"),
        ("001020003B00340406E1040400000005", "past its end"),
        ("001120003B00340406E10404000000 0506", "past its end"),
    ],
)
def test_anything_else_is_no_cc_and_says_why(cc: str, why: str) -> None:
    text = cc.replace(" ", "")
    with pytest.raises(BrokenCcError, match=why):
        parse_cc(bytes.fromhex(text if len(text) % 2 == 0 else text + "0"))
