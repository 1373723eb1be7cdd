"""Return codes of the PC/SC service and the errors that they become."""

from pathlib import Path

import pytest

from dpptag.devices.pcsc_errors import error_of, pcsc_clients, unsigned
from dpptag.errors import DeviceBusy, DeviceLost, DeviceNotFound, DeviceProtocolError, DpptagError, TagLost


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        (0x8010000C, TagLost, "tag-lost"),
        (0x80100069, TagLost, "tag-lost"),
        (0x80100016, TagLost, "tag-lost"),
        (0x80100066, TagLost, "tag-lost"),
        (0x80100067, TagLost, "tag-lost"),
        (0x80100068, TagLost, "tag-lost"),
        (0x8010000B, DeviceBusy, "device-busy"),
        (0x8010001D, DeviceLost, "pcsc-service"),
        (0x8010001E, DeviceLost, "pcsc-service"),
        (0x80100017, DeviceLost, "device-lost"),
        (0x80100009, DeviceLost, "device-lost"),
        (0x8010002E, DeviceLost, "device-lost"),
        (0x8010006A, DeviceNotFound, "device-permission"),
        (0x8010001F, DeviceProtocolError, "device-protocol"),
        (0x80100001, DeviceProtocolError, "device-protocol"),
    ],
)
def test_a_return_code_becomes_our_error(code: int, kind: type[DpptagError], name: str) -> None:
    error = error_of(unsigned(code - (1 << 32)), "Reader 00 00")
    assert type(error) is kind
    assert error.code == name
    assert error.action
    assert error.facts["pcsc"] == f"{code:08X}"


def test_programs_with_the_library_loaded_are_named(tmp_path: Path) -> None:
    for pid, maps in ((17, "7f00 r-xp /usr/lib/x86_64-linux-gnu/libpcsclite.so.1.0.0"), (18, "7f00 /usr/lib/libc.so")):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "maps").write_text(maps)
        (folder / "comm").write_text("scdaemon\n")
    (tmp_path / "self").mkdir()
    assert [str(process) for process in pcsc_clients(tmp_path)] == ["scdaemon (process 17)"]
