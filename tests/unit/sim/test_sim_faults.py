"""Faults on order: their notation, and when they go off."""

import pytest

from dpptag.errors import UsageError
from dpptag.sim.chip import ACK
from dpptag.sim.faults import Fault, FaultKind, FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.type2 import MODELS, Type2Chip


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_is_written_as_it_is_read(kind: FaultKind) -> None:
    assert str(parse_fault(f"{kind.value}@12")) == f"{kind.value}@12"


def test_a_count_is_kept() -> None:
    assert parse_fault("swap@3+1") == Fault(FaultKind.SWAP, 3, 1)
    assert parse_fault("pull@30+2") == Fault(FaultKind.PULL, 30, 2)


@pytest.mark.parametrize("text", ["", "nak", "nak@", "nak@x", "nak@-1", "boom@3", "nak@3+1", "hold@1+2", "pull@1+2+3"])
def test_another_notation_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_fault(text)


def test_a_fault_goes_off_once_at_its_host_command() -> None:
    schedule = FaultSchedule([parse_fault("no-answer@2")])
    fired = []
    for schedule.host_command in range(1, 5):
        fired.append(schedule.due(FaultKind.NO_ANSWER) is not None)
    assert fired == [False, True, False, False]
    assert [str(fault) for fault in schedule.fired] == ["no-answer@2"]


def test_a_tag_fault_waits_for_the_next_tag_command() -> None:
    schedule = FaultSchedule([parse_fault("nak@2")])
    schedule.host_command = 7
    assert schedule.due(FaultKind.NAK) is not None
    assert schedule.due(FaultKind.NAK) is None


def test_a_bitflip_spoils_one_bit_of_its_page_every_time() -> None:
    schedule = FaultSchedule([parse_fault("bitflip@5")])
    assert [schedule.stored(5, b"\x00\x01\x02\x03") for _ in range(2)] == [b"\x01\x01\x02\x03"] * 2
    assert schedule.stored(4, b"abcd") == b"abcd"
    assert len(schedule.fired) == 2


def test_a_counted_bitflip_heals() -> None:
    schedule = FaultSchedule([parse_fault("bitflip@5+1")])
    assert [schedule.stored(5, b"abcd") for _ in range(2)] == [b"`bcd", b"abcd"]


def test_a_weak_page_stores_what_it_was_given_and_is_counted() -> None:
    schedule = FaultSchedule([parse_fault("weak@5+1"), parse_fault("bitflip@6")])
    assert [schedule.stored(page, b"abcd") for page in (5, 6)] == [b"abcd", b"`bcd"]
    assert [schedule.is_weak(page) for page in (4, 5, 5, 6)] == [False, True, False, False]


def weak_field(fault: str) -> tuple[Field, Type2Chip]:
    tag = Type2Chip(MODELS["NTAG213"], bytes.fromhex("04A1B2C3D4E5F6"))
    field = Field([tag], faults=FaultSchedule([parse_fault(fault)]))
    assert field.poll() is tag
    return field, tag


def test_a_weak_page_reads_right_until_the_field_goes_off() -> None:
    field, tag = weak_field("weak@9")
    assert field.exchange(b"\xa2\x09abcd") is ACK
    assert field.poll() is tag
    assert field.exchange(b"\x30\x09") == b"abcd" + bytes(12)
    field.power(False)
    assert field.poll() is tag
    assert field.exchange(b"\x30\x09") == b"`bcd" + bytes(12)


def test_a_weak_page_forgets_when_the_tag_is_pulled_and_only_once() -> None:
    field, tag = weak_field("weak@9+1")
    field.exchange(b"\xa2\x09abcd")
    field.pull(parse_fault("pull@1"))
    assert tag.pages[9] == b"`bcd"
    field.put_back()
    field.poll()
    field.exchange(b"\xa2\x09abcd")
    field.power(False)
    field.power(False)
    assert tag.pages[9] == b"abcd"


def test_a_fired_fault_is_told_with_its_host_command() -> None:
    told: list[tuple[str, int]] = []
    schedule = FaultSchedule([parse_fault("pull@3")], lambda fault, number: told.append((str(fault), number)))
    schedule.host_command = 3
    schedule.due(FaultKind.PULL)
    assert told == [("pull@3", 3)]
