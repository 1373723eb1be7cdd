"""A serial port that a program took for itself alone is busy, not missing."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import termios
from pathlib import Path

_AS_PLAIN_USER = """
import os, sys
from dpptag.devices.ports import PortLock
from dpptag.errors import DpptagError
if os.geteuid() == 0:  # root opens it all the same
    os.setgid(65534)
    os.setuid(65534)
try:
    PortLock(sys.argv[1])
except DpptagError as error:
    print(error.code)
"""


def test_a_port_held_by_a_terminal_program_is_busy() -> None:
    master, slave = os.openpty()
    try:
        node = Path(os.ttyname(slave))
        node.chmod(0o666)
        fcntl.ioctl(slave, termios.TIOCEXCL)
        done = subprocess.run(
            [sys.executable, "-c", _AS_PLAIN_USER, str(node)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stdout == "device-busy\n", done.stderr
    finally:
        os.close(slave)
        os.close(master)
