"""Files that outlive a crash, and locks between processes. OSError is left to the caller, who knows what it means."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack, suppress


class NoLocksError(OSError):
    """The file was opened, but its file system has no locks."""


def replace_file(path: str | os.PathLike[str], content: bytes, *, mode: int | None = None) -> None:
    """Replace ``path`` in one step, synced with its name: a crash leaves the old file or the new one.

    ``mode`` as the umask has it where none is given. A symbolic link is replaced, not followed. On any OSError the
    part written so far is removed.
    """
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100  no pathlib here
    part = f"{folder}/.{name}.{os.urandom(6).hex()}.part"
    # O_EXCL: in a folder that others write to, nobody's link is followed.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(part, path)  # noqa: PTH105
    except BaseException:
        with suppress(OSError):  # what went wrong first is what is told
            os.unlink(part)  # noqa: PTH108
        raise
    sync_folder(folder)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make new names in ``folder`` survive a power cut; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locked(path: str | os.PathLike[str], *, wait: bool, folder: bool = False) -> AbstractContextManager[object]:
    """The sole lock on a file, made where it is missing, or on a ``folder``, which must be there. Held from now on.

    The system frees it when the process dies. Raises BlockingIOError where another process holds it, unless ``wait``;
    NoLocksError; OSError where ``path`` cannot be opened. What the block raises passes as it is.
    """
    import fcntl  # not with the module: the verifier starts without it

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


def append_line(path: str | os.PathLike[str], line: bytes) -> None:
    """Add ``line`` and a line feed to a file, made private where it is missing; on the disk when this returns.

    Half a line that a full disk or a power cut left is ended first: it must not spoil the new one.
    """
    whole = os.path.abspath(path)  # noqa: PTH100  no pathlib here
    descriptor = os.open(whole, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        file.write((b"\n" if file.read(1) not in (b"", b"\n") else b"") + line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(os.path.dirname(whole))  # noqa: PTH120
