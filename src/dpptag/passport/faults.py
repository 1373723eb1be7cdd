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
    """The path from the document's root down; names too long to read are cut."""
    parts = ["$"]
    for step in steps:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_NAME(step) and len(step) <= _LONGEST_SHOWN:
            parts.append(f".{step}")
        else:
            parts.append(f"['{_cut(step)}']")
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
