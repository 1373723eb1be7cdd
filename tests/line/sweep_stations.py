"""A reader with tags before it for one run of a fault sweep: simulated, the driver real, the fault on order.

``PtyStation``: nfcpy on a PN532 behind a pseudo-terminal, in this process. ``PcscStation``: pyscard on pcscd and vpcd.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.links import NfcReader
from dpptag.sim import start
from tests.fork_server import Child, Ended
from tests.pcsc_rig import PcscRig


@dataclass
class Run:
    """What the simulator saw of one run: its commands (APDUs on PC/SC), and at which of them faults went off."""

    commands: int = 0
    fired_at: list[int] = field(default_factory=list)


class Station(Protocol):
    @property
    def seconds_for_another_tag(self) -> float:
        """How long a run must wait before it sees the tag that took another's place; 0: at the next look."""

    @contextlib.contextmanager
    def reader(self, query: str, run: Run) -> Iterator[NfcReader]:
        """The real driver on the simulator of ``query``; ``run`` is filled in at the end."""

    def kill(self, query: str, spawn: Callable[[str], Child]) -> Ended:
        """Kill what ``spawn(device)`` started as soon as the reader holds, and wait until the reader is free again."""


class PtyStation:
    seconds_for_another_tag = 0.0

    @contextlib.contextmanager
    def reader(self, query: str, run: Run) -> Iterator[NfcReader]:
        def heard(event: dict[str, object]) -> None:
            if "fired" in event:
                run.fired_at.append(int(str(event["host_command"])))

        with start(query, heard) as sim:
            try:
                with NfcpyReader(sim.path, fast_read_pages=60, simulated=True) as reader:
                    yield reader
            finally:
                run.commands = sim.host_commands

    def kill(self, query: str, spawn: Callable[[str], Child]) -> Ended:
        child: list[Child] = []
        known = threading.Event()

        def heard(event: dict[str, object]) -> None:
            # Killed from within the simulator, before the driver can give the silent reader up.
            if "held" in event and known.wait(10):
                child[0].send(signal.SIGKILL)

        with start(query, heard) as sim:
            child.append(spawn(sim.path))
            known.set()
            ended = child[0].end()
            if ended.code == -signal.SIGKILL:
                sim.unused.wait(10)
            return ended


class PcscStation:
    """On a running rig: tags and faults are laid before its reader anew for each run, and the service goes on."""

    seconds_for_another_tag = 1.5  # the service looks each 0.4 s, and must see an empty field between

    def __init__(self, rig: PcscRig) -> None:
        self._rig = rig
        self._is_set_up = False

    def _lay(self, query: str) -> str:
        query = query.replace("dwell=1000&", "")
        if not self._is_set_up:
            self._is_set_up = True
            return self._rig.setup("--class", "acr1552u", query)
        self._rig.events.clear()
        self._rig.command(renew=query)
        self._rig.until(self._rig.readers[0], present=True)
        return self._rig.readers[0]

    @contextlib.contextmanager
    def reader(self, query: str, run: Run) -> Iterator[NfcReader]:
        from dpptag.devices.pcsc_driver import PcscReader

        name = self._lay(query)
        try:
            with PcscReader(name, simulated=True) as reader:
                yield reader
        finally:
            run.commands = self._rig.apdus()
            run.fired_at += [event["host_command"] for event in self._rig.events if "fired" in event]

    def kill(self, query: str, spawn: Callable[[str], Child]) -> Ended:
        child = spawn(self._lay(query))
        self._rig.event("held")
        child.send(signal.SIGKILL)
        ended = child.end()
        self._rig.command(release=True)
        return ended


def memory_folder() -> Path | None:
    """A folder in memory where there is one: a ledger syncs each of its steps to the disk."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else None
