"""``python -m dpptag.sim nfc [QUERY]`` or ``uhf FAMILY [QUERY]``: a simulated reader in a process of its own.

stdout is one JSON object a line: first ``{"path": "/dev/pts/N", "tags": [UID or TID, ...], "position": N}``, then
``{"fired": "nak@12", "host_command": 12}``, ``{"held": N}``, ``{"released": N}`` and, of UHF modules,
``{"lost": N, "path": "/dev/pts/M"}`` as they happen. After a hold, open the port again only when "released" has come.
It serves until SIGTERM or the end of stdin, whichever comes first.
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
from dpptag.sim.reader import SimulatedReader, start
from dpptag.sim.uhf import EMULATORS, SimulatedModule, start_uhf

_WHAT_IT_IS = "A simulated NFC reader (PN532) with tags of any kind on a pseudo-terminal."
_WHAT_UHF_IS = "A simulated UHF module with Gen2 tags on a pseudo-terminal."


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
    uhf = arguments[:1] == ["uhf"]
    parser = argparse.ArgumentParser(prog="python -m dpptag.sim", description=_WHAT_UHF_IS if uhf else _WHAT_IT_IS)
    parser.add_argument("reader", choices=["uhf"] if uhf else ["nfc"])
    if uhf:
        parser.add_argument("family", choices=list(EMULATORS))
    number = "tid" if uhf else "uid"
    parser.add_argument("query", nargs="?", default="", help="as behind the ? of a sim: device path")
    parser.add_argument("--state", metavar="FILE", help="keep the tags in FILE; the same as state=FILE in the query")
    parser.add_argument("--tags", metavar="TYPE*N+...", help="the same as tags= in the query")
    parser.add_argument(f"--{number}", metavar="HEX,...", help=f"the same as {number}= in the query")
    parser.add_argument("--fault", metavar="NAME@N", action="append", help="may be given more than once")
    chosen = parser.parse_args(arguments)
    parts = [chosen.query]
    parts += [f"{key}={_quoted(value)}" for key in ("state", "tags", number) if (value := getattr(chosen, key))]
    if chosen.fault:
        parts.append("fault=" + ",".join(chosen.fault))
    query = "&".join(filter(None, parts))

    terminated, on_signal = os.pipe()
    os.set_blocking(on_signal, False)
    signal.set_wakeup_fd(on_signal)
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda _number, _frame: None)
    try:
        reader = start_uhf(chosen.family, query, _announce) if uhf else start(query, _announce)
    except UsageError as exc:
        sys.stderr.write(f"{exc.message}\n{exc.action}\n")
        return exc.exit_code
    with reader:
        _announce({"path": reader.path, "tags": _chip_numbers(reader), "position": reader.field.position})
        _wait_for_the_end(terminated)
    return 0


def _chip_numbers(reader: SimulatedReader | SimulatedModule) -> list[str]:
    if isinstance(reader, SimulatedModule):
        return [tag.tid.hex() for tag in reader.field.tags]
    return [tag.uid.hex() for tag in reader.field.tags]


def _quoted(value: str) -> str:
    return value.replace("%", "%25").replace("&", "%26")


if __name__ == "__main__":
    sys.exit(main())
