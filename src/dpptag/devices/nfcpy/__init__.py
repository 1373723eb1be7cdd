"""Readers through nfcpy 1.0.4: the only package that imports ``nfc`` and ``usb1``.

nfcpy gives the transports and the chip sets' host commands; polling, links and the block protocol are ours.
"""

from dpptag.devices.nfcpy.serial_pn532 import NfcpyReader

__all__ = ["NfcpyReader"]
