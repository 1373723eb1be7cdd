"""Host commands of a simulated reader, counted, and the faults ordered for them: for every reader model.

A reader model hands each command of its host to :meth:`HostCommands.run`, whatever carries it (a serial line, USB
transfers, APDUs of a PC/SC card), and tells when its client has gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from dpptag.sim.faults import FaultKind
from dpptag.sim.field import Field

Announce = Callable[[dict[str, object]], None]


class HostCommands:
    """Counts the commands; their number is ``faults.host_command`` of the field's schedule.

    ``announce`` is called, in the thread of :meth:`run` or :meth:`client_gone`, with ``{"held": N}`` and
    ``{"released": N}``. ``held`` is set while a hold lasts.
    """

    def __init__(self, field: Field, announce: Announce = lambda _event: None) -> None:
        self.field = field
        self.held = threading.Event()
        self._announce = announce

    @property
    def holding(self) -> bool:
        """A hold lasts: the reader neither executes nor answers anything until the client has gone."""
        return self.held.is_set()

    def run(self, execute: Callable[[], bytes], garbage: bytes) -> bytes | None:
        """The answer to one command: that of ``execute``, or what an ordered fault makes of it.

        ``garbage`` is what this transport would call no answer of the reader. None: the reader does not answer at all,
        not even that it has heard (``no-answer``, a hold).
        """
        if self.holding:
            return None
        faults = self.field.faults
        faults.host_command += 1
        if faults.due(FaultKind.HOLD):
            self._hold()
            return None
        if fault := faults.due(FaultKind.PULL):
            self.field.pull(fault)
        if fault := faults.due(FaultKind.SWAP):
            self.field.swap(fault)
        if faults.due(FaultKind.NO_ANSWER):
            return None
        answer = execute()
        if faults.due(FaultKind.HOLD_AFTER):
            self._hold()
            return None
        if faults.due(FaultKind.GARBAGE):
            return garbage
        if faults.due(FaultKind.SHORT):
            return answer[: len(answer) // 2]
        return answer

    def client_gone(self) -> None:
        """The client closed the reader or died: a hold ends, and a tag that was pulled without a count is back."""
        self.field.put_back()
        if self.holding:
            self.held.clear()
            self._announce({"released": self.field.faults.host_command})

    def _hold(self) -> None:
        self._announce({"held": self.field.faults.host_command})
        self.held.set()
