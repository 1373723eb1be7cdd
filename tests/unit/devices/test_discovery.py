"""Readers are called by the socket they hang on, whatever order they came in; nothing is opened."""

from __future__ import annotations

from pathlib import Path

from dpptag.devices.discovery import find_readers
from dpptag.devices.usb_ports import serial_ports, usb_devices
from tests.unit.devices.machine_folder import MachineFolder

ACR = "ACS ACR122U PICC Interface"


def paths(folder: MachineFolder, *names: str) -> list[str | None]:
    return [reader.path for reader in find_readers(names, sysfs=folder.sysfs)]


def test_nothing_is_plugged_in(tmp_path: Path) -> None:
    assert find_readers((), sysfs=tmp_path) == ()


def test_a_usb_reader_is_called_by_its_port(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-2.3", 0x04CC, 0x2533, devnum=7)
    folder.usb("1-1", 0x1D6B, 0x0002, devnum=1)
    (reader,) = find_readers((), sysfs=folder.sysfs)
    assert (reader.path, reader.port, reader.usb_id, reader.node) == (
        "nfc:usb:04cc:2533@1-2.3",
        "1-2.3",
        "04cc:2533",
        "/dev/bus/usb/001/007",
    )


def test_two_equal_readers_keep_their_names_when_their_addresses_swap(tmp_path: Path) -> None:
    named = []
    for number, addresses in enumerate(((5, 6), (6, 5))):
        folder = MachineFolder(tmp_path / str(number))
        for port, devnum in zip(("1-2", "1-3"), addresses, strict=True):
            folder.usb(port, 0x054C, 0x06C1, devnum=devnum)
        named.append(paths(folder))
    assert named[0] == named[1] == ["nfc:usb:054c:06c1@1-2", "nfc:usb:054c:06c1@1-3"]


def test_a_lone_pcsc_reader_is_called_as_pcsc_calls_it_and_has_its_port(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-4", 0x072F, 0x2200, devnum=9, class_code=0x0B)
    (reader,) = find_readers([f"{ACR} 00 00"], sysfs=folder.sysfs)
    assert (reader.path, reader.port, reader.others) == (f"pcsc:{ACR} 00 00", "1-4", ("nfc:usb:072f:2200@1-4",))


def test_two_equal_pcsc_readers_are_called_by_their_ports(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-4", 0x072F, 0x2200, devnum=9, class_code=0x0B)
    folder.usb("1-5", 0x072F, 0x2200, devnum=8, class_code=0x0B)
    assert paths(folder, f"{ACR} 00 00", f"{ACR} 01 00") == ["pcsc:ACS ACR122@1-4", "pcsc:ACS ACR122@1-5"]


def test_equal_readers_of_a_profile_for_two_models_are_called_so_that_either_is_found(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-4", 0x076B, 0x5022, devnum=9, class_code=0x0B)
    folder.usb("1-5", 0x076B, 0x5023, devnum=8, class_code=0x0B)
    names = ("HID Global OMNIKEY 5022 Smart Card Reader 00 00", "HID Global OMNIKEY 5023 Smart Card Reader 01 00")
    for path in paths(folder, *names):
        assert path is not None
        assert any(name.startswith(path.removeprefix("pcsc:").partition("@")[0]) for name in names)
    assert paths(folder, *names) == ["pcsc:HID Global OMNIKEY 502@1-4", "pcsc:HID Global OMNIKEY 502@1-5"]
    only = ("HID Global OMNIKEY 5023 Smart Card Reader 00 00", "HID Global OMNIKEY 5023 Smart Card Reader 01 00")
    assert paths(folder, *only)[0] == "pcsc:HID Global OMNIKEY 5023@1-4"


def test_the_slot_for_a_sam_comes_last(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-4", 0x072F, 0x223B, devnum=9, class_code=0x0B)
    sam, picc = ("ACS ACR1252 Dual Reader [ACR1252 Dual Reader SAM] 00 00", "ACS ACR1252 Dual Reader [PICC] 01 00")
    assert paths(folder, sam, picc) == [f"pcsc:{picc}"]


def test_a_pcsc_reader_without_the_service_offers_its_other_driver(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-4", 0x072F, 0x2200, devnum=9, class_code=0x0B)
    folder.usb("1-5", 0x04E6, 0x5790, devnum=8, class_code=0x0B)
    acr, utrust = find_readers((), sysfs=folder.sysfs)
    assert acr.path == "nfc:usb:072f:2200@1-4"
    assert utrust.path is None
    assert "pcscd" in (utrust.note or "")


def test_a_pcsc_reader_of_no_known_usb_id_is_listed_by_its_name(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    (reader,) = find_readers(["Some Reader 00 00"], sysfs=folder.sysfs)
    assert (reader.path, reader.profile, reader.port) == ("pcsc:Some Reader 00 00", "nfc-pcsc", None)


def test_serial_ports_are_places_where_a_module_may_be(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.tty("ttyUSB0", port="1-1.2")
    folder.tty("ttyAMA0")
    folder.tty("ttyS7", uart="0")
    (folder.sysfs / "class/tty/console").mkdir()
    assert [(reader.path, reader.port) for reader in find_readers((), sysfs=folder.sysfs)] == [
        ("nfc:tty:/dev/ttyAMA0", None),
        ("nfc:tty:/dev/ttyUSB0", "1-1.2"),
    ]
    assert [port.node.name for port in serial_ports(folder.sysfs)] == ["ttyAMA0", "ttyUSB0"]


def test_a_serial_port_is_a_place_for_a_uhf_module_too(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.tty("ttyUSB0", port="1-1.2")
    folder.tty("ttyAMA0")
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7)
    places = {reader.path: reader.uhf for reader in find_readers((), sysfs=folder.sysfs)}
    assert places == {
        "nfc:tty:/dev/ttyAMA0": ("uhf:/dev/ttyAMA0?profile=NAME",),
        "nfc:tty:/dev/ttyUSB0": ("uhf:usb:1-1.2?profile=NAME", "uhf:/dev/ttyUSB0?profile=NAME"),
        "nfc:usb:04cc:2533@1-2": (),
    }


def test_a_device_that_is_pulled_while_it_is_looked_at_is_left_out(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7)
    (folder.sysfs / "devices/1-2/devnum").unlink()
    (folder.sysfs / "bus/usb/devices/1-9").symlink_to(folder.sysfs / "devices/gone")
    assert usb_devices(folder.sysfs) == ()


def test_the_driver_that_claims_an_interface_is_known(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7, driver="pn533_usb")
    (device,) = usb_devices(folder.sysfs)
    assert [(i.number, i.driver) for i in device.interfaces] == [(0, "pn533_usb")]


def test_a_serial_port_is_also_called_by_its_socket(tmp_path: Path) -> None:
    folder = MachineFolder(tmp_path)
    folder.tty("ttyUSB1", port="1-1")
    links = tmp_path / "by-path"
    links.mkdir()
    (links / "pci-0000:00:14.0-usb-0:1:1.0-port0").symlink_to("../../ttyUSB1")
    (links / "pci-0000:00:14.0-usb-0:2:1.0-port0").symlink_to("../../ttyUSB0")
    (reader,) = find_readers((), sysfs=folder.sysfs, serial_links=links)
    assert reader.path == "nfc:tty:/dev/ttyUSB1"
    assert reader.others == (f"nfc:tty:{links}/pci-0000:00:14.0-usb-0:1:1.0-port0",)
