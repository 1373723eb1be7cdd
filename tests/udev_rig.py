"""Run by the system's Python in a mount namespace of its own: systemd's parser on our rules, for one invented device.

``udev_rig.py RULES SUBSYSTEM KEY=VALUE... -- ATTRIBUTE=VALUE...``; prints what ``udevadm test`` says, both streams.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402


def mount(source: str, target: str) -> None:
    subprocess.run(["mount", "--bind", source, target], check=True)


def main() -> None:
    rules, subsystem, *rest = sys.argv[1:]
    at = rest.index("--")
    properties, attributes = rest[:at], rest[at + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        etc, run, group = Path(folder, "rules.d"), Path(folder, "run"), Path(folder, "group")
        etc.mkdir()
        run.mkdir()
        (etc / Path(rules).name).write_bytes(Path(rules).read_bytes())
        group.write_text(Path("/etc/group").read_text() + "dpptag:x:64999:\n")
        Path("/run/udev").mkdir(exist_ok=True)
        mount(str(etc), "/etc/udev/rules.d")
        mount(str(run), "/run/udev")
        mount(str(group), "/etc/group")
        bed = UMockdev.Testbed.new()
        pairs = [part for text in attributes for part in text.split("=", 1)]
        device = bed.add_device(
            subsystem, "dev-1", None, pairs, [part for text in properties for part in text.split("=", 1)]
        )
        result = subprocess.run(
            ["udevadm", "test", "-a", "add", device],
            env={**os.environ, "LD_PRELOAD": "libumockdev-preload.so.0", "UMOCKDEV_DIR": bed.get_root_dir()},
            capture_output=True,
            text=True,
            check=True,
        )
    sys.stdout.write(result.stdout + result.stderr)


main()
