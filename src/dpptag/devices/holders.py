"""Which processes hold a device node or run a service, as /proc shows it. What may not be looked at is left out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """``name`` is the program's short name (proc(5), comm)."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def processes_named(name: str, proc: Path = PROC) -> tuple[Process, ...]:
    """Processes of this short name, by process id."""
    return tuple(process for process in _processes(proc) if process.name == name)


def holders_of(node: Path, proc: Path = PROC) -> tuple[Process, ...]:
    """Processes that have ``node`` open; without the right to look only one's own."""
    target = os.path.realpath(node)
    found = []
    for process in _processes(proc):
        if process.pid != os.getpid() and _has_open(proc / str(process.pid) / "fd", target):
            found.append(process)
    return tuple(found)


def _has_open(folder: Path, target: str) -> bool:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return False
    for entry in entries:
        try:
            if os.readlink(entry) == target:  # noqa: PTH115  a text, not a path that is there
                return True
        except OSError:
            continue
    return False


def _processes(proc: Path) -> list[Process]:
    found = []
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            try:
                name = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                continue
            found.append(Process(int(entry.name), name))
    return sorted(found, key=lambda process: process.pid)
