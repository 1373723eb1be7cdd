"""Passwords, keys and locks: what is asked for, and the plan that is shown before the first step is taken.

A password or key is derived per chip from a master key; how (never what) is committed by the caller before the first
step, as ``ProtectionPlan.derivation``. Every step may be repeated on a tag on which an earlier run stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from types import MappingProxyType
from typing import Final, Protocol

from dpptag.links.nfc import Technology

PASSWORD_BYTES: Final = 4
"""Of a Gen2 chip."""


@unique
class Lock(Enum):
    """``PERMANENT``: the data area and what describes it can never be written again, by nobody.

    A DESFire takes it with a password alone, and whoever can derive its keys can still delete all of it.
    """

    NONE = "none"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Protection:
    """What a job or a user asks for. ``password``: a password or key against writing, where the chip has one.

    ``sun``: the chip shall mirror its encrypted UID, counter and MAC into the URI (NTAG 424 DNA alone).
    """

    password: bool = False
    lock: Lock = Lock.NONE
    sun: bool = False

    @property
    def is_none(self) -> bool:
        return not self.password and self.lock is Lock.NONE and not self.sun


POLICIES: Final[Mapping[str, Protection]] = MappingProxyType(
    {
        "open": Protection(),
        "password": Protection(password=True),
        "permanent": Protection(lock=Lock.PERMANENT),
        "permanent-and-password": Protection(password=True, lock=Lock.PERMANENT),
    }
)
"""The lock policies of Gen2 tags by name."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """Kill and access password of one Gen2 chip, 4 bytes each, never zero: a password of zero is none (Gen2 6.3.2.1.1).

    They are in no repr and in no error.
    """

    kill: bytes = field(repr=False)
    access: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.kill) != PASSWORD_BYTES or len(self.access) != PASSWORD_BYTES:
            raise ValueError("a Gen2 password has 4 bytes")
        if not any(self.kill) or not any(self.access):
            raise ValueError("a Gen2 password of zero is none")

    @property
    def reserved(self) -> bytes:
        """As they stand in the reserved bank."""
        return self.kill + self.access


class TagKeys(Protocol):
    """Derives the secrets of one chip from a master key."""

    def key(self, uid: bytes, purpose: str) -> bytes:
        """16 bytes for this chip and purpose, always the same. ``purpose`` is lower-case ASCII, at most 15 bytes."""

    def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
        """How these keys are derived, as one line of text without a secret: master key's id, rule, input."""


@dataclass(frozen=True, slots=True)
class ProtectionStep:
    """One step. ``at`` counts ``unit`` (page, block, key, file). ``secret``: ``data`` is never shown."""

    unit: str
    at: int
    data: bytes = field(repr=False)
    purpose: str
    irreversible: bool = False
    secret: bool = False

    def __str__(self) -> str:
        mark = "  IRREVERSIBLE" if self.irreversible else ""
        shown = "*" * 8 if self.secret else self.data.hex(" ").upper()
        return f"{self.unit} {self.at:02X}h  {shown}  {self.purpose}{mark}"


@dataclass(frozen=True, slots=True)
class ProtectionPlan:
    """The steps, in order, that give one chip what ``protection`` asks; none where it has it already.

    ``derivation``: what the caller commits durably before the first step, None where no secret is set.
    """

    technology: Technology
    uid: bytes
    chip_name: str
    protection: Protection
    steps: tuple[ProtectionStep, ...]
    derivation: str | None = None

    @property
    def irreversible(self) -> tuple[ProtectionStep, ...]:
        return tuple(step for step in self.steps if step.irreversible)

    def __str__(self) -> str:
        head = f"{self.chip_name} {self.uid.hex()}: {len(self.steps)} steps of protection"
        return "\n".join((head, *map(str, self.steps)))
