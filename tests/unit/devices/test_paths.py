"""Device paths, parsed before a port is opened."""

import pytest

from dpptag.devices.paths import DEFAULT_PROFILE, SIM_FAMILIES, DeviceKind, UsbModel, parse_device_path
from dpptag.devices.profiles import load_uhf_profile
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


def test_a_uhf_module_is_named_by_node_with_profile_region_power_and_speed() -> None:
    path = parse_device_path("uhf:/dev/serial/by-id/usb-x?profile=uhf-m100&region=EU&power=22.5&baud=57600")
    assert (path.kind, path.node, path.profile) == (DeviceKind.UHF_TTY, "/dev/serial/by-id/usb-x", "uhf-m100")
    assert (path.region, path.power_cdbm, path.baud) == ("EU", 2250, 57600)
    assert path.is_uhf
    assert not path.simulated


@pytest.mark.parametrize(("power", "cdbm"), [("20", 2000), ("-3", -300), ("-0.5", -50), ("7.05", 705)])
def test_power_is_in_dbm(power: str, cdbm: int) -> None:
    assert parse_device_path(f"uhf:/dev/x?profile=p&power={power}").power_cdbm == cdbm


def test_a_uhf_module_is_named_by_its_usb_port() -> None:
    path = parse_device_path("uhf:usb:1-2.3?profile=uhf-m100")
    assert (path.kind, path.node, path.region, path.power_cdbm) == (DeviceKind.UHF_USB, "1-2.3", None, None)


def test_a_simulated_uhf_module_has_a_profile_of_its_family_and_keeps_the_rest_for_the_simulator() -> None:
    path = parse_device_path("sim:uhf/r200?tags=Higgs-9*9&region=EU&state=/tmp/a%20b&power=20")
    assert (path.kind, path.family, path.profile) == (DeviceKind.SIM_UHF, "r200", "uhf-r200")
    assert (path.query, path.region, path.power_cdbm) == ("tags=Higgs-9*9&state=/tmp/a%20b", "EU", 2000)
    assert path.simulated
    assert parse_device_path("sim:uhf/m100?profile=uhf-r200").profile == "uhf-r200"


@pytest.mark.parametrize("family", SIM_FAMILIES)
def test_every_simulated_family_has_a_shipped_profile(family: str) -> None:
    assert load_uhf_profile(parse_device_path(f"sim:uhf/{family}").profile).kind == "uhf"


def test_a_uhf_module_without_profile_is_refused_with_the_profiles_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        parse_device_path("uhf:/dev/ttyUSB0?region=EU")
    assert caught.value.code == "device-profile"
    assert "uhf-m100" in (caught.value.action or "")


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
        "sim:uhf/",
        "sim:uhf/other",
        "uhf:",
        "uhf:ttyUSB0?profile=p",
        "uhf:usb:1?profile=p",
        "uhf:/dev/x?profile=p&tags=1",
        "uhf:/dev/x?profile=p&power=loud",
        "uhf:/dev/x?profile=p&power=20.123",
        "uhf:/dev/x?profile=p&baud=fast",
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
