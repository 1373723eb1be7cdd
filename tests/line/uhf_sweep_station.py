"""A simulated UHF module under the real driver for one run of a fault sweep, and eyes on its tags while it runs."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dpptag.devices import Backoff, ReconnectingGen2Reader, open_uhf, parse_device_path
from dpptag.devices.paths import SIM_FAMILIES
from dpptag.devices.profiles import find_profiles_dir
from dpptag.links import TagReader
from dpptag.logs import TRAFFIC
from dpptag.sim import SimulatedModule, start_uhf
from dpptag.sim.uhf.field import Field
from tests.fork_server import Child, Ended
from tests.line.uhf_sweep_tags import Memory

WAIT_MS: Final = 60
"""For an answer that does not come. A simulated module answers within one, on a busy machine within ten."""

_WAITS: Final = re.compile(r"(?m)^((?:answer|access|inventory) = \{ ms = )\d+|^((?:timeout|proof)_ms = )\d+")
_BACKOFF: Final = Backoff(first=0.01, longest=0.01, patience=0.5)

Look = Callable[[int, Sequence[Memory]], None]
"""Gets the number of the host command at work and the memory of every tag."""


def impatient_profiles(folder: Path) -> Path:
    """The shipped profiles of the simulated modules as a user's own, but for how long an answer is waited for.

    Whatever a profile says for a real module, a simulated one is not slow: it is silent or it answers.
    """
    folder.mkdir()
    for name in SIM_FAMILIES.values():
        text = (find_profiles_dir() / f"{name}.toml").read_text()
        (folder / f"{name}.toml").write_text(_WAITS.sub(rf"\g<1>\g<2>{WAIT_MS}", text))
    return folder


def open_module(family: str, node: Callable[[], str], profiles: Path | None) -> TagReader:
    """As the command line opens it for a job: found again after it was lost. ``profiles``: None for those shipped."""
    path = parse_device_path(f"sim:uhf/{family}")
    return ReconnectingGen2Reader(
        lambda: open_uhf(path, node=node(), user_profiles=profiles), lambda: True, backoff=_BACKOFF
    )


@dataclass
class Run:
    """What the simulator saw of one run: its commands, and at which of them faults went off."""

    commands: int = 0
    fired_at: list[int] = field(default_factory=list)


@dataclass
class Trace:
    """Which host commands began a round or opened a tag, and how many words each tried to write."""

    rounds: set[int] = field(default_factory=set)
    opened: set[int] = field(default_factory=set)
    words: Counter[int] = field(default_factory=Counter)

    def follow(self, module: SimulatedModule) -> None:
        for name in ("round", "open", "open_reply", "writes"):
            setattr(module.field, name, self._noting(module, name, getattr(module.field, name)))

    def _noting(self, module: SimulatedModule, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def noting(*arguments: object) -> object:
            command = module.host_commands
            if name == "writes":
                self.words[command] += 1
            else:
                (self.rounds if name == "round" else self.opened).add(command)
            return call(*arguments)

        return noting


@dataclass
class Station:
    """``profiles``: None for those shipped, with all their patience."""

    family: str
    more: str
    profiles: Path | None

    @contextlib.contextmanager
    def module(self, query: str, run: Run, look: Look, trace: Trace | None = None) -> Iterator[SimulatedModule]:
        """The simulator alone; ``look`` is called in its thread before each word is written and after each change."""

        def heard(event: dict[str, object]) -> None:
            if "fired" in event:
                run.fired_at.append(int(str(event["host_command"])))

        with start_uhf(self.family, query + self.more, heard) as module:
            _watch(module, look)
            if trace is not None:
                trace.follow(module)
            try:
                yield module
            finally:
                run.commands = module.host_commands
                module.field.power(False)  # the tag is taken away: a weak cell keeps its word no longer

    @contextlib.contextmanager
    def reader(self, query: str, run: Run, look: Look, trace: Trace | None = None) -> Iterator[TagReader]:
        """The real driver on the simulator of ``query``; ``run`` is filled in at the end."""
        with (
            self.module(query, run, look, trace) as module,
            open_module(self.family, lambda: module.path, self.profiles) as reader,
        ):
            yield reader

    def kill(self, query: str, look: Look, spawn: Callable[[str], Child]) -> Ended:
        """Kill what ``spawn(node)`` started as soon as the module holds, and wait until it is free again."""
        child: list[Child] = []
        known = threading.Event()

        def heard(event: dict[str, object]) -> None:
            # Killed from within the simulator, before the driver can give the silent module up.
            if "held" in event and known.wait(10):
                child[0].send(signal.SIGKILL)

        with start_uhf(self.family, query + self.more, heard) as module:
            _watch(module, look)
            child.append(spawn(module.path))
            known.set()
            ended = child[0].end()
            if ended.code == -signal.SIGKILL:
                module.unused.wait(10)
            module.field.power(False)
            return ended


def _watch(module: SimulatedModule, look: Look) -> None:
    """Before any client has the port open, so that nothing is missed."""
    seen = [0]

    def glance() -> None:
        changes = sum(tag.changes for tag in module.field.tags)
        if changes != seen[0]:
            seen[0] = changes
            look(module.host_commands, [Memory.of_chip(tag) for tag in module.field.tags])

    def before(program: Callable[[int, int, int], int]) -> Callable[[int, int, int], int]:
        def programming(bank: int, word: int, value: int) -> int:
            glance()
            return program(bank, word, value)

        return programming

    def after(field: Field, save: Callable[[], None]) -> Callable[[], None]:
        def saving() -> None:
            glance()
            save()

        return saving

    for tag in module.field.tags:
        tag.program = before(tag.program)
    module.field.save = after(module.field, module.field.save)


class Listener(logging.Handler):
    """Keeps every line that dpptag logs, traffic included."""

    def __init__(self) -> None:
        super().__init__(TRAFFIC)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> Listener:
        logger = logging.getLogger("dpptag")
        self._before = logger.level, logger.propagate
        logger.addHandler(self)
        logger.setLevel(TRAFFIC)
        logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("dpptag")
        logger.removeHandler(self)
        logger.level, logger.propagate = self._before
        logger.setLevel(logger.level)
