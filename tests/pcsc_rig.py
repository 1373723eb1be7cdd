"""Real PC/SC clients on simulated readers: pyscard -> pcscd -> vpcd -> our chips (``python -m dpptag.sim pcsc``).

The PC/SC library keeps the name of the service's socket for the life of a process. So there is one rig a test process,
started when first asked for, and every test sets it up anew: the service restarts at the same socket with other
readers, tags and faults. Workers in parallel have their own rigs, each in name spaces of its own.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.needs import program_path

SOURCE = Path(__file__).resolve().parents[1] / "src"
UID = bytes.fromhex("04A1B2C3D4E5F6")
ONE_TAG = "uid=04A1B2C3D4E5F6"
_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_EXTRA_PATH = "/usr/sbin:/sbin"


class PcscRig:
    """The running rig. ``readers`` are the PC/SC names of the readers set up last."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.readers: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.socket: str = self.event("path")["path"]

    def setup(self, *arguments: str, tag: bool = True) -> str:
        """Other readers and tags; returns the first reader's name once the service sees its tag."""
        self.events.clear()
        self._send({"setup": list(arguments)})
        self.readers = self.event("path")["readers"]
        self.event("done")
        if tag:
            for name in self.readers:
                self.until(name, present=True)
        return self.readers[0]

    def command(self, **request: Any) -> dict[str, Any]:
        """One command; what was announced before its "done" is kept for :meth:`event`."""
        self._send(request)
        waiting: list[dict[str, Any]] = []
        while "done" not in (event := self._next()):
            waiting.append(event)
        self.events += waiting
        return event

    def apdus(self, slot: int = 0) -> int:
        """APDUs that the reader has got since it was set up."""
        return int(self.command()["apdus"][slot])

    def remove(self) -> None:
        """The tag leaves, and the service has seen it."""
        self.command(tag="remove")
        self.until(self.readers[0], present=False)

    def insert(self) -> None:
        """The tag is put back, and the service has seen it."""
        self.command(tag="insert")
        self.until(self.readers[0], present=True)

    def swap(self) -> None:
        """The next tag takes the place of the first, and the service has seen both."""
        self.command(tag="swap")
        self.until(self.readers[0], present=False)
        self.until(self.readers[0], present=True)

    def until(self, reader: str, *, present: bool) -> None:
        """Wait, by PC/SC's own means, until the service says that a tag is there, or none."""
        from smartcard import scard

        code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        assert code == 0
        known = scard.SCARD_STATE_UNAWARE
        for _ in range(20):
            code, states = scard.SCardGetStatusChange(context, 5000, [(reader, known)])
            assert code == 0, f"{code & 0xFFFFFFFF:08X}"
            known = states[0][1]
            if bool(known & scard.SCARD_STATE_PRESENT) is present:
                break
        else:
            raise AssertionError(f"{reader} never came to present={present}")
        scard.SCardReleaseContext(context)

    def event(self, key: str) -> dict[str, Any]:
        """The next announcement that has this key; those before it are dropped."""
        while True:
            event = self.events.pop(0) if self.events else self._next()
            if key in event:
                return event

    def _next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the PC/SC rig ended")
        event: dict[str, Any] = json.loads(line)
        return event

    def _send(self, request: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()


def pcsc_rig() -> PcscRig:
    """The rig of this test process, PCSCLITE_CSOCK_NAME set to it; or a skip that names what is missing."""
    os.environ["PATH"] = os.environ.get("PATH", "") if _EXTRA_PATH in os.environ.get("PATH", "") else _with_sbin()
    program_path("pcscd", package="pcscd")
    pytest.importorskip("smartcard", reason="not installed: pyscard")
    if not _DRIVER.exists():
        pytest.skip("not installed: vsmartcard-vpcd")
    if not _name_spaces():
        pytest.skip("not installed: name-spaces")
    return _started()


def _with_sbin() -> str:
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:{_EXTRA_PATH}"


@functools.cache
def _name_spaces() -> bool:
    """Whether this user may have name spaces of his own: root, or an ordinary user where the kernel lets him."""
    as_user = ["-r"] if os.geteuid() != 0 else []
    return subprocess.run(["unshare", *as_user, "-m", "-n", "true"], check=False, capture_output=True).returncode == 0


@functools.cache
def _started() -> PcscRig:
    process = subprocess.Popen(
        [sys.executable, "-m", "dpptag.sim", "pcsc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"},
    )
    rig = PcscRig(process)
    atexit.register(_end, process)
    os.environ["PCSCLITE_CSOCK_NAME"] = rig.socket
    return rig


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.wait(timeout=20)
    process.stdout.close()
