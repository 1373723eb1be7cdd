"""Simulated USB readers round a test: the rig as a process, and programs that see its bus and no other.

What runs on the bus needs the rig's environment from its start, so a driver of ours runs in a child interpreter:
``rig.call("tests.usb_nfcpy:write_and_read", path="usb:072f:2200")`` imports the module there, calls the function with
the keywords and gives back what it returned; both ways JSON.
"""

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.needs import ROOT

SOURCE = ROOT / "src"
SYSTEM_PYTHON = "/usr/bin/python3"
PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
CHILD_SECONDS = 30
_PARTS = (
    ("import gi", "python3-gi"),
    ("import gi; gi.require_version('UMockdev', '1.0')", "gir1.2-umockdev-1.0"),
    ("import ctypes; ctypes.CDLL('libumockdev-preload.so.0')", "umockdev"),
)
_CALL = """
import importlib, json, sys
name, _, function = sys.argv[1].partition(":")
answer = getattr(importlib.import_module(name), function)(**json.load(sys.stdin))
sys.stdout.write("\\n" + json.dumps(answer))
"""


@functools.cache
def _missing_package() -> str | None:
    if not Path(SYSTEM_PYTHON).exists():
        return "python3-gi"
    for probe, package in _PARTS:
        if subprocess.run([SYSTEM_PYTHON, "-c", probe], env=PLAIN, capture_output=True, check=False).returncode:
            return package
    return None


def needs_umockdev() -> None:
    """Skip, naming the Debian package that is absent."""
    package = _missing_package()
    if package is not None:
        pytest.skip(f"not installed: {package}")


class ChildError(AssertionError):
    """A child ended with an error; its text is the child's stderr."""


class UsbRig:
    """``greeting`` is the rig's first line, ``environment`` what a client needs beside its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._unread: list[dict[str, Any]] = []
        self.greeting = self.event("testbed")
        self.environment = {"LD_PRELOAD": self.greeting["preload"], "UMOCKDEV_DIR": self.greeting["testbed"]}

    @property
    def readers(self) -> list[dict[str, Any]]:
        readers: list[dict[str, Any]] = self.greeting["readers"]
        return readers

    def event(self, *keys: str) -> dict[str, Any]:
        """The next event that has one of these keys; others are kept for later."""
        for event in self._unread:
            if not keys or any(key in event for key in keys):
                self._unread.remove(event)
                return event
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            event = json.loads(line)
            if not keys or any(key in event for key in keys):
                return event
            self._unread.append(event)
        raise AssertionError("the simulated bus ended")

    def order(self, **order: Any) -> dict[str, Any]:
        """``order(tag="remove", port="1-1")``; the rig's answer, or AssertionError where it refuses."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self.event("done", "refused")
        assert "done" in answer, answer
        done: dict[str, Any] = answer["done"]
        return done

    def state(self, port: str | None = None) -> dict[str, Any]:
        """Host commands, exchanges, fired faults and the tag of one reader."""
        return self.order(query="state", **({} if port is None else {"port": port}))

    def run(self, *command: str, input: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program on this bus, in an environment of nothing else."""
        done = subprocess.run(
            command,
            env=PLAIN | self.environment,
            input=input,
            capture_output=True,
            text=True,
            check=False,
            timeout=CHILD_SECONDS,
        )
        if check and done.returncode:
            raise ChildError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def popen(self, *command: str, **options: Any) -> "subprocess.Popen[str]":
        """Start a program on this bus; the caller ends it."""
        options = {"text": True, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE} | options
        return subprocess.Popen(command, env=PLAIN | self.environment | self._python_path(), cwd=ROOT, **options)

    def call(self, function: str, **keywords: Any) -> Any:
        """``module:function`` with JSON keywords, in a child interpreter of this environment; its JSON result."""
        done = subprocess.run(
            [sys.executable, "-c", _CALL, function],
            env=PLAIN | self.environment | self._python_path(),
            cwd=ROOT,
            input=json.dumps(keywords),
            capture_output=True,
            text=True,
            check=False,
            timeout=CHILD_SECONDS,
        )
        if done.returncode:
            raise ChildError(done.stderr)
        return json.loads(done.stdout.rpartition("\n")[2])

    @staticmethod
    def _python_path() -> dict[str, str]:
        return {"PYTHONPATH": f"{ROOT}:{SOURCE}"}


@contextlib.contextmanager
def usb_rig(*readers: str, options: tuple[str, ...] = ()) -> Iterator[UsbRig]:
    """Readers on a bus of their own: ``usb_rig("acr122u?uid=04A1B2C3D4E5F6", "pn533?fault=nak@12")``.

    Skips where umockdev is absent. Everything is in one private folder and gone with the block.
    """
    needs_umockdev()
    chosen = [part for reader in readers for part in ("--reader", reader)]
    with (
        tempfile.TemporaryDirectory(prefix="usb-") as folder,
        subprocess.Popen(
            [SYSTEM_PYTHON, "-m", "dpptag.sim.usb", *chosen, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=PLAIN | {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": folder},
        ) as process,
    ):
        try:
            yield UsbRig(process)
        finally:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, 9)
