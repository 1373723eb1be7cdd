"""Readers through nfcpy 1.0.4: the only package that imports ``nfc`` and ``usb1``.

nfcpy gives the transports and the chip sets' host commands; polling, links and the block protocol are ours.
"""

from dpptag.devices.nfcpy.serial_pn532 import NfcpyReader
from dpptag.devices.nfcpy.usb_readers import USB_READERS, open_usb

__all__ = ["USB_READERS", "NfcpyReader", "open_usb"]
