"""What runs on the simulated USB bus for tests of Ctrl-C: see :meth:`tests.usb_rig.UsbRig.call`."""

from __future__ import annotations

from dpptag.devices import open_nfc, parse_device_path
from dpptag.devices.nfcpy.usb_transport import LoggedUsb
from dpptag.links.nfc import Technology


def pages_after_interrupts(path: str) -> list[list[str]]:
    """Pages 0, 4 and 8, each READ after an exchange that Ctrl-C broke at its first, second .. transfer."""
    original, left = LoggedUsb.read, -1

    def read(transport: LoggedUsb, timeout: int = 0) -> bytearray | None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return original(transport, timeout)

    LoggedUsb.read = read  # type: ignore[method-assign]
    found = []
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        assert link is not None
        assert link.technology is Technology.TYPE2
        whole = [link.read(page).hex() for page in (0, 4, 8)]
        for transfer in (1, 2):
            left = transfer
            try:
                link.read(4)
            except KeyboardInterrupt:
                found.append([link.read(page).hex() for page in (0, 4, 8)])
            left = -1
    return [whole, *found]
