"""``--device``: opens what it names; ``sim:`` devices are wired up here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from dpptag.cli.output import say
from dpptag.devices import open_nfc, parse_device_path

if TYPE_CHECKING:
    from dpptag.links import NfcReader

device_option = click.option(
    "--device",
    required=True,
    help="nfc:tty:/dev/ttyUSB0, nfc:tty:/dev/ttyUSB0?profile=NAME, or sim:nfc?state=FILE.",
)


@contextmanager
def opened_reader(device: str) -> Iterator[NfcReader]:
    """The reader of a ``--device`` value. Raises UsageError, ProfileError, DeviceError."""
    path = parse_device_path(device)
    if not path.simulated:
        with open_nfc(path) as reader:
            yield reader
        return
    from dpptag.sim import start

    say("simulated device: nothing of this happens on a real tag")
    with start(path.query) as simulator, open_nfc(path, node=simulator.path) as reader:
        yield reader
