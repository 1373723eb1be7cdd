"""What a synchronisation came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dpptag.events.outbox import Parked


@dataclass(frozen=True, slots=True)
class SyncReport:
    """``already + stored + rejected + pending`` is every event of the store.

    ``sent``: events that left in this run, each counted once; ``stored``: confirmed in this run; ``already``: confirmed
    in an earlier one; ``rejected``: parked because the receiver refuses them; ``pending``: queued.
    """

    target: str
    sent: int
    stored: int
    already: int
    rejected: int
    pending: int
    parked: tuple[Parked, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """The world outside: wall clock, sleep in seconds, a random number in [0, 1)."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    random: Callable[[], float]
