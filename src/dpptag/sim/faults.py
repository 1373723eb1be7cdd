"""Faults on order, written ``name@N`` or ``name@N+K``. N counts host commands from 1 since the simulator started.

================  ====================================================================================================
``no-answer@N``   the reader does not answer host command N, not even with an ACK frame
``garbage@N``     host command N is executed and answered by bytes that are no frame
``short@N``       host command N is executed, its answer is cut in the middle
``hold@N``        the reader goes silent before it executes host command N, until the client has closed the port
``hold-after@N``  the same, after it executed host command N and before it answers
``nak@N``         the first tag command at or after host command N is refused and not executed: NAK 0h, or what
                  stands for it in another technology (:mod:`dpptag.sim.refusal`)
``mute@N``        the first tag command at or after host command N is neither executed nor answered
``noise@N``       the first answer of two bytes or more at or after host command N has a bit turned over on the air
``trim@N``        the first answer of two bytes or more at or after host command N reaches the reader without its
                  last byte, and nothing shows it but its length
``duplicate@N``   the first FAST_READ at or after host command N is answered with its last page sent twice
``tear@N``        the first write at or after host command N is cut off half programmed, and the tag leaves
``deny@N``        the first write at or after host command N is done, and a PC/SC reader says that it failed
``pull@N``        the tag leaves before host command N, and is back when the client has closed the port
``pull@N+K``      the same, and back after K polls that found nothing
``swap@N``        before host command N the next tag of the population takes the place of the one in the field; after
                  the last tag, and so in a population of one, the field is empty from then on
``swap@N+K``      the same, and the first tag is back after K polls that found the other one, or an empty field
``bitflip@P``     every write of page (or block) P is acknowledged, and one bit of it is stored wrong
``bitflip@P+K``   the same for the first K writes
``weak@P``        every write of page P reads right until the tag loses power; then one bit of it is wrong
``weak@P+K``      the same for the first K writes
================  ====================================================================================================

Polls count where they are of the technology of the tag that is waited for. The numbers and the schedule know nothing of
the reader: every reader model counts its host commands through :class:`dpptag.sim.host.HostCommands`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from dpptag.errors import UsageError


@unique
class FaultKind(Enum):
    NO_ANSWER = "no-answer"
    GARBAGE = "garbage"
    SHORT = "short"
    HOLD = "hold"
    HOLD_AFTER = "hold-after"
    NAK = "nak"
    MUTE = "mute"
    NOISE = "noise"
    TRIM = "trim"
    DUPLICATE = "duplicate"
    TEAR = "tear"
    DENY = "deny"
    PULL = "pull"
    SWAP = "swap"
    BITFLIP = "bitflip"
    WEAK = "weak"


_ON_TAG_COMMAND: Final = frozenset(
    {
        FaultKind.NAK,
        FaultKind.MUTE,
        FaultKind.NOISE,
        FaultKind.TRIM,
        FaultKind.DUPLICATE,
        FaultKind.TEAR,
        FaultKind.DENY,
    }
)
_ON_PAGE: Final = frozenset({FaultKind.BITFLIP, FaultKind.WEAK})
_COUNTED: Final = frozenset({FaultKind.PULL, FaultKind.SWAP}) | _ON_PAGE
_FAULT: Final = re.compile(r"([a-z-]+)@([0-9]{1,9})(?:\+([0-9]{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """``at`` is a host command number, for ``bitflip`` and ``weak`` a page; ``count`` is the K of the notation."""

    kind: FaultKind
    at: int
    count: int | None = None

    def __str__(self) -> str:
        return f"{self.kind.value}@{self.at}" + ("" if self.count is None else f"+{self.count}")


def parse_fault(text: str) -> Fault:
    """Parse ``name@N`` or ``name@N+K``; raises UsageError naming the kinds there are."""
    match = _FAULT.fullmatch(text)
    kinds = {kind.value: kind for kind in FaultKind}
    if match is None or match[1] not in kinds:
        raise UsageError(
            f"not a fault of the simulator: {text!r}",
            code="sim-fault",
            action="write NAME@N with one of: " + ", ".join(sorted(kinds)),
        )
    kind = kinds[match[1]]
    if match[3] is not None and kind not in _COUNTED:
        raise UsageError(f"{kind.value} takes no +K: {text!r}", code="sim-fault", action=f"write {kind.value}@N")
    return Fault(kind, int(match[2]), None if match[3] is None else int(match[3]))


class FaultSchedule:
    """The faults ordered, those fired, and the number of the host command at work."""

    def __init__(self, faults: Iterable[Fault] = (), on_fired: Callable[[Fault, int], None] | None = None) -> None:
        self.fired: list[Fault] = []
        self.host_command = 0
        self.on_fired = on_fired
        faults = tuple(faults)
        self._waiting = [fault for fault in faults if fault.kind not in _ON_PAGE]
        self._pages = {(fault.kind, fault.at): fault for fault in faults if fault.kind in _ON_PAGE}
        self._writes_left = {key: fault.count for key, fault in self._pages.items()}

    def order(self, fault: Fault) -> None:
        """One more fault, while the reader runs. Raises UsageError for one of a page: those are for the whole run."""
        if fault.kind in _ON_PAGE:
            raise UsageError(f"cannot be ordered later: {fault}", code="sim-fault", action="give it at the start")
        self._waiting.append(fault)

    def due(self, kind: FaultKind) -> Fault | None:
        """The waiting fault of this kind that the present host command sets off; it is then counted as fired."""
        fault = self.waiting(kind)
        if fault is not None:
            self._waiting.remove(fault)
            self._fire(fault)
        return fault

    def waiting(self, kind: FaultKind) -> Fault | None:
        """What :meth:`due` would give; nothing is counted."""
        for fault in self._waiting:
            late = fault.kind in _ON_TAG_COMMAND and self.host_command > fault.at
            if fault.kind is kind and (fault.at == self.host_command or late):
                return fault
        return None

    def stored(self, page: int, data: bytes) -> bytes:
        """What the cells keep of a write to ``page``: one bit of it is wrong where a bitflip was ordered."""
        return one_bit_wrong(data) if self._hits(FaultKind.BITFLIP, page) else data

    def is_weak(self, page: int) -> bool:
        """Whether the cells of ``page`` forget a bit of this write when the power goes."""
        return self._hits(FaultKind.WEAK, page)

    def _hits(self, kind: FaultKind, page: int) -> bool:
        key = kind, page
        left = self._writes_left.get(key)
        if key not in self._pages or left == 0:
            return False
        if left is not None:
            self._writes_left[key] = left - 1
        self._fire(self._pages[key])
        return True

    def _fire(self, fault: Fault) -> None:
        self.fired.append(fault)
        if self.on_fired is not None:
            self.on_fired(fault, self.host_command)


def one_bit_wrong(data: bytes) -> bytes:
    return bytes((data[0] ^ 0x01,)) + data[1:]
