"""What a driver must offer to the tag families: protocols only, no code.

Errors a link raises: ``TagLost`` (no answer, left the field), ``TagNak`` (4-bit NAK; the chip is mute until selected
again), ``TagSwapped`` (reselect found another chip), ``DeviceLost``, ``DeviceProtocolError``; no foreign exception.
"""

from dpptag.links.nfc import DeviceInfo, NfcReader, Type2Link

__all__ = ["DeviceInfo", "NfcReader", "Type2Link"]
