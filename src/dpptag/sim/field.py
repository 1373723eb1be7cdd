"""What stands in the reader's field: a lone tag, or a belt of tags that pass one after another.

The belt has no clock. A tag leaves after ``dwell`` activations in a row without a memory command between them; the poll
that finds it gone is answered "nothing", the next poll finds the next tag. After the last tag the field stays empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from dpptag.sim.faults import Fault, FaultKind, FaultSchedule, one_bit_wrong
from dpptag.sim.type2 import ACK, NAK_ARGUMENT, PAGE, Answer, Command, State, Type2Chip

_MEMORY_COMMANDS: Final = frozenset({Command.READ, Command.FAST_READ, Command.WRITE, Command.COMPATIBILITY_WRITE})

# Air times in microseconds at 106 kbit/s (NTAG213F/216F rev 3.1 p.33-41; NTAG203 rev 3.0 p.20 for the write).
_BYTE_US: Final = 85
_FRAME_DELAY_US: Final = 91
_WRITE_US: Final = 4_930
_ACTIVATION_US: Final = 7_500
_SILENCE_US: Final = 5_000


class TypeAChip(Protocol):
    """What the field needs of a chip; :class:`Type2Chip` and :class:`SilentChip` are such."""

    @property
    def kind(self) -> str: ...
    @property
    def uid(self) -> bytes: ...
    @property
    def atqa(self) -> int: ...
    @property
    def sak(self) -> int: ...
    def power(self, on: bool) -> None: ...
    def select(self) -> bool: ...
    def exchange(self, frame: bytes) -> Answer: ...


class SilentChip:
    """A Type A card that is selected with a SAK of its own and then answers nothing: what dpptag must refuse."""

    atqa: Final = 0x0004

    def __init__(self, sak: int, uid: bytes) -> None:
        self.sak = sak
        self.uid = uid
        self.kind = f"SAK{sak:02X}"
        self.state = State.OFF

    def power(self, on: bool) -> None:
        self.state = State.IDLE if on else State.OFF

    def select(self) -> bool:
        return self.state is not State.OFF

    def exchange(self, frame: bytes) -> Answer:
        return None


class Field:
    """The tags, which of them is in the field, and the field itself. ``save`` is called before a change is answered."""

    def __init__(
        self,
        tags: Sequence[TypeAChip],
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
        self._weak_pages: set[int] = set()
        for tag in self.tags:
            if isinstance(tag, Type2Chip):
                tag.program = self._program

    @property
    def tag(self) -> TypeAChip | None:
        """The tag in the field, powered or not."""
        if self._pulled is not None or self.position >= len(self.tags):
            return None
        return self.tags[self.position]

    def power(self, on: bool) -> None:
        self.rf_on = on
        if not on:
            self._cut_power()
        elif self.tag is not None:
            self.tag.power(True)

    def pull(self, fault: Fault) -> None:
        """The tag leaves; with a count it is back after so many polls, else only at :meth:`put_back`."""
        self._remove()
        self._pulled, self._polls_away = fault, 0

    def put_back(self) -> None:
        """What was pulled stands in the field again."""
        self._pulled = None
        if self.tag is not None:
            self.tag.power(self.rf_on)

    def swap(self) -> None:
        """The next tag of the population takes the present one's place."""
        self._remove()
        self._move_on()
        self.put_back()

    def poll(self, uid: bytes = b"") -> TypeAChip | None:
        """REQA to SELECT; with ``uid`` only that chip. Returns the chip now active, or None."""
        self.power(True)
        self.simulated_us += _ACTIVATION_US
        if self._pulled is not None:
            self._polls_away += 1
            if self._pulled.count is not None and self._polls_away > self._pulled.count:
                self.put_back()
        tag = self.tag
        if tag is None:
            return None
        if len(self.tags) > 1 and self._activations >= self.dwell:
            self._remove()
            self._move_on()
            return None
        if (uid and uid != tag.uid) or not tag.select():
            return None
        self._activations += 1
        return tag

    def exchange(self, frame: bytes) -> Answer:
        """One command to the active tag; a write is saved before its ACK is returned."""
        self.exchanges += 1
        tag = self.tag
        if tag is None or not self.rf_on:
            self.simulated_us += _SILENCE_US
            return None
        command = frame[0] if frame else None
        if command in _MEMORY_COMMANDS:
            self._activations = 0
        if self.faults.due(FaultKind.MUTE):
            return None
        if self.faults.due(FaultKind.NAK):
            tag.exchange(b"\xff")  # an unknown command: the chip falls out of ACTIVE as after any NAK
            return NAK_ARGUMENT
        if command == Command.WRITE and isinstance(tag, Type2Chip) and (fault := self.faults.due(FaultKind.TEAR)):
            self._tear(tag, frame, fault)
            return None
        before = _counters(tag)
        answer = tag.exchange(frame)
        if answer is ACK or _counters(tag) != before:
            self.save()
        if command == Command.FAST_READ and isinstance(answer, bytes) and self.faults.due(FaultKind.DUPLICATE):
            answer += answer[-PAGE:]
        self.simulated_us += _air_us(frame, answer)
        return answer

    def _program(self, page: int, data: bytes) -> bytes:
        self._weak_pages.discard(page)
        if self.faults.is_weak(page):
            self._weak_pages.add(page)
        return self.faults.stored(page, data)

    def _tear(self, tag: Type2Chip, frame: bytes, fault: Fault) -> None:
        """Half of the page is programmed, the rest is erased; the tag is gone before it could answer."""
        tag.program = lambda _page, data: data[: PAGE // 2] + b"\xff" * (PAGE // 2)
        tag.exchange(frame)
        tag.program = self._program
        self.pull(fault)
        self.save()

    def _remove(self) -> None:
        self._cut_power()
        self._activations = 0

    def _cut_power(self) -> None:
        """The tag in the field, if any, loses its power, and what its weak cells held."""
        tag = self.tag
        if tag is None:
            return
        tag.power(False)
        if isinstance(tag, Type2Chip) and self._weak_pages:
            for page in self._weak_pages:
                tag.pages[page] = one_bit_wrong(tag.pages[page])
            self._weak_pages.clear()
            self.save()

    def _move_on(self) -> None:
        self.position += 1
        self.save()


def _counters(tag: TypeAChip) -> tuple[int, int]:
    return (tag.counter, tag.failed_passwords) if isinstance(tag, Type2Chip) else (0, 0)


def _air_us(frame: bytes, answer: Answer) -> int:
    if frame and frame[0] == Command.WRITE:
        return _WRITE_US
    if answer is None:
        return _SILENCE_US
    answered = len(answer) + 2 if isinstance(answer, bytes) else 1
    return (len(frame) + 2 + answered) * _BYTE_US + 2 * _FRAME_DELAY_US
