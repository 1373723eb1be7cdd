"""How far every event is on its way to one target: ``new -> posted -> stored``, or ``rejected`` and parked.

``stored`` means that the receiver has confirmed it; the target's cursor follows only that. A rejected event stays,
with the receiver's reason, until a person has it tried again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dpptag.events.device_log import LogEntry
from dpptag.events.store import EventStore

_REASON_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class Queued:
    """An event on its way. ``in_doubt``: it may have arrived already, so ask before sending it again."""

    entry: LogEntry
    attempts: int = 0
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that the receiver refuses, with its reason."""

    seq: int
    event_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """All events of the store by their state towards one target."""

    new: int
    posted: int
    stored: int
    rejected: int

    @property
    def pending(self) -> int:
        return self.new + self.posted


class Outbox:
    """The deliveries of ``store`` to the target ``name``. Every method is one durable step; raises StoreError."""

    def __init__(self, store: EventStore, name: str) -> None:
        self._database = store.database
        if not self._database.select("SELECT 1 FROM target WHERE name = ?", (name,)):
            with self._database.transaction():
                self._database.run("INSERT OR IGNORE INTO target (name) VALUES (?)", (name,))
        [(self._target,)] = self._database.select("SELECT id FROM target WHERE name = ?", (name,))

    @property
    def cursor(self) -> int:
        """Every event up to this sequence number is confirmed stored."""
        [(cursor,)] = self._database.select("SELECT cursor FROM target WHERE id = ?", (self._target,))
        return int(cursor)

    @property
    def next_try(self) -> float:
        """POSIX time before which the receiver asked not to be tried again; 0 where it did not."""
        [(moment,)] = self._database.select("SELECT next_try FROM target WHERE id = ?", (self._target,))
        return float(moment)

    def wait_until(self, moment: float) -> None:
        with self._database.transaction():
            self._database.run("UPDATE target SET next_try = ? WHERE id = ?", (moment, self._target))

    def new(self, limit: int) -> list[Queued]:
        """The oldest events that are neither posted nor stored nor rejected."""
        rows = self._database.select(
            """SELECT entry.envelope, coalesce(delivery.attempts, 0), coalesce(delivery.in_doubt, 0)
               FROM entry LEFT JOIN delivery ON delivery.seq = entry.seq AND delivery.target_id = ?
               WHERE entry.seq > ? AND coalesce(delivery.state, 'new') = 'new' ORDER BY entry.seq LIMIT ?""",
            (self._target, self.cursor, limit),
        )
        return [Queued(LogEntry.from_envelope(row[0]), row[1], bool(row[2])) for row in rows]

    def posted(self) -> dict[str, list[Queued]]:
        """Job address -> the events that the receiver took into that job."""
        jobs: dict[str, list[Queued]] = {}
        rows = self._database.select(
            """SELECT delivery.job_url, entry.envelope, delivery.attempts FROM delivery JOIN entry USING (seq)
               WHERE delivery.target_id = ? AND delivery.state = 'posted' ORDER BY delivery.seq""",
            (self._target,),
        )
        for job_url, envelope, attempts in rows:
            jobs.setdefault(job_url, []).append(Queued(LogEntry.from_envelope(envelope), attempts))
        return jobs

    def about_to_send(self, batch: Iterable[Queued]) -> None:
        """Committed before the request leaves: after a crash these events are in doubt, not simply new."""
        self._set(batch, "new", in_doubt=True, attempts=1)

    def not_sent(self, batch: Iterable[Queued]) -> None:
        """The receiver proved that it does not have them."""
        self._set(batch, "new")

    def doubted(self, batch: Iterable[Queued]) -> None:
        """The receiver took them and shows nothing of them yet: they may still arrive."""
        self._set(batch, "new", in_doubt=True)

    def sent(self, batch: Iterable[Queued], job_url: str) -> None:
        """The receiver works on them. That is not yet stored."""
        self._set(batch, "posted", job_url=job_url)

    def stored(self, batch: Iterable[Queued]) -> None:
        """The receiver has confirmed them; the cursor moves as far as nothing before it is open."""
        self._set(batch, "stored")

    def rejected(self, item: Queued, reason: str) -> None:
        self._set((item,), "rejected", reason=reason[:_REASON_LIMIT] or "no reason given")

    def retry_rejected(self) -> int:
        """Put every parked event back into the queue; how many there were."""
        with self._database.transaction():
            return self._database.run(
                "UPDATE delivery SET state = 'new', in_doubt = 1 WHERE target_id = ? AND state = 'rejected'",
                (self._target,),
            ).rowcount

    def parked(self) -> list[Parked]:
        rows = self._database.select(
            """SELECT seq, event_id, reason FROM delivery JOIN entry USING (seq)
               WHERE target_id = ? AND state = 'rejected' ORDER BY seq""",
            (self._target,),
        )
        return [Parked(*row) for row in rows]

    def counts(self) -> Counts:
        rows = self._database.select(
            """SELECT coalesce(delivery.state, 'new'), count(*)
               FROM entry LEFT JOIN delivery ON delivery.seq = entry.seq AND delivery.target_id = ? GROUP BY 1""",
            (self._target,),
        )
        by_state: dict[str, int] = {row[0]: row[1] for row in rows}
        return Counts(*(by_state.get(state, 0) for state in ("new", "posted", "stored", "rejected")))

    def _set(
        self,
        batch: Iterable[Queued],
        state: str,
        *,
        in_doubt: bool = False,
        attempts: int = 0,
        job_url: str | None = None,
        reason: str | None = None,
    ) -> None:
        with self._database.transaction():
            self._database.run_for_each(
                """INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state,
                   attempts = attempts + excluded.attempts, in_doubt = excluded.in_doubt, job_url = excluded.job_url,
                   reason = excluded.reason""",
                [(self._target, item.entry.seq, state, attempts, in_doubt, job_url, reason) for item in batch],
            )
            if state == "stored":
                self._advance()

    def _advance(self) -> None:
        self._database.run(
            """UPDATE target SET cursor = coalesce(
                   (SELECT min(entry.seq) - 1 FROM entry
                    LEFT JOIN delivery ON delivery.seq = entry.seq AND delivery.target_id = target.id
                    WHERE entry.seq > target.cursor AND coalesce(delivery.state, 'new') <> 'stored'),
                   (SELECT max(seq) FROM entry), 0)
               WHERE id = ?""",
            (self._target,),
        )
