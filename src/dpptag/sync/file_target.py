"""A file as the receiver: one EPCISDocument that afterwards holds every event of this store, each once.

The file itself says what it holds: events already in it are not written again, events of other devices in it stay, and
after it was carried away the next run writes everything anew (receivers know events by their ids). Replaced as a whole:
a reader sees the old document or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dpptag.errors import InputError, StoreError
from dpptag.events.device_log import LogEntry
from dpptag.events.event import FrozenEvent, document
from dpptag.events.outbox import Outbox, Queued
from dpptag.events.store import EventStore
from dpptag.files import NoLocksError, locked, replace_file
from dpptag.sync.report import Edge, SyncReport


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Held from reading a file of ``folder`` to replacing it: two homes may send to one file. Waits for the other.

    The folder is locked, not the file: replacing gives the name to another file, and a lock file would stay behind.
    Raises StoreError.
    """
    try:
        lock = locked(folder, wait=True, folder=True)
    except NoLocksError as exc:
        raise StoreError(
            f"cannot lock the folder {folder}: {exc.strerror}",
            code="sync-file-lock",
            action="give a file on a disk of this machine, then copy it",
            path=str(folder),
        ) from exc
    except OSError as exc:
        raise StoreError(f"cannot use the folder {folder}: {exc.strerror}", code="sync-file-write") from exc
    with lock:
        yield


class FileTarget:
    """``path`` is made absolute once: it names the target in the outbox."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.name = f"file:{self.path}"

    def synchronise(self, store: EventStore, edge: Edge) -> SyncReport:
        """Raises InputError for a file that is not ours to extend, StoreError where it cannot be written.

        1 Nobody else writes the file meanwhile; 2 an event of ours counts as there only with the bytes that were
        recorded; 3 and as stored only if the file holds it once written.
        """
        outbox = Outbox(store, self.name)
        before = outbox.counts().stored
        entries = list(store.entries())
        with sole_writer(self.path.parent):  # 1
            bodies = self._present()
            missing = self._missing(entries, bodies)  # 2
            if missing or not self.path.exists():
                self._replace(document(bodies + [entry.event.body for entry in missing], edge.now()))
                if self._missing(entries, self._present()):  # 3
                    raise StoreError(
                        f"another program changed {self.path} while it was written; nothing counts as stored",
                        code="sync-file-changed",
                        action="keep other programs from writing this file, then run the command again",
                        path=str(self.path),
                    )
            stored_before = {entry.seq for entry in entries} - {queued.entry.seq for queued in outbox.new(len(entries))}
            outbox.stored(Queued(entry) for entry in entries if entry.seq not in stored_before)
        return SyncReport(self.name, len(missing), len(entries) - before, before, 0, 0)

    def _missing(self, entries: list[LogEntry], bodies: list[bytes]) -> list[LogEntry]:
        """The entries that are not in the file. Raises InputError where one stands there with other bytes."""
        held = set(bodies)
        missing = [entry for entry in entries if entry.event.body not in held]
        keys = {FrozenEvent.from_body(body).key for body in bodies} if missing else set()
        for entry in missing:
            if entry.event.key in keys:
                raise InputError(
                    f"event {entry.seq} stands in {self.path} with another content than was recorded here; "
                    "the file was left as it is",
                    code="sync-file-altered",
                    action="move that file away or give another name with --to: a new file gets all events",
                    path=str(self.path),
                    seq=entry.seq,
                    event_id=entry.event.event_id,
                )
        return missing

    def _present(self) -> list[bytes]:
        """The events in the file, as the bytes that stand there, one a line."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise StoreError(f"cannot read {self.path}: {exc.strerror}", code="sync-file-read") from exc
        _, opened, rest = content.partition(b'"epcisBody":{"eventList":[\n')
        inner, closed, tail = rest.rpartition(b"\n]}}\n")
        bodies = inner.split(b",\n") if inner else []
        try:
            if not opened or not closed or tail or json.loads(content)["type"] != "EPCISDocument":
                raise ValueError("not a document that dpptag wrote")
            for body in bodies:
                FrozenEvent.from_body(body)
        except (ValueError, KeyError, TypeError, InputError) as exc:
            raise InputError(
                f"{self.path} exists and is not a document that dpptag wrote; it was left as it is",
                code="sync-file-foreign",
                action="give another file name with --to",
                path=str(self.path),
            ) from exc
        return bodies

    def _replace(self, content: bytes) -> None:
        try:
            replace_file(self.path, content, mode=0o644)
        except OSError as exc:
            raise StoreError(
                f"cannot write {self.path}: {exc.strerror}; nothing counts as stored",
                code="sync-file-write",
                action="make room or give another place, then run the command again",
                path=str(self.path),
            ) from exc
