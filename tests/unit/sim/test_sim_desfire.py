"""The simulated DESFire cards as NFC Forum Type 4 tags, and as blanks that a reader makes such (NXP AN11004)."""

from __future__ import annotations

import json
import zlib

import pytest

from dpptag.sim.chip import ApduChip, Fading, Tearable
from dpptag.sim.des import decrypt_block
from dpptag.sim.desfire import GENERATIONS, Desfire
from dpptag.sim.desfire_legacy import crc_a
from dpptag.sim.kinds import KINDS
from tests.unit.sim.ev2_host import UID, ZERO, Host, in_application, native, selected, send

NAMES = tuple(GENERATIONS)
CREATE_NDEF = "90CA00000E 010000 0F 21 10E1 D2760000850101 00"


def card(name: str = "DESFIRE-EV2") -> Desfire:
    chip = KINDS[name].make(UID, {})
    assert isinstance(chip, Desfire)
    return selected(chip)


def again(chip: Desfire) -> Desfire:
    stored = json.loads(json.dumps(chip.record()))
    made = KINDS[chip.kind].make(chip.uid, stored)
    assert isinstance(made, Desfire)
    return selected(made)


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}-BLANK" for name in NAMES)])
def test_each_kind_is_an_apdu_chip_of_its_own_name(name: str) -> None:
    chip = card(name)
    assert isinstance(chip, ApduChip)
    assert isinstance(chip, Tearable)
    assert isinstance(chip, Fading)
    assert (chip.kind, chip.ats.hex()) == (name, "067577810280")


@pytest.mark.parametrize(
    ("name", "hardware", "software"),
    [
        ("DESFIRE-EV1", "04010101001A05", "04010101041A05"),
        ("DESFIRE-EV2", "04010112001A05", "04010102011A05"),
        ("DESFIRE-EV3", "04010133001A05", "04010103001A05"),
    ],
)
def test_get_version_tells_the_generations_apart(name: str, hardware: str, software: str) -> None:
    chip = card(name)
    assert send(chip, native(0x60)) == hardware + "91AF"
    assert send(chip, native(0xAF)) == software + "91AF"
    assert send(chip, native(0xAF)) == UID.hex().upper() + "BA5434A5C040199100"


@pytest.mark.parametrize(
    ("name", "cc"),
    [
        ("DESFIRE-EV1", "000F20003B00340406E10408000000"),
        ("DESFIRE-EV2", "000F20010000FF0406E10408000000"),
        ("DESFIRE-EV3", "000F20010000FF0406E10408000000"),
    ],
)
def test_the_ndef_procedure(name: str, cc: str) -> None:
    chip = in_application(card(name))
    assert send(chip, "00A4000C02E103") == "9000"
    assert send(chip, "00B000000F") == cc + "9000"
    assert send(chip, "00D6000001FF") == "6982"
    assert send(chip, "00A4000C02E104") == "9000"
    assert send(chip, "00D607FC03AABBCC") == "9000"
    assert send(again_in_ndef(chip), "00B007FB05") == "00AABBCC009000"


def again_in_ndef(chip: Desfire) -> Desfire:
    chip = in_application(again(chip))
    assert send(chip, "00A4000C02E104") == "9000"
    return chip


def test_ev1_reads_and_writes_no_more_at_once_than_its_cc_says() -> None:
    chip = again_in_ndef(card("DESFIRE-EV1"))
    assert send(chip, "00B0000000") == "00" * 59 + "9000"
    assert send(chip, "00D6000035" + "11" * 53) == "6700"
    assert send(chip, "00D6000034" + "11" * 52) == "9000"


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_makes_a_blank_an_ndef_tag_without_a_key(name: str) -> None:
    chip = card(f"{name}-BLANK")
    assert send(chip, "00A4040007D276000085010100") == "6A82"
    assert send(chip, native(0x6A)) == "9100"
    for command, answer in [
        (CREATE_NDEF, "9100"),
        (native(0x6A).hex(), "0100009100"),
        ("905A000003 010000 00", "9100"),
        ("90CD000009 01 03E1 00 EEEE 0F0000 00", "9100"),
        ("90CD000009 02 04E1 00 E0EE 000800 00", "9100"),
        ("903D000016 01 000000 0F0000 000F20003B00340406E10408000000 00", "9100"),
        ("905F000004 01 00 FFEF 00", "9100"),
        ("90F5000001 01 00", "0000FFEF0F00009100"),
        ("906F000000", "01029100"),
        ("9061000000", "03E104E19100"),
        ("9045000000", "0F019100"),
    ]:
        assert send(chip, command) == answer
    chip = again_in_ndef(chip)
    assert send(chip, "00D60000050003D00000") == "9000"
    assert send(chip, "00B0000005") == "0003D000009000"
    assert send(chip, "00A4000C02E103") == "9000"
    assert send(chip, "00B000000F") == "000F20003B00340406E104080000009000"
    assert send(chip, "00D6000001FF") == "6982"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (CREATE_NDEF, "91DE"),
        ("90CA000005 010000 0F 21 00", "91DE"),
        ("90CA00000E 020000 0F 21 10E1 D2760000850102 00", "91DE"),
        ("90CA00000E 020000 0F 21 11E1 D2760000850101 00", "91DE"),
        ("90CA000005 000000 0F 21 00", "919E"),
        ("90CA000005 020000 0F 2F 00", "919E"),
        ("90CA000004 020000 0F 00", "917E"),
        ("905A000003 030000 00", "91A0"),
        ("905A000002 0300 00", "917E"),
        ("90CD000009 01 03E1 00 EEEE 0F0000 00", "919D"),
        ("90F5000001 01 00", "919D"),
        ("90FC000000", "91AE"),
        ("90DA000003 010000 00", "91AE"),
        ("900A000001 01 00", "9140"),
        ("900A000002 0000 00", "917E"),
        ("9051000000", "91AE"),
        ("9071000002 0000 00", "9140"),
        ("90AA000001 00 00", "91AE"),
        ("906E000000", "E017009100"),
        ("9045000000", "0F019100"),
        ("9064000001 00 00", "009100"),
        ("906D000000", "01000010E1D27600008501019100"),
    ],
)
def test_at_the_level_of_the_card(command: str, status: str) -> None:
    assert send(card(), command) == status


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("90CD000009 01 05E1 00 EEEE 0F0000 00", "91DE"),
        ("90CD000009 03 04E1 00 EEEE 0F0000 00", "91DE"),
        ("90CD000009 03 05E1 00 EEEE 000000 00", "919E"),
        ("90CD000009 20 05E1 00 EEEE 0F0000 00", "919E"),
        ("90CD000009 03 05E1 00 E1EE 0F0000 00", "919E"),
        ("90CD000009 03 05E1 04 EEEE 0F0000 00", "919E"),
        ("90CD000007 03 00 EEEE 0F0000 00", "917E"),
        ("90CD000009 03 05E1 00 EEEE 001800 00", "910E"),
        ("90CA000005 020000 0F 01 00", "919D"),
        ("906A000000", "919D"),
        ("905F000004 02 00 EEEE 00", "91AE"),
        ("90DF000001 05 00", "91F0"),
        ("90BD000007 05 000000 000000 00", "91F0"),
        ("90BD000007 02 000800 010000 00", "91BE"),
        ("90AF000000", "91CA"),
    ],
)
def test_refusals_in_an_application(command: str, status: str) -> None:
    chip = card()
    assert send(chip, "905A000003 010000 00") == "9100"
    changes = chip.changes
    assert send(chip, command) == status
    assert chip.changes == changes


def test_a_deleted_file_gives_its_memory_back() -> None:
    chip = card()
    assert send(chip, "905A00000301000000") == "9100"
    assert send(chip, "90DF0000010200") == "9100"
    assert send(chip, "90DF0000010200") == "91F0"
    assert send(chip, "906E000000") == "E01F009100"


def test_an_application_that_its_master_key_guards_is_not_changed_without_it() -> None:
    chip = card()
    assert send(chip, "90CA000005 020000 0B 81 00") == "9100"
    assert send(chip, "905A000003 020000 00") == "9100"
    assert send(chip, "90CD000007 01 00 EEEE 100000 00") == "91AE"
    Host(chip).run(0xCD, bytes.fromhex("0100EEEE100000"), mode="mac")
    assert send(chip, "90BD000007 01 000000 040000 00") == "000000009100"
    assert list(chip.applications[1].files) == [1]


def test_long_data_goes_in_frames_both_ways() -> None:
    chip = card("DESFIRE-EV1")
    assert send(chip, "905A00000301000000") == "9100"
    data = bytes(range(130))
    assert send(chip, native(0x3D, bytes.fromhex("02000000820000") + data[:52])) == "91AF"
    assert send(chip, native(0xAF, data[52:110])) == "91AF"
    assert send(chip, native(0xAF, data[110:])) == "9100"
    assert send(chip, "90BD000007 02 000000 820000 00") == data[:59].hex().upper() + "91AF"
    assert send(chip, "90AF000000") == data[59:118].hex().upper() + "91AF"
    assert send(chip, "90AF000000") == data[118:].hex().upper() + "9100"


def test_a_write_in_frames_that_is_broken_off_writes_nothing() -> None:
    chip = card("DESFIRE-EV1")
    assert send(chip, "905A00000301000000") == "9100"
    assert send(chip, native(0x3D, bytes.fromhex("02000000820000") + bytes([1]) * 52)) == "91AF"
    assert send(chip, native(0x6F)) == "91CA"
    assert send(chip, "90BD000007 02 000000 040000 00") == "000000009100"


def test_ev2_authenticates_with_the_keys_of_an_aes_application_and_ev1_does_not() -> None:
    chip = card("DESFIRE-EV3")
    assert send(chip, "905A00000301000000") == "9100"
    host = Host(chip)
    assert host.run(0x51) == UID
    host.run(0x5F, b"\x02", bytes.fromhex("00E0EF"))
    key = bytes(range(16))
    assert send(chip, host.command(0xC4, b"\x00", key + b"\x01")) == "9100"
    chip = again(chip)
    assert send(chip, "905A00000301000000") == "9100"
    Host(chip, 0, key)
    assert send(again_in_ndef(chip), "00D6000001AA") == "9000"  # ReadWrite is free still
    old = card("DESFIRE-EV1")
    assert send(old, "905A00000301000000") == "9100"
    assert send(old, native(0x71, b"\x00\x00")) == "911C"


def legacy(chip: Desfire, key: bytes = bytes(8)) -> str:
    """Legacy authentication with key 0 as a reader does it: it deciphers what it sends. Returns the last status."""
    challenge = bytes.fromhex(send(chip, "900A0000010000"))
    assert challenge[8:] == b"\x91\xaf"
    rnd_a, rnd_b = bytes(range(1, 9)), decrypt_block(key, challenge[:8])
    first = decrypt_block(key, rnd_a)
    second = decrypt_block(key, bytes(a ^ b for a, b in zip(rnd_b[1:] + rnd_b[:1], first, strict=True)))
    answer = bytes.fromhex(send(chip, native(0xAF, first + second)))
    if answer[-2:] == b"\x91\x00":
        assert decrypt_block(key, answer[:-2]) == rnd_a[1:] + rnd_a[:1]
    return answer[-2:].hex().upper()


def test_with_its_own_des_key_the_card_is_formatted() -> None:
    chip = card("DESFIRE-EV1")
    assert legacy(chip, b"\x02" * 8) == "91AE"
    assert send(chip, "90FC000000") == "91AE"
    assert legacy(chip) == "9100"
    assert send(chip, "90FC000000") == "9100"
    assert send(again(chip), "906A000000") == "9100"


def test_key_settings_are_changed_enciphered_and_then_creating_needs_the_card_key() -> None:
    chip = card("DESFIRE-EV1-BLANK")
    chip.random = lambda size: bytes(range(0x11, 0x11 + size))
    assert legacy(chip) == "9100"
    session_key = bytes.fromhex("0102030411121314")
    assert send(chip, native(0x54, bytes(8))) == "911E"
    assert legacy(chip) == "9100"
    # 0Bh, its CRC_A as ISO/IEC 14443-3 annex B computes it, zeros.
    block = decrypt_block(session_key, b"\x0b" + crc_a(b"\x0b") + bytes(5))
    assert send(chip, native(0x54, block)) == "9100"
    chip = again(chip)
    assert send(chip, "9045000000") == "0B019100"
    assert send(chip, CREATE_NDEF) == "91AE"
    assert legacy(chip) == "9100"
    assert send(chip, CREATE_NDEF) == "9100"


def test_crc_a_of_the_standards_annex_b() -> None:
    assert crc_a(bytes(2)).hex().upper() == "A01E"
    assert crc_a(bytes.fromhex("1234")).hex().upper() == "26CF"


def test_an_application_is_deleted_with_the_card_key() -> None:
    chip = card()
    assert legacy(chip) == "9100"
    assert send(chip, "90DA00000302000000") == "91A0"
    assert legacy(chip) == "9100"
    assert send(chip, "90DA00000301000000") == "9100"
    assert chip.applications == []


def test_a_des_key_of_an_application_opens_its_files_and_no_enciphered_command() -> None:
    chip = card("DESFIRE-EV1")
    assert send(chip, "905A00000301000000") == "9100"
    assert send(chip, native(0x3D, bytes.fromhex("01000000010000 00"))) == "91AE"
    assert legacy(chip) == "9100"
    assert send(chip, native(0x3D, bytes.fromhex("01000000010000 00"))) == "9100"
    assert send(chip, native(0x51)) == "911E"
    assert send(chip, native(0x3D, bytes.fromhex("01000000010000 00"))) == "91AE"


def test_after_legacy_authentication_a_long_write_comes_in_frames() -> None:
    """As libfreefare sends what is longer than one frame of 64 bytes."""
    chip = card("DESFIRE-EV1")
    data = bytes(range(100))
    assert send(chip, "905A00000301000000") == "9100"
    assert legacy(chip) == "9100"
    assert send(chip, native(0x3D, bytes.fromhex("02000000640000") + data[:47])) == "91AF"
    assert send(chip, native(0xAF, data[47:])) == "9100"
    assert chip.applications[0].files[2].content[:101] == data + b"\x00"


def test_a_legacy_authentication_is_cut_off_by_another_command_and_refused_for_aes_keys() -> None:
    chip = card()
    assert send(chip, "900A0000010000").endswith("91AF")
    assert send(chip, "9060000000") == "91CA"
    assert send(chip, native(0xAF, bytes(16))) == "91CA"
    assert send(chip, "905A00000301000000") == "9100"
    assert send(chip, "900A0000010000") == "91AE"


def test_another_key_of_an_application_is_changed_by_its_master_key() -> None:
    chip = card()
    assert send(chip, "90CA000005 020000 0F 82 00") == "9100"
    assert send(chip, "905A000003 020000 00") == "9100"
    key = bytes(range(16))
    crc = (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")
    Host(chip).run(0xC4, b"\x01", key + b"\x05" + crc)
    Host(chip, 1, key)
    assert send(chip, native(0x51)) == "917E"


@pytest.mark.parametrize(
    ("name", "answer"),
    [("DESFIRE-EV1", "911C"), ("DESFIRE-EV2", "AB" * 56 + "9190"), ("DESFIRE-EV3", "AB" * 56 + "9190")],
)
def test_the_signature_comes_with_ev2(name: str, answer: str) -> None:
    chip = card(name)
    chip.signature = b"\xab" * 56
    assert send(again(chip), "903C0000010000") == answer


def test_a_torn_write_keeps_half_of_its_last_line() -> None:
    chip = again_in_ndef(card())
    assert chip.tear(lambda: chip.apdu(bytes.fromhex("00D6000E06 111213141516")))
    assert send(again_in_ndef(chip), "00B0000D08") == "0011121314FFFF009000"
    assert not chip.tear(lambda: chip.apdu(bytes.fromhex("00B0000001")))


def test_a_torn_creation_has_not_happened() -> None:
    chip = card("DESFIRE-EV1-BLANK")
    assert chip.tear(lambda: chip.apdu(bytes.fromhex(CREATE_NDEF)))
    assert send(again(chip), "906A000000") == "9100"
    assert chip.applications == []


def test_zero_keys_are_what_a_new_application_has() -> None:
    chip = card()
    assert send(chip, "90CA000005 020000 0F 83 00") == "9100"
    assert [key.value for key in chip.applications[1].keys] == [ZERO] * 3
