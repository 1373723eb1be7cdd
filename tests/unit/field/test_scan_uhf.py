"""Scanning a UHF field, round by round: no tag passed over, none told twice, and an end that leaves nothing out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pytest

from dpptag.errors import DeviceLost, TagLost, TagNak
from dpptag.field.scan_uhf import scan_uhf
from dpptag.links import Technology
from dpptag.links.gen2 import NO_PASSWORD, Bank, Gen2Link, Gen2Reader, Sighting
from dpptag.model.identifiers import tid_serial_end
from dpptag.model.verdict import Report
from tests.unit.trust.trust_rig import DAY, EPC, sign_uhf, trust

OTHER_EPC = EPC[:-1] + b"\x99"
TID = bytes.fromhex("e2806d122000000000000001")  # UCODE 7xm: a user bank of 128 bytes
COPY = TID[:-1] + b"\xf6"
PLAIN = bytes.fromhex("e2003412")  # no XTID, no serial
ROUND = 1.0


@dataclass(frozen=True)
class Air:
    """A tag in the field; ``deaf``: it answers rounds and no command; ``hiding``: no read of its user bank."""

    epc: bytes = EPC
    tid: bytes = TID
    user: bytes = bytes(128)
    deaf: bool = False
    hiding: bool = False


class Chosen:
    technology = Technology.GEN2
    max_read_words = 32

    def __init__(self, tag: Air, sighting: Sighting) -> None:
        self._tag = tag
        self.sighting = sighting
        self.tid = tag.tid
        self.uid = tag.tid[: tid_serial_end(tag.tid)]

    def read(self, bank: Bank, word: int, count: int, *, password: bytes = NO_PASSWORD, secret: bool = False) -> bytes:
        whole = self._tag.user
        if bank is Bank.USER and self._tag.hiding:
            raise TagNak("there is no such memory", error="overrun")
        if bank is Bank.EPC:
            whole = bytes(2) + (len(self._tag.epc) // 2 << 11).to_bytes(2, "big") + self._tag.epc
        return whole[2 * word : 2 * (word + count)]


class Field:
    """A module whose field holds, round after round, the tags of ``rounds``; afterwards none. A round lasts a second.

    A round that is an error is raised instead. Of several tags with one EPC they answer in turns, but only the first
    where ``nearest``. ``twice``: every tag is heard twice in a round.
    """

    def __init__(self, *rounds: Sequence[Air] | Exception, nearest: bool = False, twice: bool = False) -> None:
        self._rounds = rounds
        self._nearest = nearest
        self._replies = 2 if twice else 1
        self._now: Sequence[Air] = ()
        self._turn = 0
        self.selected = 0
        self.time = 0.0

    def inventory(self) -> tuple[Sighting, ...]:
        number = round(self.time / ROUND)
        self.time += ROUND
        here = self._rounds[number] if number < len(self._rounds) else ()
        if isinstance(here, Exception):
            raise here
        self._now = here
        count = {tag.epc: 0 for tag in here}
        for tag in here:
            count[tag.epc] += self._replies
        return tuple(Sighting(epc, len(epc) // 2 << 11, replies=replies) for epc, replies in count.items())

    def select(self, sighting: Sighting) -> Gen2Link:
        self.selected += 1
        answering = [tag for tag in self._now if tag.epc == sighting.epc or not sighting.epc]
        self._turn += not self._nearest
        tag = answering[self._turn % len(answering)]
        if tag.deaf:
            raise TagLost("no answer")
        return cast("Gen2Link", Chosen(tag, sighting))


def scanned(field: Field, idle: float) -> list[Report]:
    return list(scan_uhf(cast("Gen2Reader", field), trust(), lambda: DAY, lambda: field.time, idle))


def told(field: Field, idle: float = 5 * ROUND) -> list[tuple[str | None, str]]:
    return [(report.chip, report.verdict.value) for report in scanned(field, idle)]


GOOD = Air(user=sign_uhf(tid=TID).ljust(128, b"\0"))
FORGED = Air(tid=COPY, user=GOOD.user)
GENUINE, FALSE = (TID.hex(), "genuine"), (COPY.hex(), "forged")
UNREADABLE = (None, "unreadable")


def test_a_tag_that_stays_and_one_that_comes_back_are_told_once() -> None:
    assert told(Field([GOOD], [GOOD], [], [], [], [GOOD], [GOOD])) == [GENUINE]


def test_a_copy_that_joins_the_original_later_is_not_passed_over() -> None:
    assert told(Field([GOOD], [GOOD], [GOOD, FORGED])) == [GENUINE, FALSE]


def test_a_copy_that_takes_the_place_of_the_original_is_told() -> None:
    assert told(Field([GOOD], [], [], [FORGED])) == [GENUINE, FALSE]


def test_chips_without_a_serial_are_told_apart_by_their_epc() -> None:
    one, other = Air(tid=PLAIN), Air(tid=PLAIN, epc=OTHER_EPC)
    reports = scanned(Field([one, other], [one, other]), ROUND)
    assert [(report.verdict.value, report.identity) for report in reports] == [
        ("unknown-issuer", EPC.hex()),
        ("unknown-issuer", OTHER_EPC.hex()),
    ]


def test_a_chip_that_hides_its_user_bank_is_not_called_unsigned() -> None:
    (report,) = scanned(Field([Air(hiding=True)]), ROUND)
    assert (report.chip, report.verdict.value) == (TID.hex(), "unreadable")
    assert "user bank" in report.reason


def test_a_tag_that_was_heard_and_never_read_is_told_once_when_it_leaves() -> None:
    deaf = Air(deaf=True)
    assert told(Field([deaf], [], [], [], [deaf], [], [], [deaf], [deaf], [deaf])) == [UNREADABLE]


@pytest.mark.parametrize("idle", [0.0, ROUND, 2 * ROUND])
def test_a_tag_that_was_heard_and_not_read_is_told_at_the_end(idle: float) -> None:
    deaf = Air(deaf=True)
    reports = scanned(Field([deaf], [deaf], [deaf]), idle)
    assert [(report.verdict.value, report.identity) for report in reports] == [("unreadable", EPC.hex())]


def test_a_copy_that_never_shows_its_chip_is_told_once_however_often_it_returns() -> None:
    both = [GOOD, FORGED]
    field = Field(both, both, [], [], both, both, [], [], both, nearest=True)
    assert told(field) == [GENUINE, UNREADABLE]


def test_one_tag_that_answers_one_round_twice_is_no_copy() -> None:
    class Once(Field):
        def inventory(self) -> tuple[Sighting, ...]:
            self._replies = 2 if self.time == ROUND else 1
            return super().inventory()

    assert told(Once([GOOD], [GOOD], [GOOD])) == [GENUINE]


def test_an_unreadable_tag_is_not_asked_for_ever() -> None:
    deaf = Air(deaf=True)
    field = Field(*[[deaf]] * 20)
    told(field, idle=30 * ROUND)
    assert field.selected == 3


def test_a_tag_without_an_epc_is_not_settled_by_its_neighbour() -> None:
    assert told(Field(*[[Air(epc=b"", deaf=True), GOOD]] * 6, nearest=True))[0] == GENUINE
    field = Field(*[[GOOD, Air(epc=b"", tid=COPY)]] * 6, nearest=True)  # the neighbour answers for it
    assert told(field) == [GENUINE, UNREADABLE]


def test_a_reader_that_is_lost_now_and_then_does_not_end_a_long_scan() -> None:
    lost = DeviceLost("pulled")
    assert told(Field(lost, [], lost, [], lost, [], lost, [GOOD]), idle=9 * ROUND) == [GENUINE]


def test_a_reader_that_does_not_come_back_ends_the_scan() -> None:
    with pytest.raises(DeviceLost):
        told(Field(*[DeviceLost("pulled")] * 3))
