"""Drivers: open what a device path names. Importing this imports no foreign library."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dpptag.devices.paths import DeviceKind, DevicePath, parse_device_path
from dpptag.devices.reconnect import Backoff, ReconnectingGen2Reader, ReconnectingReader
from dpptag.devices.usb_ports import SYSFS, UsbDevice, device_at, serial_ports, usb_devices
from dpptag.errors import DeviceError, DeviceNotFound, DpptagError
from dpptag.links.nfc import Technology

if TYPE_CHECKING:
    from dpptag.devices.profiles import NfcProfile
    from dpptag.links import Gen2Reader, TagReader
    from dpptag.links.nfc import NfcReader

_NUMBERS: Final = re.compile(r" [0-9A-F]{2} [0-9A-F]{2}$")
"""What pcsc-lite puts behind a reader's name: the order in which equal readers came, and the slot."""

__all__ = [
    "Backoff",
    "DeviceKind",
    "DevicePath",
    "ReconnectingGen2Reader",
    "ReconnectingReader",
    "open_nfc",
    "open_nfc_lasting",
    "open_reader",
    "open_reader_lasting",
    "open_uhf",
    "open_uhf_lasting",
    "parse_device_path",
    "pcsc_problem",
    "pcsc_reader_names",
    "usb_device_of",
]


def open_reader(
    path: DevicePath, *, node: str | None = None, user_profiles: Path | None = None, sysfs: Path = SYSFS
) -> TagReader:
    """The NFC reader or UHF module of a parsed path, as :func:`open_nfc` or :func:`open_uhf` opens it."""
    if path.is_uhf:
        return open_uhf(path, node=node, user_profiles=user_profiles, sysfs=sysfs)
    return open_nfc(path, node=node, user_profiles=user_profiles, sysfs=sysfs)


def open_reader_lasting(
    path: DevicePath, *, node: str | None = None, user_profiles: Path | None = None, sysfs: Path = SYSFS
) -> TagReader:
    """As :func:`open_reader`, for a job that a pulled and replugged reader must not end."""
    if path.is_uhf:
        return open_uhf_lasting(path, node=node, user_profiles=user_profiles, sysfs=sysfs)
    return open_nfc_lasting(path, node=node, user_profiles=user_profiles, sysfs=sysfs)


def open_uhf(
    path: DevicePath,
    *,
    node: str | None = None,
    user_profiles: Path | None = None,
    sysfs: Path = SYSFS,
    wait: Callable[[float], object] | None = None,
) -> Gen2Reader:
    """Open the UHF module of a parsed path; ``node`` and ``user_profiles`` as in :func:`open_nfc`.

    ``wait`` passes the times for which a module must be left alone, in seconds; without it a real module is waited for,
    and a simulated one, which needs no time, is not. Raises ProfileError, UsageError for a region or power,
    DeviceNotFound, DeviceBusy, DeviceLost, DeviceProtocolError.
    """
    from dpptag.devices.profiles import load_uhf_profile
    from dpptag.devices.uhf.reader import open_module

    profile = load_uhf_profile(path.profile, user_dir=user_profiles)
    region = path.region
    if region is None and path.simulated:  # no law to break; a real module's region is for the user to say
        region = next(iter(profile.regions))
    return open_module(
        node or _serial_node(path, sysfs),
        profile,
        name=path.text,
        region=region,
        power_cdbm=path.power_cdbm,
        baud=path.baud,
        simulated=path.simulated,
        wait=wait or (_no_wait if path.simulated else time.sleep),
    )


def open_uhf_lasting(
    path: DevicePath,
    *,
    node: str | None = None,
    user_profiles: Path | None = None,
    sysfs: Path = SYSFS,
    backoff: Backoff | None = None,
    wait: Callable[[float], object] | None = None,
) -> ReconnectingGen2Reader:
    """As :func:`open_uhf`, for a job that a pulled and replugged module must not end."""
    return ReconnectingGen2Reader(
        lambda: open_uhf(path, node=node, user_profiles=user_profiles, sysfs=sysfs, wait=wait),
        lambda: _is_present(path, node, sysfs),
        backoff=backoff,
    )


def _no_wait(_seconds: float) -> None:
    """A simulated module is ready at once."""


def _serial_node(path: DevicePath, sysfs: Path) -> str:
    """The device node of a serial path; of a physical USB port that of the adapter plugged in there now."""
    if path.kind is not DeviceKind.UHF_USB:
        return path.node
    nodes = [str(found.node) for found in serial_ports(sysfs) if found.port == path.node]
    if len(nodes) == 1:
        return nodes[0]
    raise DeviceNotFound(
        f"{len(nodes)} serial ports are at USB port {path.node}"
        if nodes
        else f"no serial port is at USB port {path.node}",
        code="device-ambiguous" if nodes else None,
        action="name one by its node: " + "  ".join(f"uhf:{found}" for found in nodes)
        if nodes
        else "plug the module in there, or see `dpptag devices list`",
        device=path.text,
    )


def open_nfc(
    path: DevicePath, *, node: str | None = None, user_profiles: Path | None = None, sysfs: Path = SYSFS
) -> NfcReader:
    """Open the NFC reader of a parsed path.

    ``node`` takes the place of the path's own: for ``sim:nfc`` the pseudo-terminal of a simulator that the caller has
    started and will close after the reader. ``user_profiles`` is a folder of the user's own firmware profiles.
    Raises ProfileError, DeviceNotFound, DeviceBusy, DeviceLost, DeviceProtocolError.
    """
    if path.kind is DeviceKind.NFC_USB:
        return _open_usb(path, user_profiles, sysfs)
    if path.kind is DeviceKind.PCSC:
        return _open_pcsc(path, user_profiles, sysfs)
    from dpptag.devices.nfcpy import NfcpyReader
    from dpptag.devices.profiles import load_profile

    profile = load_profile(path.profile, user_dir=user_profiles)
    return NfcpyReader(
        node or path.node,
        path=path.text,
        fast_read_pages=profile.fast_read_pages,
        bauds=profile.bauds,
        response_timeout_ms=profile.timeouts.response.ms,
        technologies=_technologies(profile),
        model=profile.title,
        simulated=path.simulated,
    )


def open_nfc_lasting(
    path: DevicePath,
    *,
    node: str | None = None,
    user_profiles: Path | None = None,
    sysfs: Path = SYSFS,
    backoff: Backoff | None = None,
) -> ReconnectingReader:
    """As :func:`open_nfc`, for a job that a pulled and replugged reader must not end.

    A reader named without its USB port is held to the port at which it was found first, also in PC/SC where its
    driver tells it: two equal ones may have changed their names when both are back.
    """
    if path.kind is DeviceKind.NFC_USB:
        path = replace(path, node=usb_device_of(path, sysfs).port)
    elif path.kind is DeviceKind.PCSC and not path.port:
        path = _held_to_its_port(path, sysfs)
    return ReconnectingReader(
        lambda: open_nfc(path, node=node, user_profiles=user_profiles, sysfs=sysfs),
        lambda: _is_present(path, node, sysfs),
        backoff=backoff,
    )


def _held_to_its_port(path: DevicePath, sysfs: Path) -> DevicePath:
    from dpptag.devices.pcsc_driver import usb_address_of

    name, address = usb_address_of(path.node)
    for device in usb_devices(sysfs):
        if (device.busnum, device.devnum) == address:
            return replace(path, node=_NUMBERS.sub("", name), port=device.port)
    return path


def _is_present(path: DevicePath, node: str | None, sysfs: Path) -> bool:
    """Opens nothing. PC/SC readers are asked for by opening, for the list of names costs as much."""
    if path.kind is DeviceKind.NFC_USB:
        device = device_at(path.node, sysfs)
        return device is not None and path.usb == (device.vendor, device.product)
    if path.kind is DeviceKind.PCSC:
        return not path.port or device_at(path.port, sysfs) is not None
    if path.kind is DeviceKind.UHF_USB:
        return any(found.port == path.node and found.node.exists() for found in serial_ports(sysfs))
    return Path(node or path.node).exists()


def _open_usb(path: DevicePath, user_profiles: Path | None, sysfs: Path) -> NfcReader:
    """By ``?profile=``, else by the USB id; a reader without a profile has the driver's safe defaults."""
    from dpptag.devices.nfcpy import open_usb
    from dpptag.devices.profiles import load_profile, profile_by_usb

    device = usb_device_of(path, sysfs)
    profile: NfcProfile | None
    if path.profile:
        profile = load_profile(path.profile, user_dir=user_profiles)
    else:
        profile = profile_by_usb(device.vendor, device.product, user_dir=user_profiles)
    if profile is None:
        return open_usb(device, path=path.text, sysfs=sysfs)
    return open_usb(
        device,
        path=path.text,
        model=profile.title,
        fast_read_pages=profile.fast_read_pages,
        technologies=_technologies(profile),
        sysfs=sysfs,
    )


def _open_pcsc(path: DevicePath, user_profiles: Path | None, sysfs: Path) -> NfcReader:
    """By name, and by the port where one was named: PC/SC numbers equal readers in the order in which they came."""
    from dpptag.devices.pcsc_driver import PcscReader, reader_at
    from dpptag.devices.profiles import load_profile, profile_by_pcsc_name

    def profile_of(name: str) -> NfcProfile:
        if path.profile:
            return load_profile(path.profile, user_dir=user_profiles)
        return profile_by_pcsc_name(name, user_dir=user_profiles)

    if not path.port:
        return PcscReader(path.node, path=path.text, profile=profile_of(path.node))
    device = device_at(path.port, sysfs)
    if device is None:
        raise DeviceNotFound(
            f"nothing is plugged in at port {path.port}",
            action="plug the reader in there, or see `dpptag devices list`",
            device=path.text,
        )
    name = reader_at(path.node, device.busnum, device.devnum)
    return PcscReader(name, path=path.text, profile=profile_of(name))


def _technologies(profile: NfcProfile) -> frozenset[Technology]:
    return frozenset(Technology[name.upper()] for name in profile.technologies)


def usb_device_of(path: DevicePath, sysfs: Path = SYSFS) -> UsbDevice:
    """The plugged device that a ``nfc:usb:`` path names. Raises DeviceNotFound, which lists the choice."""
    equal = [device for device in usb_devices(sysfs) if path.usb == (device.vendor, device.product)]
    here = [device for device in equal if path.node in ("", device.port)]
    if len(here) == 1:
        return here[0]
    forms = "  ".join(f"nfc:usb:{device.usb_id}@{device.port}" for device in equal)
    if here:
        raise DeviceNotFound(
            f"{len(here)} readers {path.usb} are plugged in",
            code="device-ambiguous",
            action=f"name the one by its port: {forms}",
            device=path.text,
        )
    where = f" at port {path.node}" if path.node else ""
    raise DeviceNotFound(
        f"no reader {path.usb} is plugged in{where}",
        action=f"plugged in are: {forms}" if equal else "plug it in, or see `dpptag devices list`",
        device=path.text,
    )


def pcsc_reader_names() -> tuple[str, ...] | None:
    """The readers that PC/SC knows now; no reader is opened. None where no service answers or pyscard is missing."""
    try:
        from dpptag.devices.pcsc_driver import list_readers
    except ImportError:
        return None
    try:
        return tuple(list_readers())
    except DeviceError:
        return None


def pcsc_problem() -> str | None:
    """The code of the error that keeps us from the PC/SC service; None where it takes us, or pyscard is missing."""
    try:
        from dpptag.devices.pcsc_driver import list_readers
    except ImportError:
        return None
    try:
        list_readers()
    except DpptagError as error:
        return error.code
    return None
