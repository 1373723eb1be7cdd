"""The database of the event store, ``events.sqlite3``: what it is known by, and what its errors say."""

from __future__ import annotations

from typing import Final

from dpptag.database import Fault, Spec, Trouble
from dpptag.errors import StoreError

_DETAIL_LIMIT: Final = 200


def _error(trouble: Trouble) -> StoreError:
    path = trouble.path
    match trouble.fault:
        case Fault.FOREIGN:
            return StoreError(f"{path} is no dpptag event store", code="store-foreign", path=str(path))
        case Fault.NEWER:
            return StoreError(
                f"{path} was written by a newer dpptag (schema {trouble.schema}, this one knows {trouble.known})",
                code="store-newer",
                action="update dpptag; nothing was changed",
                path=str(path),
            )
        case Fault.CHECK_FAILED | Fault.MALFORMED:
            return StoreError(
                f"{path} is damaged: {trouble.detail[:_DETAIL_LIMIT]}",
                code="store-damaged",
                action="copy the file and its -wal away before anything else; dpptag will not write to it",
                path=str(path),
            )
        case Fault.FULL:
            return StoreError(
                f"no room for {path}: nothing was saved, what was there is whole",
                code="store-full",
                action="make room on this disk, then do the step again",
                path=str(path),
            )
    return StoreError(f"{path} cannot be {trouble.verb}: {trouble.detail}", code="store-unusable", path=str(path))


EVENT_DATABASE: Final = Spec(
    package="dpptag.events",
    application_id=0x64707065,  # "dppe"
    busy_seconds=30.0,  # another process holds the write lock for one append, milliseconds
    check="quick_check(1)",
    check_orphans=False,  # verify_log says which entry is missing
    error=_error,
)
