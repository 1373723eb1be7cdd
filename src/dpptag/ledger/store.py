"""The database of the ledger, ``ledger.sqlite3``: what it is known by, and what an operator reads when it fails."""

from __future__ import annotations

from typing import Final

from dpptag.database import Fault, Spec, Trouble
from dpptag.errors import DpptagError, LedgerConflict, LedgerDamaged


def _error(trouble: Trouble) -> DpptagError:
    detail = trouble.detail
    match trouble.fault:
        case Fault.NOT_MADE:
            return LedgerDamaged(
                f"the ledger file cannot be made: {detail}",
                code="ledger-unwritable",
                action="check the folder's permissions and free space, then run the same command again",
                path=str(trouble.path),
            )
        case Fault.FOREIGN:
            return _damaged(
                trouble,
                "this file is a database, but not a dpptag ledger",
                code="ledger-foreign",
                action="give the right --home; this file was not changed",
            )
        case Fault.NEWER:
            return _damaged(
                trouble,
                f"this ledger has schema {trouble.schema}; this dpptag knows up to {trouble.known}",
                code="ledger-newer",
                action="use the newer dpptag that wrote it; the ledger was not changed",
            )
        case Fault.NO_WAL:
            return _damaged(
                trouble,
                "this file system does not support the ledger's write-ahead log",
                code="ledger-file-system",
                action="put DPPTAG_HOME on a local disk",
            )
        case Fault.CHECK_FAILED:
            return _damaged(trouble, "the ledger fails its integrity check", detail=detail)
        case Fault.MALFORMED:
            return _damaged(trouble, "the ledger file is damaged or no ledger", detail=detail)
        case Fault.FULL:
            return LedgerDamaged(
                "the disk does not take this step (full or failing): it is not recorded; every earlier step is safe",
                code="ledger-disk-full",
                action="keep the tag at the reader aside, free disk space, then: dpptag line resolve JOB.toml",
                path=str(trouble.path),
                detail=detail,
            )
        case Fault.BUSY:
            return LedgerConflict(
                "another process holds the ledger",
                code="ledger-busy",
                action="wait for it or end it, then run the same command again",
                path=str(trouble.path),
            )
        case Fault.REFUSED:
            return LedgerConflict(f"the ledger refuses this step: {detail}", path=str(trouble.path))
    return LedgerDamaged(f"the ledger cannot be used: {detail}", code="ledger-unwritable", path=str(trouble.path))


def _damaged(
    trouble: Trouble, message: str, *, code: str = "ledger-damaged", action: str = "", **facts: str
) -> LedgerDamaged:
    return LedgerDamaged(
        message,
        code=code,
        action=action or "restore the ledger from its last backup; do not encode with a new one: serials would repeat",
        path=str(trouble.path),
        **facts,
    )


LEDGER_DATABASE: Final = Spec(
    package="dpptag.ledger",
    application_id=0x44505054,  # "DPPT"
    busy_seconds=10.0,  # commits take milliseconds; then it is a stopped process, and the operator must hear it
    check="integrity_check(5)",
    check_orphans=True,
    error=_error,
)
