"""What a capture endpoint can answer, as values; the words between the state machine and the wire.

``Again`` and ``Halt`` may be the answer to every call: the first is worth another try, the second needs a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dpptag.events.event import FrozenEvent


@dataclass(frozen=True, slots=True)
class Limits:
    """GS1-EPCIS-Capture-Limit (events) and -File-Size-Limit (bytes); None where the receiver names none."""

    events: int | None = None
    octets: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """202: the receiver works on it at ``job_url``. Not stored."""

    job_url: str


@dataclass(frozen=True, slots=True)
class Again:
    """Try later, not before ``after`` seconds where the receiver said so.

    ``in_doubt``: what was sent may have arrived all the same.
    """

    reason: str
    after: float | None = None
    in_doubt: bool = True


@dataclass(frozen=True, slots=True)
class Halt:
    """Another try cannot help: credentials, configuration. ``action`` is what a person can do."""

    reason: str
    code: str
    action: str | None = None


@dataclass(frozen=True, slots=True)
class TooLarge:
    """413: a smaller batch may pass."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """400: something in the batch is not acceptable."""

    reason: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """409: something in the batch is there already."""

    reason: str


@dataclass(frozen=True, slots=True)
class Job:
    """A capture job (EPCIS 2.0 section 12). Stored means ``running`` false and ``success`` true, nothing else."""

    running: bool
    success: bool
    errors: tuple[str, ...] = ()
    fault_of_receiver: bool = False
    """Every error named is the receiver's own (ImplementationException): the events are not to blame."""


@dataclass(frozen=True, slots=True)
class Gone:
    """404: the receiver does not know the job (any more)."""


@dataclass(frozen=True, slots=True)
class NoJob:
    """Something answers at the job's address, but not a capture job: a login page, a refusal of the address."""

    reason: str


@dataclass(frozen=True, slots=True)
class Holds:
    """Whether the receiver has the event, in the same declaration state."""

    held: bool


PostAnswer = Accepted | TooLarge | Refused | Duplicate | Again | Halt
JobAnswer = Job | Gone | NoJob | Again | Halt
HoldsAnswer = Holds | Again | Halt


class CaptureTransport(Protocol):
    """An EPCIS 2.0 repository. No method raises for what the network or the receiver does."""

    def limits(self) -> Limits | Again | Halt: ...

    def post(self, document: bytes) -> PostAnswer: ...

    def job(self, job_url: str) -> JobAnswer: ...

    def holds(self, event: FrozenEvent) -> HoldsAnswer: ...
