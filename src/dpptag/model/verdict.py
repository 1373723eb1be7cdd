"""Verdicts and the numbered checks behind them (DESIGN.md section 3)."""

from __future__ import annotations

from enum import Enum, IntEnum, unique
from typing import NamedTuple

from dpptag.errors import EXIT_COULD_NOT_CHECK, EXIT_INPUT, EXIT_NEGATIVE, EXIT_OK


@unique
class Verdict(Enum):
    GENUINE = "genuine"
    GENUINE_STALE = "genuine-stale"
    FORGED = "forged"
    REVOKED = "revoked"
    UNKNOWN_ISSUER = "unknown-issuer"
    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"

    @property
    def sign(self) -> str:
        """A sign that needs no colour."""
        return _SIGNS[self]

    @property
    def exit_code(self) -> int:
        if self in (Verdict.GENUINE, Verdict.GENUINE_STALE):
            return EXIT_OK
        return EXIT_NEGATIVE if self in (Verdict.FORGED, Verdict.REVOKED) else EXIT_COULD_NOT_CHECK


_SIGNS = {
    Verdict.GENUINE: "✔",
    Verdict.GENUINE_STALE: "✔ !",
    Verdict.FORGED: "✘",
    Verdict.REVOKED: "✘",
    Verdict.UNKNOWN_ISSUER: "?",
    Verdict.UNSIGNED: "?",
    Verdict.UNREADABLE: "?",
}


@unique
class CheckNumber(IntEnum):
    CHIP_NUMBER_READ = 1
    LAYOUT_PARSED = 2
    IDENTITY_WELL_FORMED = 3
    ISSUER_FOUND = 4
    KEY_USABLE = 5
    SIGNATURE = 6
    CHIP_BINDING = 7
    NOT_REVOKED = 8
    TRUST_FRESH = 9
    CHIP_AUTHENTIC = 10
    PASSPORT_DIGEST = 11


@unique
class CheckOutcome(Enum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not-run"


class Check(NamedTuple):
    number: CheckNumber
    outcome: CheckOutcome
    detail: str

    @property
    def name(self) -> str:
        return self.number.name.lower().replace("_", " ")


@unique
class PassportMatch(Enum):
    MATCH = "match"
    MISMATCH = "mismatch"
    ABSENT = "absent"


class Report(NamedTuple):
    """One tag, judged. Absent values are None; days count from 1970-01-01 UTC.

    ``reason`` is one sentence for people. ``warnings`` never change the verdict.
    """

    verdict: Verdict
    reason: str
    identity: str | None
    chip: str | None
    level: str | None
    day: int | None
    issuer: str | None
    slot: int | None
    trust_issued: int
    trust_expires: int
    trust_stale: bool
    checks: tuple[Check, ...]
    passport: PassportMatch
    extra_records: int
    warnings: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """DESIGN.md section 6; a document that does not match leaves the verdict and exits 7."""
        if self.verdict.exit_code == EXIT_OK and self.passport is PassportMatch.MISMATCH:
            return EXIT_INPUT
        return self.verdict.exit_code
