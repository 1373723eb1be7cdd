"""How a user names a device, parsed before any port is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from types import MappingProxyType
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
    "uhf:/dev/ttyUSB0?profile=NAME&region=EU&power=20",
    "uhf:usb:1-2.3?profile=NAME",
    "sim:uhf/m100?state=FILE&...",
)
SIM_FAMILIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "m100": "uhf-m100",
        "r200": "uhf-r200",
        "mercury": "uhf-m6e-nano",
        "a0": "uhf-a0-r2000",
        "uhfreader18": "uhf-uhfreader18",
        "uhfreader288": "uhf-uhfreader288",
    }
)
"""The simulated UHF modules, and the profile that drives each where none is named."""

_PORT: Final = re.compile(r"(.+)@([0-9]{1,3}-[0-9]{1,3}(?:\.[0-9]{1,3}){0,6})")
_USB_PORT: Final = re.compile(r"[0-9]{1,3}-[0-9]{1,3}(?:\.[0-9]{1,3}){0,6}")
_POWER: Final = re.compile(r"(-?[0-9]{1,2})(?:\.([0-9]{1,2}))?")
_USB: Final = re.compile(r"nfc:usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?:@([0-9]{1,3}-[0-9]{1,3}(?:\.[0-9]{1,3}){0,6}))?")


@unique
class DeviceKind(Enum):
    NFC_TTY = "nfc:tty"
    NFC_USB = "nfc:usb"
    PCSC = "pcsc"
    SIM_NFC = "sim:nfc"
    UHF_TTY = "uhf"
    UHF_USB = "uhf:usb"
    SIM_UHF = "sim:uhf"


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
    decides. ``query`` is for the simulator, without what is for the driver. ``port``: a PC/SC reader's physical USB
    port, where one was named.

    Of UHF modules alone: ``family``, which one to simulate; ``region``, ``power_cdbm`` (hundredths of dBm) and
    ``baud``, where they were named.
    """

    text: str
    kind: DeviceKind
    node: str
    profile: str
    query: str
    usb: UsbModel | None = None
    port: str = ""
    family: str = ""
    region: str | None = None
    power_cdbm: int | None = None
    baud: int | None = None

    @property
    def simulated(self) -> bool:
        return self.kind in (DeviceKind.SIM_NFC, DeviceKind.SIM_UHF)

    @property
    def is_uhf(self) -> bool:
        return self.kind in (DeviceKind.UHF_TTY, DeviceKind.UHF_USB, DeviceKind.SIM_UHF)


def parse_device_path(text: str) -> DevicePath:
    """Parse ``nfc:tty:NODE``, ``nfc:usb:VVVV:PPPP@PORT`` or ``pcsc:READER NAME`` (or ``pcsc:NAME@PORT``), each with
    ``?profile=NAME`` behind where wanted, or ``sim:nfc?QUERY``; or a UHF module: ``uhf:NODE?profile=NAME``,
    ``uhf:usb:PORT?profile=NAME``, ``sim:uhf/FAMILY?QUERY``, each with ``region=``, ``power=`` in dBm and ``baud=``
    where wanted. Raises UsageError listing the forms."""
    if text.startswith(("uhf:", "sim:uhf/")):
        return _uhf_path(text)
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
    raise _no_device(text)


def _uhf_path(text: str) -> DevicePath:
    body, _, query = text.partition("?")
    mine: dict[str, str] = {}
    rest: list[str] = []
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key in ("profile", "region", "power", "baud") and value:
            mine[key] = unquote(value)
        else:
            rest.append(part)
    family = body.removeprefix("sim:uhf/")
    port = body.removeprefix("uhf:usb:")
    node = body.removeprefix("uhf:")
    if family != body:
        if family not in SIM_FAMILIES:
            raise _no_device(text, f"simulated are: {', '.join(SIM_FAMILIES)}")
        kind, node = DeviceKind.SIM_UHF, ""
    elif rest:
        raise _no_device(text, f"not known here: {', '.join(rest)}")
    elif _USB_PORT.fullmatch(port):
        kind, node = DeviceKind.UHF_USB, port
    elif node.startswith("/"):
        kind = DeviceKind.UHF_TTY
    else:
        raise _no_device(text)
    profile = mine.get("profile", SIM_FAMILIES.get(family, ""))
    if not profile:
        raise UsageError(
            f"{text} does not name the module's profile: nothing on the wire tells one family from another for certain",
            code="device-profile",
            action=f"put ?profile=NAME behind it, NAME one of: {', '.join(_uhf_profiles())}",
            device=text,
        )
    return DevicePath(
        text,
        kind,
        node,
        profile,
        "&".join(rest),
        family=family if kind is DeviceKind.SIM_UHF else "",
        region=mine.get("region"),
        power_cdbm=_power(text, mine["power"]) if "power" in mine else None,
        baud=_baud(text, mine["baud"]) if "baud" in mine else None,
    )


def _power(text: str, dbm: str) -> int:
    """Hundredths of dBm, from at most two decimals."""
    found = _POWER.fullmatch(dbm)
    if found is None:
        raise _no_device(text, f"power is in dBm, as in power=20 or power=22.5, not {dbm[:20]!r}")
    decimals = int((found[2] or "").ljust(2, "0"))
    return 100 * int(found[1]) + (-decimals if found[1].startswith("-") else decimals)


def _baud(text: str, baud: str) -> int:
    if not baud.isascii() or not baud.isdecimal() or not 300 <= int(baud) <= 4_000_000:
        raise _no_device(text, f"baud is a speed, as in baud=57600, not {baud[:20]!r}")
    return int(baud)


def _uhf_profiles() -> list[str]:
    from dpptag.devices.profiles import find_profiles_dir

    return sorted(path.stem for path in find_profiles_dir().glob("uhf-*.toml"))


def _no_device(text: str, why: str = "") -> UsageError:
    return UsageError(
        f"not a device: {text!r}" + (f"; {why}" if why else ""),
        code="device-path",
        action="write one of: " + "  ".join(FORMS),
        device=text,
    )
