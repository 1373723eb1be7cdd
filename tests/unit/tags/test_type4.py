"""Type 4 tags: told, planned, written and read back on a strict NTAG 424 DNA."""

from __future__ import annotations

from collections import Counter

import pytest

from dpptag.errors import TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.ev2 import Mode
from dpptag.tags import ContentState, apply, identify, plan_write, read_back, write_and_verify
from dpptag.tags.type4_tag import NTAG424, nxp_chip, st_chip
from tests.unit.tags.apdu_link import ApduChipLink
from tests.unit.tags.type4_rig import (
    LINK,
    MESSAGE,
    UID,
    copied,
    message_of,
    ntag424,
    ntag424_link,
    two_records,
    uri_message,
)

SHORT = uri_message(LINK)
LONG = two_records(LINK, bytes(range(190)))


# identify


def test_a_delivered_chip_is_told_with_its_real_capacity() -> None:
    tag = identify(ntag424_link())
    assert (tag.chip_name, tag.capacity, tag.message_room) == ("NTAG 424 DNA", 256, 254)
    assert (tag.content.state, tag.ndef, tag.writable) == (ContentState.EMPTY, b"", True)


def test_a_message_is_read_whole_also_where_it_needs_two_commands() -> None:
    for message in (SHORT, MESSAGE, two_records(LINK, bytes(196))):
        tag = identify(ntag424_link(message))
        assert tag.ndef == message
        assert tag.memory[: 2 + len(message)] == len(message).to_bytes(2, "big") + message


def test_version_bytes_tell_the_nxp_chips() -> None:
    def version(hardware: str, software: str) -> bytes:
        return bytes.fromhex(hardware + software) + bytes(14)

    assert nxp_chip(version("04040230001105", "04040201021105")) is NTAG424
    names = {
        "DESFire EV1": ("04010101001605", "04010101041605"),
        "DESFire EV2": ("04010112001A05", "04010102011A05"),
        "DESFire EV3": ("04010133001805", "04010103001805"),
        "NTAG 424 DNA TagTamper": ("04040830001105", "04040201021105"),
    }
    for name, parts in names.items():
        chip = nxp_chip(version(*parts))
        assert chip is not None
        assert chip.name == name
    for unknown in (
        ("04040230001105", "04010201021105"),
        ("04040210001105", "04040201021105"),
        ("04080130001305", "04080101001305"),  # DESFire Light
        ("04010100001605", "04010100041605"),  # DESFire D40
        ("05040230001105", "05040201021105"),
    ):
        assert nxp_chip(version(*unknown)) is None
    assert nxp_chip(b"") is None


def test_product_codes_tell_the_st_chips_of_st_alone() -> None:
    chip = st_chip(bytes.fromhex("02E20011223344"))
    assert chip is not None
    assert chip.name == "ST25TA02K"
    assert st_chip(bytes.fromhex("02990011223344")) is None
    assert st_chip(bytes.fromhex("04E20011223344")) is None


@pytest.mark.parametrize(("uid", "code"), [("08112233", "tag-uid"), ("05112233445566", "tag-chip-unknown")])
def test_a_random_uid_and_another_makers_chip_are_refused(uid: str, code: str) -> None:
    link = ntag424_link()
    link.uid_seen = bytes.fromhex(uid)
    with pytest.raises(TagRefused) as caught:
        identify(link)
    assert caught.value.code == code


def test_a_uid_that_the_chip_itself_does_not_confirm_is_refused() -> None:
    link = ntag424_link()
    link.uid_seen = bytes.fromhex("04112233445567")
    with pytest.raises(TagRefused) as caught:
        identify(link)
    assert caught.value.code == "tag-uid-mismatch"


def test_a_chip_of_no_known_version_is_refused() -> None:
    link = ntag424_link()
    real = link.transceive

    def transceive(apdu: bytes, *, secret: bool = False) -> bytes:
        answer = real(apdu, secret=secret)
        return answer.replace(b"\x04\x04\x02\x30", b"\x04\x04\x02\x31") if apdu[1] == 0x60 else answer

    link.transceive = transceive  # type: ignore[method-assign]
    with pytest.raises(TagRefused) as caught:
        identify(link)
    assert caught.value.code == "tag-chip-unknown"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"\x00\xff" + SHORT, "255 bytes"),
        (b"\xff\xff", "65535 bytes"),
        (len(SHORT[:-5]).to_bytes(2, "big") + SHORT, "no whole message"),
        (b"\x00\x04\xff\xff\xff\xff", "no whole message"),
    ],
)
def test_a_file_without_a_whole_message_is_torn_and_can_be_written_again(file: bytes, reason: str) -> None:
    chip = ntag424()
    chip.files[2].content[: len(file)] = file
    link = ApduChipLink(chip)
    tag = identify(link)
    assert tag.content.state is ContentState.TORN
    assert reason in tag.content.reason
    assert write_and_verify(link, tag, MESSAGE) == MESSAGE


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (2, b"\x10", "version 1.0"),
        (9, b"\xe1\x05", "E105h"),
        (11, b"\x02\x00", "512 bytes"),
        (13, b"\x80", "not free to read"),
        (7, b"\x05", "names no NDEF file"),
    ],
)
def test_a_cc_that_the_chip_contradicts_is_foreign_and_not_written(at: int, value: bytes, reason: str) -> None:
    chip = ntag424(SHORT)
    chip.files[1].content[at : at + len(value)] = value
    tag = identify(ApduChipLink(chip))
    assert tag.content.state is ContentState.FOREIGN
    assert reason in tag.content.reason
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, MESSAGE, allow_format=True)
    assert caught.value.code == "tag-foreign"


def test_a_message_behind_a_key_is_refused_as_such() -> None:
    chip = ntag424(SHORT)
    chip.files[2].rights = 0x0000
    with pytest.raises(TagRefused) as caught:
        identify(ApduChipLink(chip))
    assert caught.value.code == "tag-read-protected"


def test_a_cc_that_says_less_than_the_file_has_is_what_counts() -> None:
    chip = ntag424()
    chip.files[1].content[11:13] = b"\x00\x64"
    tag = identify(ApduChipLink(chip))
    assert (tag.capacity, tag.message_room) == (100, 98)


# plan


def test_a_plan_withdraws_the_old_message_writes_the_body_and_commits_by_the_length() -> None:
    plan = plan_write(identify(ntag424_link(SHORT)), MESSAGE)
    assert [(step.at, step.data) for step in plan.steps[:1]] == [(0, b"\0\0")]
    assert (plan.steps[-1].at, plan.steps[-1].data) == (0, len(MESSAGE).to_bytes(2, "big"))
    assert all(step.at >= 2 for step in plan.steps[1:-1])
    assert not plan.irreversible
    assert "file E104h offset 0" in str(plan)


def test_what_is_there_already_is_not_written() -> None:
    assert plan_write(identify(ntag424_link(MESSAGE)), MESSAGE).steps == ()


def test_only_the_run_that_changed_is_written_between_the_two_length_writes() -> None:
    changed = bytearray(MESSAGE)
    changed[40] ^= 1
    changed[90] ^= 1
    changed[100] ^= 1
    plan = plan_write(identify(ntag424_link(MESSAGE)), bytes(changed))
    assert [(step.at, len(step.data)) for step in plan.steps] == [(0, 2), (42, 1), (92, 11), (0, 2)]


def test_a_rewrite_writes_everything() -> None:
    plan = plan_write(identify(ntag424_link(MESSAGE)), MESSAGE, rewrite=True)
    assert [(step.at, len(step.data)) for step in plan.steps] == [(0, 2), (2, len(MESSAGE)), (0, 2)]


def test_no_command_carries_more_than_the_cc_allows() -> None:
    chip = ntag424()
    chip.files[1].content[5:7] = b"\x00\x20"
    plan = plan_write(identify(ApduChipLink(chip)), MESSAGE)
    assert [step.at for step in plan.steps] == [*range(2, 2 + len(MESSAGE), 32), 0]
    assert max(len(step.data) for step in plan.steps) == 32


def test_an_empty_message_is_one_write() -> None:
    plan = plan_write(identify(ntag424_link(MESSAGE)), b"")
    assert [(step.at, step.data) for step in plan.steps] == [(0, b"\0\0")]


def test_a_message_of_254_bytes_fits_and_one_more_is_refused_with_what_is_missing() -> None:
    fits = two_records(LINK, bytes(254 - len(two_records(LINK, b""))))
    link = ntag424_link()
    assert len(fits) == 254
    assert write_and_verify(link, identify(link), fits) == fits
    with pytest.raises(TagRefused) as caught:
        plan_write(identify(link), two_records(LINK, bytes(255 - len(two_records(LINK, b"")))))
    assert (caught.value.code, caught.value.facts["missing"], caught.value.facts["room"]) == ("tag-too-small", 1, 254)


@pytest.mark.parametrize(
    ("rights", "code"), [(0xE000, "tag-password"), (0xEFFF, "tag-locked"), (0xEFF0, "tag-password")]
)
def test_a_file_that_is_not_free_to_write_is_refused_before_the_first_byte(rights: int, code: str) -> None:
    chip = ntag424(SHORT)
    chip.files[2].rights = rights
    tag = identify(ApduChipLink(chip))
    assert not tag.writable
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, MESSAGE)
    assert (caught.value.code, caught.value.facts["tag_state"]) == (code, "untouched")


def test_a_cc_that_says_read_only_is_refused() -> None:
    chip = ntag424(SHORT)
    chip.files[1].content[14] = 0xFF
    with pytest.raises(TagRefused) as caught:
        plan_write(identify(ApduChipLink(chip)), MESSAGE)
    assert caught.value.code == "tag-read-only"


# apply and read back


def test_a_write_is_read_back_whole_after_the_field_was_off() -> None:
    link = ntag424_link()
    tag = identify(link)
    assert apply(link, plan_write(tag, MESSAGE)) == 2
    assert read_back(link, tag, MESSAGE) == MESSAGE
    assert message_of(link.chip) == MESSAGE  # type: ignore[arg-type]


def test_another_chip_gets_nothing() -> None:
    plan = plan_write(identify(ntag424_link()), MESSAGE)
    other = ApduChipLink(ntag424(uid=bytes.fromhex("04aabbccddeeff")))
    with pytest.raises(TagSwapped):
        apply(other, plan)
    assert not other.sent


def test_a_silent_bit_error_is_found_with_its_place_and_written_once_more() -> None:
    chip = ntag424()
    flips = [1]
    real = chip.program

    def program(unit: int, data: bytes) -> bytes:
        if unit == (2 << 16 | 3) and flips:
            flips.pop()
            return bytes((data[0] ^ 4,)) + data[1:]
        return real(unit, data)

    chip.program = program
    link = ApduChipLink(chip)
    tag = identify(link)
    apply(link, plan_write(tag, MESSAGE))
    with pytest.raises(TagWriteFailed) as caught:
        read_back(link, tag, MESSAGE)
    assert (caught.value.facts["offset"], caught.value.facts["file"]) == (48, "E104")
    assert write_and_verify(link, identify(link), MESSAGE) == MESSAGE


def test_a_refused_first_write_leaves_the_tag_untouched_and_says_the_status() -> None:
    chip = ntag424()
    link = ApduChipLink(chip)
    plan = plan_write(identify(link), MESSAGE)
    chip.files[2].rights = 0xE000
    with pytest.raises(TagNak) as caught:
        apply(link, plan)
    facts = caught.value.facts
    assert (facts["sw"], facts["offset"], facts["written"], facts["tag_state"]) == ("6982", 2, 0, "untouched")


def test_a_file_in_encrypted_mode_still_reads_plain_where_reading_is_free() -> None:
    chip = ntag424(SHORT)
    chip.files[2].mode = Mode.FULL
    assert identify(ApduChipLink(chip)).ndef == SHORT


def commands_of(old: bytes | None, new: bytes) -> int:
    link = ntag424_link(old)
    plan = plan_write(identify(link), new)
    before = len(link.sent)
    apply(link, plan)
    return len(link.sent) - before


@pytest.mark.parametrize("lost", [False, True], ids=["command lost", "answer lost"])
@pytest.mark.parametrize(
    ("old", "new"),
    [(None, MESSAGE), (SHORT, MESSAGE), (MESSAGE, SHORT), (LONG, MESSAGE), (MESSAGE, b""), (LONG, LONG[:-1] + b"\xff")],
)
def test_a_write_stopped_at_any_command_leaves_old_empty_or_new_and_can_be_finished(
    old: bytes | None, new: bytes, lost: bool
) -> None:
    found: Counter[str] = Counter()
    for stop in range(commands_of(old, new)):
        chip = ntag424(old)
        link = ApduChipLink(chip)
        plan = plan_write(identify(link), new)
        link.left, link.unanswered = stop, lost
        with pytest.raises(TagLost) as caught:
            apply(link, plan)
        assert caught.value.facts["tag_state"] == "unknown"
        again = ApduChipLink(copied(chip))
        tag = identify(again)
        assert tag.ndef in (old or b"", b"", new)
        found["old" if tag.ndef == (old or b"") else "new" if tag.ndef == new else "empty"] += 1
        apply(again, plan_write(tag, new))
        assert read_back(again, tag, new) == new
    assert sum(found.values()) == commands_of(old, new)
    assert found["old"]


@pytest.mark.parametrize("part", [1, 16, 120])
@pytest.mark.parametrize(("old", "new"), [(SHORT, LONG), (None, LONG), (LONG, SHORT)])
def test_a_write_torn_inside_a_command_can_be_finished(old: bytes | None, new: bytes, part: int) -> None:
    """Only so many bytes of a command are stored: frames are protected from tearing, whole commands are not."""
    for index in range(len(plan_write(identify(ntag424_link(old)), new).steps)):
        chip = ntag424(old)
        plan = plan_write(identify(ApduChipLink(chip)), new)
        for number, step in enumerate(plan.steps[: index + 1]):
            kept = step.data if number < index else step.data[:part]
            chip.files[2].content[step.at : step.at + len(kept)] = kept
        again = ApduChipLink(copied(chip))
        tag = identify(again)
        assert tag.ndef in (old or b"", b"", new)
        apply(again, plan_write(tag, new))
        assert read_back(again, tag, new) == new


def test_the_uid_of_a_plan_is_the_tags() -> None:
    assert plan_write(identify(ntag424_link()), MESSAGE).uid == UID
