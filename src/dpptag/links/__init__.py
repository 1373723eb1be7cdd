"""What a driver must offer to the tag families: protocols only, no code.

Errors a link raises: ``TagLost`` (no answer, left the field), ``TagNak`` (the chip refused the command), ``TagSwapped``
(another chip was found or selected since), ``DeviceLost``, ``DeviceProtocolError``; no foreign exception.
"""

from dpptag.links.nfc import (
    ApduLink,
    DeviceInfo,
    FelicaLink,
    NfcReader,
    TagLink,
    Technology,
    Type2Link,
    Type5Link,
)

__all__ = ["ApduLink", "DeviceInfo", "FelicaLink", "NfcReader", "TagLink", "Technology", "Type2Link", "Type5Link"]
