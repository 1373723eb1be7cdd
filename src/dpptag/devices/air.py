"""Which tag answers now: what the links to the tags of one reader share.

A link to a tag that was sensed earlier must never reach the one that stands there now, so each exchange names its tag.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NoReturn

from dpptag.devices.raw_port import CollisionError, FelicaTarget, Hidden, RawPort, TypeATarget, UnansweredError
from dpptag.errors import DeviceLost, TagLost, TagRefused, TagSwapped

FIELD_OFF_SECONDS: Final = 0.005
"""NFC Forum Digital, reset time: at least 5 ms without field.

The field goes off before the chip set answers, and comes on after it has received the next poll: what host and line
take for those comes on top, so a tag never sees less.
"""


def gone(uid: bytes) -> TagLost:
    return TagLost(f"the chip {uid.hex()} is gone", action="put the tag back on the reader", chip=uid.hex())


def swapped(wanted: bytes, got: bytes) -> TagSwapped:
    return TagSwapped(
        f"another chip stands in the field: {got.hex()}, not {wanted.hex()}",
        action="put the first tag back on the reader, alone",
        wanted=wanted.hex(),
        got=got.hex(),
    )


class Air:
    """The field of one raw port. ``wait`` takes seconds; a test hands in its own."""

    def __init__(self, port: RawPort, wait: Callable[[float], object] = time.sleep) -> None:
        self._open: RawPort | None = port
        self._name = port.name
        self._selected: bytes | None = None
        self.wait = wait
        self.restart_before_poll = False
        """A tag in the protocol state of ISO/IEC 14443-4 does not answer REQA: the field must go off first."""

    @property
    def port(self) -> RawPort:
        if self._open is None:
            raise DeviceLost(f"the reader at {self._name} is closed", action="open it again", device=self._name)
        return self._open

    def find_a(self) -> TypeATarget | None:
        """Poll for a Type A tag. Raises TagRefused where several stand there and the reader tells."""
        if self.restart_before_poll:
            self._field_off()
        port, self._selected = self.port, None
        try:
            target = port.poll_a()
        except CollisionError as exc:
            raise TagRefused(
                "several tags stand on the reader",
                code="tag-collision",
                action="leave one tag on the reader",
                tag_state="untouched",
            ) from exc
        self._selected = target.uid if target is not None else None
        return target

    def find_f(self, system_code: int) -> FelicaTarget | None:
        """Poll for a FeliCa tag of this system; FFFFh is any."""
        port, self._selected = self.port, None
        target = port.poll_f(system_code)
        self._selected = target.idm if target is not None else None
        return target

    def reselect_a(self, uid: bytes) -> TypeATarget:
        """Field off and on, then select the same UID. Raises TagLost, or TagSwapped for another chip."""
        self._field_off()
        target = self.find_a()
        if target is None:
            raise gone(uid)
        if target.uid != uid:
            raise swapped(uid, target.uid)
        return target

    def reselect_f(self, idm: bytes, system_code: int) -> None:
        """Field off and on, then poll for the same IDm. Raises TagLost, or TagSwapped for another chip."""
        self._field_off()
        target = self.find_f(system_code)
        if target is None:
            raise gone(idm)
        if target.idm != idm:
            raise swapped(idm, target.idm)

    def _field_off(self) -> None:
        self._selected = None
        self.restart_before_poll = False
        port = self.port
        port.field_off()
        self.wait(max(0.0, FIELD_OFF_SECONDS - port.poll_lead_seconds))

    def raw(self, uid: bytes, frame: bytes, waiting_time: float, hidden: Hidden | None = None) -> bytes:
        """One exchange with the tag ``uid``. Raises UnansweredError, TagLost, TagSwapped."""
        port = self.port
        if self._selected is None:
            raise gone(uid)
        if self._selected != uid:
            raise swapped(uid, self._selected)
        return port.exchange(frame, waiting_time, hidden)

    def exchange(self, uid: bytes, frame: bytes, waiting_time: float, hidden: Hidden | None = None) -> bytes:
        """As :meth:`raw`, silence and noise as TagLost: its facts ``status`` and ``silent`` tell one from the other."""
        try:
            return self.raw(uid, frame, waiting_time, hidden)
        except UnansweredError as exc:
            unanswered(uid, exc)

    def close(self) -> None:
        port, self._open = self._open, None
        if port is not None:
            port.close()


def unanswered(uid: bytes, cause: UnansweredError) -> NoReturn:
    raise TagLost(
        f"no whole answer from the chip {uid.hex()}",
        action="put the tag back on the reader",
        chip=uid.hex(),
        status=cause.status,
        silent=cause.silent,
    ) from cause
