"""How a user names a device, parsed before any port is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, NamedTuple
from urllib.parse import unquote

from dpptag.errors import UsageError

DEFAULT_PROFILE: Final = "nfc-pn532-uart"
FORMS: Final = (
    "nfc:tty:/dev/ttyUSB0",
    "nfc:tty:/dev/ttyUSB0?profile=NAME",
    "nfc:usb:072f:2200@1-2.3",
    "pcsc:READER NAME",
    "pcsc:NAME@1-2.3",
    "sim:nfc",
    "sim:nfc?state=FILE&...",
)

_PORT: Final = re.compile(r"(.+)@([0-9]{1,3}-[0-9]{1,3}(?:\.[0-9]{1,3}){0,6})")
_USB: Final = re.compile(r"nfc:usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?:@([0-9]{1,3}-[0-9]{1,3}(?:\.[0-9]{1,3}){0,6}))?")


@unique
class DeviceKind(Enum):
    NFC_TTY = "nfc:tty"
    NFC_USB = "nfc:usb"
    PCSC = "pcsc"
    SIM_NFC = "sim:nfc"


class UsbModel(NamedTuple):
    """USB vendor and product."""

    vendor: int
    product: int

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.product:04x}"


@dataclass(frozen=True, slots=True)
class DevicePath:
    """``text`` as the user wrote it.

    ``node``: a serial reader's device node, a USB reader's physical port ("" where none was named), a PC/SC reader's
    name; "" for the simulator, which makes its own. ``usb`` is for USB readers alone. ``profile`` is "" where the model
    decides. ``query`` is for the simulator, without ``profile``. ``port``: a PC/SC reader's physical USB port, where
    one was named.
    """

    text: str
    kind: DeviceKind
    node: str
    profile: str
    query: str
    usb: UsbModel | None = None
    port: str = ""

    @property
    def simulated(self) -> bool:
        return self.kind is DeviceKind.SIM_NFC


def parse_device_path(text: str) -> DevicePath:
    """Parse ``nfc:tty:NODE``, ``nfc:usb:VVVV:PPPP@PORT`` or ``pcsc:READER NAME`` (or ``pcsc:NAME@PORT``), each with
    ``?profile=NAME`` behind where wanted, or ``sim:nfc?QUERY``. Raises UsageError listing the forms."""
    body, _, query = text.partition("?")
    profile = ""
    rest: list[str] = []
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key == "profile" and value:
            profile = unquote(value)
        else:
            rest.append(part)
    if body == DeviceKind.SIM_NFC.value:
        return DevicePath(text, DeviceKind.SIM_NFC, "", profile or DEFAULT_PROFILE, "&".join(rest))
    if not rest:
        node = body.removeprefix("nfc:tty:")
        if node != body and node.startswith("/"):
            return DevicePath(text, DeviceKind.NFC_TTY, node, profile or DEFAULT_PROFILE, "")
        if found := _USB.fullmatch(body):
            usb = UsbModel(int(found[1], 16), int(found[2], 16))
            return DevicePath(text, DeviceKind.NFC_USB, found[3] or "", profile, "", usb)
        reader = body.removeprefix("pcsc:")
        if reader != body and reader.strip():
            at_port = _PORT.fullmatch(reader)
            name, port = (at_port[1], at_port[2]) if at_port else (reader, "")
            return DevicePath(text, DeviceKind.PCSC, name, profile, "", port=port)
    raise UsageError(
        f"not a device: {text!r}",
        code="device-path",
        action="write one of: " + "  ".join(FORMS),
        device=text,
    )
