"""The error tree and the exit codes (DESIGN.md section 6).

::

    DpptagError                      exit 1   only as a base; a bare one is a bug
    ├── UsageError                   exit 2   wrong combination of options, declined confirmation
    ├── DeviceError                  exit 3
    │   ├── DeviceNotFound                    no such port or reader
    │   ├── DeviceBusy                        held by another process
    │   ├── DeviceLost                        went away in the middle of the work
    │   └── DeviceProtocolError               answers what the protocol does not allow
    ├── TagError                     exit 4
    │   ├── TagNotFound                       nothing in the field
    │   ├── TagLost                           left the field in the middle of the work
    │   ├── TagSwapped                        another chip stands where the planned one stood
    │   ├── TagRefused                        wrong chip, too small, locked, foreign content; untouched
    │   ├── TagNak                            the chip answered NAK
    │   └── TagWriteFailed                    written bytes do not read back
    ├── VerificationError                     raised by the verifier, never returned as a bool
    │   ├── Wrong                    exit 5   proved wrong
    │   │   ├── Forged
    │   │   └── Revoked
    │   └── CouldNotCheck            exit 8   nothing proved, neither good nor bad
    │       ├── UnknownIssuer
    │       ├── Unsigned
    │       └── Unreadable
    ├── LedgerError                  exit 6
    │   ├── LedgerConflict                    serial or chip number in use, job changed, row in another state
    │   └── LedgerDamaged                     failed integrity check, newer schema, disk full
    ├── InputError                   exit 7
    │   ├── JobError                          job file or its rows
    │   ├── PassportError                     passport document
    │   ├── LinkError                         GS1 Digital Link, EPC or URI
    │   ├── TrustDataError                    trust bundle, root key, scopes
    │   ├── KeyFileError                      private or public key file, passphrase
    │   ├── PlanError                         no layout fits the chip
    │   ├── BadSignature                      a signature over our own data (trust bundle, event log) is false
    │   ├── PassportMismatch                  the document is not the one the tag was signed for
    │   ├── ProfileError                      firmware profile or its fixtures
    │   └── CodecError                        bytes that are not what their format says
    │       ├── CborError
    │       ├── CoseError
    │       ├── NdefError
    │       └── LayoutError
    ├── StoreError                   exit 6   event store or outbox: damage, disk full
    └── SyncIncomplete               exit 9   everything unsent is still queued

An error carries facts, a cause (``raise ... from exc``) and the next action. Its text for people is put together in
``cli``; nothing here formats for a terminal. No secret may ever be a fact.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_DEVICE = 3
EXIT_TAG = 4
EXIT_NEGATIVE = 5
EXIT_LEDGER = 6
EXIT_INPUT = 7
EXIT_COULD_NOT_CHECK = 8
EXIT_SYNC = 9
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

Fact = str | int | bool | None


class DpptagError(Exception):
    """Base of all errors.

    ``message`` is one sentence that says what happened. ``code`` is stable and machine readable. ``action`` is what to
    do next, as a command where there is one. ``facts`` are the measured values (chip, page, wanted, got, line).
    """

    exit_code: ClassVar[int] = EXIT_BUG
    default_code: ClassVar[str] = "bug"

    def __init__(self, message: str, *, code: str | None = None, action: str | None = None, **facts: Fact) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.action = action
        self.facts = facts


class UsageError(DpptagError):
    exit_code = EXIT_USAGE
    default_code = "usage"


class DeviceError(DpptagError):
    exit_code = EXIT_DEVICE
    default_code = "device"


class DeviceNotFound(DeviceError):
    default_code = "device-not-found"


class DeviceBusy(DeviceError):
    default_code = "device-busy"


class DeviceLost(DeviceError):
    default_code = "device-lost"


class DeviceProtocolError(DeviceError):
    default_code = "device-protocol"


class TagError(DpptagError):
    """``facts['tag_state']`` says what became of the tag: untouched, written-unverified or unknown."""

    exit_code = EXIT_TAG
    default_code = "tag"


class TagNotFound(TagError):
    default_code = "tag-not-found"


class TagLost(TagError):
    default_code = "tag-lost"


class TagSwapped(TagError):
    default_code = "tag-swapped"


class TagRefused(TagError):
    default_code = "tag-refused"


class TagNak(TagError):
    default_code = "tag-nak"


class TagWriteFailed(TagError):
    default_code = "tag-write-failed"


class VerificationError(DpptagError):
    """Parent of "wrong" and "could not check"; ``check`` is the number of the check that ended it (DESIGN.md 3)."""

    def __init__(self, message: str, *, check: int, code: str | None = None, action: str | None = None, **facts: Fact):
        super().__init__(message, code=code, action=action, **facts)
        self.check = check


class Wrong(VerificationError):
    exit_code = EXIT_NEGATIVE
    default_code = "wrong"


class Forged(Wrong):
    default_code = "forged"


class Revoked(Wrong):
    default_code = "revoked"


class CouldNotCheck(VerificationError):
    exit_code = EXIT_COULD_NOT_CHECK
    default_code = "could-not-check"


class UnknownIssuer(CouldNotCheck):
    default_code = "unknown-issuer"


class Unsigned(CouldNotCheck):
    default_code = "unsigned"


class Unreadable(CouldNotCheck):
    default_code = "unreadable"


class LedgerError(DpptagError):
    exit_code = EXIT_LEDGER
    default_code = "ledger"


class LedgerConflict(LedgerError):
    default_code = "ledger-conflict"


class LedgerDamaged(LedgerError):
    default_code = "ledger-damaged"


class StoreError(DpptagError):
    exit_code = EXIT_LEDGER
    default_code = "store"


class InputError(DpptagError):
    exit_code = EXIT_INPUT
    default_code = "input"


class JobError(InputError):
    default_code = "job"


class PassportError(InputError):
    default_code = "passport"


class PassportMismatch(PassportError):
    default_code = "passport-mismatch"


class LinkError(InputError):
    default_code = "link"


class TrustDataError(InputError):
    default_code = "trust-data"


class KeyFileError(InputError):
    default_code = "key-file"


class BadSignature(InputError):
    default_code = "bad-signature"


class PlanError(InputError):
    default_code = "plan"


class ProfileError(InputError):
    default_code = "profile"


class CodecError(InputError):
    default_code = "codec"


class CborError(CodecError):
    default_code = "cbor"


class CoseError(CodecError):
    default_code = "cose"


class NdefError(CodecError):
    default_code = "ndef"


class LayoutError(CodecError):
    default_code = "layout"


class SyncIncomplete(DpptagError):
    exit_code = EXIT_SYNC
    default_code = "sync-incomplete"
