"""Which readers and which chips the contract suite runs over, and what of it cannot work: with its stated refusal.

A new driver is one entry of :data:`READERS`, a new chip one of :data:`KINDS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dpptag.links import Technology

_T2, _T3, _T4, _T5 = Technology.TYPE2, Technology.TYPE3, Technology.TYPE4, Technology.TYPE5


@dataclass(frozen=True)
class Reader:
    """``simulated_by``: where the simulation begins, and the class of reader there. ``unseen``: what its radio does not
    speak: such a tag is no tag. ``refused``: what it sees and cannot serve, with the code of the refusal.
    ``untold``: chips that it cannot tell from others, likewise. ``passes_commands``: else Type 2 passwords and Type 5
    locks are refused."""

    title: str
    driver: str
    simulated_by: tuple[str, str]
    device: str
    firmware: str
    unseen: frozenset[Technology] = frozenset()
    refused: Mapping[Technology, str] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)
    passes_commands: bool = True

    @property
    def in_child(self) -> bool:
        """It needs an environment of its own from the start of its process."""
        return self.simulated_by[0] in ("usbfs", "libccid")


_NO_ISO15693 = frozenset({_T5})
READERS: Mapping[str, Reader] = {
    "pn532-tty": Reader("PN532, serial (HSU)", "nfcpy", ("pty", ""), "", "PN532v1.6", _NO_ISO15693),
    "acr122u-usb": Reader(
        "ACS ACR122U", "nfcpy", ("usbfs", "acr122u"), "nfc:usb:072f:2200", "ACR122U215, PN532v1.6", _NO_ISO15693
    ),
    "pn533-usb": Reader("PN533", "nfcpy", ("usbfs", "pn533"), "nfc:usb:04cc:2533", "PN533v2.7", _NO_ISO15693),
    "rcs380-usb": Reader(
        "Sony RC-S380", "nfcpy", ("usbfs", "rcs380"), "nfc:usb:054c:06c1", "Port-100 v1.11", _NO_ISO15693
    ),
    "acr122u-ccid": Reader(
        "ACS ACR122U", "pyscard", ("libccid", "acr122u"), "pcsc:ACS ACR122U", "ACR122U215", _NO_ISO15693
    ),
    "acr122u-vpcd": Reader(
        "ACS ACR122U", "pyscard", ("vpcd", "acr122u"), "pcsc:ACS ACR122U", "ACR122U215", _NO_ISO15693
    ),
    "acr1552u-vpcd": Reader("ACS ACR1552U", "pyscard", ("vpcd", "acr1552u"), "pcsc:ACS ACR1552", ""),
    "omnikey-vpcd": Reader(
        "HID OMNIKEY 5022",
        "pyscard",
        ("vpcd", "omnikey"),
        "pcsc:HID Global OMNIKEY",
        "",
        refused={_T3: "reader-passes-no-commands"},
        untold={"ULTRALIGHT-EV1-128": "tag-chip-unknown"},
        passes_commands=False,
    ),
}


@dataclass(frozen=True)
class Kind:
    """``blank``: the simulated chip that no NDEF message can be read from before it is formatted; "" where every chip
    is delivered formatted. ``no_lock``, ``no_password``: the code of the refusal where the chip has none."""

    chip_name: str
    technology: Technology
    room: int
    blank: str = ""
    no_lock: str = ""
    no_password: str = ""


KINDS: Mapping[str, Kind] = {
    "NTAG213": Kind("NTAG213", _T2, 142),
    "NTAG216": Kind("NTAG216", _T2, 868),
    "NTAG203": Kind("NTAG203", _T2, 142, no_password="tag-no-password"),
    "ULTRALIGHT-EV1-128": Kind("ULTRALIGHT-EV1-128", _T2, 126, blank="ULTRALIGHT-EV1-128"),
    "FELICA-LITE-S": Kind("FeliCa Lite-S", _T3, 208, blank="FELICA-LITE-S-BLANK", no_password="tag-no-password"),
    "NTAG424": Kind("NTAG 424 DNA", _T4, 254),
    "DESFIRE-EV2": Kind("DESFire EV2", _T4, 2046, "DESFIRE-EV2-BLANK", no_lock="tag-no-protection"),
    "ST25TA02K": Kind("ST25TA02K", _T4, 254),
    "SLIX2": Kind("SLIX2", _T5, 308, blank="SLIX2"),
    "ST25DV04K": Kind("ST25DV04K", _T5, 500, blank="ST25DV04K", no_lock="tag-no-lock"),
}


def no_lock(reader: Reader, kind: Kind) -> str:
    """The code of the refusal of a permanent lock; "" where it is done."""
    return kind.no_lock or ("reader-commands" if kind.technology is _T5 and not reader.passes_commands else "")


def no_password(reader: Reader, kind: Kind) -> str:
    """The code of the refusal of a password; "" where it is set."""
    if kind.no_password or reader.passes_commands:
        return kind.no_password
    return {_T2: "tag-no-password", _T5: "reader-commands"}.get(kind.technology, "")
