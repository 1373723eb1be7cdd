"""The simulated ST25TA02K obeys its data sheet and those of its forerunners with the same commands."""

from __future__ import annotations

import json

import pytest

from dpptag.sim.chip import ApduChip, Fading, Tearable
from dpptag.sim.kinds import KINDS
from dpptag.sim.st25ta import Right, Side, St25ta
from tests.unit.sim.ev2_host import in_application, selected, send

ST_UID = bytes.fromhex("02E200112233AA")
NDEF, CC, SYSTEM = "00A4000C020001", "00A4000C02E103", "00A4000C02E101"
ZERO = "00" * 16
PASSWORD = "A1" * 16
VERIFY_READ, VERIFY_WRITE = "0020000110", "0020000210"


def chip(stored: St25ta | None = None) -> St25ta:
    """In its application, the NDEF file selected; out of the state file of another, or delivered."""
    record = {} if stored is None else json.loads(json.dumps(stored.record()))
    made = KINDS["ST25TA02K"].make(ST_UID, record)
    assert isinstance(made, St25ta)
    assert send(in_application(made), NDEF) == "9000"
    return made


def test_it_stands_among_the_kinds_with_sts_uid_and_atqa() -> None:
    kind = KINDS["ST25TA02K"]
    made = kind.make(ST_UID, {})
    assert isinstance(made, ApduChip)
    assert isinstance(made, Tearable)
    assert isinstance(made, Fading)
    assert (made.kind, made.atqa, made.sak, kind.uid_head, kind.uid_bytes) == (
        "ST25TA02K",
        0x0042,
        0x20,
        b"\x02\xe2",
        7,
    )


def test_delivered_cc_and_system_file() -> None:
    tag = chip()
    assert send(tag, CC) == "9000"
    assert send(tag, "00B000000F") == "000F2000FF0036040600010100" + "0000" + "9000"
    assert send(tag, SYSTEM) == "9000"
    assert send(tag, "00B0000002") == "00129000"
    assert send(tag, "00B0000012") == "00120000000000" + "13" + ST_UID.hex().upper() + "00FFE2" + "9000"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("00A4040007D276000085010000", "6A82"),
        ("00A4000C02E104", "6A82"),
        ("00A4000C03000100", "6700"),
        ("00A4010C020001", "6A86"),
        ("00B00000", "6700"),
        ("00B0000000", "6700"),  # 256 bytes are one more than MLe
        ("00D6000037" + "00" * 55, "6700"),
        ("00D600CB36" + "00" * 54, "6A84"),
        ("00CA000000", "6D00"),
        ("9060000000", "6E00"),
        ("0020000310" + ZERO, "6A86"),
        ("0020000108" + "00" * 8, "6A80"),
        ("0024000110" + PASSWORD, "6982"),
        ("00280002", "6982"),
        ("00260002", "6982"),
        ("A2280002", "6982"),
    ],
)
def test_refusals(command: str, status: str) -> None:
    tag = chip()
    assert send(tag, command) == status
    assert tag.changes == 0


def test_without_a_selected_file_nothing_is_found() -> None:
    tag = selected(St25ta(ST_UID))
    assert send(tag, NDEF) == "6A82"
    in_application(tag)
    assert send(tag, "00B0000002") == "6A82"
    assert send(tag, "00D600000100") == "6A82"
    assert send(tag, VERIFY_READ + ZERO) == "6984"


def test_read_binary_keeps_to_the_message_and_extended_read_binary_to_the_file() -> None:
    tag = chip()
    assert send(tag, "00B0000002") == "00009000"
    assert send(tag, "00B0000003") == "6282"
    assert send(tag, "00D60000050003D00000") == "9000"
    assert send(tag, "00B0000005") == "0003D000009000"
    assert send(tag, "00B0000402") == "6282"
    assert send(tag, "A2B0000402") == "00009000"
    assert send(tag, "A2B000FF01") == "009000"
    assert send(tag, "A2B000FF02") == "6700"
    assert send(tag, CC) == "9000"
    assert send(tag, "A2B0000002") == "6A82"


def test_content_survives_a_state_file() -> None:
    tag = chip()
    assert send(tag, "00D60000050003D00000") == "9000"
    assert tag.changes == 1
    assert send(chip(tag), "00B0000005") == "0003D000009000"


def test_the_cc_cannot_be_written() -> None:
    tag = chip()
    assert send(tag, CC) == "9000"
    assert send(tag, "00D6000E01FF") == "6982"


def test_a_write_password_closes_the_file_for_writing_and_is_needed_to_open_it() -> None:
    tag = chip()
    assert send(tag, "0020000200") == "9000"  # none needed; and Lc absent with Le, as readers send it
    for command in (VERIFY_WRITE + ZERO, "0024000210" + PASSWORD, VERIFY_WRITE + PASSWORD, "00280002"):
        assert send(tag, command) == "9000"
    tag = chip(tag)
    assert send(tag, "0020000200") == "6300"
    assert send(tag, "00D600000100") == "6982"
    assert send(tag, "00B0000002") == "00009000"
    assert send(tag, VERIFY_WRITE + ZERO) == "63C2"
    assert send(tag, "00D600000100") == "6982"
    assert send(tag, VERIFY_WRITE + PASSWORD) == "9000"
    assert send(tag, "00D600000100") == "9000"
    assert send(tag, "00260002") == "9000"
    assert send(chip(tag), "00D600000100") == "9000"


def test_a_read_password_closes_the_file_for_reading() -> None:
    tag = chip()
    for command in (VERIFY_WRITE + ZERO, "0024000110" + PASSWORD, "00280001"):
        assert send(tag, command) == "9000"
    tag = chip(tag)
    assert send(tag, "00B0000002") == "6982"
    assert send(tag, "A2B0000002") == "6982"
    assert send(tag, VERIFY_READ + PASSWORD) == "9000"
    assert send(tag, "00B0000002") == "00009000"
    assert send(tag, NDEF) == "9000"  # a new selection forgets it
    assert send(tag, "00B0000002") == "6982"


def test_three_wrong_passwords_end_the_tries_of_a_session_and_not_those_of_the_next() -> None:
    tag = chip()
    for status in ("63C2", "63C1", "63C0"):
        assert send(tag, VERIFY_WRITE + PASSWORD) == status
    assert send(tag, VERIFY_WRITE + ZERO) == "63C0"
    assert send(tag, VERIFY_READ + ZERO) == "9000"
    assert send(chip(tag), VERIFY_WRITE + ZERO) == "9000"


@pytest.mark.parametrize(
    ("lock", "side", "right", "cc"),
    [("A2280002", Side.WRITE, Right.NEVER_WRITTEN, "00FF"), ("A2280001", Side.READ, Right.NEVER_READ, "FE00")],
)
def test_a_permanent_right_cannot_be_taken_back(lock: str, side: Side, right: Right, cc: str) -> None:
    tag = chip()
    assert send(tag, VERIFY_WRITE + ZERO) == "9000"
    assert send(tag, lock) == "9000"
    assert tag.rights[side] is right
    assert send(tag, "00260002" if side is Side.WRITE else "00260001") == "6982"
    assert send(tag, "00D600000100" if side is Side.WRITE else "00B0000002") == "6982"
    assert send(tag, f"0020000{side.value}10" + ZERO) == "6984"
    tag = chip(tag)
    assert send(tag, CC) == "9000"
    assert send(tag, "00B0000D02") == cc + "9000"


def test_the_event_counter_counts_once_in_a_session() -> None:
    tag = chip()
    assert send(tag, SYSTEM) == "9000"
    assert send(tag, "00D600030102") == "9000"  # count reads
    for _ in range(2):
        tag = chip(tag)
        assert send(tag, "00B0000002") == "00009000"
        assert send(tag, "00B0000002") == "00009000"
    assert send(tag, SYSTEM) == "9000"
    assert send(tag, "00B0000304") == "020000029000"
    assert send(tag, "00D600030182") == "9000"
    assert send(tag, "00D600030100") == "6982"
    assert send(tag, "00D600040100") == "6982"


def test_a_torn_write_keeps_half_of_its_last_line() -> None:
    tag = chip()
    assert tag.tear(lambda: tag.apdu(bytes.fromhex("00D6000E06111213141516")))
    assert send(chip(tag), "A2B0000D08") == "0011121314FFFF009000"


@pytest.mark.parametrize("command", ["0024000210" + PASSWORD, "00280002", "A2280002"])
def test_a_torn_change_of_a_password_or_a_right_has_not_happened(command: str) -> None:
    tag = chip()
    assert send(tag, VERIFY_WRITE + ZERO) == "9000"
    assert tag.tear(lambda: tag.apdu(bytes.fromhex(command)))
    assert (tag.rights[Side.WRITE], tag.passwords[Side.WRITE]) == (Right.FREE, bytes(16))


def test_cells_keep_what_they_will_and_fade() -> None:
    tag = chip()
    tag.program = lambda unit, data: bytes((unit,)) * len(data)
    assert send(tag, "00D6000E04AABBCCDD") == "9000"
    assert send(tag, "A2B0000E04") == "000001019000"
    tag.fade(1)
    assert send(tag, "A2B0000E04") == "000000019000"
