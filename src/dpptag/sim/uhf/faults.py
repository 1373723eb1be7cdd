"""Faults on order, written ``name@N`` or ``name@N+K``. N counts host commands from 1 since the module started.

==================  ==================================================================================================
``no-answer@N``     host command N is neither executed nor answered
``late@N``          host command N is executed; its answer comes just before the next one
``garbage@N``       host command N is executed and answered by bytes that are no frame
``checksum@N``      host command N is executed; the check of its (first) answer frame is wrong
``short@N``         host command N is executed, its answer is cut in the middle
``port-lost@N``     the port goes away before host command N is executed; with ``+1``: after, before it is answered.
                    It is back at another path
``hold@N``          the module goes silent before it executes host command N, until the client has closed the port
``hold-after@N``    the same, after it executed host command N and before it answers
``refuse@N``        the first access to a tag at or after host command N is refused by the tag: error code 0Fh
``low-power@N``     the first write at or after host command N is refused for lack of power; ``+K``: K words are done
``other-tag@N``     the first round or access at or after host command N is answered by the next tag of the population
                    (after the last one the first) in place of the one in the field, whatever was selected
``leave@N``         the first write at or after host command N is not done: the tag leaves; ``+K``: it leaves after K
                    words, or after the last one, unanswered. Back when the client has closed the port; ``+K+R``: after
                    R rounds that found it away
``pull@N``          the tag leaves before host command N, and is back when the client has closed the port; ``+R``: after
                    R rounds that found it away
``swap@N``          before host command N the next tag of the population takes the place of the one in the field; after
                    the last tag the field is empty; ``+R``: the first tag is back after R rounds
``weak-word@W``     word W of the user bank never keeps what is written: one bit of it is wrong; ``+K``: K writes long
``forget@W``        word W of the user bank reads right until the field was off; then one bit is wrong; ``+K``: likewise
==================  ==================================================================================================

Lock, BlockPermalock and Kill count as a write of one word. The faults of tags that leave or are swapped are for a field
with one tag in it (``mode=belt``, or a single tag); in ``mode=field`` all tags leave, and ``swap`` does nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, Protocol

from dpptag.errors import UsageError

Announce = Callable[[dict[str, object]], None]
GARBAGE: Final = bytes.fromhex("00 A5 5A 13 37 C3 3C 81")
"""No family's frame begins like this and is whole: the first byte asks for more, or is no header."""


@unique
class FaultKind(Enum):
    NO_ANSWER = "no-answer"
    LATE = "late"
    GARBAGE = "garbage"
    CHECKSUM = "checksum"
    SHORT = "short"
    PORT_LOST = "port-lost"
    HOLD = "hold"
    HOLD_AFTER = "hold-after"
    REFUSE = "refuse"
    LOW_POWER = "low-power"
    OTHER_TAG = "other-tag"
    LEAVE = "leave"
    PULL = "pull"
    SWAP = "swap"
    WEAK_WORD = "weak-word"
    FORGET = "forget"


_AT_A_TAG: Final = frozenset({FaultKind.REFUSE, FaultKind.LOW_POWER, FaultKind.OTHER_TAG, FaultKind.LEAVE})
_OF_A_WORD: Final = frozenset({FaultKind.WEAK_WORD, FaultKind.FORGET})
_COUNTED: Final = _OF_A_WORD | {
    FaultKind.PORT_LOST,
    FaultKind.LOW_POWER,
    FaultKind.LEAVE,
    FaultKind.PULL,
    FaultKind.SWAP,
}
_FAULT: Final = re.compile(r"([a-z-]+)@([0-9]{1,9})(?:\+([0-9]{1,9}))?(?:\+([0-9]{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """``at``: a host command, or a word of the user bank. ``count`` and ``rounds``: what follows the + signs."""

    kind: FaultKind
    at: int
    count: int | None = None
    rounds: int | None = None

    def __str__(self) -> str:
        counts = "".join(f"+{value}" for value in (self.count, self.rounds) if value is not None)
        return f"{self.kind.value}@{self.at}{counts}"


def parse_fault(text: str) -> Fault:
    """Parse the notation above; raises UsageError naming the kinds there are."""
    match = _FAULT.fullmatch(text)
    kinds = {kind.value: kind for kind in FaultKind}
    if match is None or match[1] not in kinds:
        raise UsageError(
            f"not a fault of the simulated UHF module: {text!r}",
            code="sim-fault",
            action="write NAME@N with one of: " + ", ".join(sorted(kinds)),
        )
    kind = kinds[match[1]]
    if (match[3] is not None and kind not in _COUNTED) or (match[4] is not None and kind is not FaultKind.LEAVE):
        raise UsageError(
            f"{kind.value} takes no such count: {text!r}", code="sim-fault", action=f"write {kind.value}@N"
        )
    return Fault(kind, int(match[2]), *(None if match[at] is None else int(match[at]) for at in (3, 4)))


class FaultSchedule:
    """The faults ordered, those fired, and the number of the host command at work."""

    def __init__(self, faults: Iterable[Fault] = (), on_fired: Callable[[Fault, int], None] | None = None) -> None:
        self.fired: list[Fault] = []
        self.host_command = 0
        self.on_fired = on_fired
        faults = tuple(faults)
        self._waiting = [fault for fault in faults if fault.kind not in _OF_A_WORD]
        self._words = {(fault.kind, fault.at): fault for fault in faults if fault.kind in _OF_A_WORD}
        self._writes_left = {key: fault.count for key, fault in self._words.items()}

    def order(self, fault: Fault) -> None:
        """One more fault, while the module runs. Raises UsageError for one of a word: those are for the whole run."""
        if fault.kind in _OF_A_WORD:
            raise UsageError(f"cannot be ordered later: {fault}", code="sim-fault", action="give it at the start")
        self._waiting.append(fault)

    def due(self, kind: FaultKind, done: int | None = None) -> Fault | None:
        """The waiting fault of this kind that the present host command sets off; it is then counted as fired.

        ``done``: only a fault whose count is reached, no count being 0.
        """
        for fault in self._waiting:
            late = kind in _AT_A_TAG and self.host_command > fault.at
            wanted = fault.kind is kind and (done is None or (fault.count or 0) <= done)
            if wanted and (fault.at == self.host_command or late):
                self._waiting.remove(fault)
                self._fire(fault)
                return fault
        return None

    def hits(self, kind: FaultKind, word: int) -> bool:
        """Whether this write to a word of the user bank meets a fault of that word."""
        key = kind, word
        left = self._writes_left.get(key)
        if key not in self._words or left == 0:
            return False
        if left is not None:
            self._writes_left[key] = left - 1
        self._fire(self._words[key])
        return True

    def _fire(self, fault: Fault) -> None:
        self.fired.append(fault)
        if self.on_fired is not None:
            self.on_fired(fault, self.host_command)


class PortLost(Exception):  # noqa: N818  no error: what a port-lost fault tells the server
    """The port goes away now."""


class Movable(Protocol):
    """The field, as far as tags come and go before a command."""

    faults: FaultSchedule

    def pull(self, fault: Fault) -> None: ...

    def put_back(self) -> None: ...

    def swap(self, fault: Fault) -> None: ...


class HostCommands:
    """Counts what the host asks; every emulator hands each whole frame of its host to :meth:`run`.

    ``announce`` is called with ``{"held": N}`` and ``{"released": N}``; ``held`` is set while a hold lasts.
    """

    def __init__(self, field: Movable, announce: Announce = lambda _event: None) -> None:
        self.field = field
        self.held = threading.Event()
        self._announce = announce
        self._late = b""

    def run(self, execute: Callable[[], list[bytes]], checksum_at: int = -1) -> list[bytes]:
        """The answer frames of one command: those of ``execute``, or what an ordered fault makes of them.

        ``checksum_at``: where in a frame of this family a byte of its check lies. Raises PortLost.
        """
        if self.held.is_set():
            return []
        faults = self.field.faults
        faults.host_command += 1
        if faults.due(FaultKind.HOLD):
            return self._hold()
        if faults.due(FaultKind.PORT_LOST, 0):
            raise PortLost
        if fault := faults.due(FaultKind.PULL):
            self.field.pull(fault)
        if fault := faults.due(FaultKind.SWAP):
            self.field.swap(fault)
        if faults.due(FaultKind.NO_ANSWER):
            return []
        answer = execute()
        if faults.due(FaultKind.HOLD_AFTER):
            return self._hold()
        if faults.due(FaultKind.PORT_LOST):
            raise PortLost
        late, self._late = self._late, b""
        if faults.due(FaultKind.LATE):
            self._late = b"".join(answer)
            answer = []
        elif faults.due(FaultKind.GARBAGE):
            answer = [GARBAGE]
        elif answer and faults.due(FaultKind.SHORT):
            whole = b"".join(answer)
            answer = [whole[: len(whole) // 2]]
        elif answer and faults.due(FaultKind.CHECKSUM):
            answer = [_wrong_at(answer[0], checksum_at), *answer[1:]]
        return [late, *answer] if late else answer

    def client_gone(self) -> None:
        """The client closed the port or died: a hold ends, what came late is lost, a tag that left is back."""
        self._late = b""
        self.field.put_back()
        if self.held.is_set():
            self.held.clear()
            self._announce({"released": self.field.faults.host_command})

    def _hold(self) -> list[bytes]:
        self._announce({"held": self.field.faults.host_command})
        self.held.set()
        return []


def _wrong_at(frame: bytes, at: int) -> bytes:
    spoiled = bytearray(frame)
    spoiled[at] ^= 0x01
    return bytes(spoiled)
