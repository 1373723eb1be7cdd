"""USB readers: which chip set stands behind which ids, and the way from a physical port to an opened reader."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import nfc
from nfc.clf import acr122, pn53x, pn531, pn533, rcs380, rcs956
from nfc.clf.pn53x import Chipset

from dpptag.devices.nfcpy.acr122 import Acr122Chipset, Acr122Port
from dpptag.devices.nfcpy.foreign import foreign_errors
from dpptag.devices.nfcpy.pn53x_port import Pn53xPort, Pn531Port
from dpptag.devices.nfcpy.rcs380_port import Rcs380Port
from dpptag.devices.nfcpy.traffic import Traffic
from dpptag.devices.nfcpy.usb_transport import LoggedUsb, open_transport, said
from dpptag.devices.ports import UsbLock
from dpptag.devices.raw_port import RawPort
from dpptag.devices.raw_reader import EVERY_TECHNOLOGY, RawReader
from dpptag.devices.usb_ports import SYSFS, UsbDevice, still_there
from dpptag.errors import DeviceNotFound
from dpptag.links.nfc import DeviceInfo, Technology

PN53X_FAST_READ_PAGES: Final = 60


@dataclass(frozen=True, slots=True)
class _Place:
    """What every chip set needs to open: ``release`` gives transport and lock back."""

    name: str
    transport: LoggedUsb
    traffic: Traffic
    present: Callable[[], bool]
    release: Callable[[], None]


def _pn53x(port: type[Pn53xPort], chipset: type[Chipset], device: type[pn53x.Device], place: _Place) -> RawPort:
    place.transport.write(Chipset.ACK)  # ends a command that a killed process left running
    place.transport.drop_stale_frames()
    logger = logging.getLogger(chipset.__module__)
    opened = device(chipset(place.transport, logger), logger)
    return port(
        place.name,
        opened,
        place.traffic,
        present=place.present,
        closing=(opened.chipset.send_ack, opened.mute),
        release=place.release,
        drop_stale_frames=place.transport.drop_stale_frames,
    )


def _pn531(place: _Place) -> RawPort:
    return _pn53x(Pn531Port, pn531.Chipset, pn531.Device, place)


def _pn533(place: _Place) -> RawPort:
    return _pn53x(Pn53xPort, pn533.Chipset, pn533.Device, place)


def _rcs956(place: _Place) -> RawPort:
    return _pn53x(Pn53xPort, rcs956.Chipset, rcs956.Device, place)


def _acr122u(place: _Place) -> RawPort:
    place.transport.drop_stale_frames()
    chipset = Acr122Chipset(place.transport)
    device = acr122.Device(chipset)
    return Acr122Port(
        place.name,
        device,
        place.traffic,
        present=place.present,
        closing=(device.mute, chipset.polling_on),
        release=place.release,
        drop_stale_frames=place.transport.drop_stale_frames,
    )


def _rcs380(place: _Place) -> RawPort:
    chipset = rcs380.Chipset(place.transport, logger=logging.getLogger("nfc.clf.rcs380"))
    return Rcs380Port(place.name, chipset, place.transport, place.traffic, present=place.present, release=place.release)


@dataclass(frozen=True, slots=True)
class UsbReader:
    """``fast_read_pages``: what is safe without a profile."""

    model: str
    open: Callable[[_Place], RawPort]
    fast_read_pages: int


USB_READERS: Final[Mapping[tuple[int, int], UsbReader]] = MappingProxyType(
    {
        (0x054C, 0x0193): UsbReader("Sony PN531", _pn531, 0),
        (0x04CC, 0x0531): UsbReader("NXP PN531, SCM SCL3710", _pn531, 0),
        (0x04CC, 0x2533): UsbReader("NXP PN533", _pn533, PN53X_FAST_READ_PAGES),
        (0x04E6, 0x5591): UsbReader("SCM SCL3711", _pn533, PN53X_FAST_READ_PAGES),
        (0x04E6, 0x5593): UsbReader("SCM SCL3712", _pn533, PN53X_FAST_READ_PAGES),
        (0x054C, 0x02E1): UsbReader("Sony RC-S330/360/370", _rcs956, 0),
        (0x054C, 0x06C1): UsbReader("Sony RC-S380", _rcs380, PN53X_FAST_READ_PAGES),
        (0x054C, 0x06C3): UsbReader("Sony RC-S380", _rcs380, PN53X_FAST_READ_PAGES),
        (0x072F, 0x2200): UsbReader("ACS ACR122U", _acr122u, 0),
    }
)
"""The readers that nfcpy knows by their ids (nfc/clf/device.py). A PN532 has no USB of its own: it stands behind a
serial adapter (``nfc:tty:``) or inside an ACR122U."""


def open_usb(
    device: UsbDevice,
    *,
    path: str,
    model: str | None = None,
    fast_read_pages: int | None = None,
    technologies: Collection[Technology] = EVERY_TECHNOLOGY,
    simulated: bool = False,
    sysfs: Path = SYSFS,
) -> RawReader:
    """Open the reader that is plugged in there; what is None comes from :data:`USB_READERS`.

    Raises DeviceNotFound (not one of ours, no permission), DeviceBusy, DeviceLost, DeviceProtocolError.
    """
    logging.getLogger("nfc").setLevel(logging.CRITICAL)  # what matters is raised here; its frames are not masked
    reader = USB_READERS.get((device.vendor, device.product))
    if reader is None:
        raise DeviceNotFound(
            f"{said(device)} is no reader that this driver knows",
            action="name it as pcsc:READER NAME if it is a PC/SC reader",
            device=said(device),
        )
    port = _open(reader, device, sysfs)
    info = DeviceInfo(
        path=path,
        driver=f"nfcpy {nfc.__version__}",
        model=model or reader.model,
        firmware=port.firmware,
        simulated=simulated,
    )
    pages = reader.fast_read_pages if fast_read_pages is None else fast_read_pages
    return RawReader(port, info, fast_read_pages=pages, technologies=technologies)


def _open(reader: UsbReader, device: UsbDevice, sysfs: Path) -> RawPort:
    lock = UsbLock(device.node, said(device))
    traffic = Traffic()
    try:
        transport = open_transport(device, traffic, sysfs)
    except BaseException:
        lock.close()
        raise

    def release() -> None:
        transport.close()
        lock.close()

    def present() -> bool:
        return still_there(device, sysfs)

    try:
        with foreign_errors(said(device), present):
            return reader.open(_Place(said(device), transport, traffic, present, release))
    except BaseException:
        release()
        raise
