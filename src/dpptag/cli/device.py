"""``--device``: opens what it names; ``sim:`` devices are wired up here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeGuard

import click

from dpptag.cli.options import Command, path_type
from dpptag.cli.output import say
from dpptag.devices import open_reader, open_reader_lasting, parse_device_path
from dpptag.errors import ProfileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from dpptag.links import Gen2Reader, NfcReader, TagReader

_PROFILES: Final = "dpptag.profile-dir"


def _keep_profiles(context: click.Context, _parameter: click.Parameter, folder: Path | None) -> None:
    if folder is not None and not folder.is_dir():
        raise ProfileError(f"{folder} is no folder", code="profile-folder-missing", path=str(folder))
    context.meta[_PROFILES] = folder


def own_profiles_option(command: Command) -> Command:
    """``--profile-dir``, which :func:`opened_reader` takes from the running command by itself."""
    return click.option(
        "--profile-dir",
        type=path_type(),
        expose_value=False,
        callback=_keep_profiles,
        help="Folder of reader profiles of your own.",
    )(command)


def device_option(command: Command) -> Command:
    """``--device`` and ``--profile-dir``."""
    return click.option(
        "--device",
        required=True,
        help="As dpptag devices list shows it: nfc:usb:072f:2200@1-2, pcsc:READER NAME, nfc:tty:/dev/ttyUSB0, "
        "uhf:/dev/ttyUSB0?profile=NAME; or sim:nfc?state=FILE, sim:uhf/m100?state=FILE.",
    )(own_profiles_option(command))


@contextmanager
def opened_reader(device: str, *, lasting: bool = False) -> Iterator[TagReader]:
    """The reader of a ``--device`` value. Raises UsageError, ProfileError, DeviceError.

    ``lasting``: one that is pulled and plugged in again is found again, for work on tag after tag.
    """
    path = parse_device_path(device)
    context = click.get_current_context(silent=True)
    own = context.meta.get(_PROFILES) if context is not None else None
    if not path.simulated:
        open_ = open_reader_lasting if lasting else open_reader
        with open_(path, user_profiles=own) as reader:
            yield reader
        return
    from dpptag.sim import start, start_uhf

    say("simulated device: nothing of this happens on a real tag")
    with (
        start_uhf(path.family, path.query) if path.is_uhf else start(path.query) as simulator,
        open_reader(path, node=simulator.path, user_profiles=own) as reader,
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
