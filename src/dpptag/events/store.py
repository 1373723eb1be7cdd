"""The durable event store of one device: an append-only signed log in ``HOME/events.sqlite3``.

What :meth:`EventStore.append` has returned is on disk. Nothing is ever changed or deleted to make room; how far each
entry is on its way to a receiver is kept beside the log (:mod:`dpptag.events.outbox`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from dpptag.crypto import PrivateKey, parse_private_pem, sha256, write_secret_file
from dpptag.database import Database
from dpptag.errors import InputError, KeyFileError, StoreError
from dpptag.events.database import EVENT_DATABASE
from dpptag.events.device_log import FIRST_PREVIOUS, LogEntry
from dpptag.events.event import FrozenEvent
from dpptag.files import locked, sync_folder

DATABASE_NAME: Final = "events.sqlite3"
KEY_NAME: Final = "device.key"


@dataclass(frozen=True, slots=True)
class Appended:
    """``already``: the same event was in the log before, and nothing was added. ``warnings`` are for the user."""

    entry: LogEntry
    already: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogHealth:
    """A log that was walked from its first entry to its last without a fault."""

    entries: int
    head: bytes
    """The digest of the last entry: to be compared with what a receiver has."""


class EventStore:
    """Opens or creates the store in ``home`` and its device key (P-256, unencrypted PKCS#8, mode 0600).

    Several processes may append at once. Raises StoreError (damage, newer schema, key and log do not belong together).
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(home / "events.lock", wait=True):
                self.database = Database(home / DATABASE_NAME, EVENT_DATABASE)
                try:
                    self._key = self._device_key()
                    sync_folder(home)
                except BaseException:
                    self.database.close()
                    raise
        except OSError as exc:
            raise StoreError(f"{home} cannot be used: {exc.strerror}", code="store-home", path=str(home)) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    @property
    def device_id(self) -> str:
        """RFC 6920 name of the device key: ``ni:///sha-256;<base64url of its thumbprint>``; a valid read point."""
        import base64

        text = base64.urlsafe_b64encode(self._key.public_key.thumbprint()).decode().rstrip("=")
        return f"ni:///sha-256;{text}"

    def append(self, event: FrozenEvent) -> Appended:
        """Add ``event`` to the log, durably; the same event a second time changes nothing.

        Raises StoreError; then nothing was saved.
        """
        event_ms = round(event.at.timestamp() * 1000)
        with self.database.transaction():
            key = (event.event_id, int(event.is_error_declaration), json.dumps(event.corrective_ids))
            found = self.database.run(
                "SELECT envelope FROM entry WHERE event_id = ? AND is_error_declaration = ? AND corrective_ids = ?", key
            ).fetchone()
            if found:
                return Appended(_stored(found[0]), already=True)
            last = self.database.run(
                "SELECT seq, envelope, event_time_ms FROM entry ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            seq, previous = (last[0] + 1, sha256(last[1])) if last else (1, FIRST_PREVIOUS)
            entry = LogEntry.seal(self._key, seq, previous, event)
            self.database.run("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", (seq, *key, event_ms, entry.envelope))
        warnings = []
        if last and event_ms < last[2] and not event.is_error_declaration:
            behind = (last[2] - event_ms) / 1000
            warnings.append(f"this event is {behind:.0f} s older than the one recorded before it: is the clock right?")
        return Appended(entry, warnings=tuple(warnings))

    def count(self) -> int:
        """Entries in the log."""
        [(count,)] = self.database.select("SELECT count(*) FROM entry")
        return int(count)

    def entries(self, after: int = 0) -> Iterator[LogEntry]:
        """The entries with a sequence number above ``after``, in order. Raises StoreError."""
        while rows := self.database.select("SELECT envelope FROM entry WHERE seq > ? ORDER BY seq LIMIT 500", (after,)):
            for (envelope,) in rows:
                entry = _stored(envelope)
                after = entry.seq
                yield entry

    def verify_log(self) -> LogHealth:
        """Walk the whole log. Raises StoreError ``log-broken`` with the sequence number of the first fault.

        1 no number is missing; 2 the envelope carries the number of its row; 3 it names the entry before it;
        4 its signature is the device key's; 5 the columns repeat what is in it.
        """
        expected, previous = 1, FIRST_PREVIOUS
        for row in self.database.select("SELECT * FROM entry ORDER BY seq"):
            seq, event_id, declaration, corrective, event_ms, envelope = row
            if seq != expected:  # 1
                raise _broken(expected, "the entry is missing")
            try:
                entry = LogEntry.from_envelope(envelope)
                if entry.seq != seq:  # 2
                    raise _broken(seq, f"it is entry {entry.seq} in the wrong place")
                if entry.previous != previous:  # 3
                    raise _broken(seq, "it does not follow the entry before it")
                entry.verify(self._key.public_key)  # 4
            except InputError as exc:
                raise _broken(seq, exc.message) from exc
            event = entry.event
            columns = (event.event_id, int(event.is_error_declaration), json.dumps(event.corrective_ids))
            if columns != (event_id, declaration, corrective) or round(event.at.timestamp() * 1000) != event_ms:  # 5
                raise _broken(seq, "its index differs from the signed entry")
            expected, previous = seq + 1, entry.digest
        return LogHealth(expected - 1, previous)

    @contextmanager
    def sole_sender(self) -> Iterator[None]:
        """Held while events are sent: two senders would post the same event twice.

        Raises StoreError ``sync-running`` where another process holds it.
        """
        try:
            with locked(self.home / "sync.lock", wait=False):
                yield
        except BlockingIOError as exc:
            raise StoreError(
                "another process is sending these events",
                code="sync-running",
                action="wait until it is done, then run the same command again",
            ) from exc

    def _device_key(self) -> PrivateKey:
        path = self.home / KEY_NAME
        known = self.database.select("SELECT thumbprint FROM device")
        try:
            if known or path.exists():
                key = parse_private_pem(path.read_bytes(), None)
            else:
                key = PrivateKey.generate()
                write_secret_file(path, key.pkcs8(None))
        except FileNotFoundError as exc:
            raise _key_lost(path, "it is missing") from exc
        except KeyFileError as exc:
            raise _key_lost(path, exc.message) from exc
        thumbprint = key.public_key.thumbprint()
        if known and known[0][0] != thumbprint:
            raise _key_lost(path, "it is another key")
        if not known:
            with self.database.transaction():
                self.database.run("INSERT INTO device VALUES (1, ?)", (thumbprint,))
        return key


def _stored(envelope: bytes) -> LogEntry:
    """An entry read back. What does not parse has been tampered with or damaged."""
    try:
        return LogEntry.from_envelope(envelope)
    except InputError as exc:
        raise StoreError(f"a log entry is damaged: {exc.message}", code="log-broken") from exc


def _broken(seq: int, fault: str) -> StoreError:
    return StoreError(f"log entry {seq}: {fault}", code="log-broken", seq=seq)


def _key_lost(path: Path, fault: str) -> StoreError:
    return StoreError(
        f"the log in this folder was signed with the device key {path}: {fault}",
        code="device-key",
        action="put the device key back, or give another --home",
        path=str(path),
    )
