"""USB devices and serial ports as sysfs shows them, by the physical port they hang on. Nothing is opened.

Two equal readers have equal ids and often equal serial numbers, and their bus addresses change with every plug: the
port path (``1-2.3``: bus 1, port 2 of the root hub, port 3 of the hub behind it) alone stays with the socket.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSFS: Final = Path("/sys")
_PORT: Final = re.compile(r"\d+-\d+(\.\d+)*", re.ASCII)
_UART_UNKNOWN: Final = "0"  # PORT_UNKNOWN of serial_core.h: a ttyS without a chip behind it


@dataclass(frozen=True, slots=True)
class UsbInterface:
    """``driver`` is the kernel module that claims it now; None where no module does."""

    number: int
    class_code: int
    driver: str | None


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """``port`` is the physical port path. Texts are as the device gives them, None where it gives none."""

    port: str
    vendor: int
    product: int
    busnum: int
    devnum: int
    manufacturer: str | None
    product_name: str | None
    serial: str | None
    interfaces: tuple[UsbInterface, ...]

    @property
    def node(self) -> Path:
        """The device node that libusb opens."""
        return Path(f"/dev/bus/usb/{self.busnum:03d}/{self.devnum:03d}")

    @property
    def usb_id(self) -> str:
        """Vendor and product as lsusb prints them: ``072f:2200``."""
        return f"{self.vendor:04x}:{self.product:04x}"


@dataclass(frozen=True, slots=True)
class SerialPort:
    """``port`` is the physical USB port of its adapter; None for a UART of the board."""

    node: Path
    port: str | None


def usb_devices(sysfs: Path = SYSFS) -> tuple[UsbDevice, ...]:
    """Every USB device by its port path. One that is pulled while it is looked at is left out."""
    folder = sysfs / "bus" / "usb" / "devices"
    if not folder.is_dir():
        return ()
    found = [_device(entry) for entry in sorted(folder.iterdir()) if _PORT.fullmatch(entry.name)]
    return tuple(device for device in found if device is not None)


def device_at(port: str, sysfs: Path = SYSFS) -> UsbDevice | None:
    """What is plugged in there; None for nothing, or for what is going just now."""
    return _device(sysfs / "bus" / "usb" / "devices" / port) if _PORT.fullmatch(port) else None


def still_there(device: UsbDevice, sysfs: Path = SYSFS) -> bool:
    """Whether the very device is still plugged: another bus address at its port is another plugging."""
    now = device_at(device.port, sysfs)
    return now is not None and (now.busnum, now.devnum) == (device.busnum, device.devnum)


def serial_ports(sysfs: Path = SYSFS) -> tuple[SerialPort, ...]:
    """USB serial adapters and the board's own UARTs, by node."""
    folder = sysfs / "class" / "tty"
    if not folder.is_dir():
        return ()
    found = [_serial_port(entry) for entry in sorted(folder.iterdir())]
    return tuple(port for port in found if port is not None)


def _device(entry: Path) -> UsbDevice | None:
    vendor, product = _number(entry / "idVendor", 16), _number(entry / "idProduct", 16)
    busnum, devnum = _number(entry / "busnum", 10), _number(entry / "devnum", 10)
    if vendor is None or product is None or busnum is None or devnum is None:
        return None
    interfaces = [_interface(child) for child in sorted(entry.parent.glob(f"{entry.name}:*"))]
    return UsbDevice(
        port=entry.name,
        vendor=vendor,
        product=product,
        busnum=busnum,
        devnum=devnum,
        manufacturer=_text(entry / "manufacturer"),
        product_name=_text(entry / "product"),
        serial=_text(entry / "serial"),
        interfaces=tuple(interface for interface in interfaces if interface is not None),
    )


def _interface(entry: Path) -> UsbInterface | None:
    number, class_code = _number(entry / "bInterfaceNumber", 16), _number(entry / "bInterfaceClass", 16)
    if number is None or class_code is None:
        return None
    driver = entry / "driver"
    return UsbInterface(number, class_code, driver.resolve().name if driver.is_symlink() else None)


def _serial_port(entry: Path) -> SerialPort | None:
    device = entry / "device"
    if not device.exists():
        return None  # a console, a pseudo-terminal
    for part in reversed(device.resolve().parts):
        port = part.partition(":")[0]
        if _PORT.fullmatch(port):
            return SerialPort(Path("/dev") / entry.name, port)
    if _text(entry / "type") in (None, _UART_UNKNOWN):
        return None
    return SerialPort(Path("/dev") / entry.name, None)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_text(path) or "", base)
    except ValueError:
        return None
