"""What a driver must offer to the tag families: protocols only, no code.

Errors a link raises: ``TagLost`` (no answer, left the field), ``TagNak`` (the chip refused the command), ``TagSwapped``
(another chip was found or selected since), ``DeviceLost``, ``DeviceProtocolError``; no foreign exception.
"""

from dpptag.links.gen2 import Gen2Link, Gen2Reader
from dpptag.links.nfc import (
    ApduLink,
    DeviceInfo,
    FelicaLink,
    NfcLink,
    NfcReader,
    Technology,
    Type2Link,
    Type5Link,
)

TagLink = NfcLink | Gen2Link
"""Told apart by ``technology``."""

TagReader = NfcReader | Gen2Reader
"""Both ``sense`` one tag at a time; a Gen2Reader can also tell what stands in its field all at once."""

__all__ = [
    "ApduLink",
    "DeviceInfo",
    "FelicaLink",
    "Gen2Link",
    "Gen2Reader",
    "NfcLink",
    "NfcReader",
    "TagLink",
    "TagReader",
    "Technology",
    "Type2Link",
    "Type5Link",
]
