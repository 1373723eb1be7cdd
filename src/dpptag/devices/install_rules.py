"""Put udev and polkit rules, group and module blacklist where the system reads them, and make them count at once."""

from __future__ import annotations

import shlex
import shutil
import sys
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
    polkit_text,
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

JOIN_GROUP: Final = (
    f"who has no seat (a service, a login by SSH) needs the group: sudo adduser USER {GROUP}; "
    f"for USB readers SupplementaryGroups={GROUP} in a unit does it too"
)


def install_command() -> str:
    """The command that installs the rules, with the whole path of this program: sudo does not look into a user's PATH
    (secure_path), and so finds nothing that is installed in a virtual environment."""
    started = Path(sys.argv[0])
    program = str(started.absolute()) if started.name == "dpptag" and started.is_file() else shutil.which("dpptag")
    words = shlex.quote(program) if program else f"{shlex.quote(sys.executable)} -m dpptag"
    return f"sudo {words} devices install-rules --apply"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """``path`` is absolute; ``state`` is ``missing``, ``same`` or ``different`` from what stands there now."""

    path: Path
    text: str
    state: str


def rule_files(profiles: Iterable[Profile], *, root: Path = Path("/")) -> tuple[RuleFile, ...]:
    """The files and how they compare with those below ``root``. Raises DeviceError if our lint finds a fault."""
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
        (Path("etc/polkit-1/rules.d") / RULES_NAME, polkit_text()),
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
                action=f"run it as root: {install_command()}",
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
