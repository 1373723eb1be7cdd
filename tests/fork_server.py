"""Real dpptag processes in milliseconds: forked from one interpreter that has imported everything and opened nothing.

The forked child runs the console entry point with its own argv, descriptors and exit, so that SIGKILL, SIGINT and
resource limits meet what they would meet in production.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
_PRELOADED = ("dpptag.cli.line", "dpptag.cli.scan", "dpptag.devices.nfcpy", "dpptag.sim.__main__")
_LIMIT = 1 << 16


class Child:
    """A running process. ``events`` are the JSON lines of its stdout; its end never blocks one who reads them."""

    def __init__(self, server: ForkServer, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid = pid
        self._server = server
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._pending = b""
        self._status: int | None = None

    def event(self, key: str = "") -> dict[str, Any] | None:
        """The next JSON object on stdout, with ``key`` the next that has it; None at the end of stdout."""
        while line := self._line():
            event: dict[str, Any] = json.loads(line)
            if not key or key in event:
                return event
        return None

    def _line(self) -> bytes:
        while b"\n" not in self._pending:
            read = os.read(self._stdout, _LIMIT)
            if not read:
                return b""
            self._pending += read
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def event_unless_ended(self, other: Child, key: str) -> bool:
        """Wait for an event with ``key``; False where the process ``other`` ends before it comes."""
        ended = os.pidfd_open(other.pid)
        try:
            while True:
                if b"\n" not in self._pending:
                    ready = select.select([self._stdout, ended], [], [])[0]
                    if self._stdout not in ready:
                        return False
                line = self._line()
                if not line:
                    return False
                if key in json.loads(line):
                    return True
        finally:
            os.close(ended)

    def send(self, signal_number: int) -> None:
        """The process stays a zombie until :meth:`wait`, so the number cannot belong to another."""
        os.kill(self.pid, signal_number)

    def wait(self) -> int:
        """Its exit code; minus the signal where it was killed."""
        if self._status is None:
            self._status = self._server.wait(self.pid)
        return self._status

    def end(self) -> Ended:
        """Wait, and take what it printed; as pipes hold 64 KiB, for processes that say little."""
        code = self.wait()
        ended = Ended(code, (self._pending + _drained(self._stdout)).decode(), _drained(self._stderr).decode())
        self._close()
        return ended

    def stop(self) -> None:
        """Close its stdin, on which the simulator ends, and wait."""
        os.close(self._stdin)
        self._stdin = -1
        self.end()

    def _close(self) -> None:
        for descriptor in (self._stdin, self._stdout, self._stderr):
            if descriptor >= 0:
                os.close(descriptor)
        self._stdin = self._stdout = self._stderr = -1


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


class ForkServer:
    """Owns the interpreter that is forked. Use as a context manager; its children end with it or before.

    ``preload`` are modules that it imports beside the usual ones, ``environment`` variables that it has besides.
    """

    def __init__(self, *preload: str, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from tests.fork_server import serve; serve()", str(theirs.fileno()), *preload],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
                | dict(environment),
            )

    def start(
        self,
        *arguments: str,
        module: str = "dpptag.cli",
        die: tuple[str, str, int] | None = None,
        file_limit: int = 0,
        typed: str = "",
    ) -> Child:
        """Run ``module.main()`` with ``arguments``.

        ``die``: (step of the ledger, "before" or "after", how often) at which the process kills itself. ``file_limit``:
        no file grows beyond so many bytes, as on a full disk. ``typed``: stdin is a terminal at which this was typed.
        """
        stdin, stdout, stderr = os.pipe(), os.pipe(), os.pipe()
        if typed:
            for descriptor in stdin:
                os.close(descriptor)
            master, slave = os.openpty()
            os.write(master, typed.encode())
            stdin = (slave, master)
        request = {"arguments": arguments, "module": module, "die": die, "file_limit": file_limit}
        theirs = [stdin[0], stdout[1], stderr[1]]
        socket.send_fds(self._socket, [json.dumps(request).encode()], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        return Child(self, int(self._socket.recv(_LIMIT)), stdin[1], stdout[0], stderr[0])

    def run(self, *arguments: str, **options: Any) -> Ended:
        return self.start(*arguments, **options).end()

    @contextlib.contextmanager
    def simulator(self, state: Path, *arguments: str) -> Iterator[Simulator]:
        child = self.start("nfc", "--state", str(state), *arguments, module="dpptag.sim.__main__")
        greeting = child.event("path")
        assert greeting is not None
        try:
            yield Simulator(child, greeting["path"])
        finally:
            child.stop()

    def wait(self, pid: int) -> int:
        self._socket.send(json.dumps({"wait": pid}).encode())
        return int(self._socket.recv(_LIMIT))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._process.wait()


@dataclass(frozen=True)
class Simulator:
    child: Child
    path: str

    @property
    def device(self) -> str:
        return f"nfc:tty:{self.path}"


def _drained(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, _LIMIT):
        parts.append(part)
    return b"".join(parts)


# In the server


def serve() -> None:
    for module in (*_PRELOADED, *sys.argv[2:]):
        importlib.import_module(module)
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as client:
        while True:
            data, descriptors, _, _ = socket.recv_fds(client, _LIMIT, 3)
            if not data:
                return
            request = json.loads(data)
            if "wait" in request:
                client.send(str(os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])).encode())
                continue
            pid = os.fork()
            if pid == 0:
                client.close()
                break
            for descriptor in descriptors:
                os.close(descriptor)
            client.send(str(pid).encode())
    _become(request, descriptors)


def _become(request: Mapping[str, Any], descriptors: list[int]) -> None:
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # The server's own stream objects remember what kind of file they were made for.
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["dpptag", *request["arguments"]]
    if request["die"]:
        _die_at(*request["die"])
    if request["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_limit"], resource.RLIM_INFINITY))
    main = importlib.import_module(request["module"]).main
    try:
        code = main(sys.argv[1:]) if request["module"].endswith("__main__") else main()
    except SystemExit as leave:
        code = leave.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking a hundred shared modules apart costs more than the command itself


def _die_at(step: str, when: str, count: int) -> None:
    from dpptag.ledger import Ledger

    original = getattr(Ledger, step)
    calls = 0

    def dying(*args: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **keywords)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(Ledger, step, dying)
