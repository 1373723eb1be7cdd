"""The table of the UHF fault sweep: one line for each fault, one column for each thing that was counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.line.uhf_sweep_rules import Left


@dataclass(frozen=True)
class Outcome:
    """What one case left when the run with the fault had ended; ``reruns``: how many runs it then took to finish."""

    fired: bool
    left: Left
    partly_locked: bool
    secret_set: bool
    secret_torn: bool
    other_hit: bool
    reruns: int


@dataclass
class Tally:
    """One line of the table. ``asked``: the places where a fault was ordered; ``fired``: where it went off."""

    commands: int = 0
    asked: int = 0
    fired: int = 0
    left: Counter[Left] = field(default_factory=Counter)
    partly_locked: int = 0
    secret_torn: int = 0
    secret_set: int = 0
    other_hit: int = 0
    done_at_once: int = 0
    finished: int = 0
    later: int = 0

    def add(self, outcome: Outcome) -> None:
        self.asked += 1
        self.fired += outcome.fired
        self.left[outcome.left] += 1
        self.partly_locked += outcome.partly_locked
        self.secret_torn += outcome.secret_torn
        self.secret_set += outcome.secret_set
        self.other_hit += outcome.other_hit
        self.done_at_once += outcome.reruns == 0
        self.finished += outcome.reruns == 1
        self.later += outcome.reruns > 1

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            max(self.commands, other.commands),
            self.asked + other.asked,
            self.fired + other.fired,
            self.left + other.left,
            self.partly_locked + other.partly_locked,
            self.secret_torn + other.secret_torn,
            self.secret_set + other.secret_set,
            self.other_hit + other.other_hit,
            self.done_at_once + other.done_at_once,
            self.finished + other.finished,
            self.later + other.later,
        )

    def row(self, name: str, fault: str) -> str:
        counts = (
            *(self.commands, self.asked, self.fired),
            *(self.left[state] for state in Left),
            *(self.partly_locked, self.secret_torn, self.secret_set, self.other_hit),
            *(self.done_at_once, self.finished, self.later),
        )
        return f"{name:38}{fault:>12}" + "".join(f"{count:>9}" for count in counts)


HEADER: Final = f"{'module, protection, tags':38}{'fault':>12}" + "".join(
    f"{word:>9}"
    for word in (
        *("frames", "asked", "fired"),
        *(state.value for state in Left),
        *("partly", "torn pwd", "pwd", "other"),
        *("at once", "by rerun", "later"),
    )
)
"""``as found`` to ``spoiled``: EPC and statement when the run with the fault had ended. By then ``partly``: locks begun
and not ended; ``torn pwd``, ``pwd``: passwords set in part, or at all; ``other``: another tag was written to. The job
was finished in the same run, by the next one, or by a later one: as where the machine was too busy for the driver."""
