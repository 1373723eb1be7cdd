"""Every kind of chip keeps the contract of the field, whoever wrote it: faults mean the same for all of them."""

import json

import pytest

from dpptag.sim.chip import ApduChip, Chip, Fading, FelicaChip, Nibble, Rf, Tearable, TypeAChip, Wakeable
from dpptag.sim.faults import FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.kinds import KINDS, kind_of

_RATS = bytes.fromhex("E080")
_OTHER_CLASS = bytes.fromhex("6E00")


def made(name: str) -> Chip:
    kind = KINDS[name]
    tail = bytes(range(0x10, 0x10 + kind.uid_bytes - len(kind.uid_head)))
    return kind.make(kind.uid_head + tail, {})


def found(name: str) -> Field:
    """The chip alone in a field, polled and, where it is an ISO/IEC 14443-4 chip, activated."""
    field = Field([made(name)])
    chip = field.tags[0]
    if chip.rf is Rf.A:
        assert field.poll() is chip
        if isinstance(chip, ApduChip):
            assert field.exchange(_RATS) == chip.ats
    elif chip.rf is Rf.F:
        assert field.poll_f() is not None
    else:
        assert field.inventory() is chip
    return field


def harmless(chip: Chip) -> bytes:
    """A command that changes nothing."""
    if isinstance(chip, ApduChip):
        return bytes.fromhex("02 00A4040007D276000085010100")
    if chip.rf is Rf.A:
        return bytes.fromhex("3004")
    if chip.rf is Rf.F:
        return b"\x06" + chip.uid + bytes.fromhex("01 0B00 01 8000")
    return bytes.fromhex("2220") + chip.uid[::-1] + b"\x00"


def is_refusal(chip: Chip, answer: bytes | Nibble | None) -> bool:
    if isinstance(chip, ApduChip):
        return answer == b"\x02" + _OTHER_CLASS
    if chip.rf is Rf.A:
        return answer == Nibble(0)
    if chip.rf is Rf.F:
        return isinstance(answer, bytes) and answer[0] == 0x07 and answer[9] != 0x00
    return isinstance(answer, bytes) and bool(answer[0] & 1)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_kind_makes_chips_that_the_field_can_hold_and_disturb(name: str) -> None:
    chip = made(name)
    assert isinstance(chip, Tearable)
    assert isinstance(chip, Fading)
    assert (chip.kind, chip.changes) == (name, 0)
    if chip.rf is Rf.A:
        assert isinstance(chip, TypeAChip)
        assert isinstance(chip, Wakeable)
        assert isinstance(chip, ApduChip) == (chip.ats is not None) == bool(chip.sak & 0x20)
        assert chip.ats is None or chip.ats[0] == len(chip.ats)
    else:
        assert isinstance(chip, FelicaChip) == (chip.rf is Rf.F)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_chip_without_power_answers_nothing(name: str) -> None:
    field = found(name)
    chip = field.tags[0]
    field.power(False)
    assert chip.exchange(harmless(chip)) is None


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_command_that_only_reads_changes_and_tears_nothing(name: str) -> None:
    field = found(name)
    chip = field.tags[0]
    before = chip.record()
    field.faults = FaultSchedule([parse_fault("tear@0")])
    assert isinstance(field.exchange(harmless(chip)), bytes)
    assert (field.faults.fired, chip.changes, chip.record()) == ([], 0, before)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_nak_is_a_refusal_in_the_terms_of_the_chip(name: str) -> None:
    field = found(name)
    chip = field.tags[0]
    field.faults = FaultSchedule([parse_fault("nak@0")])
    assert is_refusal(chip, field.exchange(harmless(chip)))
    assert len(field.faults.fired) == 1
    assert chip.changes == 0


@pytest.mark.parametrize("name", sorted(name for name in KINDS if isinstance(made(name), ApduChip)))
def test_rats_is_not_refused_and_the_fault_waits_for_a_command(name: str) -> None:
    field = Field([made(name)], faults=FaultSchedule([parse_fault("nak@0")]))
    assert field.poll()
    assert isinstance(field.exchange(_RATS), bytes)
    assert field.apdu(bytes.fromhex("00A4040007D276000085010100")) == _OTHER_CLASS


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_record_survives_json_and_makes_the_chip_again(name: str) -> None:
    chip = made(name)
    stored = json.loads(json.dumps(chip.record()))
    assert KINDS[name].make(chip.uid, stored).record() == chip.record()


@pytest.mark.parametrize("name", ["SAK", "SAK2", "sak20", "NTAG999", ""])
def test_an_unknown_name_is_no_kind(name: str) -> None:
    assert kind_of(name) is None


def test_any_sak_is_a_kind_of_its_own() -> None:
    kind = kind_of("SAK60")
    assert kind is not None
    chip = kind.make(bytes(7), {})
    assert isinstance(chip, TypeAChip)
    assert (chip.sak, chip.kind) == (0x60, "SAK60")
