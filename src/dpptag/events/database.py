"""``events.sqlite3``: opening, migrating and its errors. The one place of the event store that opens SQLite."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

from dpptag.errors import StoreError

APPLICATION_ID: Final = 0x64707065  # "dppe"
BUSY_SECONDS: Final = 30.0  # another process holds the write lock for one append, milliseconds

_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """One connection, autocommit; every write goes through :meth:`transaction`. Not for several threads.

    Raises StoreError on opening where the file is no event store, is damaged, or was made by a newer dpptag.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._mapped("opened"):
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            with self._mapped("opened"):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Raises StoreError."""
        with self._mapped("read"):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable once left; the write lock is taken at once, so two writers never interleave.

        Raises StoreError; then nothing of it was saved.
        """
        with self._mapped("saved"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        [(application,)] = connection.execute("PRAGMA application_id").fetchall()
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        if application != APPLICATION_ID and (application, version, tables) != (0, 0, 0):
            raise StoreError(f"{self.path} is no dpptag event store", code="store-foreign", path=str(self.path))
        if version > len(_steps()):
            raise StoreError(
                f"{self.path} was written by a newer dpptag (schema {version}, this one knows {len(_steps())})",
                code="store-newer",
                action="update dpptag; nothing was changed",
                path=str(self.path),
            )
        found = connection.execute("PRAGMA quick_check(1)").fetchall()
        if found != [("ok",)]:
            raise self._damaged(str(found[0][0])[:200])
        connection.execute("PRAGMA journal_mode = WAL")
        for number, statements in enumerate(_steps()[version:], start=version + 1):
            with self.transaction() as step:
                for statement in statements:
                    step.execute(statement)
                step.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                step.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _mapped(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            primary = (getattr(exc, "sqlite_errorcode", None) or 0) & 0xFF
            if primary in _DAMAGED:
                raise self._damaged(str(exc)) from exc
            if primary in _FULL:
                raise StoreError(
                    f"no room for {self.path}: nothing was saved, what was there is whole",
                    code="store-full",
                    action="make room on this disk, then do the step again",
                    path=str(self.path),
                ) from exc
            raise StoreError(
                f"{self.path} cannot be {verb}: {exc}", code="store-unusable", path=str(self.path)
            ) from exc

    def _damaged(self, found: str) -> StoreError:
        return StoreError(
            f"{self.path} is damaged: {found}",
            code="store-damaged",
            action="copy the file and its -wal away before anything else; dpptag will not write to it",
            path=str(self.path),
        )


@contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold an advisory lock on ``path``. Raises BlockingIOError where another process holds it, unless ``wait``."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make new names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _steps() -> list[list[str]]:
    """The statements of every migration, in order."""
    folder = resources.files("dpptag.events.migrations")
    scripts = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    return [_statements(script.read_text(encoding="utf-8")) for script in scripts]


def _statements(script: str) -> list[str]:
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
