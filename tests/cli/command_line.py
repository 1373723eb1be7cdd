"""The program as a script meets it: in this process for the bulk, as a process where a process is what is tested."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from dpptag.cli import run
from dpptag.crypto import PrivateKey, write_secret_file
from tests.sim_fixtures import SOURCE

UID = "04a1b2c3d4e5f6"
OTHER_UID = "04b1b2b3b4b5b6"
ITEM = "https://id.example.com/01/09520123456788/21/LB70A0001"
EPC = "3036450fec2c9b8000001a85"
TID = "e2801191200012345678abcd"
PASSPORT = Path(__file__).resolve().parents[2] / "examples" / "passports" / "laptop-battery.json"


@dataclass(frozen=True)
class Done:
    """How one run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, which must be exactly one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """stdout, which must be NDJSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The error document of a run with --json."""
        value = self.json["error"]
        assert set(value) == {"code", "message", "action", "facts", "exit_code"}
        assert value["exit_code"] == self.code
        return dict(value)


def dpptag(*arguments: object, env: Mapping[str, str] | None = None) -> Done:
    """Run in this process, without a terminal."""
    out, err = io.StringIO(), io.StringIO()
    changed = {"DPPTAG_HOME": "", "DPPTAG_PASSPHRASE": "", **(env or {})}
    with (
        mock.patch.dict(os.environ, changed),
        mock.patch("sys.stdin", io.StringIO()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run([str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue())


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of a child process: nothing of the caller's dpptag settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DPPTAG_")}
    return {**kept, "PYTHONPATH": str(SOURCE), **(extra or {})}


def command_line(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "dpptag", *map(str, arguments)]


def process(*arguments: object, env: Mapping[str, str] | None = None, **options: Any) -> Done:
    """Run as a process of its own."""
    done = subprocess.run(
        command_line(*arguments),
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def started(*arguments: object, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A running process with its stdout and stderr piped; ended with the block."""
    defaults: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    defaults |= {"stdin": subprocess.DEVNULL, "env": environment(), "preexec_fn": _heed_interrupts}
    with subprocess.Popen(command_line(*arguments), **(defaults | options)) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def _heed_interrupts() -> None:
    """Whoever runs the tests in the background has SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """A plain private key and its public key, without the cost of a run."""
    key = PrivateKey.generate()
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    write_secret_file(private, key.pkcs8(None))
    public.write_text(key.public_key.pem())
    return private, public


@dataclass
class Trust:
    """A trust folder with one issuer (slot 1, bare allowed) and what ``sign`` and ``verify`` need of it."""

    folder: Path
    key: Path
    public: Path
    options: list[object] = field(init=False)

    def __post_init__(self) -> None:
        self.options = ["--trust", self.folder / "issuers.cose", "--root", self.folder / "root.pub"]

    def signed(self, out: Path, *arguments: object, key: Path | None = None) -> Path:
        """A carrier content; by default minimal with 16 bytes of digest for ITEM on UID."""
        given = set(map(str, arguments))
        options: list[object] = [] if given & {"--uri", "--epc"} else ["--uri", ITEM]
        options += [] if "--chip" in given else ["--chip", UID]
        options += [] if "--passport" in given else ["--passport", PASSPORT]
        options += [] if "--level" in given else ["--level", "minimal"]
        done = dpptag("sign", *options, *arguments, "--key", key or self.key, "--slot", 1, "--out", out)
        assert done.code == 0, done.err
        return out


def make_trust(folder: Path, *issuer_options: object, expires: str = "2099-12-31") -> Trust:
    folder.mkdir(exist_ok=True)
    key, public = make_key(folder, "issuer")
    trust = folder / "trust"
    assert dpptag("trust", "init", "--out", trust).code == 0
    add = ["trust", "add-issuer", "--dir", trust, "--name", "Example Batteries", "--scope", "gcp:9520123"]
    done = dpptag(*add, "--key", public, "--slot", 1, "--allow-bare", *issuer_options)
    assert done.code == 0, done.err
    done = dpptag("trust", "sign", "--dir", trust, "--expires", expires)
    assert done.code == 0, done.err
    return Trust(trust, key, public)
