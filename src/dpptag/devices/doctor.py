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
from dpptag.devices.profiles import load_profile
from dpptag.devices.udev_rules import KERNEL_MODULES, RULES_NAME
from dpptag.devices.usb_ports import SYSFS

INSTALL: Final = "sudo dpptag devices install-rules --apply"
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


def examine(readers: tuple[FoundReader, ...], *, pcsc_answers: bool, machine: Machine) -> tuple[Finding, ...]:
    """Everything found, reader by reader, then the machine. ``pcsc_answers``: a PC/SC service took a connection."""
    findings: list[Finding] = []
    for reader in readers:
        if reader.usb is not None:
            findings += _usb_findings(reader, machine, pcsc_answers=pcsc_answers)
        elif reader.node is not None:
            findings += _serial_findings(reader, machine)
    findings += _machine_findings(readers, machine)
    return tuple(findings)


def _usb_findings(reader: FoundReader, machine: Machine, *, pcsc_answers: bool) -> Iterator[Finding]:
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
            f"sudo modprobe -r {module}; so that it stays away: {INSTALL}",
        )
    if profile.driver == "pcsc":
        yield from _pcsc_findings(reader, place, machine, pcsc_answers=pcsc_answers)
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
    node = _below(machine.root, reader.usb.node)
    for holder in holders_of(node, machine.proc):
        yield Finding(
            Severity.PROBLEM, "held", place, f"{holder} has the reader open", f"end it: {_end(holder.name, holder.pid)}"
        )
    yield from _permission_findings(node, place, machine, action=INSTALL)


def _pcsc_findings(reader: FoundReader, place: str, machine: Machine, *, pcsc_answers: bool) -> Iterator[Finding]:
    if not pcsc_answers:
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
            f"end it: {_end(holder.name, holder.pid)}",
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
            f"echo 1 | sudo tee {latency}; for good: {INSTALL}",
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
            Severity.HINT, "mode", place, f"every user and program may write to {node} (mode {mode:04o})", INSTALL
        )
    if _may_write(status, machine) or os.access(node, os.R_OK | os.W_OK):  # access sees the access list of a seat
        return
    yield Finding(
        Severity.PROBLEM,
        "permission",
        place,
        f"{node} belongs to group {_group_name(status.st_gid)}, mode {mode:04o}: this user may not open it",
        action,
    )


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
        yield Finding(Severity.HINT, "no-rules", None, "the udev rules of dpptag are not installed", INSTALL)
    loaded = [name for name in KERNEL_MODULES if (machine.sysfs / "module" / name).is_dir()]
    if loaded and raw:
        yield Finding(
            Severity.HINT,
            "modules-loaded",
            None,
            f"Linux's own NFC drivers are loaded ({', '.join(loaded)}): they take a reader at its next plug-in",
            f"sudo modprobe -r {' '.join(loaded)}; so that they stay away: {INSTALL}",
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


def _end(name: str, pid: int) -> str:
    return "sudo systemctl stop pcscd.socket pcscd.service" if name == "pcscd" else f"kill {pid}"


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
