"""A simulated reader that libnfc drives and our driver too, in turns: a PN532 on a serial line, or a reader on USB."""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dpptag.sim import start
from tests import tag_client
from tests.needs import program_path
from tests.usb_rig import usb_rig

READERS = {"pn532-uart": "", "acr122u": "nfc:usb:072f:2200", "pn533": "nfc:usb:04cc:2533"}
"""By name; of a reader on USB the device path."""

_PACKAGES = {
    "nfc-list": "libnfc-bin",
    "nfc-mfultralight": "libnfc-bin",
    "nfc-read-forum-tag3": "libnfc-bin",
    "mifare-desfire-create-ndef": "libfreefare-bin",
    "mifare-desfire-info": "libfreefare-bin",
    "mifare-desfire-read-ndef": "libfreefare-bin",
    "mifare-desfire-write-ndef": "libfreefare-bin",
    "mifare-ultralight-info": "libfreefare-bin",
}
TOOL_SECONDS = 60


@dataclass(frozen=True)
class Bench:
    """``path`` is what our driver opens. Each call opens the reader and closes it again."""

    path: str
    _run: Callable[..., "subprocess.CompletedProcess[str]"]
    _call: Callable[..., Any]

    def tool(self, program: str, *arguments: object, input: str = "") -> str:
        """Both streams of a program that must succeed, in single blanks; skips where it is not installed."""
        command = [str(program_path(program, package=_PACKAGES[program])), *map(str, arguments)]
        ended = self._run(*command, input=input)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return re.sub(r"[ \t]+", " ", ended.stdout + ended.stderr)

    def write(self, message: bytes, *, allow_format: bool = False) -> str:
        """By our driver and family, verified; the chip's name."""
        chip: str = self._call("write", path=self.path, message=message.hex(), allow_format=allow_format)
        return chip

    def read(self) -> bytes | None:
        """By our driver and family."""
        found = self._call("read", path=self.path)
        return None if found is None else bytes.fromhex(found)


@contextlib.contextmanager
def bench(reader: str, query: str) -> Iterator[Bench]:
    """One of :data:`READERS` with the tag of ``query``."""
    if READERS[reader]:
        with usb_rig(f"{reader}?{query}") as rig:
            yield Bench(
                READERS[reader],
                lambda *command, input: rig.run(*command, input=input, check=False),
                lambda function, **keywords: rig.call(f"tests.tag_client:{function}", **keywords),
            )
        return
    with start(query) as sim:
        yield bench_of(sim.path)


def bench_of(port: str) -> Bench:
    """The serial reader on a port that is open to clients."""
    return Bench(
        f"nfc:tty:{port}",
        lambda *command, input: _on_port(port, *command, input=input),
        lambda function, **keywords: getattr(tag_client, function)(**keywords),
    )


def _on_port(port: str, *command: str, input: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env={**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{port}", "LIBNFC_AUTO_SCAN": "false"},
        input=input,
        capture_output=True,
        text=True,
        timeout=TOOL_SECONDS,
        check=False,
    )
