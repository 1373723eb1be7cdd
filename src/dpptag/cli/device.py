"""``--device``: opens what it names; ``sim:`` devices are wired up here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from dpptag.cli.output import say
from dpptag.devices import open_nfc, open_nfc_lasting, parse_device_path

if TYPE_CHECKING:
    from dpptag.links import TagReader

device_option = click.option(
    "--device",
    required=True,
    help="As dpptag devices list shows it: nfc:usb:072f:2200@1-2, pcsc:READER NAME, nfc:tty:/dev/ttyUSB0; "
    "or sim:nfc?state=FILE.",
)


@contextmanager
def opened_reader(device: str, *, lasting: bool = False) -> Iterator[TagReader]:
    """The reader of a ``--device`` value. Raises UsageError, ProfileError, DeviceError.

    ``lasting``: one that is pulled and plugged in again is found again, for work on tag after tag.
    """
    path = parse_device_path(device)
    if not path.simulated:
        with open_nfc_lasting(path) if lasting else open_nfc(path) as reader:
            yield reader
        return
    from dpptag.sim import start

    say("simulated device: nothing of this happens on a real tag")
    with start(path.query) as simulator, open_nfc(path, node=simulator.path) as reader:
        yield reader
