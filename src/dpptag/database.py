"""The one door to SQLite: opening, checking, migrating, durable transactions, and errors in the words of each store.

Every transaction is on disk when it returns (WAL with ``synchronous=FULL``). A file that is not a whole database of a
schema this program knows is refused, never repaired.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Final

from dpptag.errors import DpptagError
from dpptag.files import sync_folder

SqlValue = str | int | float | bytes | None
SqlRow = sqlite3.Row


class Fault(Enum):
    """What is wrong with a database, before a store says it in its own words."""

    NOT_MADE = "its file or folder cannot be made"
    FOREIGN = "a database of another program"
    NEWER = "a schema that this program does not know"
    NO_WAL = "the file system does not support a write-ahead log"
    CHECK_FAILED = "a check on opening found damage"
    MALFORMED = "SQLite met a damaged page, or no database"
    FULL = "the disk is full or failing"
    BUSY = "another process holds it"
    REFUSED = "a constraint of the schema"
    UNUSABLE = "anything else"


@dataclass(frozen=True, slots=True)
class Trouble:
    """``verb``: what could not be done (opened, read, saved, closed); ``schema`` and ``known`` with NEWER alone."""

    fault: Fault
    path: Path
    verb: str
    detail: str = ""
    schema: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True)
class Spec:
    """What tells one store's database from another's. Its schema is ``migrations/NNNN_*.sql`` of ``package``."""

    package: str
    application_id: int
    busy_seconds: float
    """How long another process may hold the write lock before it counts as stopped."""
    check: str
    """The pragma that looks for damage on opening."""
    check_orphans: bool
    error: Callable[[Trouble], DpptagError]


_FAULTS: Final = {
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_IOERR: Fault.FULL,
    sqlite3.SQLITE_CORRUPT: Fault.MALFORMED,
    sqlite3.SQLITE_NOTADB: Fault.MALFORMED,
    sqlite3.SQLITE_BUSY: Fault.BUSY,
    sqlite3.SQLITE_LOCKED: Fault.BUSY,
    sqlite3.SQLITE_CONSTRAINT: Fault.REFUSED,
}
_PRIMARY: Final = 0xFF  # the low byte of an extended result code (sqlite.org/rescode.html)


class Database:
    """One connection, in the thread that made it; every write goes through :meth:`transaction`.

    Opens ``path`` or makes it, for this account only. Raises what ``spec.error`` makes of a :class:`Trouble`.
    """

    def __init__(self, path: Path, spec: Spec) -> None:
        self.path = path
        self._spec = spec
        self._make_file()
        with self._mapped("opened"):
            self._connection = sqlite3.connect(path, timeout=spec.busy_seconds, isolation_level=None)
        try:
            self._connection.row_factory = sqlite3.Row
            with self._mapped("opened"):
                self._check_and_migrate()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._mapped("closed"):
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Take the write lock, commit durably at the end of the block, undo all of it on any exception."""
        with self._mapped("saved"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def run(self, sql: str, values: Sequence[SqlValue] = ()) -> sqlite3.Cursor:
        """Execute one statement inside a transaction, which tells what goes wrong."""
        return self._connection.execute(sql, values)

    def run_for_each(self, sql: str, rows: Iterable[Sequence[SqlValue]]) -> None:
        """As :meth:`run`, once with each of ``rows``."""
        self._connection.executemany(sql, rows)

    def select(self, sql: str, values: Sequence[SqlValue] = ()) -> list[SqlRow]:
        with self._mapped("read"):
            return self._connection.execute(sql, values).fetchall()

    def _make_file(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                # Chip numbers, serials and events are production data: for this account only.
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
                sync_folder(self.path.parent)
        except OSError as exc:
            raise self._error(Fault.NOT_MADE, str(exc.strerror)) from exc

    def _check_and_migrate(self) -> None:
        """1 It is ours; 2 we know its schema; 3 it is whole. Nothing is written before; then 4 settings, 5 schema."""
        known = migrations(self._spec.package)
        application, schema = self._header()
        tables = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application != self._spec.application_id and (application or schema or tables):  # 1
            raise self._error(Fault.FOREIGN)
        if schema > len(known):  # 2
            raise self._spec.error(Trouble(Fault.NEWER, self.path, "opened", schema=schema, known=len(known)))
        self._refuse_damage()  # 3
        if self._pragma("journal_mode = WAL") != "wal":  # 4
            raise self._error(Fault.NO_WAL, Fault.NO_WAL.value)
        # FULL: every commit reaches the disk; fullfsync is what that takes on macOS and is ignored elsewhere.
        for setting in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON", "trusted_schema = OFF"):
            self._connection.execute(f"PRAGMA {setting}")
        for number, statements in enumerate(known, start=1):  # 5
            self._migrate(number, statements)

    def _refuse_damage(self) -> None:
        found = [str(row[0]) for row in self._connection.execute(f"PRAGMA {self._spec.check}")]
        if found != ["ok"]:
            raise self._error(Fault.CHECK_FAILED, "; ".join(found))
        if self._spec.check_orphans:
            orphan = self._connection.execute("PRAGMA foreign_key_check").fetchone()
            if orphan is not None:
                raise self._error(Fault.CHECK_FAILED, f"orphans in table {orphan[0]}")

    def _migrate(self, number: int, statements: Sequence[str]) -> None:
        if self._header()[1] >= number:
            return
        with self.transaction():
            if self._header()[1] >= number:  # another process was faster
                return
            for statement in statements:
                self.run(statement)
            self.run(f"PRAGMA application_id = {self._spec.application_id}")
            self.run(f"PRAGMA user_version = {number}")

    def _header(self) -> tuple[int, int]:
        return int(str(self._pragma("application_id"))), int(str(self._pragma("user_version")))

    def _pragma(self, text: str) -> object:
        return self._connection.execute(f"PRAGMA {text}").fetchone()[0]

    def _error(self, fault: Fault, detail: str = "") -> DpptagError:
        return self._spec.error(Trouble(fault, self.path, "opened", detail))

    @contextlib.contextmanager
    def _mapped(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise self._spec.error(Trouble(_fault(exc), self.path, verb, str(exc))) from exc


def migrations(package: str) -> tuple[tuple[str, ...], ...]:
    """The statements of each numbered file, in order; file ``0001_*`` leads to schema 1."""
    folder = resources.files(package) / "migrations"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return tuple(tuple(_statements(entry.read_text(encoding="utf-8"))) for entry in files)


@contextlib.contextmanager
def lock_file(path: Path, error: Callable[[Trouble], DpptagError]) -> Iterator[None]:
    """Hold ``path`` as a lock file that the system frees when the process dies, also by kill -9.

    An SQLite lock works alike on every system; the file stays empty. Raises what ``error`` makes of the trouble, BUSY
    where another process holds it.
    """
    with contextlib.ExitStack() as opened:
        try:
            connection = sqlite3.connect(path, timeout=0, isolation_level=None)
            opened.callback(connection.close)
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as exc:
            raise error(Trouble(_fault(exc), path, "locked", str(exc))) from exc
        yield


def _fault(exc: sqlite3.Error) -> Fault:
    code: int = getattr(exc, "sqlite_errorcode", 0)  # the driver's own errors have none
    return _FAULTS.get(code & _PRIMARY, Fault.UNUSABLE)


def _statements(script: str) -> Iterator[str]:
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""
