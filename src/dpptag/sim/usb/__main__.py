"""``/usr/bin/python3 -m dpptag.sim usb --reader MODEL[?QUERY] ...``: simulated USB readers in a process of its own.

stdout is one JSON object a line: first ``{"testbed": ..., "preload": ..., "readers": [...], "tags": [...]}``, then
``{"fired": "nak@12", "host_command": 12, "port": "1-1"}``, ``held`` and ``released`` as they happen, and an answer,
``{"done": {...}}`` or ``{"refused": "..."}``, to every line of JSON on stdin (:meth:`dpptag.sim.usb.rig.Rig.order`).
It serves until SIGTERM or the end of stdin.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence

from dpptag.errors import DpptagError, UsageError
from dpptag.sim.usb.rig import READERS, Rig, parse_place
from dpptag.sim.usb.testbed import PRELOAD

_WHAT_IT_IS = "Simulated USB readers with tags, on umockdev's usbfs."


def _announce(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class _Orders:
    """Orders on stdin, one a line; its end ends the rig."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._buffer = b""

    def read(self) -> bool:
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            self._rig.bed.loop.quit()
            return False
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in filter(bytes.strip, lines):
            self._obey(line)
        return True

    def _obey(self, line: bytes) -> None:
        try:
            order = json.loads(line)
            if not isinstance(order, dict):
                raise UsageError("an order is a JSON object", code="sim-usb-order", action="write one object a line")
            _announce({"done": self._rig.order(order)})
        except ValueError as exc:
            _announce({"refused": f"no JSON: {exc}"})
        except DpptagError as exc:
            _announce({"refused": exc.message})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end; 0, or the exit code of what cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m dpptag.sim usb", description=_WHAT_IT_IS)
    parser.add_argument(
        "--reader",
        action="append",
        metavar="MODEL[?QUERY]",
        help=f"one of {', '.join(READERS)}; may be given more than once. QUERY as after sim:nfc? in a device path, and"
        " port=1-1, serial=TEXT, driver=KERNEL-DRIVER",
    )
    for key, text in (("state", "FILE"), ("tags", "TYPE*N+..."), ("uid", "HEX,...")):
        parser.add_argument(f"--{key}", metavar=text, help=f"{key}= of the first reader's query")
    parser.add_argument("--fault", metavar="NAME@N", action="append", help="of the first reader; more than once")
    chosen = parser.parse_args(arguments)
    readers = chosen.reader or ["acr122u"]
    first = [f"{key}={_quoted(value)}" for key in ("state", "tags", "uid") if (value := getattr(chosen, key))]
    if chosen.fault:
        first.append("fault=" + ",".join(chosen.fault))
    if first:
        readers[0] += ("&" if "?" in readers[0] else "?") + "&".join(first)
    if PRELOAD not in os.environ.get("LD_PRELOAD", "").split(":"):
        # umockdev looks its own devices up under /sys before it tells listeners of them: this needs the preload as well
        command = [sys.executable, "-m", "dpptag.sim.usb", *(sys.argv[1:] if arguments is None else arguments)]
        os.execve(sys.executable, command, {**os.environ, "LD_PRELOAD": PRELOAD})  # noqa: S606
    try:
        rig = Rig([parse_place(text, index) for index, text in enumerate(readers)], _announce)
    except DpptagError as exc:
        sys.stderr.write(f"{exc.message}\n{exc.action}\n")
        return exc.exit_code
    orders = _Orders(rig)
    rig.bed.on_input(sys.stdin.fileno(), orders.read)
    for number in (signal.SIGTERM, signal.SIGINT):
        rig.bed.on_signal(number, rig.bed.loop.quit)
    try:
        _announce(rig.greeting())
        rig.bed.run()
    finally:
        rig.close()
    return 0


def _quoted(value: str) -> str:
    return value.replace("%", "%25").replace("&", "%26")


if __name__ == "__main__":
    sys.exit(main())
