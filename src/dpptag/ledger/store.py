"""The SQLite file under the ledger: opening, migrating, durable transactions, loud errors.

Every transaction is on disk when it returns (WAL with ``synchronous=FULL``). A file that is not a whole ledger of a
schema this program knows is refused, never repaired.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from dpptag.errors import DpptagError, LedgerConflict, LedgerDamaged

APPLICATION_ID: Final = 0x44505054
"""``DPPT``, in the header of every ledger file."""

_BUSY_SECONDS: Final = 10.0
"""Commits take milliseconds; ten seconds of a held write lock is a stopped process, and the operator must hear it."""

SqlValue = str | int | bytes | None

_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Store:
    """One connection to one ledger file. Use it as a context manager, in the thread that made it.

    Raises LedgerDamaged for a foreign file, a newer schema, a failed integrity check or a disk that does not take
    writes; LedgerConflict where another process holds the file.
    """

    def __init__(self, path: Path) -> None:
        # One ledger has one place for its lock files, whatever links lead to it.
        self.path = Path(os.path.realpath(path))
        with self._loud():
            self._connection = self._open()
        try:
            with self._loud():
                self._check_and_migrate()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._loud():
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Take the write lock, commit durably at the end of the block, undo all of it on any exception."""
        with self._loud():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def run(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        """Execute one statement inside a transaction; the id of the row it inserted, if it did."""
        cursor = self._connection.execute(sql, values)
        return cursor.lastrowid or 0

    def select(self, sql: str, values: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        with self._loud():
            return self._connection.execute(sql, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            created = not self.path.exists()
            if created:
                # Chip numbers and serials are production data: for this account only.
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
                _sync_folder(self.path.parent)
        except OSError as exc:
            raise LedgerDamaged(
                f"the ledger file cannot be made: {exc.strerror}",
                code="ledger-unwritable",
                action="check the folder's permissions and free space, then run the same command again",
                path=str(self.path),
            ) from exc
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection

    def _check_and_migrate(self) -> None:
        known = migrations()
        application, version = self._header()
        self._refuse_foreign(application, version, newest=len(known))
        if self._pragma("journal_mode = WAL") != "wal":
            raise self._damaged(
                "this file system does not support the ledger's write-ahead log",
                code="ledger-file-system",
                action="put DPPTAG_HOME on a local disk",
            )
        # FULL: every commit reaches the disk; fullfsync is what that takes on macOS and is ignored elsewhere.
        for setting in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON", "trusted_schema = OFF"):
            self._connection.execute(f"PRAGMA {setting}")
        for number, statements in enumerate(known, start=1):
            self._migrate(number, statements)
        self._refuse_damage()

    def _migrate(self, number: int, statements: Sequence[str]) -> None:
        if self._header()[1] >= number:
            return
        with self.transaction():
            if self._header()[1] >= number:  # another process was faster
                return
            for statement in statements:
                self.run(statement)
            self.run(f"PRAGMA application_id = {APPLICATION_ID}")
            self.run(f"PRAGMA user_version = {number}")

    def _header(self) -> tuple[int, int]:
        return int(str(self._pragma("application_id"))), int(str(self._pragma("user_version")))

    def _pragma(self, text: str) -> object:
        return self._connection.execute(f"PRAGMA {text}").fetchone()[0]

    def _refuse_foreign(self, application: int, version: int, *, newest: int) -> None:
        tables = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application != APPLICATION_ID and (application or version or tables):
            raise self._damaged(
                "this file is a database, but not a dpptag ledger",
                code="ledger-foreign",
                action="give the right --home; this file was not changed",
            )
        if version > newest:
            raise self._damaged(
                f"this ledger has schema {version}; this dpptag knows up to {newest}",
                code="ledger-newer",
                action="use the newer dpptag that wrote it; the ledger was not changed",
            )

    def _refuse_damage(self) -> None:
        found = [row[0] for row in self._connection.execute("PRAGMA integrity_check(5)")]
        if found != ["ok"]:
            raise self._damaged("the ledger fails its integrity check", detail="; ".join(map(str, found)))
        orphan = self._connection.execute("PRAGMA foreign_key_check").fetchone()
        if orphan is not None:
            raise self._damaged("the ledger fails its integrity check", detail=f"orphans in table {orphan[0]}")

    def _damaged(self, message: str, *, code: str = "ledger-damaged", action: str = "", **facts: str) -> LedgerDamaged:
        return LedgerDamaged(
            message,
            code=code,
            action=action
            or "restore the ledger from its last backup; do not encode with a new one: serials would repeat",
            path=str(self.path),
            **facts,
        )

    @contextlib.contextmanager
    def _loud(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise self._translated(exc) from exc

    def _translated(self, exc: sqlite3.Error) -> DpptagError:
        primary = getattr(exc, "sqlite_errorcode", 0) & 0xFF
        if primary in _BUSY:
            return LedgerConflict(
                "another process holds the ledger",
                code="ledger-busy",
                action="wait for it or end it, then run the same command again",
                path=str(self.path),
            )
        if primary == sqlite3.SQLITE_CONSTRAINT:
            return LedgerConflict(f"the ledger refuses this step: {exc}", path=str(self.path))
        if primary in _FULL:
            return LedgerDamaged(
                "the disk does not take this step (full or failing): it is not recorded; every earlier step is safe",
                code="ledger-disk-full",
                action="keep the tag at the reader aside, free disk space, then: dpptag line resolve JOB.toml",
                path=str(self.path),
                detail=str(exc),
            )
        if primary in _BROKEN:
            return self._damaged("the ledger file is damaged or no ledger", detail=str(exc))
        return LedgerDamaged(f"the ledger cannot be used: {exc}", code="ledger-unwritable", path=str(self.path))


def migrations() -> tuple[tuple[str, ...], ...]:
    """The statements of each numbered file, in order; file ``0001_*`` leads to schema 1."""
    folder = resources.files("dpptag.ledger") / "migrations"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return tuple(tuple(_statements(entry.read_text(encoding="utf-8"))) for entry in files)


def _statements(script: str) -> Iterator[str]:
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""


@contextlib.contextmanager
def exclusive(path: Path, *, holder: str) -> Iterator[None]:
    """Hold ``path`` as a lock file that the system frees when the process dies, also by kill -9.

    An SQLite lock is used because it works alike on every system; the file stays empty. Raises LedgerConflict.
    """
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF not in _BUSY:
                raise LedgerDamaged(
                    f"the lock file of {holder} cannot be used: {exc}", code="ledger-unwritable", path=str(path)
                ) from exc
            raise LedgerConflict(
                f"another process is working on {holder}",
                code="job-busy",
                action="end it first, or wait for it",
                path=str(path),
            ) from exc
        yield
    finally:
        connection.close()


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
