"""Faults of a passport: where, how grave, and in words that a manufacturer understands.

A path is written ``$.credentialSubject.materialsProvenance[3].massFraction``; a member whose name is no plain word
stands in brackets and quotes, as in ``$['@context'][1]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

MAX_FAULTS: Final = 100
"""Faults told of one document; the last one then says how many more there are."""

Severity = Literal["error", "warning"]

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """``code`` is stable and machine readable, ``text`` says what is wrong, ``hint`` what to do where that is known."""

    path: str
    severity: Severity
    code: str
    text: str
    hint: str | None = None


def json_path(steps: Iterable[str | int]) -> str:
    """The path from the document's root down; names too long to read are cut, others than ASCII are escaped."""
    parts = ["$"]
    for step in steps:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_NAME(step) and len(step) <= _LONGEST_SHOWN:
            parts.append(f".{step}")
        else:
            parts.append(f"['{json.dumps(_cut(step))[1:-1]}']")
    return "".join(parts)


def shown(value: object) -> str:
    """A JSON value for a sentence: on one line, escaped, cut where it is long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return json.dumps(_cut(value))
    return _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


class Findings:
    """Faults as they are found: one a place and code, and no more kept than can be told."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self._kept: dict[Severity, list[Fault]] = {"error": [], "warning": []}
        self._seen: set[tuple[str, str]] = set()
        self._paths: set[str] = set()
        self._untold: dict[Severity, int] = {"error": 0, "warning": 0}

    def error(self, path: str, code: str, text: str, hint: str | None = None) -> None:
        self._add("error", path, code, text, hint)

    def forbidden(self, path: str, code: str, text: str, hint: str | None = None) -> None:
        """What the standard forbids and its schema lets pass: an error only where strictness is asked for."""
        self._add("error" if self.strict else "warning", path, code, text, hint)

    def doubt(self, path: str, code: str, text: str, hint: str | None = None) -> None:
        """What may be meant so, and rarely is."""
        self._add("warning", path, code, text, hint)

    def untold(self, severity: Severity, count: int) -> None:
        """Count faults whose places are not known."""
        self._untold[severity] += max(count, 0)

    def has(self, path: str) -> bool:
        return path in self._paths

    def told(self) -> tuple[Fault, ...]:
        """Errors first; where there are more than MAX_FAULTS, the last says how many are left out."""
        kept = [*self._kept["error"], *self._kept["warning"]]
        left_out = {
            severity: self._untold[severity] + sum(fault.severity == severity for fault in kept[MAX_FAULTS - 1 :])
            for severity in self._untold
        }
        if len(kept) <= MAX_FAULTS and not any(self._untold.values()):
            return tuple(kept)
        counts = " and ".join(f"{count} {severity}(s)" for severity, count in left_out.items() if count)
        worst: Severity = "error" if left_out["error"] else "warning"
        hint = "put right what is listed, then validate again"
        return (*kept[: MAX_FAULTS - 1], Fault("$", worst, "more", f"{counts} more are not listed", hint))

    def _add(self, severity: Severity, path: str, code: str, text: str, hint: str | None) -> None:
        if (path, code) in self._seen:
            return
        kept = self._kept[severity]
        if len(kept) >= MAX_FAULTS:
            self._untold[severity] += 1
            return
        self._seen.add((path, code))
        self._paths.add(path)
        kept.append(Fault(path, severity, code, text, hint))
