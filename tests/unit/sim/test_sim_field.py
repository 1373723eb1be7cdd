"""The field holds chips of any technology; the belt, swaps and pulls treat them alike."""

from collections.abc import Callable

import pytest

from dpptag.sim.chip import ACK, Chip, Rf
from dpptag.sim.faults import FaultKind, FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.kinds import KINDS
from tests.unit.sim.chips import IDM, PMM, UID, UID_15693, ApduEcho, Felica, Vicinity

OTHER_UID = bytes.fromhex("04A1B2C3D4E5F7")
READ_F = bytes.fromhex("06" + IDM.hex() + "010B00018000")


def ntag(uid: bytes = UID) -> Chip:
    return KINDS["NTAG213"].make(uid, {})


def polled(field: Field) -> list[str]:
    """Which technologies find the tag, each asked in a field that was off before."""
    finders: dict[str, Callable[[], object]] = {"A": field.poll, "F": field.poll_f, "V": field.inventory}
    found = []
    for name, find in finders.items():
        field.power(False)
        if find() is not None:
            found.append(name)
    return found


@pytest.mark.parametrize(
    ("chip", "technology"),
    [(ntag(), "A"), (ApduEcho(), "A"), (Felica(), "F"), (Vicinity(), "V")],
    ids=["Type 2", "ISO 14443-4", "FeliCa", "ISO 15693"],
)
def test_a_chip_is_found_by_its_own_technology_alone(chip: Chip, technology: str) -> None:
    assert polled(Field([chip])) == [technology]


def test_a_frame_of_another_technology_is_not_heard_and_still_takes_time() -> None:
    field = Field([Felica()])
    assert field.poll_f()
    before = field.simulated_us
    assert field.exchange(READ_F, Rf.A) is None
    assert isinstance(field.exchange(READ_F, Rf.F), bytes)
    assert field.exchanges == 2
    assert field.simulated_us > before


def test_a_raw_polling_frame_is_a_felica_poll() -> None:
    field = Field([Felica()])
    field.power(True)
    assert field.exchange(bytes.fromhex("0012FC0100")) == b"\x01" + IDM + PMM + bytes.fromhex("12FC")
    assert field.exchange(bytes.fromhex("0088B40100")) is None


def test_a_raw_inventory_is_answered_by_the_chip_and_counts_as_an_activation() -> None:
    field = Field([Vicinity(), ntag()], dwell=2)
    inventory = bytes.fromhex("260100")
    field.power(True)
    assert [field.exchange(inventory) for _ in range(3)] == [bytes(2) + UID_15693[::-1]] * 2 + [None]
    assert field.poll() is field.tags[1]


def test_memory_work_keeps_a_tag_of_any_technology_on_the_belt() -> None:
    field = Field([Felica(), Vicinity(), ApduEcho(), ntag()], dwell=1)
    assert field.poll_f()
    field.exchange(READ_F)
    assert field.poll_f()
    assert field.poll_f() is None
    assert field.inventory()
    field.exchange(bytes.fromhex("0220 00"))
    assert field.inventory()
    field.exchange(bytes.fromhex("022B"))
    assert field.inventory() is None
    assert field.poll()
    field.exchange(bytes.fromhex("E050"))
    field.exchange(bytes.fromhex("0200B0000004"))
    field.power(False)
    assert field.poll()
    assert field.poll() is None
    assert field.poll() is field.tags[3]


def test_a_change_is_saved_before_it_is_answered_whatever_the_chip() -> None:
    tag = ApduEcho()
    saved: list[bytes] = []
    field = Field([tag], save=lambda: saved.append(tag.stored))
    field.poll()
    field.exchange(bytes.fromhex("E050"))
    field.exchange(bytes.fromhex("0200B0000004"))
    assert saved == []
    field.exchange(bytes.fromhex("0300D6000004") + b"new!")
    assert field.apdu(bytes.fromhex("00D6000004") + b"more")
    assert saved == [b"new!", b"more"]


def test_an_apdu_to_a_chip_without_apdus_is_not_answered() -> None:
    field = Field([ntag()])
    field.poll()
    assert field.apdu(bytes.fromhex("00B0000004")) is None


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ("0220 00", "010F"),
        ("2220" + UID_15693[::-1].hex() + "00", "010F"),
        ("22B204" + UID_15693[::-1].hex(), "010F"),
        ("2220" + "00" * 8 + "00", None),
    ],
)
def test_a_refused_15693_command_has_the_error_flag_unless_it_is_not_for_this_chip(
    frame: str, answer: str | None
) -> None:
    field = Field([Vicinity()], faults=FaultSchedule([parse_fault("nak@0")]))
    assert field.inventory()
    assert field.exchange(bytes.fromhex(frame)) == (None if answer is None else bytes.fromhex(answer))
    assert len(field.faults.fired) == 1


def test_a_mute_chip_of_any_technology_does_not_execute_the_command() -> None:
    tag = ApduEcho()
    field = Field([tag])
    field.poll()
    field.exchange(bytes.fromhex("E050"))
    field.faults = FaultSchedule([parse_fault("mute@0")])
    assert field.apdu(bytes.fromhex("00D6000004") + b"new!") is None
    assert tag.stored == b"old!"


# Tags come and go


def test_a_swap_brings_the_next_tag_and_it_stays() -> None:
    field = Field([ntag(), ntag(OTHER_UID)])
    field.swap(parse_fault("swap@1"))
    assert [tag.uid if (tag := field.poll()) else None for _ in range(3)] == [OTHER_UID] * 3


def test_a_counted_swap_gives_the_first_tag_back_after_the_polls_that_found_the_other() -> None:
    field = Field([ntag(), ntag(OTHER_UID)], dwell=1)
    field.swap(parse_fault("swap@1+2"))
    seen = []
    for _ in range(4):
        tag = field.poll()
        assert tag is not None
        seen.append(tag.uid)
        field.exchange(b"\x30\x00")
    assert seen == [OTHER_UID, OTHER_UID, UID, UID]
    assert field.position == 0


def test_a_swap_of_the_only_tag_leaves_an_empty_field() -> None:
    field = Field([ntag()])
    field.swap(parse_fault("swap@1"))
    field.put_back()
    assert [field.poll() for _ in range(3)] == [None] * 3


def test_a_counted_swap_of_the_only_tag_leaves_the_field_empty_for_so_many_polls() -> None:
    field = Field([ntag()])
    field.swap(parse_fault("swap@1+2"))
    assert [field.poll() is not None for _ in range(4)] == [False, False, True, True]


def test_polls_of_another_technology_do_not_count_for_a_pulled_or_swapped_tag() -> None:
    field = Field([ntag()])
    field.pull(parse_fault("pull@1+1"))
    for _ in range(3):
        assert field.poll_f() is None
        assert field.inventory() is None
    assert [field.poll() is not None for _ in range(2)] == [False, True]


def test_a_tag_of_another_technology_may_take_the_first_ones_place() -> None:
    field = Field([ntag(), Felica()])
    field.swap(parse_fault("swap@1+1"))
    assert field.poll() is None
    assert field.poll_f()
    tag = field.poll()
    assert tag is not None
    assert tag.uid == UID


def test_a_tear_waits_for_a_write_that_the_chip_takes() -> None:
    field = Field([ntag()], faults=FaultSchedule([parse_fault("tear@0")]))
    field.poll()
    assert isinstance(field.exchange(b"\x30\x04"), bytes)
    assert field.exchange(bytes.fromhex("A20401020304")) is None
    assert [fault.kind for fault in field.faults.fired] == [FaultKind.TEAR]
    assert field.tag is None


def test_a_write_that_is_not_torn_is_acknowledged_once() -> None:
    tag = ntag()
    field = Field([tag], faults=FaultSchedule([parse_fault("tear@9")]))
    field.poll()
    assert field.exchange(bytes.fromhex("A20401020304")) == ACK
    assert tag.changes == 1
