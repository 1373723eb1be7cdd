"""``python -m dpptag.sim pcsc [QUERY]``: simulated PC/SC readers with a private PC/SC service, as a process of its own.

stdout is one JSON object a line: first ``{"path": SOCKET, "readers": [NAME, ...], "tags": [[UID, ...], ...]}``; a
client sets PCSCLITE_CSOCK_NAME to SOCKET before it first speaks to the PC/SC library. Then what ``PcscService`` tells,
and ``{"done": REQUEST, "apdus": [N, ...]}`` for every JSON object read from stdin. It serves until SIGTERM
or the end of stdin, and leaves nothing behind. ``{"setup": [ARGUMENT, ...]}`` starts the service anew at the same
socket with the readers and tags of these arguments, for clients that keep the first socket's name for life.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from dpptag.errors import DpptagError, UsageError
from dpptag.sim.population import Options, parse_query
from dpptag.sim.pseudo_apdu import READER_CLASSES
from dpptag.sim.vpcd import DRIVER, SERVICE, PcscService

_WHAT_IT_IS: Final = "A private PC/SC service with simulated contactless readers."
_INSIDE: Final = "--inside"
_MODULE: Final = "dpptag.sim.pcsc"


def _announce(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end; 0, 2 where the query cannot be used, 3 where the service cannot run here."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.inside is None:
            return _in_name_spaces(arguments)
        return _serve(Path(chosen.inside), _options(chosen), chosen.reader_class)
    except DpptagError as exc:
        sys.stderr.write(f"{exc.message}\n{exc.action}\n{exc.facts.get('log', '')}\n")
        return exc.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dpptag.sim pcsc", description=_WHAT_IT_IS)
    parser.add_argument("query", nargs="?", default="", help="as after sim:nfc? in a device path")
    parser.add_argument("--class", dest="reader_class", choices=list(READER_CLASSES), default="acr1552u")
    parser.add_argument("--slots", type=int, choices=(1, 2), default=1, help="two equal readers, each with these tags")
    parser.add_argument("--state", metavar="FILE", help="keep the tags in FILE; with two slots the second in FILE.2")
    parser.add_argument("--tags", metavar="TYPE*N+...", help="the same as tags= in the query")
    parser.add_argument("--uid", metavar="HEX,...", help="the same as uid= in the query")
    parser.add_argument("--fault", metavar="NAME@N", action="append", help="N counts APDUs; may be given repeatedly")
    parser.add_argument(_INSIDE, metavar="FOLDER", help=argparse.SUPPRESS)
    return parser


def _options(chosen: argparse.Namespace) -> list[Options]:
    parts = [chosen.query]
    parts += [
        f"{key}={value.replace('%', '%25').replace('&', '%26')}"
        for key in ("state", "tags", "uid")
        if (value := getattr(chosen, key))
    ]
    if chosen.fault:
        parts.append("fault=" + ",".join(chosen.fault))
    first = parse_query("&".join(filter(None, parts)))
    if chosen.slots == 1:
        return [first]
    second = replace(first, uids=(), faults=(), state=first.state and first.state.with_name(first.state.name + ".2"))
    return [first, second]


def _in_name_spaces(arguments: list[str]) -> int:
    """Run this module again inside new name spaces, and clear away after it however it ends."""
    _check_parts()
    folder = tempfile.mkdtemp(prefix="dpptag-pcsc-")
    Path(folder).chmod(0o711)
    as_user = ["-r"] if os.geteuid() != 0 else []
    command = ["unshare", *as_user, "-m", "-n", "--", sys.executable, "-m", _MODULE, _INSIDE, folder, *arguments]
    try:
        with subprocess.Popen(["/usr/bin/setpriv", "--pdeathsig", "TERM", *command]) as inside:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda _number, _frame: inside.terminate())
            return inside.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_parts() -> None:
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    missing = [program for program in (SERVICE, "unshare", "ip", "setpriv") if shutil.which(program, path=path) is None]
    if not DRIVER.exists():
        missing.append(str(DRIVER))
    if missing:
        raise UsageError(
            "not installed: " + ", ".join(missing), code="sim-pcsc", action="apt install pcscd vsmartcard-vpcd"
        )


def _serve(folder: Path, options: list[Options], reader_class: str) -> int:
    for command in (["mount", "--bind", str(folder), "/run"], ["ip", "link", "set", "lo", "up"]):
        subprocess.run(command, check=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    service = PcscService(folder, options, reader_class, _announce)
    pending = b""

    def on_commands(data: bytes) -> None:
        nonlocal pending
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "setup" in request:
                again = _parser().parse_args(request["setup"])
                service.stop()
                service.populate(_options(again), again.reader_class)
                service.start()
                _announce(_greeting(service))
            service.command(request)
            _announce({"done": request, "apdus": [slot.reader.apdus for slot in service.slots]})

    try:
        with service:
            _announce(_greeting(service))
            service.serve(sys.stdin.fileno(), on_commands)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # the process outside may have been killed
    return 0


def _greeting(service: PcscService) -> dict[str, object]:
    return {
        "path": str(service.socket_path),
        "readers": [slot.name for slot in service.slots],
        "tags": [[tag.uid.hex() for tag in slot.field.tags] for slot in service.slots],
    }


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
