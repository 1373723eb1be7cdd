"""Which readers are plugged in, and what each is called in a device path. Opens no reader.

A USB reader is called by the physical port it hangs on, so that two equal ones never swap. Any serial port may have a
PN532 or a UHF module behind it: an adapter does not tell, so ports are listed apart, as places where one may be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dpptag.devices.profiles import NfcProfile, load_nfc, profile_by_pcsc_name
from dpptag.devices.usb_ports import SYSFS, UsbDevice, serial_ports, usb_devices

CCID_CLASS: Final = 0x0B
"""Interface class of a chip card reader (USB CCID 1.1): pcscd takes such a device."""

SERIAL_LINKS: Final = Path("/dev/serial/by-path")


@dataclass(frozen=True, slots=True)
class FoundReader:
    """``path`` is what ``--device`` takes, None for a reader that nothing here can open now, which ``note`` explains.

    ``port`` is the physical USB port, None where there is none or it cannot be told without opening. ``others`` are
    further paths to the same reader, through another driver. ``uhf``: how a serial port is called where a UHF module
    hangs on it; NAME stands for its profile.
    """

    path: str | None
    model: str
    profile: str
    port: str | None
    usb_id: str | None
    node: str | None
    others: tuple[str, ...] = ()
    note: str | None = None
    usb: UsbDevice | None = None
    uhf: tuple[str, ...] = ()


def find_readers(
    pcsc_names: Sequence[str],
    *,
    sysfs: Path = SYSFS,
    user_profiles: Path | None = None,
    serial_links: Path = SERIAL_LINKS,
) -> tuple[FoundReader, ...]:
    """USB readers by port, PC/SC readers that no port was found for, then serial ports.

    A serial port's other path is its name by USB socket, which a replug does not change.
    ``pcsc_names`` are the names of the readers that PC/SC knows now, empty where its service is not there. Raises
    ProfileError.
    """
    profiles = load_nfc(user_dir=user_profiles)
    names = list(pcsc_names)
    found: list[FoundReader] = []
    devices = usb_devices(sysfs)
    for device in devices:
        profile = _profile_of(device, profiles)
        if profile is None:
            continue
        equal = [other for other in devices if _profile_of(other, profiles) is profile]
        mine = [name for name in names if profile_by_pcsc_name(name, user_dir=user_profiles).name == profile.name]
        found.append(_usb_reader(device, profile, mine, alone=len(equal) == 1))
    told = {name for reader in found for path in (reader.path, *reader.others) if (name := _pcsc_name(path))}
    told |= {name for name in names if _is_of(name, found, user_profiles)}
    for name in names:
        if name not in told:
            profile = profile_by_pcsc_name(name, user_dir=user_profiles)
            found.append(FoundReader(f"pcsc:{name}", profile.title, profile.name, None, None, None))
    for port in serial_ports(sysfs):
        found.append(
            FoundReader(
                f"nfc:tty:{port.node}",
                "serial port, perhaps with a PN532 or UHF module",
                "nfc-pn532-uart",
                port.port,
                None,
                str(port.node),
                others=tuple(f"nfc:tty:{link}" for link in _links_to(port.node, serial_links)),
                uhf=_uhf_places(port.node, port.port),
            )
        )
    return tuple(found)


def _uhf_places(node: Path, usb_port: str | None) -> tuple[str, ...]:
    """By USB socket first, which a replug does not change."""
    by_socket = (f"uhf:usb:{usb_port}?profile=NAME",) if usb_port is not None else ()
    return (*by_socket, f"uhf:{node}?profile=NAME")


def _links_to(node: Path, folder: Path) -> list[Path]:
    """The first name that systemd gives this node by its socket (60-serial.rules). Links are read, not opened."""
    links = sorted(folder.iterdir()) if folder.is_dir() else []
    return [link for link in links if link.is_symlink() and link.readlink().name == node.name][:1]


def _profile_of(device: UsbDevice, profiles: Sequence[NfcProfile]) -> NfcProfile | None:
    for profile in profiles:
        if any((known.vendor, known.product) == (device.vendor, device.product) for known in profile.usb):
            return profile
    return None


def _usb_reader(device: UsbDevice, profile: NfcProfile, names: Sequence[str], *, alone: bool) -> FoundReader:
    usb_id = f"{device.vendor:04x}:{device.product:04x}"
    raw = f"nfc:usb:{usb_id}@{device.port}"
    drivers = (profile.driver, *((profile.other_driver,) if profile.other_driver else ()))
    paths: list[str] = []
    note = None
    for driver in drivers:
        if driver == "nfcpy":
            paths.append(raw)
        elif names and alone:
            paths += [f"pcsc:{name}" for name in sorted(names, key=is_sam_slot)]
        elif names:
            # PC/SC numbers equal readers in the order in which they came: the port is checked when it is opened.
            paths.append(f"pcsc:{_common_start(names, profile)}@{device.port}")
        else:
            note = "PC/SC does not know it: is pcscd running, and does its driver know this reader?"
    return FoundReader(
        path=paths[0] if paths else None,
        model=profile.title,
        profile=profile.name,
        port=device.port,
        usb_id=usb_id,
        node=str(device.node),
        others=tuple(paths[1:]),
        note=note,
        usb=device,
    )


def is_sam_slot(name: str) -> bool:
    """Whether a PC/SC name is that of a reader's slot for a SAM, where no tag ever is."""
    return re.search(r"\bSAM\b", name) is not None


def _common_start(names: Sequence[str], profile: NfcProfile) -> str:
    """What all of these readers' names begin with: a profile may know several models, and PC/SC minds the case."""
    known = [start for start in profile.pcsc_names if any(name.lower().startswith(start.lower()) for name in names)]
    length = len(known[0])
    while any(start[:length].lower() != known[0][:length].lower() for start in known):
        length -= 1
    return names[0][:length].rstrip()


def _pcsc_name(path: str | None) -> str | None:
    return path.removeprefix("pcsc:") if path is not None and path.startswith("pcsc:") else None


def _is_of(name: str, found: Sequence[FoundReader], user_profiles: Path | None) -> bool:
    """Whether a PC/SC name belongs to a model that is listed by its port already."""
    profile = profile_by_pcsc_name(name, user_dir=user_profiles)
    return any(reader.profile == profile.name for reader in found)
