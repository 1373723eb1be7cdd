"""What the system needs so that a user, or a service, may open readers: udev rules, a group, modules kept away.

The texts are made from the firmware profiles, so that a new reader is one TOML file here too. systemd's own parser
does not tell an assignment from a comparison (``ATTR{idVendor}="072f"`` is legal and matches everything): :func:`lint`
finds that, and what else makes a rule file do something else than it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dpptag.devices.profiles import NfcProfile, Profile

RULES_NAME: Final = "70-dpptag.rules"
"""Below 73: 73-seat-late.rules turns the uaccess tag into an access list, and only for rules that ran before it."""

GROUP: Final = "dpptag"
KERNEL_MODULES: Final = ("pn533_usb", "pn533", "port100", "nfc")
"""Linux's own NFC drivers. They claim a reader at plug-in, and then nobody else can open it."""

_LAST_BEFORE_SEATS: Final = 72
_MATCH_KEYS: Final = frozenset(
    {
        *("ACTION", "DEVPATH", "KERNEL", "KERNELS", "SUBSYSTEM", "SUBSYSTEMS", "DRIVER", "DRIVERS", "ATTRS", "TEST"),
        *("TAGS", "RESULT"),
    }
)  # udev(7): these can be compared, never assigned. ATTR and ENV can be both.
_READ_ONLY_ATTRIBUTES: Final = frozenset({"idVendor", "idProduct", "bInterfaceClass", "bDeviceClass", "serial"})
_READ_ONLY_PROPERTIES: Final = frozenset({"ACTION", "DEVTYPE", "MAJOR", "MINOR", "SUBSYSTEM"})
_USB_IDS: Final = ("idVendor", "idProduct")
_ASSIGNED_KEYS: Final = frozenset({"GROUP", "MODE", "OWNER", "GOTO", "LABEL", "RUN"})
_TOKEN: Final = re.compile(
    r'\s*(?P<key>[A-Z_]+)(?:\{(?P<attribute>[^}"]*)\})?\s*(?P<operator>==|!=|\+=|-=|:=|=)\s*"(?P<value>[^"]*)"\s*(?:,|$)'
)
_KEYS: Final = _MATCH_KEYS | {
    *("ATTR", "ENV", "TAG", "NAME", "SYMLINK", "OWNER", "GROUP", "MODE", "LABEL", "GOTO", "RUN", "IMPORT"),
    *("PROGRAM", "OPTIONS", "CONST", "SYSCTL", "SECLABEL"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """``line`` counts from 1; 0 for the file as a whole."""

    line: int
    cause: str


def rules_text(profiles: Iterable[Profile]) -> str:
    """The rule file for every USB id of the readers that this program opens itself; pcscd opens its own."""
    lines = [
        "# NFC readers for dpptag: the user at the seat may open them, and services in the group dpptag.",
        "# Made from the firmware profiles; shown and installed by: dpptag devices install-rules",
        "",
        'ACTION=="remove", GOTO="dpptag_end"',
        'SUBSYSTEM=="tty", GOTO="dpptag_tty"',
        'SUBSYSTEM!="usb", GOTO="dpptag_end"',
        'ENV{DEVTYPE}!="usb_device", GOTO="dpptag_end"',
        "",
    ]
    for profile in profiles:
        if isinstance(profile, NfcProfile) and "nfcpy" in (
            profile.driver,
            profile.other_driver,
        ):  # pcscd opens its readers itself
            for known in profile.usb:
                lines.append(f"# {profile.title}{f' ({known.note})' if known.note else ''}")
                lines.append(
                    f'ATTR{{idVendor}}=="{known.vendor:04x}", ATTR{{idProduct}}=="{known.product:04x}", '
                    f'TAG+="uaccess", GROUP="{GROUP}", MODE="0660"'
                )
    lines += [
        'GOTO="dpptag_end"',
        "",
        "# Serial modules: a name that stays with the USB socket. The port keeps the group that the system gives it",
        "# (dialout): an adapter does not tell what hangs on it. FTDI adapters hold answers back for 16 ms by default.",
        'LABEL="dpptag_tty"',
        'SUBSYSTEMS=="usb", ENV{ID_PATH}=="?*", SYMLINK+="dpptag/$env{ID_PATH}"',
        'SUBSYSTEMS=="usb-serial", DRIVERS=="ftdi_sio", ATTR{device/latency_timer}="1"',
        "",
        'LABEL="dpptag_end"',
    ]
    return "\n".join(lines) + "\n"


def sysusers_text() -> str:
    """The group of services (sysusers.d): a service has no seat, so uaccess gives it nothing."""
    return f"# The group of services that open readers: SupplementaryGroups={GROUP} in their unit.\ng {GROUP} -\n"


def modprobe_text() -> str:
    """modprobe.d: Linux's NFC drivers are not loaded by themselves when a reader is plugged in."""
    head = "# These claim NFC readers at plug-in, and no program can open them then. One loaded now: modprobe -r NAME\n"
    return head + "".join(f"blacklist {module}\n" for module in KERNEL_MODULES)


def polkit_text() -> str:
    """Who is in the group may use PC/SC without a seat; pcscd built with polkit refuses such users (80 10 00 6A)."""
    return (
        "// PC/SC readers for dpptag: members of the group dpptag may use them without a seat (services, SSH).\n"
        "// polkit looks the group up by the user: SupplementaryGroups of a unit do not count here.\n"
        "polkit.addRule(function(action, subject) {\n"
        '    var ours = ["org.debian.pcsc-lite.access_pcsc", "org.debian.pcsc-lite.access_card"];\n'
        f'    if (ours.indexOf(action.id) >= 0 && subject.isInGroup("{GROUP}")) {{\n'
        "        return polkit.Result.YES;\n"
        "    }\n"
        "});\n"
    )


def lint(text: str, *, name: str = RULES_NAME) -> tuple[Finding, ...]:
    """What is wrong with a rule file although systemd takes it, or what it would take for something else."""
    findings = list(_name_findings(text, name))
    labels: dict[str, int] = {}
    jumps: list[tuple[int, str]] = []
    for number, line in _logical_lines(text):
        tokens = list(_tokens(line))
        if tokens and tokens[-1] is None:
            findings.append(Finding(number, f"not understood: {line.strip()[:60]}"))
        guarded = compares_tag = False
        for token in tokens:
            if token is None:
                continue
            key, attribute, operator, value = token
            findings += _token_findings(number, key, attribute, operator, value)
            guarded |= operator == "==" or (operator == "!=" and not value)  # != "" asks whether there is one
            compares_tag |= key == "TAG" and operator == "==" and value == "uaccess"
            if key == "LABEL":
                labels[value] = number
            elif key == "GOTO":
                jumps.append((number, value))
        effects = {token[0] for token in tokens if token is not None} & {"TAG", "GROUP", "MODE", "OWNER", "RUN"}
        if effects and not guarded:
            findings.append(Finding(number, f"no comparison: {', '.join(sorted(effects))} would reach every device"))
        if compares_tag and effects & {"GROUP", "MODE", "OWNER"}:
            findings.append(Finding(number, 'TAG=="uaccess" compares where += was meant: nothing is tagged'))
    for number, label in jumps:
        if labels.get(label, 0) <= number:
            findings.append(Finding(number, f'GOTO="{label}" has no LABEL behind it'))
    return tuple(sorted(findings, key=lambda finding: finding.line))


def _name_findings(text: str, name: str) -> Iterator[Finding]:
    number = re.match(r"(\d+)-", name)
    if not name.endswith(".rules"):
        yield Finding(0, f"{name} does not end in .rules: udev does not read it")
    if "uaccess" in text and (number is None or int(number[1]) > _LAST_BEFORE_SEATS):
        yield Finding(0, f"{name} runs after 73-seat-late.rules: its uaccess tags do nothing")


def _token_findings(line: int, key: str, attribute: str | None, operator: str, value: str) -> Iterator[Finding]:
    named = key + (f"{{{attribute}}}" if attribute else "")
    if key not in _KEYS:
        yield Finding(line, f"{key} is no key of udev")
    compared = operator in ("==", "!=")
    read_only = {"ATTR": _READ_ONLY_ATTRIBUTES, "ENV": _READ_ONLY_PROPERTIES}.get(key, frozenset())
    if not compared and (key in _MATCH_KEYS or attribute in read_only):
        yield Finding(line, f'{named}{operator}"{value}" assigns where == was meant: it matches every device')
    if key == "TAG" and operator == "=":
        yield Finding(line, f'TAG="{value}" takes every other tag away: += was meant')
    if key in _ASSIGNED_KEYS and compared:
        yield Finding(line, f'{named}{operator}"{value}" compares where = was meant: nothing is set')
    if key == "MODE" and not re.fullmatch(r"[0-7]{3,4}|.*\$.*", value):
        yield Finding(line, f"MODE {value} is no octal mode: nothing is set")
    if key == "MODE" and not compared and re.fullmatch(r"[0-7]?\d\d[2367]", value):
        yield Finding(line, f"MODE {value} lets every user and program write to the device")
    if key in ("ATTR", "ATTRS") and attribute is not None and attribute not in _USB_IDS:
        meant = next((name for name in _USB_IDS if name.lower() == attribute.lower()), None)
        if meant is not None:
            yield Finding(line, f"{named}: the kernel calls it {meant}")
    if key in ("SUBSYSTEM", "SUBSYSTEMS") and value != value.lower():
        yield Finding(line, f"{named} is compared with {value!r}: the kernel's names are lower-case")
    plain = not re.search(r"[*?\[|]", value)
    if key in ("ATTR", "ATTRS") and attribute in _USB_IDS and plain and not re.fullmatch(r"[0-9a-f]{4}", value):
        yield Finding(line, f"{named} is compared with {value!r}: the kernel shows four lower-case hex digits")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not joined:
            start = number
        if line.lstrip().startswith("#"):
            continue
        if line.endswith("\\"):
            joined += line[:-1]
            continue
        whole, joined = joined + line, ""
        if whole.strip():
            yield start, whole
    if joined.strip():
        yield start, joined


def _tokens(line: str) -> Iterator[tuple[str, str | None, str, str] | None]:
    """Each ``KEY{attribute}=="value"``; None at the end where something is left that is none."""
    at = 0
    while line[at:].strip():
        found = _TOKEN.match(line, at)
        if found is None:
            yield None
            return
        yield found["key"], found["attribute"], found["operator"], found["value"]
        at = found.end()
