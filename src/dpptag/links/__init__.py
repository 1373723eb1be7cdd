"""What a driver must offer to the tag families: protocols only, no code.

Errors a link raises: ``TagLost`` (no answer, left the field), ``TagNak`` (4-bit NAK, its value in the fact ``nak``; the
chip is mute until selected again), ``TagSwapped`` (another chip was found or selected since), ``DeviceLost``,
``DeviceProtocolError``; no foreign exception.
"""

from dpptag.links.nfc import DeviceInfo, NfcReader, Type2Link

__all__ = ["DeviceInfo", "NfcReader", "Type2Link"]
