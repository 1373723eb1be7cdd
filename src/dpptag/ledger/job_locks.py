"""The lock file of each job, beside the ledger; also what is left in a folder whose ledger was lost.

A job's lock file is made after the job is in the ledger and is never removed. Where one lies beside a ledger that does
not know its job, that ledger is lost or was replaced by an older one. (Lost or restored with its whole folder, nothing
tells.)
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path

from dpptag.database import Fault, Trouble, lock_file
from dpptag.errors import LedgerConflict, LedgerDamaged, LedgerError


def job_lock(ledger: Path, job_id: int) -> Path:
    return ledger.with_name(f"{ledger.name}.job{job_id}.lock")


def locked_job(ledger: Path, job_id: int, name: str) -> AbstractContextManager[None]:
    """Hold the job's lock file. Raises LedgerConflict where another process works on it; LedgerDamaged."""

    def error(trouble: Trouble) -> LedgerError:
        if trouble.fault is Fault.BUSY:
            return LedgerConflict(
                f"another process is working on job {name!r}",
                code="job-busy",
                action="end it first, or wait for it",
                path=str(trouble.path),
            )
        return LedgerDamaged(
            f"the lock file of job {name!r} cannot be used: {trouble.detail}",
            code="ledger-unwritable",
            path=str(trouble.path),
        )

    return lock_file(job_lock(ledger, job_id), error)


def last_locked_job(ledger: Path) -> int:
    """The highest id of a job that was ever worked on beside ``ledger``; 0 for none. Raises LedgerDamaged."""
    lock = re.compile(re.escape(ledger.name) + r"\.job([0-9]+)\.lock", re.ASCII)
    try:
        names = [file.name for file in ledger.parent.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return 0  # making the ledger will say what is wrong
    except OSError as exc:
        raise LedgerDamaged(
            f"the ledger's folder cannot be read: {exc.strerror}", code="ledger-unwritable", path=str(ledger)
        ) from exc
    return max((int(found[1]) for found in map(lock.fullmatch, names) if found), default=0)


def lost(ledger: Path, job_id: int) -> LedgerDamaged:
    lock = job_lock(ledger, job_id)
    return LedgerDamaged(
        f"a ledger that knew more jobs than this one has been in {ledger.parent}: it is lost or was replaced by an "
        "older one, and its serials could be given out twice",
        code="ledger-lost",
        action="put the newest ledger back; if there is none, first read 'A lost or restored ledger' in "
        f"docs/operating.md, then remove {lock.name}",
        path=str(ledger),
        lock=str(lock),
    )
