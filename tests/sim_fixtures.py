"""The simulated reader in tests: in the test's own process, or in one of its own that can be killed round it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.sim import SimulatedReader, start

SOURCE = Path(__file__).resolve().parents[1] / "src"
UID = bytes.fromhex("04A1B2C3D4E5F6")
ONE_TAG = "uid=04A1B2C3D4E5F6"


@contextlib.contextmanager
def connected(query: str = ONE_TAG, **driver: Any) -> Iterator[tuple[SimulatedReader, NfcpyReader]]:
    """A simulator and the real driver, opened on it; both are closed at the end."""
    driver = {"fast_read_pages": 60, "simulated": True, **driver}
    with start(query) as sim, NfcpyReader(sim.path, **driver) as reader:
        yield sim, reader


class SimProcess:
    """``python -m dpptag.sim nfc``: ``path`` to open, ``event()`` for its next JSON line.

    For a kill sweep: ``event("held")``, kill the client, ``event("released")``, and only then open the path again.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.greeting = self.event()
        self.path: str = self.greeting["path"]

    def event(self, key: str = "") -> dict[str, Any]:
        """The next line; with ``key`` the next one that has it, those before it dropped."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            event: dict[str, Any] = json.loads(line)
            if not key or key in event:
                return event
        raise AssertionError("the simulator ended")


@contextlib.contextmanager
def sim_process(*arguments: str, options: tuple[str, ...] = ()) -> Iterator[SimProcess]:
    """The simulator as a process, ended with the block: ``sim_process("--state", str(path), "--fault", "hold@12")``.

    ``options`` are Python's own.
    """
    with subprocess.Popen(
        [sys.executable, *options, "-m", "dpptag.sim", "nfc", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"},
    ) as process:
        try:
            yield SimProcess(process)
        finally:
            process.terminate()


def stored_pages(state: Path, tag: int = 0) -> list[bytes]:
    """The memory of one tag in a state file, page by page."""
    return [bytes.fromhex(page) for page in json.loads(state.read_text())["tags"][tag]["pages"]]
