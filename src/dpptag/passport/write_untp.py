"""The internal passport as a UNTP document of 0.6.0, 0.6.1 or 0.7.0, unsigned, with the list of what it cannot carry.

Nothing is left out in silence: a value without a place, a part that lacks what the version requires, a text that is no
URI or date where the version wants one, and every unknown member that found no object open for it, is a ``Dropped``.
Sources: the JSON Schemas of the three versions; UNTP reference, migration table and rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpptag.errors import PassportError
from dpptag.passport.document import JsonObject
from dpptag.passport.internal import WRITABLE, Note, Passport
from dpptag.passport.write_0_6 import write_0_6
from dpptag.passport.write_0_7 import write_0_7
from dpptag.passport.write_sheet import Dropped, Sheet

__all__ = ["Dropped", "Written", "write", "write_noted"]


@dataclass(frozen=True, slots=True)
class Written:
    """``notes`` say what was assumed or filled in; nothing is lost by it."""

    credential: JsonObject
    dropped: tuple[Dropped, ...]
    notes: tuple[Note, ...]


def write(passport: Passport, version: str) -> tuple[JsonObject, tuple[Dropped, ...]]:
    """The credential without proof or envelope, and what it does not carry. Raises PassportError.

    Codes: ``version`` (none that is written here), ``incomplete`` (something is missing that the version requires of
    every passport; fact ``missing``).
    """
    written = write_noted(passport, version)
    return written.credential, written.dropped


def write_noted(passport: Passport, version: str) -> Written:
    """As ``write``, with the notes."""
    if version not in WRITABLE:
        raise PassportError(
            f"UNTP {version} is not written here", code="version", action=f"choose one of {', '.join(WRITABLE)}"
        )
    sheet = Sheet(passport, version)
    credential = write_0_7(passport, sheet) if version == "0.7.0" else write_0_6(passport, sheet)
    return Written(credential, sheet.finish(), tuple(sheet.notes))
