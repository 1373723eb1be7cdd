"""What the PC/SC service's return codes mean to us (PC/SC part 5; pcsclite.h). Numbers in, errors out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dpptag.devices.holders import PROC, Process
from dpptag.errors import DeviceBusy, DeviceLost, DeviceNotFound, DeviceProtocolError, DpptagError, TagLost

NO_SERVICE: Final = frozenset({0x8010001D, 0x8010001E, 0x80100003})
"""Not running, stopped, and the handle of a context that the service of today does not know."""
NO_READER: Final = frozenset({0x80100017, 0x80100009, 0x8010002E, 0x80100011})
"""80100011 too: so pcscd answers a transmit once it has taken an unplugged reader off its list [measured]."""
TAG_GONE: Final = frozenset({0x8010000C, 0x80100069, 0x80100016, 0x80100013, 0x8010002F})
"""No card, removed, not transacted, communication error, data lost: the old handle never moves to a new tag."""
TAG_RESET: Final = frozenset({0x80100065, 0x80100066, 0x80100067, 0x80100068})
"""Unsupported, unresponsive, unpowered, reset by another: to be connected anew once."""
SHARING: Final = 0x8010000B
REFUSED: Final = 0x8010006A
TIMEOUT: Final = 0x8010000A
_UNSUPPORTED: Final = 0x8010001F
_LIBRARY: Final = "libpcsclite"


def unsigned(code: int) -> int:
    """pyscard gives the codes as signed numbers."""
    return code & 0xFFFFFFFF


def error_of(code: int, reader: str) -> DpptagError:
    """The error for a return code; ``reader`` is its PC/SC name."""
    pcsc = f"{code:08X}"
    if code in TAG_GONE | TAG_RESET:
        return TagLost(
            "the tag is gone from the reader", action="put the tag back on the reader", device=reader, pcsc=pcsc
        )
    if code in NO_SERVICE:
        return DeviceLost(
            "the PC/SC service does not run",
            code="pcsc-service",
            action="start it: systemctl start pcscd.socket",
            device=reader,
            pcsc=pcsc,
        )
    if code in NO_READER:
        return DeviceLost(
            f"the reader {reader} is unplugged", action="plug the reader in again", device=reader, pcsc=pcsc
        )
    if code == SHARING:
        others = pcsc_clients()
        by = ", ".join(map(str, others)) or "another program"
        return DeviceBusy(
            f"the reader {reader} is in use; PC/SC is used by {by}" if others else f"the reader {reader} is in use",
            action="end the other program, or choose another reader",
            holder=by,
            device=reader,
            pcsc=pcsc,
        )
    if code == REFUSED:
        return DeviceNotFound(
            "the PC/SC service refuses this user",
            code="device-permission",
            action="see `dpptag devices doctor`: it names the polkit rule and the group",
            device=reader,
            pcsc=pcsc,
        )
    if code == _UNSUPPORTED:
        return DeviceProtocolError(
            f"the driver of {reader} cannot do what was asked", action="try another reader", device=reader, pcsc=pcsc
        )
    return DeviceProtocolError(
        f"the PC/SC service answers {code:08X}h for {reader}",
        action="plug the reader in again",
        device=reader,
        pcsc=pcsc,
    )


def pcsc_clients(proc: Path = PROC) -> tuple[Process, ...]:
    """Other processes that have the PC/SC library loaded, and may hold a reader: candidates, no proof.

    Which client holds which reader only the service knows, and it does not tell. Without the right to look into other
    users' processes only one's own are found.
    """
    found = []
    own = str(Path("/proc/self").resolve().name)
    for folder in proc.iterdir():
        if not folder.name.isdecimal() or folder.name == own:
            continue
        try:
            if _LIBRARY in (folder / "maps").read_text(encoding="utf-8", errors="replace"):
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(Process(int(folder.name), name))
        except OSError:
            continue
    return tuple(sorted(found, key=lambda process: process.pid))
