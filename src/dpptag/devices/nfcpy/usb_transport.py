"""nfcpy's USB transport with its frames logged, every wait bounded, and its errors at opening told apart."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

import usb1
from nfc.clf.transport import USB

from dpptag.devices.nfcpy.traffic import Traffic
from dpptag.devices.usb_ports import SYSFS, UsbDevice, device_at
from dpptag.errors import DeviceBusy, DeviceError, DeviceLost, DeviceNotFound

LEAST_WAIT_MS: Final = 500
"""For any answer: a loaded host or hub holds a frame back longer than nfcpy's 100 ms."""
_WRITE_MS: Final = 1000
_STALE_FRAMES: Final = 8
_STALE_MS: Final = 10
_USBFS: Final = "usbfs"  # what sysfs names as the driver of an interface that a process has claimed


class LoggedUsb(USB):
    """The two bulk endpoints of one reader. ``limit_ms`` bounds a read whose caller gives no time-out."""

    context = None
    usb_dev = None

    def __init__(self, device: UsbDevice, traffic: Traffic) -> None:
        self._traffic = traffic
        self.limit_ms = 1000
        super().__init__(device.busnum, device.devnum)

    def write(self, frame: bytes | bytearray, timeout: int = 0) -> None:
        self._traffic.sent(bytes(frame))
        self._plugged()
        super().write(frame, timeout or _WRITE_MS)

    def read(self, timeout: int = 0) -> bytearray | None:
        self._plugged()
        frame = super().read(max(timeout, LEAST_WAIT_MS) if timeout else self.limit_ms)
        self._traffic.received(bytes(frame or b""))
        return frame

    def _plugged(self) -> None:
        if self.usb_dev is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def drop_stale_frames(self) -> None:
        """What a killed process left unread would be taken for the answer to our first command."""
        for _ in range(_STALE_FRAMES):
            try:
                super().read(_STALE_MS)
            except OSError:
                return

    def close(self) -> None:
        """Give the interface back; harmless when called before, and on a reader that is gone."""
        if self.usb_dev is not None:
            with contextlib.suppress(usb1.USBError):
                self.usb_dev.releaseInterface(0)
        with contextlib.suppress(usb1.USBError):
            super().close()
        context, self.context = self.context, None
        if context is not None:  # with it go libusb's threads and descriptors: a job may open many times
            context.exit()


def open_transport(device: UsbDevice, traffic: Traffic, sysfs: Path = SYSFS) -> LoggedUsb:
    """Claim interface 0. Raises DeviceBusy (with the ``driver`` that holds it), DeviceNotFound, DeviceLost."""
    name = said(device)
    try:
        return LoggedUsb(device, traffic)
    except (OSError, usb1.USBError) as exc:
        raise _at_opening(exc, device, name, sysfs) from exc


def said(device: UsbDevice) -> str:
    """What messages call it."""
    return f"{device.usb_id}@{device.port}"


def _at_opening(exc: OSError | usb1.USBError, device: UsbDevice, name: str, sysfs: Path) -> DeviceError:
    number = exc.errno if isinstance(exc, OSError) else None
    if number == errno.EACCES or isinstance(exc, usb1.USBErrorAccess):
        return DeviceNotFound(
            f"no permission to open the reader {name}",
            code="device-permission",
            action="install the udev rules, plug the reader in again, and log in again",
            device=name,
        )
    if number == errno.EBUSY or isinstance(exc, usb1.USBErrorBusy):
        driver = _driver(device_at(device.port, sysfs) or device)
        if driver in (None, _USBFS):
            return DeviceBusy(
                f"the reader {name} is in use by another process",
                action="end the other program (pcscd holds CCID readers), or choose another reader",
                device=name,
                driver=driver,
            )
        return DeviceBusy(
            f"the kernel driver {driver} holds the reader {name}",
            code="device-kernel-driver",
            action=f"remove it (modprobe -r {driver}) and keep it away with the modprobe blacklist",
            device=name,
            driver=driver,
        )
    if number == errno.ENODEV or isinstance(exc, usb1.USBErrorNoDevice):
        return DeviceLost(f"the reader {name} is gone", action="plug it in again", device=name)
    return DeviceNotFound(f"the reader {name} cannot be opened: {exc}", action="plug it in again", device=name)


def _driver(device: UsbDevice) -> str | None:
    return next((interface.driver for interface in device.interfaces if interface.number == 0), None)
