"""Device paths, parsed before a port is opened."""

import pytest

from dpptag.devices.paths import DEFAULT_PROFILE, DeviceKind, parse_device_path
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
        "nfc:tty:/dev/x?baud=9600",
    ],
)
def test_another_form_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_device_path(text)
    assert "nfc:tty:/dev/ttyUSB0" in (caught.value.action or "")
    assert "sim:nfc" in (caught.value.action or "")
