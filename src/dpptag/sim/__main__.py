"""``python -m dpptag.sim nfc [QUERY]``: a simulated reader in a process of its own.

stdout is one JSON object a line: first ``{"path": "/dev/pts/N", "tags": [UID, ...], "position": N}``, then
``{"fired": "nak@12", "host_command": 12}``, ``{"held": N}`` and ``{"released": N}`` as they happen. After a hold, open
the port again only when "released" has come. It serves until SIGTERM or the end of stdin, whichever comes first.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
from collections.abc import Sequence

from dpptag.errors import UsageError
from dpptag.sim.reader import start

_WHAT_IT_IS = "A simulated NFC reader (PN532) with tags of any kind on a pseudo-terminal."


def _announce(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _wait_for_the_end(terminated: int) -> None:
    while True:
        ready = select.select([terminated, sys.stdin], [], [])[0]
        if terminated in ready or (sys.stdin in ready and not os.read(sys.stdin.fileno(), 4096)):
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end; 0, or 2 where the query cannot be used."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["pcsc"]:
        from dpptag.sim import pcsc

        return pcsc.main(arguments[1:])
    if arguments[:1] == ["usb"]:
        from dpptag.sim.usb.__main__ import main as usb

        return usb(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m dpptag.sim", description=_WHAT_IT_IS)
    parser.add_argument("reader", choices=["nfc"])
    parser.add_argument("query", nargs="?", default="", help="as after sim:nfc? in a device path")
    parser.add_argument("--state", metavar="FILE", help="keep the tags in FILE; the same as state=FILE in the query")
    parser.add_argument("--tags", metavar="TYPE*N+...", help="the same as tags= in the query")
    parser.add_argument("--uid", metavar="HEX,...", help="the same as uid= in the query")
    parser.add_argument("--fault", metavar="NAME@N", action="append", help="may be given more than once")
    chosen = parser.parse_args(arguments)
    parts = [chosen.query]
    parts += [f"{key}={_quoted(value)}" for key in ("state", "tags", "uid") if (value := getattr(chosen, key))]
    if chosen.fault:
        parts.append("fault=" + ",".join(chosen.fault))

    terminated, on_signal = os.pipe()
    os.set_blocking(on_signal, False)
    signal.set_wakeup_fd(on_signal)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    try:
        reader = start("&".join(filter(None, parts)), _announce)
    except UsageError as exc:
        sys.stderr.write(f"{exc.message}\n{exc.action}\n")
        return exc.exit_code
    with reader:
        uids = [tag.uid.hex() for tag in reader.field.tags]
        _announce({"path": reader.path, "tags": uids, "position": reader.field.position})
        _wait_for_the_end(terminated)
    return 0


def _quoted(value: str) -> str:
    return value.replace("%", "%25").replace("&", "%26")


if __name__ == "__main__":
    sys.exit(main())
