"""The simulated NTAG 424 DNA obeys its data sheet (NT4H2421Gx rev 3.0) and AN12196."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from dpptag.sim.chip import ApduChip, Fading, Tearable
from dpptag.sim.ev2 import Mode, Session, session_keys
from dpptag.sim.kinds import KINDS
from dpptag.sim.ntag424 import Ntag424
from dpptag.sim.sdm import Sdm
from tests.unit.sim.ev2_host import UID, ZERO, Host, aes_cbc, in_application, native, selected, send
from tests.vectors import vector_path

SELECT_FILE_2 = "00A4000C02E104"
KEY = bytes.fromhex("F3847D627727ED3BC9C4CC050489B966")
AN12196_SETTINGS = bytes.fromhex("4000E0C1F121200000430000430000")


def chip(**stored: Any) -> Ntag424:
    return in_application(Ntag424(UID, stored))


def with_file_2(tag: Ntag424 | None = None) -> Ntag424:
    tag = tag or chip()
    assert send(tag, SELECT_FILE_2) == "9000"
    return tag


def again(tag: Ntag424) -> Ntag424:
    """The same chip out of a state file, activated, in its application."""
    return in_application(Ntag424(tag.uid, json.loads(json.dumps(tag.record()))))


def test_it_stands_among_the_kinds_with_a_7_byte_uid() -> None:
    kind = KINDS["NTAG424"]
    made = kind.make(UID, {})
    assert isinstance(made, ApduChip)
    assert isinstance(made, Tearable)
    assert isinstance(made, Fading)
    assert (made.kind, made.ats, kind.uid_head, kind.uid_bytes) == (
        "NTAG424",
        bytes.fromhex("067777710280"),
        b"\x04",
        7,
    )


# Plain Type 4 reading and writing


def test_the_ndef_procedure_over_blocks() -> None:
    tag = selected(Ntag424(UID))
    blocks = [
        ("E080", "067777710280"),
        ("0200A4040007D276000085010100", "029000"),
        ("0300A4000C02E103", "039000"),
        ("0200B000000F", "02001720010000FF0406E104010000009000"),
        ("0300A4000C02E104", "039000"),
        ("0200D60000050003D00000", "029000"),
        ("0300B0000005", "030003D000009000"),
    ]
    for frame, expected in blocks:
        answer = tag.exchange(bytes.fromhex(frame))
        assert isinstance(answer, bytes)
        assert answer.hex().upper() == expected


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("E103", "001720010000FF0406E104010000000506E10500808283".ljust(64, "0")),
        ("E104", "00" * 256),
    ],
)
def test_delivered_files(file: str, content: str) -> None:
    tag = chip()
    assert send(tag, "00A4000C02" + file) == "9000"
    assert send(tag, "00B0000000") == content + "9000"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("00A4040007D276000085010100", "9000"),
        ("00A4040007D2760000850101", "9000"),
        ("00A4040C07D276000085010100", "9000"),
        ("00A4040007D276000085010000", "9000"),  # the PICC level by its name
        ("00A4040007D276000085010200", "6A82"),
        ("00A4000C023F00", "9000"),
        ("00A4000C02E110", "9000"),
        ("00A4020C02E104", "9000"),
        ("00A4000C02E106", "6A82"),
        ("00A4000C02E101", "6A82"),
        ("00A4010C02E104", "6A86"),
        ("00A4000402E104", "6A86"),
        ("00A4000C03E10400", "6A87"),
        ("00A4000C03E104", "6700"),
        ("00A4", "6700"),
        ("00B0000001", "6985"),
        ("00D600000100", "6985"),
        ("00CA000000", "6D00"),
        ("A0A4000C02E104", "6E00"),
    ],
)
def test_iso_select_and_what_is_not_known(command: str, status: str) -> None:
    assert send(chip(), command) == status


def test_files_are_found_inside_the_application_alone() -> None:
    tag = selected(Ntag424(UID))
    assert send(tag, "00A4000C02E104") == "6A82"
    assert send(in_application(tag), "00A4000C02E104") == "9000"
    assert send(tag, "00A4000C02E1FF") == "6A82"
    assert send(tag, "00B0000002") == "00009000"  # what was selected stays so


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00D600FE02AABB", "9000"),
        ("00D600FF02AABB", "6700"),
        ("00D6010001AA", "6B00"),
        ("00D67FFF01AA", "6B00"),
        ("00D60000", "6700"),
        ("00B000FF05", "009000"),
        ("00B0010001", "6B00"),
        ("00B00000", "6700"),
        ("00B0840002", "00009000"),
        ("00B0860001", "6A82"),
        ("00B0A40001", "6A86"),
        ("00B09F0001", "6A86"),
    ],
)
def test_offsets_and_lengths_of_read_and_update_binary(command: str, answer: str) -> None:
    tag = with_file_2()
    before = bytes(tag.files[2].content)
    assert send(tag, command) == answer
    if command.startswith("00D6") and answer != "9000":
        assert bytes(tag.files[2].content) == before


def test_a_write_that_the_rights_forbid_is_6982_and_changes_nothing() -> None:
    tag = chip()
    assert send(tag, "00A4000C02E103") == "9000"
    changes = tag.changes
    assert send(tag, "00D6000001FF") == "6982"
    assert tag.changes == changes
    assert send(tag, "00A4000C02E105") == "9000"
    assert send(tag, "00B0000001") == "6982"


def test_what_was_written_survives_the_loss_of_power_and_a_state_file() -> None:
    tag = with_file_2()
    changes = tag.changes
    assert send(tag, "00D60000050003D00000") == "9000"
    assert tag.changes == changes + 1
    assert send(with_file_2(again(tag)), "00B0000005") == "0003D000009000"


def test_the_selection_is_lost_with_the_power() -> None:
    tag = with_file_2()
    assert send(selected(tag), "00B0000001") == "6985"


# Torn writes


def torn(tag: Ntag424, command: bytes) -> bool:
    return tag.tear(lambda: tag.apdu(command))


def test_a_faded_line_has_one_bit_wrong() -> None:
    tag = with_file_2()
    tag.fade(0x20001)
    assert send(tag, "00B0000F03") == "0001009000"


def test_a_torn_write_of_one_frame_leaves_the_old_content() -> None:
    tag = with_file_2()
    assert torn(tag, bytes.fromhex("00D60000020003"))
    assert bytes(tag.files[2].content) == bytes(256)


def test_a_torn_write_of_two_frames_leaves_the_first() -> None:
    tag = with_file_2()
    assert torn(tag, bytes.fromhex("00D6000096") + b"\x11" * 150)
    assert bytes(tag.files[2].content) == (b"\x11" * 120).ljust(256, b"\x00")


def test_a_torn_block_of_a_chain_writes_only_with_the_last() -> None:
    tag = selected(Ntag424(UID))
    for frame in ("E080", "0200A4040007D276000085010100", "0300A4000C02E104"):
        tag.exchange(bytes.fromhex(frame))
    assert not tag.tear(lambda: tag.exchange(bytes.fromhex("1200D6000004AABB")))
    assert tag.tear(lambda: tag.exchange(bytes.fromhex("03CCDD")))
    assert bytes(tag.files[2].content[:4]) == bytes(4)
    assert not tag.tear(lambda: tag.exchange(bytes.fromhex("0200B0000004")))


def test_what_cells_keep_is_asked_line_by_line() -> None:
    tag = with_file_2()
    asked: list[tuple[int, bytes]] = []

    def program(unit: int, data: bytes) -> bytes:
        asked.append((unit, data))
        return bytes((data[0] ^ 1,)) + data[1:]

    tag.program = program
    assert send(tag, "00D6000E04AABBCCDD") == "9000"
    assert asked == [(0x20000, b"\xaa\xbb"), (0x20001, b"\xcc\xdd")]
    assert send(tag, "00B0000E04") == "ABBBCDDD9000"


# Native commands without authentication


def test_get_version_in_three_parts() -> None:
    tag = chip()
    assert send(tag, "9060000000") == "0404023000110591AF"
    assert send(tag, "90AF000000") == "0404020102110591AF"
    assert send(tag, "90AF000000") == UID.hex().upper() + "CF39D4498034209100"
    assert send(tag, "90AF000000") == "91CA"


def test_get_version_is_cut_off_by_any_other_command() -> None:
    tag = chip()
    assert send(tag, "9060000000").endswith("91AF")
    assert send(tag, "9060000000") == "91CA"
    assert send(tag, "9060000000").endswith("91AF")
    assert send(tag, SELECT_FILE_2) == "6985"
    assert send(tag, SELECT_FILE_2) == "9000"


@pytest.mark.parametrize(
    ("number", "settings"),
    [(1, "000000E0200000"), (2, "0000E0EE000100"), (3, "00033023800000")],
)
def test_delivered_settings(number: int, settings: str) -> None:
    assert send(chip(), native(0xF5, bytes((number,)))) == settings + "9100"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("9012000000", "911C"),
        ("90F5000001 04 00", "91F0"),
        ("90F5000002 0202 00", "917E"),
        ("90F500000102", "917E"),  # no Le
        ("90F5010001 02 00", "919E"),
        ("9051000000", "91AE"),
        ("90C400001D" + "00" * 29 + "00", "91AE"),
        ("905C00000100 00", "91AE"),
        ("905F000004 02 00E0EE 00", "91AE"),
        ("90F6000001 02 00", "919D"),
        ("90AD000007 03 000000 000000 00", "91AE"),
        ("908D000008 03 000000 010000 AA 00", "91AE"),
        ("908D000008 01 000000 010000 AA 00", "91AE"),
        ("908D000009 02 000000 010000 AABB 00", "917E"),
        ("908D000009 02 FF0000 020000 AABB 00", "91BE"),
        ("90AD000007 02 000100 010000 00", "91BE"),
        ("9064000001 05 00", "9140"),
        ("9064000001 04 00", "009100"),
        ("9071000002 0500 00", "9140"),
        ("9071000002 4000 00", "919E"),
        ("9071000001 00 00", "917E"),
        ("9077000001 00 00", "919D"),
        ("903C000001 01 00", "919E"),
    ],
)
def test_native_refusals(command: str, status: str) -> None:
    tag = chip()
    changes = tag.changes
    assert send(tag, command) == status
    assert tag.changes == changes


def test_at_picc_level_there_are_no_files_and_no_keys() -> None:
    tag = selected(Ntag424(UID))
    assert send(tag, native(0xF5, b"\x02")) == "919D"
    assert send(tag, native(0x71, b"\x00\x00")) == "9140"


def test_plain_native_read_and_write_of_the_ndef_file() -> None:
    tag = chip()
    assert send(tag, "908D00000A 02 000000 030000 AABBCC 00") == "9100"
    assert send(tag, "90AD000007 02 000000 040000 00") == "AABBCC009100"
    assert send(tag, "90AD000007 02 FE0000 000000 00") == "00009100"


def test_the_signature_is_read_plain_with_its_own_status() -> None:
    signature = bytes(range(56))
    tag = again(chip(signature=signature.hex()))
    assert send(tag, "903C0000010000") == signature.hex().upper() + "9190"
    assert Host(tag).run(0x3C, b"\x00") == signature


# Authentication and secure messaging


def test_session_keys_of_an12196() -> None:
    rnd_a, rnd_b = "13C5DB8A5930439FC3DEF9A4C675360F", "B9E2FC789B64BF237CCCAA20EC7E6E48"
    enc_key, mac_key = session_keys(ZERO, bytes.fromhex(rnd_a), bytes.fromhex(rnd_b))
    assert enc_key.hex().upper() == "1309C877509E5A215007FF0ED19CA564"
    assert mac_key.hex().upper() == "4C6626F5E72EA694202139295C7A7FC7"


def test_the_whole_exchange_of_an12196() -> None:
    """AN12196, AuthenticateEV2First with key 0, then ChangeFileSettings: every byte the chip sends."""
    randoms = [bytes.fromhex("B9E2FC789B64BF237CCCAA20EC7E6E48"), bytes.fromhex("9D00C4DF")]
    tag = Ntag424(UID, random=lambda size: _of_size(randoms.pop(0), size))
    in_application(tag)
    assert send(tag, "9071000002000000") == "A04C124213C186F22399D33AC2A3021591AF"
    second = "35C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D"
    answer = send(tag, "90AF000020" + second + "00")
    assert answer == "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100"
    tag.session = _after_one_command(tag.session)
    assert send(tag, "905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400") == "57BFF87B1241E93D9100"
    assert tag.files[2].settings()[7:] == AN12196_SETTINGS[3:]


def _of_size(data: bytes, size: int) -> bytes:
    assert len(data) == size
    return data


def _after_one_command(session: Session | None) -> Session:
    assert session is not None
    assert session.enc_key.hex().upper() == "1309C877509E5A215007FF0ED19CA564"
    session.counter = 1
    return session


def test_change_file_settings_of_an12196_at_the_codec() -> None:
    keys = bytes.fromhex("1309C877509E5A215007FF0ED19CA564"), bytes.fromhex("4C6626F5E72EA694202139295C7A7FC7")
    session = Session(0, bytes.fromhex("9D00C4DF"), *keys, counter=1)
    body = bytes.fromhex("0261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A04")
    assert session.open(0x5F, body, 1, Mode.FULL) == b"\x02" + AN12196_SETTINGS
    assert session.close(b"", Mode.FULL).hex().upper() == "57BFF87B1241E93D"
    assert Sdm.from_bytes(AN12196_SETTINGS[3:]).to_bytes() == AN12196_SETTINGS[3:]


def test_each_comm_mode_runs_and_the_counter_goes_on_through_all() -> None:
    tag = chip()
    host = Host(tag, 3)
    assert host.run(0xF5, b"\x03", mode="mac") == bytes.fromhex("00033023800000")
    data = bytes(range(40))
    assert host.run(0x8D, bytes.fromhex("03000000280000"), data) == b""
    assert host.run(0xAD, bytes.fromhex("03000000280000")) == data
    assert host.run(0xAD, bytes.fromhex("02000000040000"), mode="plain") == bytes(4)  # free access: plain
    assert host.run(0x51) == UID
    assert host.counter == 5
    assert bytes(tag.files[3].content[:40]) == data


def test_get_version_under_authentication_has_one_mac_over_all_parts() -> None:
    tag = chip()
    host = Host(tag)
    parts = host.answered(host.command(0x60, mode="mac"), "91AF")
    parts += host.answered(native(0xAF), "91AF")
    last = host.answered(native(0xAF), "9100")
    host.counter += 1
    assert last[-8:] == host.mac(0x00, parts + last[:-8])
    assert host.run(0x51) == UID


def test_non_first_keeps_the_transaction_and_the_counter() -> None:
    tag = chip()
    host = Host(tag, 0)
    host.run(0x51)
    transaction = host.transaction
    host.authenticate(2, ZERO, bytes(range(16, 32)), first=False)
    assert (host.transaction, host.counter) == (transaction, 1)
    assert host.run(0xAD, bytes.fromhex("03000000020000")) == b"\x00\x7e"


def test_a_file_in_mac_mode_is_read_and_written_under_a_mac() -> None:
    tag = chip()
    Host(tag).run(0x5F, b"\x03", bytes.fromhex("013023"))
    host = Host(tag, 3)
    host.run(0x8D, bytes.fromhex("03050000030000"), b"abc", mode="mac")
    assert host.run(0xAD, bytes.fromhex("03050000030000"), mode="mac") == b"abc"
    assert send(tag, native(0xAD, bytes.fromhex("03050000030000"))) == "917E"


def test_a_key_that_a_file_does_not_name_neither_reads_nor_writes_it() -> None:
    for command, data in ((0xAD, b""), (0x8D, b"\x00")):
        tag = chip()
        host = Host(tag, 1)
        assert send(tag, host.command(command, bytes.fromhex("03000000010000"), data)) == "91AE"


def test_more_than_256_bytes_with_its_mac_does_not_fit_one_answer() -> None:
    tag = chip()
    Host(tag).run(0x5F, b"\x02", bytes.fromhex("010000"))
    host = Host(tag)
    assert send(tag, host.command(0xAD, bytes.fromhex("02000000000000"), mode="mac")) == "917E"
    assert Host(tag).run(0xAD, bytes.fromhex("02000000F80000"), mode="mac") == bytes(248)


def test_the_command_counter_ends_at_ffff() -> None:
    tag = chip()
    host = Host(tag)
    assert tag.session is not None
    tag.session.counter = host.counter = 0xFFFE
    assert host.run(0x51) == UID
    assert send(tag, host.command(0x51)) == "911E"


def test_a_failed_non_first_authentication_ends_the_first() -> None:
    tag = chip()
    host = Host(tag)
    with pytest.raises(AssertionError):
        host.authenticate(2, KEY, first=False)
    assert send(tag, native(0x77, b"\x00")) == "919D"


@pytest.mark.parametrize("bit", [0, 7 * 8, 26 * 8 + 3, 32 * 8 + 7])
def test_one_wrong_bit_ends_the_session_and_changes_nothing(bit: int) -> None:
    """A MAC that does not fit is 911Eh; then there is no authentication any more (9.1.9)."""
    tag = chip()
    host = Host(tag)
    command = bytearray(host.command(0x5F, b"\x02", bytes.fromhex("00E0E0")))
    body = 5 + bit // 8 % (command[4] - 1) + 1
    command[body] ^= 1 << bit % 8
    assert send(tag, bytes(command)) == "911E"
    assert tag.files[2].rights == 0xEEE0
    assert send(tag, host.command(0x51)) == "91AE"


def test_a_command_repeated_or_left_out_is_an_integrity_error() -> None:
    tag = chip()
    host = Host(tag)
    command = host.command(0x51)
    assert send(tag, command).endswith("9100")
    assert send(tag, command) == "911E"
    host = Host(tag)
    host.counter = 1
    assert send(tag, host.command(0x51)) == "911E"


def test_wrong_padding_is_an_integrity_error() -> None:
    tag = chip()
    host = Host(tag)
    body = b"\x02" + aes_cbc(host.enc_key, bytes(16), host.iv("A55A"))
    assert send(tag, native(0x5F, body + host.mac(0x5F, body))) == "911E"


def test_iso_commands_are_refused_under_authentication_and_select_ends_it() -> None:
    tag = chip()
    with_file_2(tag)
    Host(tag)
    assert send(tag, "00B0000002") == "6982"
    host = Host(tag)
    assert send(tag, SELECT_FILE_2) == "9000"
    assert send(tag, host.command(0x51)) == "91AE"
    assert send(tag, "00B0000002") == "00009000"


def test_a_wrong_key_is_refused_and_counted_and_a_right_one_pays_ten_back() -> None:
    tag = chip()
    for _ in range(12):
        with pytest.raises(AssertionError):
            Host(tag, 1, KEY)
    assert (tag.keys[1].failed, tag.keys[1].failed_in_row, tag.keys[0].failed) == (12, 12, 0)
    tag = again(tag)
    Host(tag, 1)
    assert (tag.keys[1].failed, tag.keys[1].failed_in_row) == (2, 0)


def test_from_fifty_failures_in_a_row_on_the_chip_delays() -> None:
    tag = chip()
    tag.keys[1].failed = tag.keys[1].failed_in_row = 49
    with pytest.raises(AssertionError):
        Host(tag, 1, KEY)
    for _ in range(3):
        assert send(tag, native(0x71, b"\x01\x00")) == "91AD"
    Host(tag, 1)
    assert (tag.keys[1].failed, tag.keys[1].failed_in_row) == (40, 0)


def test_a_key_at_its_limit_is_dead_for_the_right_key_too() -> None:
    tag = chip()
    tag.keys[1].failed = 999
    with pytest.raises(AssertionError):
        Host(tag, 1, KEY)
    assert send(again(tag), native(0x71, b"\x01\x00")) == "919D"
    assert send(again(tag), native(0x71, b"\x00\x00")).endswith("91AF")


def test_the_second_part_of_the_wrong_length_or_late_is_refused() -> None:
    tag = chip()
    assert send(tag, native(0x71, b"\x00\x00")).endswith("91AF")
    assert send(tag, native(0xAF, bytes(16))) == "917E"
    assert send(tag, native(0xAF, bytes(32))) == "91CA"
    assert send(tag, native(0x71, b"\x00\x00")).endswith("91AF")
    assert send(tag, native(0xF5, b"\x02")) == "91CA"
    assert send(tag, native(0xAF, bytes(32))) == "91CA"


# Keys


def key_data(new: bytes, old: bytes, version: int) -> bytes:
    mixed = bytes(a ^ b for a, b in zip(new, old, strict=True))
    return mixed + bytes((version,)) + (zlib.crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little")


def test_crc_of_change_key_in_an12196() -> None:
    assert key_data(KEY, ZERO, 1)[17:].hex().upper() == "789DFADC"


def test_another_key_is_changed_with_its_version_and_its_counters_begin_again() -> None:
    tag = chip()
    tag.keys[2].failed = 5
    host = Host(tag)
    assert host.run(0xC4, b"\x02", key_data(KEY, ZERO, 7)) == b""
    assert host.run(0x64, b"\x02", mode="mac") == b"\x07"
    assert tag.keys[2].failed == 0
    Host(again(tag), 2, KEY)
    with pytest.raises(AssertionError):
        Host(again(tag), 2, ZERO)


def test_changing_key_0_answers_without_mac_and_ends_the_session() -> None:
    tag = chip()
    host = Host(tag)
    assert send(tag, host.command(0xC4, b"\x00", KEY + b"\x01")) == "9100"
    assert send(tag, native(0x51)) == "91AE"
    Host(again(tag), 0, KEY)


@pytest.mark.parametrize(
    ("number", "data", "status"),
    [
        (1, key_data(KEY, KEY, 1), "911E"),  # the old key was not all zero as assumed: its CRC is wrong
        (1, KEY + b"\x01", "917E"),
        (0, key_data(KEY, ZERO, 1), "917E"),
        (5, key_data(KEY, ZERO, 1), "9140"),
    ],
)
def test_a_key_change_that_does_not_fit_changes_no_key(number: int, data: bytes, status: str) -> None:
    tag = chip()
    tag.keys[1].value = ZERO
    assert send(tag, Host(tag).command(0xC4, bytes((number,)), data)) == status
    assert all(key.value == ZERO for key in tag.keys)


def test_only_key_0_changes_keys() -> None:
    tag = chip()
    assert send(tag, Host(tag, 1).command(0xC4, b"\x01", KEY + b"\x01")) == "91AE"


def test_a_torn_key_change_has_not_happened() -> None:
    tag = chip()
    assert torn(tag, Host(tag).command(0xC4, b"\x01", key_data(KEY, ZERO, 1)))
    assert tag.keys[1].value == ZERO


# File settings


def test_the_file_can_be_closed_for_writing_and_the_right_for_changing_given_up() -> None:
    tag = chip()
    assert Host(tag).run(0x5F, b"\x02", bytes.fromhex("00FFEF")) == b""
    with_file_2(tag)
    assert send(tag, "00D6000001AA") == "6982"
    assert send(tag, "908D00000802000000010000AA00") == "919D"
    assert send(tag, "00B0000002") == "00009000"
    assert send(tag, Host(tag).command(0x5F, b"\x02", bytes.fromhex("00E0EE"))) == "919D"


def test_a_free_change_right_takes_plain_settings() -> None:
    tag = chip()
    tag.files[2].rights = 0xEEEE
    assert send(tag, "905F000004 02 00E0EE 00") == "9100"
    assert tag.files[2].rights == 0xEEE0


@pytest.mark.parametrize(
    ("file", "settings", "status"),
    [
        (2, "00E0", "917E"),
        (2, "00E0EE00", "917E"),
        (2, "02E0EE", "919E"),
        (2, "80E0EE", "919E"),
        (2, "00E5EE", "919E"),  # no key 5
        (3, "4000E0C1F121200000430000430000", "919D"),  # SDM on the NDEF file alone
        (2, "4000E0C1F1212000004300004300", "917E"),
        (2, "4000E0C3F121200000430000430000", "919E"),  # a reserved option
        (2, "4000E0C0F121200000430000430000", "919E"),  # not ASCII
        (2, "4000E0C10121200000430000430000", "919E"),  # reserved rights not F
        (2, "4000E0C1F151200000430000430000", "919E"),  # no key 5
        (2, "4000E081F121200000430000430000", "919E"),  # counter returned while it is off
        (2, "4000E0C1F1FF", "919E"),  # UID mirrored, nowhere
        (2, "4000E0C1F121300000430000430000", "919E"),  # PICCData over the MAC
        (2, "4000E0C1F121200000440000430000", "919E"),  # MAC input behind the MAC
        (2, "4000E0C1F121200000F10000F10000", "919E"),  # MAC over the end of the file
        (2, "4000E0E1F121200000430000430000000000", "919E"),  # limit 0
        (2, "4000E0D1F121300000430000430000200000630000", "919E"),  # PICCData over the ENC data
        (2, "4000E0D1F121200000430000430000210000630000", "919E"),  # ENC length no multiple of 32
        (2, "4000E0D1F121200000440000430000200000630000", "919E"),  # ENC before the MAC input
        (2, "4000E0D1F121200000430000430000400000630000", "919E"),  # ENC reaches into the MAC
    ],
)
def test_settings_that_the_chip_cannot_have(file: int, settings: str, status: str) -> None:
    tag = chip()
    assert send(tag, Host(tag).command(0x5F, bytes((file,)), bytes.fromhex(settings))) == status
    assert tag.files[file].sdm is None


def test_set_configuration_changes_the_failure_counter_and_refuses_what_is_for_ever() -> None:
    tag = chip()
    host = Host(tag)
    host.run(0x5C, b"\x0a", bytes.fromhex("0105000200"))
    assert (tag.failure_limit, tag.failure_decrement) == (5, 2)
    host.run(0x5C, b"\x05", bytes(8) + b"\x12\x34")
    host.run(0x5C, b"\x0b", b"\x00")
    tag = again(tag)
    assert send(tag, "9060000000") == "0404823000110591AF"
    assert (tag.failure_limit, tag.failure_decrement, tag.capabilities()) == (5, 2, bytes.fromhex("000000001234"))


@pytest.mark.parametrize(
    ("option", "data", "status"),
    [
        (0x00, "02", "919D"),
        (0x05, "00000000020000000000", "919D"),
        (0x04, "0004", "919D"),
        (0x0A, "0100000A00", "919E"),
        (0x0A, "01", "917E"),
        (0x0C, "00", "919E"),
    ],
)
def test_set_configuration_refusals(option: int, data: str, status: str) -> None:
    tag = chip()
    assert send(tag, Host(tag).command(0x5C, bytes((option,)), bytes.fromhex(data))) == status


# Secure Dynamic Messaging


def sdm_case(name: str) -> dict[str, Any]:
    cases = json.loads(vector_path("tag_auth", "ntag424_sdm_sun.json").read_text())
    return next(case for case in cases if case["id"] == name)


def serving(case: dict[str, Any], settings: bytes, content: bytes) -> Ntag424:
    """The chip of a case, its counter one before the case's, its randomness the case's padding."""
    padding = bytes.fromhex(case["picc_plaintext"])[11:] if "picc_plaintext" in case else b""
    tag = Ntag424(bytes.fromhex(case["uid"]), random=lambda size: padding.ljust(size, b"\x00")[:size])
    tag.keys[2].value = bytes.fromhex(case.get("meta_key", "00" * 16))
    tag.keys[1].value = bytes.fromhex(case["file_key"])
    in_application(tag)
    with_file_2(tag)
    tag.files[2].content[:] = content.ljust(256, b"\x00")
    Host(tag).run(0x5F, b"\x02", settings)
    tag.files[2].counter = case["ctr"] - 1
    return tag


def sdm_settings(options: int, meta: int, *offsets: int) -> bytes:
    head = bytes((0x40, 0x00, 0xE0, options, 0xF1, meta << 4 | 1))
    return head + b"".join(offset.to_bytes(3, "little") for offset in offsets)


def test_the_url_of_an12196_page_12() -> None:
    case = sdm_case("AN12196-p12")
    url = b"\x00\x51\xd1\x01\x4dU\x04choose.url.com/ntag424?e=" + b"0" * 32 + b"&c=" + b"0" * 16
    picc, mac = url.index(b"?e=") + 3, url.index(b"&c=") + 3
    assert (picc, mac) == (0x20, 0x43)
    tag = serving(case, AN12196_SETTINGS, url)
    expected = url[:picc] + case["picc"].encode() + b"&c=" + case["sdmmac"].encode()
    assert send(with_file_2(tag), "00B0000000") == expected.hex().upper().ljust(512, "0") + "9000"


@pytest.mark.parametrize(("name", "between"), [("AN12196-p18", b"&cmac="), ("custom-keys", b"")])
def test_urls_with_encrypted_file_data(name: str, between: bytes) -> None:
    case = sdm_case(name)
    head = b"\x00\x00\xd1\x01\x00U\x04x.example/?e="
    content = head + b"0" * 32 + b"&d=" + bytes.fromhex(case["file"]) + b"0" * 16 + between + b"0" * 16
    picc = len(head)
    enc = picc + 35
    mac = enc + 32 + len(between)
    tag = serving(case, sdm_settings(0xD1, 2, picc, enc, enc, 32, mac), content)
    expected = head + case["picc"].encode() + b"&d=" + case["enc"].encode() + between + case["sdmmac"].encode()
    assert send(with_file_2(tag), f"00B00000{len(expected):02X}") == expected.hex().upper() + "9000"


def test_the_plain_mirror_shows_the_counter_most_significant_byte_first() -> None:
    case = sdm_case("plain-sdm")
    content = b"\x00\x00uid=" + b"0" * 14 + b"x" + b"0" * 6 + b"&c=" + b"0" * 16
    settings = sdm_settings(0xC1, 0xE, 6, 21, 30, 30)
    tag = serving(case, settings, content)
    expected = b"\x00\x00uid=" + case["uid"].encode() + b"x000006&c=" + case["sdmmac"].encode()
    assert send(with_file_2(tag), f"00B00000{len(expected):02X}") == expected.hex().upper() + "9000"
    assert send(tag, native(0xF5, b"\x02")) == "004000E0000100" + settings[3:].hex().upper() + "9100"


def mirrored() -> Ntag424:
    """Key 0 changes and writes, reading is free, PICCData at 20h and MAC at 43h."""
    tag = chip()
    Host(tag).run(0x5F, b"\x02", AN12196_SETTINGS)
    return with_file_2(tag)


def test_a_row_of_reads_counts_once_and_any_other_command_begins_a_new_row() -> None:
    tag = mirrored()
    first = send(tag, "00B0002010")
    second = send(tag, "00B0003010")
    assert tag.files[2].counter == 1
    assert send(tag, "00B0002020") == first[:-4] + second
    assert tag.files[2].counter == 1
    with_file_2(tag)
    assert send(tag, "00B0002020") != first[:-4] + second
    assert tag.files[2].counter == 2
    assert send(tag, "90AD00000702000000100000 00").endswith("9100")
    assert tag.files[2].counter == 3
    assert again(tag).files[2].counter == 3


def test_a_refused_read_does_not_count() -> None:
    tag = mirrored()
    assert send(tag, "00B0010001") == "6B00"
    assert tag.files[2].counter == 0


def test_the_authenticated_reader_sees_the_file_itself_and_does_not_count() -> None:
    tag = mirrored()
    host = Host(tag)
    assert host.run(0xAD, bytes.fromhex("02000000000100"), mode="plain") == bytes(256)
    assert tag.files[2].counter == 0


def test_get_file_counters_for_the_key_that_may_and_for_no_other() -> None:
    tag = mirrored()
    send(tag, "00B0000001")
    assert send(tag, native(0xF6, b"\x02")) == "91AE"
    assert send(tag, Host(tag).command(0xF6, b"\x02")) == "91AE"
    assert Host(tag, 1).run(0xF6, b"\x02") == bytes.fromhex("0100000000")


def test_switching_sdm_on_sets_the_counter_to_zero_and_changing_it_does_not() -> None:
    tag = mirrored()
    send(tag, "00B0000001")
    Host(tag).run(0x5F, b"\x02", AN12196_SETTINGS)
    assert tag.files[2].counter == 1
    host = Host(tag)
    host.run(0x5F, b"\x02", bytes.fromhex("00E0EE"))
    host.run(0x5F, b"\x02", AN12196_SETTINGS)
    assert tag.files[2].counter == 0


def test_at_its_limit_the_file_is_not_read_without_authentication() -> None:
    tag = chip()
    Host(tag).run(0x5F, b"\x02", sdm_settings(0xE1, 2, 0x20, 0x43, 0x43, 2))
    for _ in range(2):
        with_file_2(tag)
        assert send(tag, "00B0000001") == "009000"
    with_file_2(tag)
    assert send(tag, "00B0000001") == "6982"
    assert send(tag, "90AD0000070200000001000000") == "919D"
    assert Host(tag).run(0xAD, bytes.fromhex("02000000010000"), mode="plain") == b"\x00"


def test_a_write_goes_under_the_mirror() -> None:
    tag = chip()
    Host(tag).run(0x5F, b"\x02", bytes.fromhex("40E0EE") + AN12196_SETTINGS[3:])
    with_file_2(tag)
    assert send(tag, "00D6002002AABB") == "9000"
    assert bytes(tag.files[2].content[0x20:0x22]) == b"\xaa\xbb"
    assert not send(tag, "00B0002002").startswith("AABB")


def test_the_counter_can_run_without_being_mirrored() -> None:
    tag = chip()
    Host(tag).run(0x5F, b"\x02", bytes.fromhex("4000E0 41 FEEF FFFFFF"))
    with_file_2(tag)
    assert send(tag, "00B0000010") == "00" * 16 + "9000"
    assert send(tag, native(0xF6, b"\x02")) == "01000000009100"


def test_the_uid_alone_can_be_mirrored_in_plain() -> None:
    tag = chip()
    Host(tag).run(0x5F, b"\x02", bytes.fromhex("4000E0 81 FFEF 040000"))
    with_file_2(tag)
    assert send(tag, "00B0000014") == "00000000" + UID.hex().upper().encode().hex() + "0000" + "9000"
    assert tag.files[2].counter == 0
