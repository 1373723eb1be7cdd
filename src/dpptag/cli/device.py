"""``--device``: opens what it names; ``sim:`` devices are wired up here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeGuard

import click

from dpptag.cli.output import say
from dpptag.devices import open_reader, open_reader_lasting, parse_device_path
from dpptag.errors import UsageError

if TYPE_CHECKING:
    from dpptag.links import Gen2Reader, NfcReader, TagReader

device_option = click.option(
    "--device",
    required=True,
    help="As dpptag devices list shows it: nfc:usb:072f:2200@1-2, pcsc:READER NAME, nfc:tty:/dev/ttyUSB0, "
    "uhf:/dev/ttyUSB0?profile=NAME; or sim:nfc?state=FILE, sim:uhf/m100?state=FILE.",
)


@contextmanager
def opened_reader(device: str, *, lasting: bool = False) -> Iterator[TagReader]:
    """The reader of a ``--device`` value. Raises UsageError, ProfileError, DeviceError.

    ``lasting``: one that is pulled and plugged in again is found again, for work on tag after tag.
    """
    path = parse_device_path(device)
    if not path.simulated:
        with open_reader_lasting(path) if lasting else open_reader(path) as reader:
            yield reader
        return
    from dpptag.sim import start, start_uhf

    say("simulated device: nothing of this happens on a real tag")
    with (
        start_uhf(path.family, path.query) if path.is_uhf else start(path.query) as simulator,
        open_reader(path, node=simulator.path) as reader,
    ):
        yield reader


@contextmanager
def opened_uhf(device: str) -> Iterator[Gen2Reader]:
    """As :func:`opened_reader`, for what only a UHF module can do. Raises UsageError for another device."""
    if not parse_device_path(device).is_uhf:
        raise UsageError(
            f"{device} is no UHF module", code="device-not-uhf", action="name one: uhf:/dev/ttyUSB0?profile=NAME"
        )
    with opened_reader(device) as reader:
        assert is_uhf(reader)
        yield reader


def is_uhf(reader: NfcReader | Gen2Reader) -> TypeGuard[Gen2Reader]:
    """Whether it can tell what stands in its field all at once."""
    return hasattr(reader, "inventory")
