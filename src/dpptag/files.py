"""Files that outlive a crash, and locks between processes. OSError is left to the caller, who knows what it means."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack


class NoLocksError(OSError):
    """The file was opened, but its file system has no locks."""


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make new names in ``folder`` survive a power cut; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locked(path: str | os.PathLike[str], *, wait: bool) -> AbstractContextManager[object]:
    """The sole lock on a folder, or on a file that is made where it is missing. Held from this call on.

    The system frees it when the process dies. Raises BlockingIOError where another process holds it, unless ``wait``;
    NoLocksError; OSError where ``path`` cannot be opened. What the block raises passes as it is.
    """
    import fcntl  # not with the module: the verifier starts without it

    folder = os.path.isdir(path)  # noqa: PTH112  no pathlib here
    flags = os.O_RDONLY | os.O_DIRECTORY if folder else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    with ExitStack() as opened:
        opened.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError as exc:
            raise NoLocksError(exc.errno, exc.strerror) from exc
        return opened.pop_all()
