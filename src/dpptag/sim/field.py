"""What stands in the reader's field, of any technology: a lone tag, or a belt of tags that pass one after another.

The belt has no clock. A tag leaves after ``dwell`` activations in a row without a memory command between them; the poll
that finds it gone is answered "nothing", the next poll finds the next tag. After the last tag the field stays empty.
Polls of a technology that the tag does not speak find nothing and count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from dpptag.sim import air
from dpptag.sim.chip import Answer, ApduChip, Chip, Fading, FelicaChip, Nibble, Rf, Tearable, TypeAChip, Wakeable
from dpptag.sim.faults import Fault, FaultKind, FaultSchedule
from dpptag.sim.frames import (
    FAST_READ,
    PAGE,
    begins_chain,
    is_inventory,
    is_iso_dep,
    touches_memory,
)
from dpptag.sim.refusal import refusable, refused, refused_apdu

_INVENTORY: Final = bytes.fromhex("260100")  # one slot, high data rate, no mask (ISO/IEC 15693-3 10.3.1)
_POLLING: Final = 0x00


class Field:
    """The tags, which of them is in the field, and the field itself. ``save`` is called before a change is answered."""

    def __init__(
        self,
        tags: Sequence[Chip],
        *,
        position: int = 0,
        dwell: int = 3,
        faults: FaultSchedule | None = None,
        save: Callable[[], None] = lambda: None,
    ) -> None:
        self.tags = tuple(tags)
        self.position = position
        self.dwell = dwell
        self.faults = faults or FaultSchedule()
        self.exchanges = 0
        self.simulated_us = 0
        self.save = save
        self.rf_on = False
        self._activations = 0
        self._pulled: Fault | None = None
        self._polls_away = 0
        self._swapped_from: tuple[int, int] | None = None
        self._weak_units: set[int] = set()
        self._mid_chain = False
        self._disturb(self.tags)

    def _disturb(self, tags: Sequence[Chip]) -> None:
        for tag in tags:
            if isinstance(tag, Tearable):
                tag.program = self._program

    @property
    def tag(self) -> Chip | None:
        """The tag in the field, powered or not."""
        return None if self._pulled is not None else self._at(self.position)

    def power(self, on: bool) -> None:
        """The field of the reader on or off; the tag in it starts anew."""
        self.rf_on = on
        if not on:
            self._cut_power()
        elif self.tag is not None:
            self.tag.power(True)

    # Tags come and go

    def pull(self, fault: Fault) -> None:
        """The tag leaves; with a count it is back after so many polls, else only at :meth:`put_back`."""
        self._remove()
        self._pulled, self._polls_away = fault, 0

    def put_back(self) -> None:
        """What was pulled stands in the field again."""
        self._pulled = None
        if self.tag is not None:
            self.tag.power(self.rf_on)

    def swap(self, fault: Fault | None = None) -> None:
        """The next tag of the population takes the present one's place: nothing at all where there is no next one.

        With a count the first tag is back after so many polls that found the other one, or found it missing.
        """
        self._remove()
        if fault is not None and fault.count is not None:
            self._swapped_from = self.position, fault.count
        self._move_on()
        self.put_back()

    def lay(self, tags: Sequence[Chip]) -> None:
        """Other tags take the place of all that were here; the first of them stands in the field."""
        self._remove()
        self.tags, self.position = tuple(tags), 0
        self._weak_units.clear()
        self._swapped_from = None
        self._disturb(self.tags)
        self.put_back()
        self.save()

    def _tag_for(self, rf: Rf) -> Chip | None:
        """What a poll of this technology meets: tags ordered back come back first, tags that are due to leave leave."""
        self.power(True)
        self.simulated_us += air.ACTIVATION_US[rf]
        self._come_back(rf)
        tag = self.tag
        if tag is None or tag.rf is not rf:
            return None
        if len(self.tags) > 1 and self._activations >= self.dwell and self._swapped_from is None:
            self._remove()
            self._move_on()
            return None
        return tag

    def _come_back(self, rf: Rf) -> None:
        absent = self._at(self.position)
        if self._pulled is not None and absent is not None and absent.rf is rf:
            self._polls_away += 1
            if self._pulled.count is not None and self._polls_away > self._pulled.count:
                self.put_back()
        if self._swapped_from is not None:
            first, polls_left = self._swapped_from
            standing = self.tag if self.tag is not None else self._at(first)
            if polls_left == 0 and self.tags[first].rf is rf:
                self._remove()
                self._swapped_from, self.position = None, first
                self.put_back()
                self.save()
            elif polls_left and standing is not None and standing.rf is rf:
                self._swapped_from = first, polls_left - 1

    def _at(self, position: int) -> Chip | None:
        return self.tags[position] if position < len(self.tags) else None

    def _remove(self) -> None:
        self._cut_power()
        self._activations = 0

    def _move_on(self) -> None:
        self.position += 1
        self.save()

    # Polls

    def poll(self, uid: bytes = b"") -> TypeAChip | None:
        """REQA to SELECT; with ``uid`` only that chip. Returns the Type A chip now active, or None."""
        found = self._tag_for(Rf.A)
        if found is None or (uid and uid != found.uid):
            return None
        tag = cast(TypeAChip, found)
        # A reader that asks for one chip by its UID wakes it from HALT (WUPA); a reader that looks round does not.
        if not tag.select() and not (uid and isinstance(tag, Wakeable) and tag.wake()):
            return None
        self._activations += 1
        return tag

    def poll_f(self, system_code: int = 0xFFFF, request: int = 0) -> tuple[FelicaChip, bytes] | None:
        """FeliCa polling: the chip and what it answered, IDm and PMm (with ``request`` 1 its system code behind)."""
        tag = self._tag_for(Rf.F)
        if not isinstance(tag, FelicaChip) or (answer := tag.poll(system_code, request)) is None:
            return None
        self._activations += 1
        return tag, answer

    def inventory(self) -> Chip | None:
        """One ISO/IEC 15693 inventory of one slot, answered by the chip itself; the chip, or None."""
        tag = self._tag_for(Rf.V)
        if tag is None or not isinstance(tag.exchange(_INVENTORY), bytes):
            return None
        self._activations += 1
        return tag

    # Exchanges

    def exchange(self, frame: bytes, rf: Rf | None = None, *, kbit: int = 212) -> Answer:
        """One frame to the tag; a change is saved before its answer is returned.

        With ``rf`` a tag of another technology does not hear it. A FeliCa polling or an ISO/IEC 15693 inventory sent
        this way is a poll like any other. ``kbit`` is the speed of a FeliCa frame.
        """
        if rf is not None and (self.tag is None or self.tag.rf is not rf) and not self._is_poll(rf, frame):
            self.exchanges += 1
            return self._took(rf, frame, None)
        technology = rf or (self.tag.rf if self.tag is not None else Rf.A)
        if self._is_poll(technology, frame):
            return self._raw_poll(technology, frame)
        return self._exchange(frame, technology, lambda tag: tag.exchange(frame), refused, kbit)

    def apdu(self, command: bytes) -> bytes | None:
        """One whole APDU to an ISO/IEC 14443-4 chip, for readers that run the block protocol themselves."""

        def answered(tag: Chip) -> Answer:
            return tag.apdu(command) if isinstance(tag, ApduChip) else None

        answer = self._exchange(command, Rf.A, answered, refused_apdu)
        return answer if isinstance(answer, bytes) else None

    def _exchange(
        self,
        frame: bytes,
        rf: Rf,
        answered: Callable[[Chip], Answer],
        refuse: Callable[[Chip, bytes], Answer],
        kbit: int = 212,
    ) -> Answer:
        self.exchanges += 1
        tag = self.tag
        if tag is None or not self.rf_on:
            return self._took(rf, frame, None, kbit)
        if touches_memory(tag, frame):
            self._activations = 0
        if self.faults.due(FaultKind.MUTE):
            return self._took(rf, frame, None, kbit)
        mid_chain, self._mid_chain = self._mid_chain, begins_chain(tag, frame)
        # A command that has begun is not refused half-way: a chip would execute what it has put together.
        can_refuse = not mid_chain and (refuse is refused_apdu or refusable(tag, frame))
        if can_refuse and self.faults.due(FaultKind.NAK):
            return self._took(rf, frame, refuse(tag, frame), kbit)
        before = tag.changes
        answer = self._answered(tag, answered)
        changed = tag.changes != before
        if changed:
            self.save()
        is_type2 = tag.rf is Rf.A and not is_iso_dep(tag)
        if isinstance(answer, bytes):
            answer = self._of_wrong_length(answer, is_fast_read=is_type2 and frame[:1] == FAST_READ)
        # A Type 2 chip that counts a READ says nothing of the time that takes.
        programmed = changed and (isinstance(answer, Nibble) or not is_type2)
        return self._took(tag.rf, frame, answer, kbit, programmed=programmed)

    def _took(self, rf: Rf, frame: bytes, answer: Answer, kbit: int = 212, *, programmed: bool = False) -> Answer:
        self.simulated_us += air.exchange_us(rf, frame, answer, programmed=programmed, kbit=kbit)
        return answer

    def _raw_poll(self, rf: Rf, frame: bytes) -> Answer:
        if rf is Rf.V:
            tag = self._tag_for(Rf.V)
            answer = None if tag is None else tag.exchange(frame)
            self._activations += answer is not None
            return answer
        found = self.poll_f(int.from_bytes(frame[1:3], "big"), frame[3])
        return None if found is None else b"\x01" + found[1]

    def _is_poll(self, rf: Rf, frame: bytes) -> bool:
        if rf is Rf.F:
            return len(frame) == 5 and frame[0] == _POLLING
        return rf is Rf.V and is_inventory(frame)

    def _of_wrong_length(self, answer: bytes, *, is_fast_read: bool) -> bytes:
        if is_fast_read and self.faults.due(FaultKind.DUPLICATE):
            answer += answer[-PAGE:]
        if len(answer) > 1 and self.faults.due(FaultKind.TRIM):
            answer = answer[:-1]
        return answer

    # Disturbed cells

    def _program(self, unit: int, data: bytes) -> bytes:
        self._weak_units.discard(unit)
        if self.faults.is_weak(unit):
            self._weak_units.add(unit)
        return self.faults.stored(unit, data)

    def _answered(self, tag: Chip, answered: Callable[[Chip], Answer]) -> Answer:
        """The answer; none where a tear was due and this was a write: the tag is gone before it could answer."""
        if self.faults.waiting(FaultKind.TEAR) is None or not isinstance(tag, Tearable):
            return answered(tag)
        answers: list[Answer] = []
        if not tag.tear(lambda: answers.append(answered(tag))):
            return answers[0]
        if fault := self.faults.due(FaultKind.TEAR):
            self.pull(fault)
        return None

    def _cut_power(self) -> None:
        """The tag in the field, if any, loses its power, and what its weak cells held."""
        tag = self.tag
        self._mid_chain = False
        if tag is None:
            return
        tag.power(False)
        if self._weak_units and isinstance(tag, Fading):
            for unit in self._weak_units:
                tag.fade(unit)
            self._weak_units.clear()
            self.save()
