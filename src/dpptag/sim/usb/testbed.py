"""The one module that needs gi: readers on umockdev's bus, in one process.

A client needs ``LD_PRELOAD=libumockdev-preload.so.0`` and ``UMOCKDEV_DIR`` in its environment from its start, and must
be linked dynamically. umockdev 0.17.16 [measured]: the node is a plain file with the descriptors, calls arrive as
IoctlBase.handle_ioctl, and pointers in the client's memory are followed by IoctlData.resolve. handle_ioctl and
client_connected are called in a thread of umockdev's own; timers, orders and the news that a client died come in the
main loop's. One lock is round them all, so that a reader sees one thing after the other.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import socket
import stat
import threading
from collections.abc import Callable
from typing import Any, Final

from dpptag.errors import DeviceNotFound
from dpptag.sim.usb.descriptors import UsbModel
from dpptag.sim.usb.reader import UsbReader
from dpptag.sim.usb.usbfs import UsbFs

PRELOAD: Final = "libumockdev-preload.so.0"

_DESCRIPTORS: Final = "/proc/self/fd"
_USBDEVFS: Final = ord("U")
_HOST: Final = "/devices/pci0000:00/0000:00:14.0"
_HUB: Final = bytes.fromhex(
    "12 01 00 02 09 00 01 40 6B 1D 02 00 00 06 01 02 00 01"
    "09 02 19 00 01 01 00 E0 00  09 04 00 00 01 09 00 00 00  07 05 81 03 04 00 0C"
)


def _gi() -> tuple[Any, Any]:
    """UMockdev and GLib; raises DeviceNotFound where this Python has not got them."""
    try:
        gi: Any = importlib.import_module("gi")
        gi.require_version("UMockdev", "1.0")
        return importlib.import_module("gi.repository.UMockdev"), importlib.import_module("gi.repository.GLib")
    except (ImportError, ValueError) as exc:
        raise DeviceNotFound(
            f"no simulated USB here: {exc}",
            code="sim-usb-absent",
            action="install umockdev, gir1.2-umockdev-1.0 and python3-gi, and run this under /usr/bin/python3",
        ) from exc


class _Memory:
    def __init__(self, data: Any) -> None:
        self._data = data

    def read(self) -> bytes:
        return bytes(self._data.retrieve())

    def write(self, at: int, data: bytes) -> None:
        self._data.update(at, data)

    def behind(self, at: int, length: int) -> _Memory:
        return _Memory(self._data.resolve(at, length))


class _Call:
    def __init__(self, client: Any) -> None:
        self._client = client
        self.request: int = client.get_request()
        self.argument = _Memory(client.get_arg())

    @property
    def client(self) -> object:
        return self._client

    @property
    def number(self) -> int:
        return self.request & 0xFF

    def complete(self, result: int, error: int = 0) -> None:
        if self._client.get_connected():
            self._client.complete(result, error)


class Testbed:
    """umockdev's devices and its main loop. ``root`` is its folder, until :meth:`close`."""

    def __init__(self) -> None:
        self._umockdev, self._glib = _gi()
        self._bed = self._umockdev.Testbed.new()
        self._root: str = self._bed.get_root_dir()
        self.loop = self._glib.MainLoop()
        self._lock = threading.RLock()
        self._accepted: dict[str, set[int]] = {}
        self._handler_type = self._make_handler()
        self._handlers: dict[int, Any] = {}
        self._bed.add_from_string(_hub_entry())

    @property
    def root(self) -> str:
        return self._root

    def later(self, milliseconds: int, function: Callable[[], None]) -> None:
        def once() -> bool:
            with self._lock:
                function()
            return False

        self._glib.timeout_add(milliseconds, once)

    def on_input(self, descriptor: int, function: Callable[[], bool]) -> None:
        """Call ``function`` when there is input, until it returns False."""

        def ready(*_: Any) -> bool:
            with self._lock:
                return function()

        condition = self._glib.IO_IN | self._glib.IO_HUP
        self._glib.unix_fd_add_full(self._glib.PRIORITY_DEFAULT, descriptor, condition, ready)

    def on_signal(self, number: int, function: Callable[[], None]) -> None:
        self._glib.unix_signal_add(self._glib.PRIORITY_DEFAULT, number, function)

    def plug(self, reader: UsbReader, port: str, number: int, *, driver: str | None, serial: str) -> UsbFs:
        """Put ``reader`` on the bus at ``port`` as device ``number``, and tell who listens for devices."""
        node = f"/dev/bus/usb/001/{number:03d}"
        device = UsbFs(reader, number, self.later, driver)
        handler = self._handler_type(device, f"{self._root}/ioctl{node}")
        self._handlers[number] = handler
        self._bed.attach_ioctl(node, handler)  # first: who hears of the device opens it at once
        self._bed.add_from_string(_device_entry(reader.model, port, number, serial, driver))
        return device

    def unplug(self, device: UsbFs, port: str) -> None:
        """Take it off the bus. Its open calls fail first, then the listeners hear of it."""
        device.unplug()
        for path in (f"/sys{_HOST}/usb1/{port}/{port}:1.0", f"/sys{_HOST}/usb1/{port}"):
            self._bed.uevent(path, "remove")
        self._bed.detach_ioctl(f"/dev/bus/usb/001/{device.number:03d}")
        for path in (f"/sys{_HOST}/usb1/{port}/{port}:1.0", f"/sys{_HOST}/usb1/{port}"):
            self._bed.remove_device(path)
        del self._handlers[device.number]

    def close(self) -> None:
        """Take everything off the bus. umockdev removes its folder with the last reference to its object, and aborts
        where somebody else has removed it before."""
        for number in self._handlers:
            self._bed.detach_ioctl(f"/dev/bus/usb/001/{number:03d}")
        self._handlers.clear()
        self._bed = None
        gc.collect()

    def run(self) -> None:
        self.loop.run()

    def _watch(self, path: str, function: Callable[[], None]) -> None:
        """Call ``function`` once the peer of the connection just accepted at the socket ``path`` has gone.

        umockdev 0.17.16 declares client-vanished and never emits it, and does not see the end of a client that dies
        while a call of its waits. So the connection is looked for among this process's descriptors: umockdev accepts
        those at one socket one by one, each with its client_connected, so it is the one that was not there the last
        time; one whose peer has gone may still be there. It is watched by a descriptor of our own, which outlives
        umockdev's.
        """
        known = self._accepted.get(path, set())
        there = _accepted(path)
        self._accepted[path] = set(there)
        new = [inode for inode in there if inode not in known]
        for inode in there.keys() - new[:1]:
            there[inode].close()
        if not new:
            raise RuntimeError(f"umockdev told of a client at {path}, and there is no connection")
        connection = there[new[0]]

        def gone(*_: Any) -> bool:
            with self._lock:
                connection.close()
                function()
            return False

        self._glib.unix_fd_add_full(
            self._glib.PRIORITY_DEFAULT, connection.fileno(), self._glib.IO_HUP | self._glib.IO_ERR, gone
        )

    def _make_handler(self) -> Any:
        watch, lock, broken = self._watch, self._lock, self._glib.Error

        class Handler(self._umockdev.IoctlBase):  # type: ignore[misc,name-defined]
            def __init__(self, device: UsbFs, path: str) -> None:
                super().__init__()
                self.device = device
                self.path = path

            def do_client_connected(self, client: Any) -> None:
                with lock:
                    self.device.opened(client)
                    watch(self.path, lambda: self.device.closed(client))

            def do_handle_ioctl(self, client: Any) -> bool:
                call = _Call(client)
                if call.request >> 8 & 0xFF != _USBDEVFS:
                    return False
                with lock:
                    try:
                        self.device.handle(call)
                    except broken:  # the client died while its memory was read
                        call.complete(-1, errno.EFAULT)
                return True

        return Handler


def _accepted(path: str) -> dict[int, socket.socket]:
    """The server's ends of the connections to ``path`` by inode, each by a descriptor more."""
    found: dict[int, socket.socket] = {}
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208
        try:
            status = os.fstat(int(name))
            if not stat.S_ISSOCK(status.st_mode) or status.st_ino in found:
                continue
            connection = socket.socket(fileno=os.dup(int(name)))
        except OSError:  # closed in the meantime: the listing itself had one
            continue
        listens = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if connection.family == socket.AF_UNIX and connection.getsockname() == path and not listens:
            found[status.st_ino] = connection
        else:
            connection.close()
    return found


def _device_entry(model: UsbModel, port: str, number: int, serial: str, driver: str | None) -> str:
    """A device and its interface in umockdev's notation."""
    raw = model.device_descriptor() + model.configuration_descriptor()
    text = raw.hex().upper()
    ids = f"{model.vendor:04x}/{model.product:04x}/{model.release:04x}"
    short = f"{model.vendor:x}/{model.product:x}/{model.release:x}"
    kind = model.interface_class
    alias = f"usb:v{model.vendor:04X}p{model.product:04X}d{model.release:04X}dc00dsc00dp00ic{kind:02X}isc00ip00in00"
    vendor, product, release = ids.split("/")
    lines = [
        f"P: {_HOST}/usb1/{port}",
        f"N: bus/usb/001/{number:03d}={text}",
        "E: DEVTYPE=usb_device",
        "E: DRIVER=usb",
        f"E: DEVNAME=/dev/bus/usb/001/{number:03d}",
        "E: SUBSYSTEM=usb",
        "E: MAJOR=189",
        f"E: MINOR={number - 1}",
        "E: BUSNUM=001",
        f"E: DEVNUM={number:03d}",
        f"E: PRODUCT={short}",
        "E: TYPE=0/0/0",
        f"E: ID_VENDOR_ID={vendor}",
        f"E: ID_MODEL_ID={product}",
        "A: authorized=1\\n",
        "A: avoid_reset_quirk=0\\n",
        "A: bConfigurationValue=1\\n",
        "A: bDeviceClass=00\\n",
        "A: bDeviceProtocol=00\\n",
        "A: bDeviceSubClass=00\\n",
        "A: bMaxPacketSize0=64\\n",
        "A: bMaxPower=200mA\\n",
        "A: bNumConfigurations=1\\n",
        "A: bNumInterfaces= 1\\n",
        f"A: bcdDevice={release}\\n",
        "A: bmAttributes=80\\n",
        "A: busnum=1\\n",
        "A: configuration=\\n",
        f"A: dev=189:{number - 1}\\n",
        f"A: devnum={number}\\n",
        f"A: devpath={port.partition('-')[2]}\\n",
        f"A: idProduct={product}\\n",
        f"A: idVendor={vendor}\\n",
        f"A: manufacturer={model.strings[0]}\\n",
        "A: maxchild=0\\n",
        f"A: product={model.strings[1]}\\n",
        "A: removable=removable\\n",
        *([f"A: serial={serial}\\n"] if serial else []),
        "A: speed=12\\n",
        "A: version= 2.00\\n",
        f"H: descriptors={text}",
        "",
        f"P: {_HOST}/usb1/{port}/{port}:1.0",
        "E: DEVTYPE=usb_interface",
        "E: SUBSYSTEM=usb",
        f"E: PRODUCT={short}",
        "E: TYPE=0/0/0",
        f"E: INTERFACE={kind}/0/0",
        f"E: MODALIAS={alias}",
        *([f"E: DRIVER={driver}", f"L: driver=../../../../../../bus/usb/drivers/{driver}"] if driver else []),
        "A: bAlternateSetting= 0\\n",
        f"A: bInterfaceClass={kind:02x}\\n",
        "A: bInterfaceNumber=00\\n",
        "A: bInterfaceProtocol=00\\n",
        "A: bInterfaceSubClass=00\\n",
        f"A: bNumEndpoints={len(model.endpoints):02d}\\n",
        f"A: modalias={alias}\\n",
        "",
    ]
    return "\n".join(lines) + "\n"


def _hub_entry() -> str:
    """The root hub, so that ports have a place to be."""
    text = _HUB.hex().upper()
    lines = [
        f"P: {_HOST}/usb1",
        f"N: bus/usb/001/001={text}",
        "E: DEVTYPE=usb_device",
        "E: DEVNAME=/dev/bus/usb/001/001",
        "E: SUBSYSTEM=usb",
        "E: BUSNUM=001",
        "E: DEVNUM=001",
        "A: bConfigurationValue=1\\n",
        "A: bDeviceClass=09\\n",
        "A: bNumInterfaces= 1\\n",
        "A: busnum=1\\n",
        "A: devnum=1\\n",
        "A: devpath=0\\n",
        "A: idProduct=0002\\n",
        "A: idVendor=1d6b\\n",
        "A: manufacturer=dpptag\\n",
        "A: maxchild=8\\n",
        "A: product=simulated USB\\n",
        "A: speed=480\\n",
        "A: version= 2.00\\n",
        f"H: descriptors={text}",
        "",
    ]
    return "\n".join(lines) + "\n"
