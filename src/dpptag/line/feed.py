"""Tags as they come to the reader, one after another: present, handled, gone, next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from dpptag.errors import TagError, TagLost, TagNak, TagRefused, TagSwapped
from dpptag.links import TagLink, TagReader

_MISSES_TO_BE_GONE: Final = 2
"""A tag that lies in the field can miss one poll; a second miss in a row means that it was taken away."""

_FAILURES_TO_TELL: Final = 3
"""A tag on its way in answers and is lost again while its number is read; one that goes on so is told."""

_CROWD: Final = "several-tags"
"""Code of the refusal of a crowd: who answers first, or not at all, changes from poll to poll. It is told once."""


@unique
class Phase(Enum):
    """What the line waits for, or does: for screens."""

    WAITING = "waiting-for-tag"
    WORKING = "working"
    TAKE_AWAY = "take-tag-away"


@dataclass(frozen=True, slots=True)
class Found:
    """A tag in the field: its link, or why the reader offers none. ``uid`` in hex."""

    uid: str
    link: TagLink | None
    refusal: TagRefused | None

    @property
    def key(self) -> str:
        """By which it is known again at the next poll."""
        return _CROWD if self.refusal is not None and self.refusal.code == _CROWD else self.uid


class TagFeed:
    """Polls the reader without sleeping: a poll takes the time that the reader needs to look.

    ``phase`` is told once on every change. Every wait ends by itself after its limit, or by KeyboardInterrupt.
    """

    def __init__(self, reader: TagReader, monotonic: Callable[[], float], phase: Callable[[Phase], None]) -> None:
        self.reader = reader
        self._monotonic = monotonic
        self._phase = phase
        self._handled: str | None = None

    def next(self, limit: float | None) -> Found | None:
        """The next tag, once the one handled last was taken away; None after ``limit`` seconds without one."""
        started = self._monotonic()
        misses = failures = 0
        self._phase(Phase.WAITING if self._handled is None else Phase.TAKE_AWAY)
        while True:
            try:
                found = self._sense()
            except (TagLost, TagNak, TagSwapped) as error:  # something is there
                failures += 1
                found = _unread(error) if failures >= _FAILURES_TO_TELL and self._handled is None else None
            else:
                failures = 0
                misses = misses + 1 if found is None else 0
            if found is not None and found.key != self._handled:
                self._handled = found.key
                self._phase(Phase.WORKING)
                return found
            if misses == _MISSES_TO_BE_GONE and self._handled is not None:
                self._handled = None
                self._phase(Phase.WAITING)
            if limit is not None and self._monotonic() - started >= limit:
                return None

    def holds(self, uid: str) -> None:
        """The tag in hand is this one: another may have taken the place of the one found while it was selected."""
        self._handled = uid

    def left(self) -> None:
        """The tag in hand dropped out while it was worked on: it may come back at once, and is then taken up again."""
        self._handled = None

    def _sense(self) -> Found | None:
        try:
            link = self.reader.sense()
        except TagRefused as refusal:
            return Found(str(refusal.facts.get("chip")), None, refusal)
        return Found(link.uid.hex(), link, None) if link is not None else None


def _unread(error: TagError) -> Found:
    chip = str(error.facts.get("chip", "unknown"))
    refusal = TagRefused(
        f"a tag answers, but its chip number cannot be read: {error.message}",
        code=error.code,
        action="bring it nearer, or take another tag",
        chip=chip,
        tag_state="untouched",
    )
    return Found(chip, None, refusal)
