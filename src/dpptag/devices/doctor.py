"""Why a reader cannot be opened, who has it, and the command that mends it. Looks, opens nothing, changes nothing."""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Final

from dpptag.devices.discovery import CCID_CLASS, FoundReader
from dpptag.devices.holders import PROC, holders_of, processes_named
from dpptag.devices.install_rules import install_command
from dpptag.devices.profiles import load_profile
from dpptag.devices.udev_rules import GROUP, KERNEL_MODULES, RULES_NAME
from dpptag.devices.usb_ports import SYSFS

_USBFS: Final = "usbfs"  # what sysfs names as the driver of an interface that a process has claimed
_SLOW_LATENCY_MS: Final = 1
_RULE_FOLDERS: Final = ("etc/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d", "run/udev/rules.d")


@unique
class Severity(Enum):
    """``PROBLEM`` keeps the reader from being opened; ``HINT`` makes it slow or will bite later."""

    PROBLEM = "problem"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Finding:
    """``code`` is stable; ``action`` the command that mends it; ``reader`` its path or place, None for the machine."""

    severity: Severity
    code: str
    reader: str | None
    cause: str
    action: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look; a test hands in folders of its own. ``user_id`` 0 may open everything."""

    sysfs: Path = SYSFS
    proc: Path = PROC
    root: Path = Path("/")
    user_id: int = -1
    groups: frozenset[int] = frozenset()


def this_machine() -> Machine:
    """The machine and the user that run this process."""
    return Machine(user_id=os.geteuid(), groups=frozenset((os.getegid(), *os.getgroups())))


def examine(
    readers: tuple[FoundReader, ...], *, pcsc_answers: bool, machine: Machine, pcsc_refused: bool = False
) -> tuple[Finding, ...]:
    """Everything found, reader by reader, then the machine.

    ``pcsc_answers``: a PC/SC service took a connection; ``pcsc_refused``: it runs, and its policy refuses this user.
    """
    findings: list[Finding] = []
    for reader in readers:
        if reader.usb is not None:
            findings += _usb_findings(reader, machine, pcsc_answers=pcsc_answers, pcsc_refused=pcsc_refused)
        elif reader.node is not None:
            findings += _serial_findings(reader, machine)
    findings += _machine_findings(readers, machine)
    return tuple(findings)


def _usb_findings(
    reader: FoundReader, machine: Machine, *, pcsc_answers: bool, pcsc_refused: bool
) -> Iterator[Finding]:
    assert reader.usb is not None
    place = f"{reader.model} at port {reader.port}"
    profile = load_profile(reader.profile)
    modules = sorted({i.driver for i in reader.usb.interfaces if i.driver in KERNEL_MODULES})
    for module in modules:
        yield Finding(
            Severity.PROBLEM,
            "kernel-module",
            place,
            f"the kernel module {module} holds the reader",
            f"sudo modprobe -r {module}; so that it stays away: {install_command()}",
        )
    node = _below(machine.root, reader.usb.node)
    if profile.driver == "pcsc":
        # Another than pcscd: gpg's scdaemon, say, takes CCID readers by itself.
        held = [] if modules else list(_holder_findings(reader, node, place, machine, but="pcscd"))
        yield from held
        if not (held or modules) or not pcsc_answers:
            yield from _pcsc_findings(reader, place, machine, pcsc_answers=pcsc_answers, pcsc_refused=pcsc_refused)
        return
    services = processes_named("pcscd", machine.proc)
    if services and any(interface.class_code == CCID_CLASS for interface in reader.usb.interfaces):
        yield Finding(
            Severity.HINT,
            "pcscd",
            place,
            f"{services[0]} takes readers of this kind, and one program alone can have it",
            "use its pcsc: path; or: sudo systemctl stop pcscd.socket pcscd.service",
        )
    yield from _holder_findings(reader, node, place, machine)
    yield from _permission_findings(node, place, machine, action=install_command())


def _holder_findings(
    reader: FoundReader, node: Path, place: str, machine: Machine, *, but: str = ""
) -> Iterator[Finding]:
    """Who has it open. Other users' processes are hidden from a plain user; that somebody claimed it is not."""
    assert reader.usb is not None
    holders = holders_of(node, machine.proc)
    for holder in holders:
        if holder.name != but:
            said = f"{holder} has the reader open"
            yield Finding(Severity.PROBLEM, "held", place, said, f"end it: {_end(holder.name, holder.pid)}")
    claimed = any(interface.driver == _USBFS for interface in reader.usb.interfaces)
    if claimed and not holders and not (but and processes_named(but, machine.proc)):
        yield Finding(
            Severity.PROBLEM,
            "held",
            place,
            "a program of another user has the reader open",
            install_command().replace("install-rules --apply", "doctor") + "  names it",
        )


def _pcsc_findings(
    reader: FoundReader, place: str, machine: Machine, *, pcsc_answers: bool, pcsc_refused: bool
) -> Iterator[Finding]:
    if pcsc_refused:
        yield Finding(
            Severity.PROBLEM,
            "pcsc-refused",
            place,
            "the PC/SC service refuses this user, who has no seat at this machine (SSH, a service)",
            f"{install_command()}; then: sudo adduser $USER {GROUP}, and log in again",
        )
    elif not pcsc_answers:
        installed = (machine.root / "usr/sbin/pcscd").exists()
        yield Finding(
            Severity.PROBLEM,
            "pcsc-service",
            place,
            "the PC/SC service does not answer" if installed else "no PC/SC service is installed",
            "sudo systemctl enable --now pcscd.socket" if installed else "sudo apt install pcscd libccid",
        )
    elif reader.note is not None:
        yield Finding(
            Severity.PROBLEM,
            "pcsc-driver",
            place,
            "the PC/SC service runs and does not know this reader",
            "sudo apt install libccid, then plug the reader in again",
        )


def _serial_findings(reader: FoundReader, machine: Machine) -> Iterator[Finding]:
    assert reader.node is not None
    node = _below(machine.root, Path(reader.node))
    for holder in holders_of(node, machine.proc):
        yield Finding(
            Severity.PROBLEM,
            "held",
            reader.path,
            f"{holder} has the port open",
            f"end it: {_end(holder.name, holder.pid, node.name)}",
        )
    yield from _permission_findings(node, reader.path, machine, action="sudo adduser $USER dialout, then log in again")
    latency = machine.sysfs / "class" / "tty" / node.name / "device" / "latency_timer"
    try:
        milliseconds = int(latency.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    if milliseconds > _SLOW_LATENCY_MS:
        yield Finding(
            Severity.HINT,
            "latency",
            reader.path,
            f"the adapter holds answers back for {milliseconds} ms: every page of a tag then takes that long",
            f"echo 1 | sudo tee {latency}; for good: {install_command()}",
        )


def _permission_findings(node: Path, place: str | None, machine: Machine, *, action: str) -> Iterator[Finding]:
    """The effective mode of the node, whichever rule set it last."""
    try:
        status = node.stat()
    except OSError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o002:
        yield Finding(
            Severity.HINT,
            "mode",
            place,
            f"every user and program may write to {node} (mode {mode:04o})",
            install_command(),
        )
    if _may_write(status, machine) or os.access(node, os.R_OK | os.W_OK):  # access sees the access list of a seat
        return
    yield Finding(
        Severity.PROBLEM,
        "permission",
        place,
        f"{node} belongs to group {_group_name(status.st_gid)}, mode {mode:04o}: this user may not open it",
        _join(status, action),
    )


def _join(status: os.stat_result, otherwise: str) -> str:
    """Where the node's group may use it, to join that is what helps: no rule gives more to who has no seat."""
    if status.st_gid != 0 and stat.S_IMODE(status.st_mode) & 0o060 == 0o060:
        return f"sudo adduser $USER {_group_name(status.st_gid)}, then log in again"
    return otherwise


def _may_write(status: os.stat_result, machine: Machine) -> bool:
    mode = stat.S_IMODE(status.st_mode)
    if machine.user_id == 0:
        return True
    if machine.user_id == status.st_uid:
        return mode & 0o600 == 0o600
    if status.st_gid in machine.groups:
        return mode & 0o060 == 0o060
    return mode & 0o006 == 0o006


def _machine_findings(readers: tuple[FoundReader, ...], machine: Machine) -> Iterator[Finding]:
    raw = [reader for reader in readers if (reader.path or "").startswith("nfc:usb:")]
    if raw and not any((machine.root / folder / RULES_NAME).exists() for folder in _RULE_FOLDERS):
        yield Finding(Severity.HINT, "no-rules", None, "the udev rules of dpptag are not installed", install_command())
    loaded = [name for name in KERNEL_MODULES if (machine.sysfs / "module" / name).is_dir()]
    if loaded and raw:
        yield Finding(
            Severity.HINT,
            "modules-loaded",
            None,
            f"Linux's own NFC drivers are loaded ({', '.join(loaded)}): they take a reader at its next plug-in",
            f"sudo modprobe -r {' '.join(loaded)}; so that they stay away: {install_command()}",
        )
    for manager in processes_named("ModemManager", machine.proc):
        if any((reader.path or "").startswith("nfc:tty:") for reader in readers):
            yield Finding(
                Severity.HINT,
                "modem-manager",
                None,
                f"{manager} tries every new serial port for a modem and disturbs a module behind it",
                "sudo systemctl disable --now ModemManager",
            )


def _end(name: str, pid: int, tty: str = "") -> str:
    """Services come back when they are killed."""
    services = {
        "pcscd": "sudo systemctl stop pcscd.socket pcscd.service",
        "ModemManager": "sudo systemctl disable --now ModemManager",
        "agetty": f"sudo systemctl mask --now serial-getty@{tty}.service",
    }
    return services.get(name, f"kill {pid}")


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
