"""Whatever a host or a reader sends, the simulators answer, stay silent or call it a syntax error: nothing else."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.sim.chip import ApduChip, Chip, Nibble, Rf
from dpptag.sim.field import Field
from dpptag.sim.kinds import KINDS
from dpptag.sim.pn532 import HostSyntaxError, Pn532
from dpptag.sim.pn532_codes import HostCode
from dpptag.sim.type2 import Command

_CODES = [code for code in HostCode if code is not HostCode.POWER_DOWN]
_INSTRUCTIONS = (0xA4, 0xB0, 0xD6, 0x20, 0x24, 0x26, 0x28, 0x60, 0x71, 0x77, 0xAF, 0xC4, 0x5F, 0xF5, 0x8D, 0xAD, 0x5C)
_HOST_COMMANDS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                bytes.fromhex(command)
                for command in ("4A0100", "4A010100FFFF0100", "6001010001", "1200", "1214", "320101", "08630292630392")
            ]
        ),
        st.builds(lambda code, data: bytes((code,)) + data, st.sampled_from(_CODES), st.binary(max_size=40)),
    ),
    max_size=12,
)


def made(name: str) -> Chip:
    kind = KINDS[name]
    return kind.make(kind.uid_head + bytes(range(1, 1 + kind.uid_bytes - len(kind.uid_head))), {})


@pytest.mark.parametrize("name", ["NTAG213", "NTAG-I2C-PLUS-1K", "NTAG424", "DESFIRE-EV1", "FELICA-LITE-S", "SLIX2"])
@settings(max_examples=40, deadline=None)
@given(commands=_HOST_COMMANDS)
def test_the_pn532_survives_any_commands_before_any_chip(name: str, commands: list[bytes]) -> None:
    reader = Pn532(Field([made(name)]))
    for command in commands:
        with contextlib.suppress(HostSyntaxError):
            answer = reader.command(b"\xd4" + command)
            assert answer is None or answer[:2] == bytes((0xD5, command[0] + 1))


def frames_for(chip: Chip) -> st.SearchStrategy[bytes]:
    """Frames that get past the first look: a code that is in use, the right chip number, then anything."""
    tail = st.binary(max_size=24)
    if isinstance(chip, ApduChip):
        blocks = st.sampled_from(
            [bytes((pcb,)) for pcb in (0x02, 0x03, 0x12, 0x13, 0x0A, 0xA2, 0xA3, 0xB2, 0xB3, 0xF2)]
        )
        apdus = st.builds(
            lambda head, data: head + bytes((len(data),)) + data + b"\0",
            st.sampled_from([bytes((cla, ins, 0, 0)) for cla in (0x00, 0x90, 0xA2) for ins in _INSTRUCTIONS]),
            tail,
        )
        return st.builds(bytes.__add__, blocks, apdus | tail)
    if chip.rf is Rf.A:
        return st.builds(lambda code, data: bytes((code,)) + data, st.sampled_from(Command), tail)
    if chip.rf is Rf.F:
        return st.builds(lambda code, data: bytes((code,)) + chip.uid + data, st.integers(0, 0x20), tail)
    return st.builds(
        lambda flags, code, data: bytes((flags, code)) + (b"\x04" if code >= 0xA0 else b"") + chip.uid[::-1] + data,
        st.sampled_from([0x22, 0x62, 0x32]),
        st.sampled_from([*range(0x20, 0x40), *range(0xA0, 0xD0)]),
        tail,
    )


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_chip_survives_any_frames(name: str, data: st.DataObject) -> None:
    chip = made(name)
    field = Field([chip])
    finders: dict[str, Callable[[], object]] = {"A": field.poll, "F": field.poll_f, "V": field.inventory}
    assert finders[chip.rf.value]() is not None
    if isinstance(chip, ApduChip):
        assert field.exchange(bytes.fromhex("E080")) == chip.ats
    for frame in data.draw(st.lists(frames_for(chip) | st.binary(max_size=40), max_size=10)):
        assert isinstance(field.exchange(frame), bytes | Nibble | None)
    assert KINDS[name].make(chip.uid, chip.record()).record() == chip.record()
