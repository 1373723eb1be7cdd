"""The tags round a module's antenna: all at once, or a belt that brings them one after another.

The belt has no clock. A tag leaves after ``dwell`` rounds in a row without an access between them, reads of the TID not
counted, which are a look at who is there; the round that finds it gone is empty, the next round finds the next tag.
After the last tag the field stays empty. A lone tag stays.
Every round begins with the field switched on anew, as modules do between commands that are told to save power.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dpptag.sim.uhf.air import AccessRefused, Code, Reply, Selection, Silence, TagRefusal
from dpptag.sim.uhf.faults import Fault, FaultKind, FaultSchedule
from dpptag.sim.uhf.tag import Bank, Gen2Chip, crc16

DEFAULT_RSSI_DBM: Final = -55
ANTENNA: Final = 1
CHANNELS_KHZ: Final = (865_700, 866_300, 866_900, 867_500)
"""The four high-power channels of the lower ETSI band (EN 302 208)."""
_PHASE_STEP: Final = 47


@dataclass(frozen=True, slots=True)
class Conditions:
    """How good the air is. ``collisions``: percent of rounds with several tags in which two of them are not heard.

    ``weak``: of a thousand words written, how many find too little power. ``seed`` makes both repeatable.
    """

    is_belt: bool = True
    dwell: int = 3
    rssi_dbm: tuple[int, ...] = ()
    collisions: int = 0
    weak: int = 0
    seed: int | None = None


class Field:
    """The tags, which of them is in the field, and the field itself. ``save`` is called before a change is answered."""

    def __init__(
        self,
        tags: Sequence[Gen2Chip],
        *,
        position: int = 0,
        conditions: Conditions | None = None,
        faults: FaultSchedule | None = None,
        save: Callable[[], None] = lambda: None,
    ) -> None:
        self.tags = tuple(tags)
        self.position = position
        self.conditions = conditions or Conditions()
        self.faults = faults or FaultSchedule()
        self.save = save
        self.rounds = 0
        self.accesses = 0
        self.programming_us = 0
        """Microseconds that the chips' own cells took to be written: what no module can do without."""
        self._chance = random.Random(self.conditions.seed)  # noqa: S311  no secret is drawn
        self._lingered = 0
        self._replies: list[tuple[Reply, int]] = []
        self._away: Fault | None = None
        self._rounds_away = 0
        self._swapped_from: tuple[int, int] | None = None
        self._forgetful: set[tuple[int, int]] = set()
        for number, tag in enumerate(self.tags):
            tag.program = self._programmer(number)

    @property
    def present(self) -> tuple[Gen2Chip, ...]:
        """The tags in the field now, killed ones included."""
        if self._away is not None:
            return ()
        return self.tags[self.position : self.position + 1] if self.conditions.is_belt else self.tags

    def power(self, on: bool) -> None:
        """Field off and on; tags lose their secured state, weak cells what they held."""
        for tag in self.present:
            tag.power(on)
        if not on:
            self._forget()

    # Tags come and go

    def pull(self, fault: Fault) -> None:
        """The tags leave; with a count of rounds they are back after so many, else only at :meth:`put_back`."""
        self._leave(fault, fault.count)

    def put_back(self) -> None:
        """What left stands in the field again."""
        self._away = None

    def swap(self, fault: Fault) -> None:
        """The belt's next tag takes the present one's place; with a count the first is back after so many rounds."""
        if not self.conditions.is_belt:
            return
        self.power(False)
        if fault.count is not None:
            self._swapped_from = self.position, fault.count
        self._move_on()
        self.put_back()

    def _leave(self, fault: Fault, rounds: int | None) -> None:
        self.power(False)
        self._away, self._rounds_away = fault, -1 if rounds is None else rounds

    def _move_on(self) -> None:
        self.position += 1
        self._lingered = 0
        self.save()

    # What a module may ask (dpptag.sim.uhf.air.Air)

    def round(self, selection: Selection | None = None) -> list[Reply]:
        """One inventory round: every tag that answers, each once, the strongest first."""
        self.power(False)
        self.rounds += 1
        self._replies = []
        self._come_back()
        belt = self.conditions.is_belt and len(self.tags) > 1 and self._swapped_from is None
        if belt and self.present and self._lingered >= self.conditions.dwell:
            self._move_on()
            return []
        self._lingered += bool(self.present)
        heard = self._heard(selection)
        if heard and self.faults.due(FaultKind.OTHER_TAG):
            heard = self._others(heard)
        if len(heard) > 1 and self._chance.randrange(100) < self.conditions.collisions:
            lost = self._chance.sample(range(len(heard)), 2)
            heard = [number for at, number in enumerate(heard) if at not in lost]
        self._replies = [(self.reply(number), number) for number in sorted(heard, key=self.rssi, reverse=True)]
        return [reply for reply, _ in self._replies]

    def open(self, selection: Selection | None, password: int = 0) -> Access:
        """Singulate one matching tag: the strongest; of several as strong chance decides."""
        heard = self._heard(selection)
        if heard and self.faults.due(FaultKind.OTHER_TAG):
            heard = self._others(heard)
        if not heard:
            raise Silence
        strongest = max(map(self.rssi, heard))
        heard = [number for number in heard if self.rssi(number) == strongest]
        return self._open(self._chance.choice(heard) if len(heard) > 1 else heard[0], password)

    def open_reply(self, reply: Reply, password: int = 0) -> Access:
        """The tag that gave this very reply in the last round; Silence where it has gone since."""
        number = next((number for given, number in self._replies if given is reply), None)
        if number is None or number not in self._numbers() or self.tags[number].killed:
            raise Silence
        return self._open(number, password)

    def _open(self, number: int, password: int) -> Access:
        self.accesses += 1
        tag = self.tags[number]
        tag.singulate()
        if password and not tag.access(password):
            raise AccessRefused
        return Access(self, number)

    def rssi(self, number: int) -> int:
        """dBm of tag ``number`` of the population."""
        given = self.conditions.rssi_dbm
        return given[number % len(given)] if given else DEFAULT_RSSI_DBM

    def reply(self, number: int) -> Reply:
        """How tag ``number`` backscatters now; its check is over what it sends (PacketCRC)."""
        tag = self.tags[number]
        pc, epc = tag.packet_pc, tag.epc
        return Reply(
            pc=pc,
            epc=epc,
            crc=crc16(pc.to_bytes(2, "big") + epc),
            rssi_dbm=self.rssi(number),
            antenna=ANTENNA,
            frequency_khz=CHANNELS_KHZ[self.rounds % len(CHANNELS_KHZ)],
            phase_degrees=_PHASE_STEP * (number + self.rounds) % 180,
        )

    def _numbers(self) -> range:
        if self._away is not None:
            return range(0)
        if not self.conditions.is_belt:
            return range(len(self.tags))
        return range(self.position, min(self.position + 1, len(self.tags)))

    def _heard(self, selection: Selection | None) -> list[int]:
        tags = self.tags
        return [n for n in self._numbers() if not tags[n].killed and tags[n].matches(selection)]

    def _others(self, heard: list[int]) -> list[int]:
        """In place of these tags the one behind the first of them, if it lives."""
        other = (heard[0] + 1) % len(self.tags)
        return [] if self.tags[other].killed else [other]

    def _come_back(self) -> None:
        if self._away is not None and self._rounds_away >= 0:
            if self._rounds_away == 0:
                self.put_back()
            self._rounds_away -= 1
        if self._swapped_from is not None:
            first, rounds = self._swapped_from
            self._swapped_from = (first, rounds - 1) if rounds else None
            if not rounds:
                self.position, self._lingered = first, 0
                self.save()

    def work_begins(self) -> None:
        """Somebody works with the tag: the belt waits for it anew."""
        self._lingered = 0

    # Cells

    def writes(self, tag: Gen2Chip, done: int) -> None:
        """Called before a word is written, ``done`` words into this command: what is ordered happens now.

        Raises Silence where the tag leaves, TagRefusal for lack of power.
        """
        if self._leaves(done):
            raise Silence(done)
        if self.faults.due(FaultKind.LOW_POWER, done) or self._chance.randrange(1000) < self.conditions.weak:
            raise TagRefusal(Code.LOW_POWER, done)
        self.programming_us += tag.model.word_us

    def written(self, done: int) -> None:
        """Called after the last word, before the answer: a tag that was ordered to leave later leaves now."""
        if self._leaves(None):
            raise Silence(done)

    def _leaves(self, done: int | None) -> bool:
        fault = self.faults.due(FaultKind.LEAVE, done)
        if fault is not None:
            self._leave(fault, fault.rounds)
        return fault is not None

    def _programmer(self, number: int) -> Callable[[int, int, int], int]:
        def program(bank: int, word: int, value: int) -> int:
            if bank != Bank.USER:
                return value
            self._forgetful.discard((number, word))
            if self.faults.hits(FaultKind.FORGET, word):
                self._forgetful.add((number, word))
            return value ^ 1 if self.faults.hits(FaultKind.WEAK_WORD, word) else value

        return program

    def _forget(self) -> None:
        if self._forgetful:
            for number, word in self._forgetful:
                self.tags[number].fade(Bank.USER, word)
            self._forgetful.clear()
            self.save()


class Access:
    """A tag singulated for access commands (dpptag.sim.uhf.air.OpenTag); changes are saved before they are answered."""

    def __init__(self, field: Field, number: int) -> None:
        self._field = field
        self._tag = field.tags[number]
        self.reply: Reply = field.reply(number)
        """As the tag was singulated: a module's answer to a write of the EPC still carries the old one."""

    def read(self, bank: int, word: int, count: int) -> bytes:
        self._heard(is_look=bank == Bank.TID)
        return self._tag.read(bank, word, count)

    def write(self, bank: int, word: int, data: bytes) -> None:
        """Write commands, one a word; those before a refused one are done."""
        self._heard()

        def one(at: int) -> None:
            self._tag.write(bank, word + at, int.from_bytes(data[2 * at : 2 * at + 2], "big"))

        self._each(len(data) // 2, one)

    def block_write(self, bank: int, word: int, data: bytes) -> None:
        """BlockWrite commands of as many words as the chip takes at once."""
        self._heard()
        step = 2 * (self._tag.model.block_words or 1)
        parts = [data[at : at + step] for at in range(0, len(data), step)]
        self._each(
            len(parts), lambda at: self._tag.block_write(bank, word + at * step // 2, parts[at]), words=step // 2
        )

    def block_erase(self, bank: int, word: int, count: int) -> None:
        self.block_write(bank, word, bytes(2 * count))

    def lock(self, mask: int, action: int) -> None:
        self._once(lambda: self._tag.lock(mask, action))

    def block_permalock(self, bank: int, block: int, mask: int) -> None:
        """``block``: the BlockPtr, in units of 16 blocks; ``mask``: 16 bits, the first block in the highest."""
        self._once(lambda: self._tag.block_permalock(bank, block, mask))

    def block_permalock_state(self, bank: int, block: int, count: int) -> int:
        """``count`` units of 16 blocks from unit ``block`` on."""
        self._heard()
        return self._tag.block_permalock_state(bank, block, count)

    def kill(self, password: int) -> None:
        self._once(lambda: self._tag.kill(password))

    def _heard(self, *, is_look: bool = False) -> None:
        if not is_look:
            self._field.work_begins()
        if self._field.faults.due(FaultKind.REFUSE):
            raise TagRefusal(Code.NON_SPECIFIC)

    def _once(self, act: Callable[[], None]) -> None:
        self._heard()
        self._each(1, lambda _at: act())

    def _each(self, count: int, act: Callable[[int], None], words: int = 1) -> None:
        before = self._tag.changes
        try:
            for at in range(count):
                self._field.writes(self._tag, at * words)
                try:
                    act(at)
                except TagRefusal as refusal:
                    raise TagRefusal(refusal.code, at * words) from None
                except Silence:
                    raise Silence(at * words) from None
            self._field.written(count * words)
        finally:
            if self._tag.changes != before:
                self._field.save()
