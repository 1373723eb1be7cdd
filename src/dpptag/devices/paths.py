"""How a user names a device, parsed before any port is opened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final
from urllib.parse import unquote

from dpptag.errors import UsageError

DEFAULT_PROFILE: Final = "nfc-pn532-uart"
FORMS: Final = ("nfc:tty:/dev/ttyUSB0", "nfc:tty:/dev/ttyUSB0?profile=NAME", "sim:nfc", "sim:nfc?state=FILE&...")


@unique
class DeviceKind(Enum):
    NFC_TTY = "nfc:tty"
    SIM_NFC = "sim:nfc"


@dataclass(frozen=True, slots=True)
class DevicePath:
    """``text`` as the user wrote it; ``node`` is the device node ("" for the simulator, which makes its own).

    ``query`` is for the simulator, without ``profile``.
    """

    text: str
    kind: DeviceKind
    node: str
    profile: str
    query: str

    @property
    def simulated(self) -> bool:
        return self.kind is DeviceKind.SIM_NFC


def parse_device_path(text: str) -> DevicePath:
    """Parse ``nfc:tty:NODE?profile=NAME`` or ``sim:nfc?QUERY``. Raises UsageError listing the forms."""
    body, _, query = text.partition("?")
    profile = DEFAULT_PROFILE
    rest: list[str] = []
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key == "profile" and value:
            profile = unquote(value)
        else:
            rest.append(part)
    if body == DeviceKind.SIM_NFC.value:
        return DevicePath(text, DeviceKind.SIM_NFC, "", profile, "&".join(rest))
    node = body.removeprefix("nfc:tty:")
    if node != body and node.startswith("/") and not rest:
        return DevicePath(text, DeviceKind.NFC_TTY, node, profile, "")
    raise UsageError(
        f"not a device: {text!r}",
        code="device-path",
        action="write one of: " + "  ".join(FORMS),
        device=text,
    )
