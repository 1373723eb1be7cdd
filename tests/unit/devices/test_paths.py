"""Device paths, parsed before a port is opened."""

import pytest

from dpptag.devices.paths import DEFAULT_PROFILE, DeviceKind, UsbModel, parse_device_path
from dpptag.errors import UsageError


def test_a_serial_reader_has_a_node_and_the_default_profile() -> None:
    path = parse_device_path("nfc:tty:/dev/ttyUSB0")
    assert (path.kind, path.node, path.profile) == (DeviceKind.NFC_TTY, "/dev/ttyUSB0", DEFAULT_PROFILE)
    assert not path.simulated


def test_a_by_id_node_and_a_profile_are_kept() -> None:
    path = parse_device_path("nfc:tty:/dev/serial/by-id/usb-1a86_USB:Serial-if00-port0?profile=slow%20one")
    assert (path.node, path.profile) == ("/dev/serial/by-id/usb-1a86_USB:Serial-if00-port0", "slow one")


def test_the_simulators_query_is_handed_on_without_the_profile() -> None:
    path = parse_device_path("sim:nfc?state=/tmp/tags.json&profile=p&tags=NTAG213*9+NTAG215*8&fault=nak@12")
    assert path.simulated
    assert (path.profile, path.query) == ("p", "state=/tmp/tags.json&tags=NTAG213*9+NTAG215*8&fault=nak@12")


def test_a_usb_reader_has_its_ids_and_its_port() -> None:
    path = parse_device_path("nfc:usb:072F:2200@1-2.3.4?profile=nfc-acr122u")
    assert (path.kind, path.usb, path.node) == (DeviceKind.NFC_USB, UsbModel(0x072F, 0x2200), "1-2.3.4")
    assert (path.profile, str(path.usb), path.simulated) == ("nfc-acr122u", "072f:2200", False)


def test_a_usb_reader_without_port_and_profile_has_neither() -> None:
    path = parse_device_path("nfc:usb:054c:06c1")
    assert (path.node, path.profile) == ("", "")


def test_a_pcsc_reader_is_called_by_its_whole_name() -> None:
    path = parse_device_path("pcsc:ACS ACR122U PICC Interface (1-2) 00 00?profile=nfc-acr122u")
    assert (path.kind, path.node) == (DeviceKind.PCSC, "ACS ACR122U PICC Interface (1-2) 00 00")
    assert path.profile == "nfc-acr122u"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nfc",
        "nfc:tty:",
        "nfc:tty:ttyUSB0",
        "/dev/ttyUSB0",
        "sim:",
        "sim:uhf",
        "nfc:usb:1",
        "nfc:usb:072f",
        "nfc:usb:072f:22000",
        "nfc:usb:072f:2200@",
        "nfc:usb:072f:2200@../1-2",
        "nfc:usb:072f:2200@1-2:1.0",
        "nfc:usb:072f:2200@1-2?baud=1",
        "pcsc:",
        "pcsc: ",
        "nfc:tty:/dev/x?baud=9600",
    ],
)
def test_another_form_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_device_path(text)
    assert "nfc:tty:/dev/ttyUSB0" in (caught.value.action or "")
    assert "sim:nfc" in (caught.value.action or "")
