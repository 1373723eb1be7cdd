"""A passport of one UNTP version as a document of another: a new, unsigned view for its issuer to judge and sign.

A signature covers the bytes of the document it was made for, so proof and envelope never come along. 0.7.0 is never
converted down: what it has and 0.6 has no place for (packaging, labels, tolerances, parties) would be gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpptag.errors import PassportError
from dpptag.passport.document import Document, JsonObject
from dpptag.passport.internal import Note
from dpptag.passport.read_untp import read_internal
from dpptag.passport.write_sheet import Dropped
from dpptag.passport.write_untp import write_noted

__all__ = ["Converted", "Dropped", "convert"]


@dataclass(frozen=True, slots=True)
class Converted:
    """``document`` is the credential in the version asked for; ``source`` the version it was read from."""

    document: JsonObject
    dropped: tuple[Dropped, ...]
    notes: tuple[Note, ...]
    source: str


def convert(document: Document, to: str) -> Converted:
    """Raises PassportError.

    Codes: ``no-way-down`` (0.7.0 to an earlier version), ``version`` and ``incomplete`` as ``write_untp.write``, and
    those of ``versions.recognise``.
    """
    passport = read_internal(document)
    if passport.version == "0.7.0" and to != "0.7.0":
        raise PassportError(
            f"a passport of UNTP 0.7.0 is not converted down to {to}",
            code="no-way-down",
            action="have its issuer issue it in that version: packaging, labels, tolerances, parties and the claims' "
            "criteria of 0.7.0 have no place there",
        )
    written = write_noted(passport, to)
    notes = [*passport.notes, *written.notes]
    if document.secured != "none":
        notes.append(Note("$", f"the {document.secured} of the source is not carried over: this document is unsigned"))
    if passport.status:
        notes.append(Note("$.credentialStatus", "this is the status entry of the source; a new issue needs its own"))
    return Converted(written.credential, written.dropped, tuple(notes), passport.version)
