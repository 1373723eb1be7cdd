"""Deliver an outbox to a capture endpoint: at least once from here, once over there. No network in this file.

1. Jobs that an earlier run left open are settled first.
2. Whatever is in doubt is asked for before it is sent again; the doubt is written down before each request leaves.
3. 202 only says that a job began: the job must end well before anything counts as stored.
4. After any other end each event is asked for; what the receiver holds is stored, the rest goes back into the queue.
5. A batch that is too large, or has an event in it that the receiver refuses, is halved until the one is found; it is
   parked with its reason. All others go on.
6. Failures back off with full jitter and stop the run after ``Policy.tries`` without progress.

Every step is committed before the next begins, so the process may die anywhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from dpptag.errors import SyncIncomplete
from dpptag.events.event import document
from dpptag.events.outbox import Outbox, Queued
from dpptag.sync.report import Edge, SyncReport
from dpptag.sync.transport import (
    Accepted,
    Again,
    CaptureTransport,
    Duplicate,
    Gone,
    Halt,
    Holds,
    Job,
    Limits,
    NoJob,
    Refused,
    TooLarge,
)

_LOG: Final = logging.getLogger(__name__)
_DOCUMENT_OVERHEAD: Final = 512  # bytes round the event bodies, generously


@dataclass(frozen=True, slots=True)
class Policy:
    """Batch size and patience; seconds."""

    batch: int = 100
    tries: int = 8  # with the delays below about two minutes: longer outages are for the next run
    first_delay: float = 0.5
    longest_delay: float = 30.0
    longest_ask: float = 60.0  # a Retry-After beyond this ends the run; the next one honours it
    longest_block: float = 3600.0  # no receiver, and no clock set back, can silence us for longer
    first_poll: float = 0.1
    job_patience: float = 120.0


class Delivery:
    """One run. Use :meth:`run` once."""

    def __init__(self, outbox: Outbox, transport: CaptureTransport, edge: Edge, policy: Policy, target: str) -> None:
        self._outbox = outbox
        self._transport = transport
        self._edge = edge
        self._policy = policy
        self._target = target
        self._limits = Limits()
        self._size = policy.batch
        self._failures = 0
        self._sent: set[int] = set()
        self._already = outbox.counts().stored

    def run(self) -> SyncReport:
        """Deliver everything. Raises SyncIncomplete with the counts where something is still queued or parked."""
        self._respect_next_try()
        if self._outbox.counts().pending:
            self._ask_limits()
        for job_url, batch in self._outbox.posted().items():
            self._settle(batch, job_url)
        while batch := self._next_batch():
            doubtful = [item for item in batch if item.in_doubt]
            if doubtful:
                self._ask(doubtful)
            else:
                self._send(batch)
        report = self.report()
        if report.rejected:
            raise self._incomplete(
                f"the receiver refuses {report.rejected} of the events; they are kept and shown",
                "sync-rejected",
                "read the reasons, have them put right at the receiver, then: dpptag sync --retry-rejected",
            )
        return report

    def report(self) -> SyncReport:
        counts = self._outbox.counts()
        return SyncReport(
            target=self._target,
            sent=len(self._sent),
            stored=counts.stored - self._already,
            already=self._already,
            rejected=counts.rejected,
            pending=counts.pending,
            parked=tuple(self._outbox.parked()),
        )

    def _respect_next_try(self) -> None:
        now = self._edge.now().timestamp()
        wait = self._outbox.next_try - now
        if not 0 < wait <= self._policy.longest_block:
            return
        if wait > self._policy.longest_ask:
            raise self._incomplete(
                f"the receiver asked not to be tried for another {wait:.0f} s", "sync-wait", "run the command later"
            )
        self._edge.sleep(wait)

    def _ask_limits(self) -> None:
        while True:
            match self._transport.limits():
                case Limits() as limits:
                    self._limits = limits
                    self._size = self._largest()
                    return
                case Again() as again:
                    self._back_off(again)
                case Halt() as halt:
                    raise self._halted(halt)

    def _largest(self) -> int:
        return max(1, min(self._policy.batch, self._limits.events or self._policy.batch))

    def _next_batch(self) -> list[Queued]:
        """The oldest events, as many as the receiver takes at once; never empty while there are any."""
        queued = self._outbox.new(self._size)
        room = (self._limits.octets or 1 << 62) - _DOCUMENT_OVERHEAD
        batch: list[Queued] = []
        for item in queued:
            room -= len(item.entry.event.body) + 2
            if batch and (room < 0 or item.in_doubt != batch[0].in_doubt):
                break
            batch.append(item)
        return batch

    def _send(self, batch: list[Queued]) -> None:
        body = document([item.entry.event.body for item in batch], self._edge.now())
        self._outbox.about_to_send(batch)
        self._sent.update(item.entry.seq for item in batch)
        match self._transport.post(body):
            case Accepted(job_url):
                self._outbox.sent(batch, job_url)
                self._settle(batch, job_url)
            case TooLarge(reason) | Refused(reason):
                self._outbox.not_sent(batch)
                self._halve(batch, reason)
            case Duplicate(reason):
                self._sort_out(batch, reason)
            case Again() as again:
                if not again.in_doubt:
                    self._outbox.not_sent(batch)
                self._back_off(again)
            case Halt() as halt:
                self._outbox.not_sent(batch)
                raise self._halted(halt)

    def _settle(self, batch: list[Queued], job_url: str) -> None:
        """Wait for the end of a capture job and draw the consequence."""
        waited, pause = 0.0, self._policy.first_poll
        while True:
            match self._transport.job(job_url):
                case Job(running=True):
                    if waited >= self._policy.job_patience:
                        raise self._incomplete(
                            f"the receiver is still working on {len(batch)} events",
                            "sync-job-slow",
                            "run it again later",
                        )
                    self._edge.sleep(pause)
                    waited += pause
                    pause = min(pause * 2, self._policy.longest_delay)
                case Job(success=True):
                    self._confirmed(batch)
                    return
                case Job() as job:
                    self._sort_out(batch, "; ".join(job.errors), fault_of_receiver=job.fault_of_receiver)
                    return
                case Gone():
                    if self._ask(batch, may_still_arrive=True):
                        self._back_off(Again("the receiver knows neither the capture job nor its events"))
                    return
                case NoJob(reason):
                    if self._failures >= self._policy.tries:
                        self._outbox.doubted(batch)  # the address leads nowhere: the next run asks for the events
                    self._back_off(Again(reason))
                case Again() as again:
                    self._back_off(again)
                case Halt() as halt:
                    raise self._halted(halt)

    def _sort_out(self, batch: list[Queued], reason: str, *, fault_of_receiver: bool = False) -> None:
        """A job failed: keep what is stored all the same, find the event that made it fail."""
        missing = self._ask(batch)
        if missing and fault_of_receiver:
            self._back_off(Again(f"the receiver failed: {reason}", in_doubt=False))
        elif missing and len(missing) == len(batch):
            self._halve(missing, reason or "the capture job failed without a reason")

    def _ask(self, batch: list[Queued], *, may_still_arrive: bool = False) -> list[Queued]:
        """Ask for each event; those held are stored, the others are new again and returned.

        ``may_still_arrive``: a job that is not shown may be at work all the same, so they stay in doubt and are asked
        for once more before they are sent again.
        """
        held: list[Queued] = []
        missing: list[Queued] = []
        for item in batch:
            (held if self._is_held(item) else missing).append(item)
        if may_still_arrive:
            self._outbox.doubted(missing)
        else:
            self._outbox.not_sent(missing)
        if held:
            self._confirmed(held)
        return missing

    def _is_held(self, item: Queued) -> bool:
        while True:
            match self._transport.holds(item.entry.event):
                case Holds(held):
                    return held
                case Again() as again:
                    self._back_off(again)
                case Halt() as halt:
                    raise self._halted(halt)

    def _halve(self, batch: list[Queued], reason: str) -> None:
        if len(batch) > 1:
            self._size = len(batch) // 2
            _LOG.info("%d events refused (%s): trying %d at a time", len(batch), reason, self._size)
            return
        self._outbox.rejected(batch[0], reason)
        _LOG.warning("event %d is refused: %s", batch[0].entry.seq, reason)
        self._progress()

    def _confirmed(self, batch: list[Queued]) -> None:
        self._outbox.stored(batch)
        self._progress()

    def _progress(self) -> None:
        self._failures = 0
        self._size = min(self._size * 2, self._largest())

    def _back_off(self, again: Again) -> None:
        """Full jitter: uniform between 0 and the capped exponential, never before the receiver's own wish."""
        self._failures += 1
        policy = self._policy
        if again.after is not None and again.after > policy.longest_ask:
            self._outbox.wait_until(self._edge.now().timestamp() + min(again.after, policy.longest_block))
            raise self._incomplete(
                f"{again.reason}; the receiver asks to wait {again.after:.0f} s", "sync-wait", "run the command later"
            )
        if self._failures > policy.tries:
            raise self._incomplete(
                f"{again.reason}; given up after {policy.tries} tries",
                "sync-unreachable",
                "run the command again later",
            )
        ceiling = min(policy.longest_delay, policy.first_delay * 2 ** (self._failures - 1))
        delay = (again.after or 0.0) + self._edge.random() * ceiling
        _LOG.info("%s: waiting %.1f s", again.reason, delay)
        self._edge.sleep(delay)

    def _halted(self, halt: Halt) -> SyncIncomplete:
        return self._incomplete(halt.reason, halt.code, halt.action)

    def _incomplete(self, message: str, code: str, action: str | None) -> SyncIncomplete:
        report = self.report()
        return SyncIncomplete(
            message,
            code=code,
            action=action,
            target=report.target,
            sent=report.sent,
            stored=report.stored,
            already=report.already,
            rejected=report.rejected,
            pending=report.pending,
        )
