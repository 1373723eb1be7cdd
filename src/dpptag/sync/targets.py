"""Where events can be sent to, and the one call that sends them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from dpptag.errors import UsageError
from dpptag.events.outbox import Outbox
from dpptag.events.store import EventStore
from dpptag.sync.capture_client import CaptureClient
from dpptag.sync.delivery import Delivery, Policy
from dpptag.sync.file_target import FileTarget
from dpptag.sync.report import Edge, SyncReport

TOKEN_VARIABLE: Final = "DPPTAG_SYNC_TOKEN"  # noqa: S105 - the name of the variable, not a token

REAL_EDGE: Final = Edge(
    now=lambda: datetime.now().astimezone(),
    sleep=time.sleep,
    random=random.random,
)


class Target(Protocol):
    """``name`` identifies the receiver in the outbox: the same text always means the same one."""

    @property
    def name(self) -> str: ...

    def synchronise(self, store: EventStore, edge: Edge) -> SyncReport:
        """Raises SyncIncomplete where anything is left queued or parked."""
        ...


class CaptureTarget:
    """An EPCIS 2.0 capture endpoint."""

    def __init__(self, url: str, token: str | None, policy: Policy | None = None) -> None:
        self._url = url
        self._token = token
        self._policy = policy or Policy()
        self.name = CaptureClient(url, token=token, now=REAL_EDGE.now).name  # checks the address, opens nothing

    def synchronise(self, store: EventStore, edge: Edge) -> SyncReport:
        client = CaptureClient(self._url, token=self._token, now=edge.now)
        try:
            return Delivery(Outbox(store, self.name), client, edge, self._policy, self.name).run()
        finally:
            client.close()


def _capture(text: str, environment: Mapping[str, str]) -> Target:
    return CaptureTarget(text, environment.get(TOKEN_VARIABLE) or None)


_SCHEMES: Final[dict[str, Callable[[str, Mapping[str, str]], Target]]] = {"http": _capture, "https": _capture}


def open_target(text: str, environment: Mapping[str, str]) -> Target:
    """The target that ``--to`` names: an http(s) address, else a file path. Opens nothing. Raises UsageError."""
    if not text.isprintable():  # the outbox keeps it as text
        raise UsageError(f"not an address or a file name: {text[:120]!a}", code="sync-address")
    scheme, separator, _ = text.partition("://")
    if not separator:
        if not text or Path(text).is_dir():
            raise UsageError(f"--to names a folder, not a file: {text!r}", code="sync-address")
        return FileTarget(Path(text))
    if scheme.lower() not in _SCHEMES:
        raise UsageError(f"no target of the kind {scheme[:20]}://", code="sync-scheme", action="use https:// or a file")
    return _SCHEMES[scheme.lower()](text, environment)


def synchronise(
    store: EventStore, target: Target, *, edge: Edge = REAL_EDGE, retry_rejected: bool = False
) -> SyncReport:
    """Send to ``target`` whatever it has not confirmed yet.

    Raises SyncIncomplete (exit 9; its facts are the counts) where anything is left, StoreError where another process is
    sending or the store cannot be written. An interrupt leaves every event in a state that the next run settles.
    """
    with store.sole_sender():
        if retry_rejected:
            Outbox(store, target.name).retry_rejected()
        return target.synchronise(store, edge)
