"""Passwords, locks and kill. The simulated chip's own lock bits are the judge."""

from contextlib import AbstractContextManager

import pytest

from dpptag.errors import TagLost, TagNak
from dpptag.links.gen2 import Area, Bank, LockAction
from dpptag.sim.uhf.tag import Area as Bits
from tests.contract.suite_uhf.bench import Bench, Scene, pattern, refused

ACCESS, WRONG, KILL = bytes.fromhex("A1B2C3D4"), bytes.fromhex("01020304"), bytes.fromhex("0BADC0DE")
_MEANING = {
    LockAction.OPEN: 0b00,
    LockAction.OPEN_FOREVER: 0b01,
    LockAction.LOCKED: 0b10,
    LockAction.LOCKED_FOREVER: 0b11,
}  # pwd-write, permalock (Gen2 6.3.2.12.3.5)
_PLACE = {Area.KILL: Bits.KILL, Area.ACCESS: Bits.ACCESS, Area.EPC: Bits.EPC, Area.TID: Bits.TID, Area.USER: Bits.USER}
_TID_ALONE = 0b11 << Bits.TID  # as delivered


def _with_passwords(scene: Scene) -> None:
    scene.tag.reserved[:] = KILL + ACCESS


def _no() -> AbstractContextManager[object]:
    """Said to be refused, or met by silence; a chip may do either."""
    return pytest.raises((TagNak, TagLost))


def passwords_are_set_and_then_open_the_locked_chip(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        link.write(Bank.RESERVED, 0, KILL + ACCESS, secret=True)
        assert bytes(scene.tag.reserved) == KILL + ACCESS
        link.reselect()
        assert link.read(Bank.RESERVED, 0, 4, password=ACCESS, secret=True) == KILL + ACCESS
        link.lock({Area.KILL: LockAction.LOCKED, Area.ACCESS: LockAction.LOCKED}, password=ACCESS)
        link.reselect()
        for word in (0, 2):
            with refused(bench.family.unread):
                link.read(Bank.RESERVED, word, 2, secret=True)
        assert link.read(Bank.RESERVED, 0, 4, password=ACCESS, secret=True) == KILL + ACCESS
        link.write(Bank.RESERVED, 2, WRONG, password=ACCESS, secret=True)
        assert bytes(scene.tag.reserved) == KILL + WRONG
        link.reselect()
        with _no():
            link.read(Bank.RESERVED, 0, 4, password=ACCESS, secret=True)
        assert link.read(Bank.RESERVED, 0, 4, password=WRONG, secret=True) == KILL + WRONG


def every_area_is_locked_by_every_action_in_its_meaning_and_no_other_area_with_it(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        _with_passwords(scene)
        for area in Area:
            for action in LockAction:
                for others in (0, 0b1010101010):  # every other area open, then every one locked
                    place = _PLACE[area]
                    scene.tag.locks = others & ~(0b11 << place)
                    wanted = scene.tag.locks | _MEANING[action] << place
                    link.lock({area: action}, password=ACCESS)
                    assert scene.tag.locks == wanted, (area, action, f"{scene.tag.locks:010b}")


def several_areas_are_locked_in_as_many_commands_as_is_said(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        _with_passwords(scene)
        before = scene.sim.host_commands
        actions = {
            Area.EPC: LockAction.LOCKED_FOREVER,
            Area.USER: LockAction.LOCKED,
            Area.KILL: LockAction.LOCKED_FOREVER,
            Area.ACCESS: LockAction.OPEN_FOREVER,
        }
        commands = link.lock(actions, password=ACCESS)
        assert scene.sim.host_commands - before == commands
        assert scene.tag.locks == _TID_ALONE | sum(_MEANING[action] << _PLACE[area] for area, action in actions.items())


def what_is_locked_for_ever_stays_and_the_refusal_says_so(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        _with_passwords(scene)
        scene.tag.locks = held = _TID_ALONE | 0b11 << Bits.USER | 0b01 << Bits.EPC
        for area, action in (
            (Area.TID, LockAction.OPEN),
            (Area.USER, LockAction.OPEN),
            (Area.USER, LockAction.OPEN_FOREVER),
            (Area.EPC, LockAction.LOCKED_FOREVER),
        ):
            with refused(bench.family.fixed):
                link.lock({area: action}, password=ACCESS)
            assert scene.tag.locks == held


def nothing_is_locked_without_the_password(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        _with_passwords(scene)
        for password in (WRONG, bytes(4)):
            with _no():
                link.lock({Area.USER: LockAction.LOCKED_FOREVER}, password=password)
            assert scene.tag.locks == _TID_ALONE


def a_locked_bank_is_written_with_its_password_alone(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        _with_passwords(scene)
        link.lock({Area.USER: LockAction.LOCKED, Area.EPC: LockAction.LOCKED}, password=ACCESS)
        link.reselect()
        held = scene.tag.record()
        for bank, word in ((Bank.USER, 3), (Bank.EPC, 2)):
            with refused(bench.family.locked):
                link.write(bank, word, b"\xde\xad", expect_refusal=True)
            link.reselect()
            with refused(bench.family.password):
                link.write(bank, word, b"\xde\xad", password=WRONG)
            link.reselect()
        assert scene.tag.record() == held
        assert link.read(Bank.USER, 0, 4) == bytes(8)
        link.write(Bank.USER, 1, pattern(3), password=ACCESS)
        assert bytes(scene.tag.user[:8]) == bytes(2) + pattern(3)


def a_bank_locked_for_ever_is_written_by_nobody(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        _with_passwords(scene)
        link.lock({Area.USER: LockAction.LOCKED_FOREVER, Area.EPC: LockAction.LOCKED_FOREVER}, password=ACCESS)
        held = scene.tag.record()
        for bank, word in ((Bank.USER, 0), (Bank.EPC, 2)):
            for password in (bytes(4), ACCESS):
                with refused(bench.family.locked):
                    link.write(bank, word, b"\xde\xad", password=password, expect_refusal=True)
                link.reselect()
        assert scene.tag.record() == held


def a_chip_is_killed_by_its_own_password_alone_and_never_answers_again(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        for stored, given in ((bytes(4), bytes(4)), (bytes(4), KILL), (KILL, WRONG), (KILL, bytes(4))):
            scene.tag.reserved[:4] = stored
            with _no():
                link.kill(given)
            assert not scene.tag.killed
            link.reselect()
        link.kill(KILL)
        assert scene.tag.killed
        assert scene.reader.inventory() == ()
        assert scene.reader.sense() is None
