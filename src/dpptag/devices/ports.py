"""The lock on a port, serial or USB: one owner, no two processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dpptag.errors import DeviceBusy, DeviceNotFound

_LOCKS: Final = Path("/proc/locks")


class PortLock:
    """An flock on the device node, held until :meth:`close`; the kernel drops it when the process dies.

    Raises DeviceNotFound (no such node, no serial port, no permission) and DeviceBusy with the holder's process id
    where /proc/locks shows it.
    """

    def __init__(self, node: str) -> None:
        self.node = node
        try:
            self._descriptor = os.open(node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError as exc:
            raise DeviceNotFound(
                f"no permission to open {node}",
                code="device-permission",
                action="install the udev rules, or add the user to the port's group and log in again",
                device=node,
            ) from exc
        except OSError as exc:
            if exc.errno == errno.EBUSY:  # held with TIOCEXCL, as terminal programs do
                raise DeviceBusy(
                    f"{node} is in use by another process",
                    action="see who has it: dpptag devices doctor",
                    device=node,
                ) from exc
            raise DeviceNotFound(
                f"no device at {node}: {exc.strerror}", action="check the path and the cable", device=node
            ) from exc
        try:
            if not stat.S_ISCHR(os.fstat(self._descriptor).st_mode) or not os.isatty(self._descriptor):
                raise DeviceNotFound(f"{node} is no serial port", action="check the path", device=node)
            _take(self._descriptor, self.node)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the port free; harmless if called before."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class UsbLock:
    """An flock on the node of a USB device, held until :meth:`close`.

    The kernel gives an interface to one process alone; this is there to say which process, and to keep a second one of
    ours away before it claims anything. A node that may not be read is left to the claim, which names the permission.
    Raises DeviceBusy.
    """

    def __init__(self, node: Path, name: str) -> None:
        self._descriptor = -1
        with contextlib.suppress(OSError):
            self._descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
        if self._descriptor >= 0:
            try:
                _take(self._descriptor, name)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the device free; harmless if called before."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _take(descriptor: int, what: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = _holder(descriptor)
        by = "another process" if holder is None else f"process {holder}"
        raise DeviceBusy(
            f"{what} is in use by {by}",
            action="end the other program, or choose another reader",
            device=what,
            holder=holder,
        ) from exc


def _holder(descriptor: int) -> int | None:
    """The process that holds the flock, by device and inode (proc(5), /proc/locks); None where it is not shown."""
    node = os.fstat(descriptor)
    wanted = f"{os.major(node.st_dev):02x}:{os.minor(node.st_dev):02x}:{node.st_ino}"
    try:
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5] == wanted and fields[4].isdecimal():
            return int(fields[4])
    return None
