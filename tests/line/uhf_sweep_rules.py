"""What must hold of two simulated Gen2 tags and the ledger at every moment of a run, whatever fault struck.

1  The tag in hand is as it was found, or torn (its first word is zero: no reader finds a statement), or it holds the
   very statement of its row under the EPC of its row. Cells that do not keep what is written, and another tag with the
   same EPC that answers in its place, may leave a damaged statement: that one never verifies, and is never called good.
2  Its passwords are word by word zero or those derived for this chip; none is there before the row says how.
3  The order of the tag format: no password before the user bank is whole but for its first word; no word of StoredPC
   and EPC before both passwords; the first word last.
4  No lock bit before the row is ``verified``, and none that was not asked for.
5  The other tag is not touched, but by the one command that the fault made it answer in place of the one chosen; where
   the module chooses by EPC, also by those up to the next look at the TID, and these never lock it. What is written
   there never verifies.
6  What the ledger calls written, verified or locked is so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from tests.line.uhf_sweep_tags import AREAS, NOTHING_LOCKED, USER_BYTES, WORD, Memory, is_genuine, passwords

_PROVED: Final = ("written", "verified", "locked")


class CaseError(AssertionError):
    """A case after which the tag or the ledger is not as it must be."""


def must(condition: bool, otherwise: str) -> None:
    if not condition:
        raise CaseError(otherwise)


@unique
class Left(Enum):
    """What a fault left of EPC and statement on the tag in hand. ``SPOILED``: a statement that does not verify."""

    AS_FOUND = "as found"
    TORN = "torn"
    COMPLETE = "complete"
    SPOILED = "spoiled"


@dataclass(frozen=True)
class Asked:
    """What the job asks for, and what its tags look like at the beginning: the tag in hand, the other one."""

    begun: tuple[Memory, Memory]
    key: ec.EllipticCurvePublicKey
    master: bytes
    identity: str
    permanent: bool
    chooses_by_tid: bool

    def left(self, memory: Memory) -> Left:
        if memory.banks == self.begun_of(memory).banks:
            return Left.AS_FOUND
        if memory.is_torn:
            return Left.TORN
        return Left.COMPLETE if is_genuine(memory, self.key) else Left.SPOILED

    def begun_of(self, memory: Memory) -> Memory:
        return next(begun for begun in self.begun if begun.tid == memory.tid)

    @property
    def locked(self) -> int:
        """The two bits that each area ends with."""
        return 0b11 if self.permanent else 0b10

    def is_finished(self, memory: Memory, row: Mapping[str, Any]) -> bool:
        """Row, message, passwords and locks are at the job's end."""
        return (
            row["state"] == "locked"
            and row["chip"] == memory.tid
            and self.left(memory) is Left.COMPLETE
            and memory.content == row["message"]
            and memory.reserved == passwords(self.master, memory.tid)
            and set(memory.locked().values()) == {self.locked}
        )

    def check_ledger(self, memory: Memory, row: Mapping[str, Any]) -> None:
        """Rule 6."""
        if row["state"] in _PROVED:
            whole = self.left(memory) is Left.COMPLETE and memory.content == row["message"]
            must(whole, f"the row is {row['state']} and the tag {self.left(memory).value}")
        must(row["state"] != "locked" or self.is_finished(memory, row), "the row is locked and the tag is not")


@dataclass
class Rules:
    """Looks at the tags of one run, in the simulator's thread: :meth:`check` raises what was found.

    ``tags``: how they stood when last looked at. ``fault``: the kind ordered; ``fired_at``: where it went off.
    """

    asked: Asked
    tags: list[Memory]
    ledger: Path
    fault: str = ""
    fired_at: list[int] = field(default_factory=list)
    others_hit: bool = False
    broken: list[str] = field(default_factory=list)
    _row: Mapping[str, Any] | None = None

    def look(self, command: int, memories: Sequence[Memory]) -> None:
        try:
            for number, (memory, before) in enumerate(zip(memories, self.tags, strict=True)):
                if memory != before:
                    self.tags[number] = memory
                    self._changed(command, memory, before)
        except Exception as error:  # noqa: BLE001  an escaped one would end the simulator's thread
            self.broken.append(f"at host command {command}: {error or type(error).__name__}")

    def check(self) -> None:
        must(not self.broken, "; ".join(self.broken[:3]))

    def _changed(self, command: int, memory: Memory, before: Memory) -> None:
        if self._row is None or self._row["chip"] is None:
            self._row = job_row(self.ledger, self.asked.identity)
        if self._row is not None and self._row["chip"] == memory.tid:
            self._check_hand(memory, self._row)
        else:
            self._check_other(command, memory, before)

    def _check_hand(self, memory: Memory, row: Mapping[str, Any]) -> None:
        begun, secrets = self.asked.begun_of(memory), passwords(self.asked.master, memory.tid)
        left = self.asked.left(memory)
        spared = may_spoil(self.fault)
        # 1
        must(left is not Left.SPOILED or spared, f"the tag carries a mixture: {memory.content.hex()}")
        if left is Left.COMPLETE:
            must(memory.content == row["message"], "the tag carries a good statement that is not its row's")
        # 2
        for at in range(0, len(secrets), WORD):
            word = memory.reserved[at : at + WORD]
            must(word in (bytes(WORD), secrets[at : at + WORD]), "a password that was never derived")
        if any(memory.reserved):
            told = row["protection"] or ""
            must("AN10922" in told and memory.tid.hex() in told, "a password before the ledger knows its derivation")
        # 3
        if not spared:
            body = memory.user[WORD:USER_BYTES] == row["message"][WORD - USER_BYTES :]
            must(body or not any(memory.reserved), "a password before the user bank is whole")
            if memory.pc_epc != begun.pc_epc:
                must(body and memory.reserved == secrets, "EPC before user bank and passwords")
            must(left is not Left.COMPLETE or memory.reserved == secrets, "a statement before the passwords")
        # 4
        if memory.locks != begun.locks:
            now = job_row(self.ledger, self.asked.identity)
            must(now is not None and now["state"] in ("verified", "locked"), f"locked while {now and now['state']}")
            must(left is Left.COMPLETE, f"locked while {left.value}")
            must(set(memory.locked().values()) <= {0, self.asked.locked}, f"locked otherwise: {memory.locked()}")

    def _check_other(self, command: int, memory: Memory, before: Memory) -> None:
        self.others_hit = True
        answered = self.fault == "other-tag" and command in self.fired_at
        crossed = self.fault in ("swap", "other-tag") and not self.asked.chooses_by_tid
        must(answered or crossed, "the other tag was changed by a command that it did not answer in place of another")
        must(answered or memory.locks == before.locks, "the other tag was locked")
        must(self.asked.left(memory) is not Left.COMPLETE, "the other tag carries a good statement")


def may_spoil(fault: str) -> bool:
    """Cells that do not keep, and another tag that takes a word in place of the chosen one, spoil a statement."""
    return fault.startswith(("weak-word", "forget", "other-tag"))


def job_row(ledger: Path, identity: str) -> Mapping[str, Any] | None:
    """What is committed now, asked while the job may be at work."""
    try:
        connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return None
    connection.row_factory = sqlite3.Row
    try:
        found = connection.execute("SELECT * FROM rows WHERE identity = ?", (identity,)).fetchone()
    except sqlite3.OperationalError:  # no such table yet
        return None
    finally:
        connection.close()
    return None if found is None else dict(found)


def locked_areas(memory: Memory) -> int:
    return sum(bits != 0 for bits in memory.locked().values())


def is_partly_locked(memory: Memory) -> bool:
    return memory.locks != NOTHING_LOCKED and locked_areas(memory) < len(AREAS)
