"""Put udev rules, group and module blacklist where the system reads them, and say what makes them count at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dpptag.devices.profiles import Profile
from dpptag.devices.udev_rules import (
    GROUP,
    KERNEL_MODULES,
    RULES_NAME,
    lint,
    modprobe_text,
    rules_text,
    sysusers_text,
)
from dpptag.errors import DeviceError
from dpptag.files import replace_file

ACTIVATE: Final = (
    ("systemd-sysusers",),
    ("udevadm", "control", "--reload"),
    ("udevadm", "trigger", "--subsystem-match=usb", "--subsystem-match=tty"),
    ("modprobe", "-r", "-q", *KERNEL_MODULES),
)
"""Run in this order after the files are in place; the last unloads what already holds a reader."""

JOIN_GROUP: Final = f"for a service without a seat: SupplementaryGroups={GROUP} in its unit, or: adduser USER {GROUP}"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """``path`` is absolute; ``state`` is ``missing``, ``same`` or ``different`` from what stands there now."""

    path: Path
    text: str
    state: str


def rule_files(profiles: Iterable[Profile], *, root: Path = Path("/")) -> tuple[RuleFile, ...]:
    """The three files and how they compare with those below ``root``. Raises DeviceError if our lint finds a fault."""
    rules = rules_text(profiles)
    findings = lint(rules)
    if findings:
        raise DeviceError(
            f"the rules made from the profiles are faulty: line {findings[0].line}: {findings[0].cause}",
            code="rules-faulty",
            action="correct the firmware profile",
        )
    texts = (
        (Path("etc/udev/rules.d") / RULES_NAME, rules),
        (Path("etc/sysusers.d/dpptag.conf"), sysusers_text()),
        (Path("etc/modprobe.d/dpptag-nfc.conf"), modprobe_text()),
    )
    return tuple(RuleFile(root / path, text, _state(root / path, text)) for path, text in texts)


def install(files: Iterable[RuleFile]) -> tuple[Path, ...]:
    """Write what is missing or different, each file whole or not at all. Raises DeviceError, ``rules-unwritable``."""
    written = []
    for file in files:
        if file.state == "same":
            continue
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file.path, file.text.encode(), mode=0o644)
        except OSError as error:
            raise DeviceError(
                f"cannot write {file.path}: {error.strerror}",
                code="rules-unwritable",
                action="run it as root: sudo dpptag devices install-rules --apply",
                path=str(file.path),
            ) from error
        written.append(file.path)
    return tuple(written)


def _state(path: Path, text: str) -> str:
    try:
        return "same" if path.read_text(encoding="utf-8") == text else "different"
    except FileNotFoundError:
        return "missing"
    except (OSError, UnicodeDecodeError):
        return "different"
