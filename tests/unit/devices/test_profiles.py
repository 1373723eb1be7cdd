"""Firmware profiles: every shipped one loads, what is misspelt or out of range is refused with file, line and cause."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dpptag.devices import profiles
from dpptag.devices.profiles import (
    NFC_QUIRKS,
    check_fixtures,
    find_profiles_dir,
    load_all,
    load_file,
    load_nfc,
    load_profile,
    profile_by_pcsc_name,
    profile_by_usb,
)
from dpptag.errors import ProfileError

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "firmware_profiles"
PN532 = SHIPPED / "nfc-pn532-uart.toml"


def test_every_shipped_profile_loads_and_has_transcripts() -> None:
    loaded = load_all()
    assert [profile.name for profile in loaded] == sorted(path.stem for path in SHIPPED.glob("*.toml"))
    for profile in loaded:
        assert check_fixtures(profile, ROOT / "hw_fixtures"), profile.name


def test_every_fixture_folder_belongs_to_a_profile() -> None:
    folders = {path.name for path in (ROOT / "hw_fixtures").iterdir() if path.is_dir()}
    assert folders == {profile.fixtures for profile in load_all()}


def test_the_pn532_serial_module() -> None:
    profile = load_profile("nfc-pn532-uart")
    assert profile.bauds == (115200, 921600)
    assert profile.fast_read_pages == 60
    assert profile.timeouts.response.ms == 100
    assert set(profile.quirks) <= set(NFC_QUIRKS)


def test_there_are_profiles_for_every_reader_family_that_is_driven() -> None:
    loaded = load_nfc()
    assert len(loaded) >= 12
    assert len({model for profile in loaded for model in profile.models}) >= 12
    assert {profile.driver for profile in loaded} == {"nfcpy", "pcsc"}
    ids = [(known.vendor, known.product) for profile in loaded for known in profile.usb]
    assert len(ids) == len(set(ids)), "one USB id in two profiles"


@pytest.mark.parametrize(
    ("vendor", "product", "name"),
    [
        (0x072F, 0x2200, "nfc-acr122u"),
        (0x054C, 0x06C3, "nfc-rcs380"),
        (0x04CC, 0x2533, "nfc-pn533-usb"),
        (0x04E6, 0x5591, "nfc-scl3711"),
        (0x0403, 0x6001, None),
    ],
)
def test_a_profile_is_found_by_its_usb_id(vendor: int, product: int, name: str | None) -> None:
    found = profile_by_usb(vendor, product)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        ("ACS ACR122U PICC Interface 00 00", "nfc-acr122u"),
        ("ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00", "nfc-acr1252u"),
        ("ACS ACR1552 1S CL Reader PICC 0", "nfc-acr1552u"),
        ("Identiv uTrust 3700 F CL Reader [uTrust 3700 F CL Reader] (53691451200111) 00 00", "nfc-utrust-3700f"),
        ("HID Global OMNIKEY 5022 Smart Card Reader 00 00", "nfc-omnikey-5022"),
        ("Some Reader 00 00", "nfc-pcsc"),
    ],
)
def test_a_profile_is_found_by_its_pcsc_name(reader: str, name: str) -> None:
    assert profile_by_pcsc_name(reader).name == name


def test_profiles_are_found_in_a_clone_and_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_profiles_dir() == SHIPPED
    module = tmp_path / "site-packages" / "dpptag" / "devices" / "profiles.py"
    monkeypatch.setattr(profiles, "__file__", str(module))
    with pytest.raises(ProfileError):
        find_profiles_dir()
    inside = shutil.copytree(SHIPPED, tmp_path / "site-packages" / "dpptag" / "firmware_profiles")
    assert find_profiles_dir() == inside
    assert load_profile("nfc-pn532-uart").kind == "nfc"


def test_an_unknown_profile_lists_the_known() -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile("acr122u")
    assert caught.value.code == "profile-unknown"
    assert "nfc-pn532-uart" in (caught.value.action or "")


def test_a_profile_of_the_user_hides_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / PN532.name
    own.write_text(PN532.read_text().replace("fast_read_pages = 60", "fast_read_pages = 0"))
    assert load_profile("nfc-pn532-uart", user_dir=tmp_path).fast_read_pages == 0
    own_one = next(profile for profile in load_nfc(user_dir=tmp_path) if profile.name == PN532.stem)
    assert own_one.fast_read_pages == 0
    assert load_profile("nfc-pn532-uart").fast_read_pages == 60


@pytest.mark.parametrize(
    ("old", "new", "blamed", "cause"),
    [
        ('title = "NXP', 'tittle = "NXP', "title", "required"),
        ('driver = "nfcpy"', 'driver = "nfcpy"\nspeed = 3', "speed = 3", "not known"),
        ('driver = "nfcpy"', 'driver = "libnfc"', 'driver = "libnfc"', "nfcpy"),
        ("fast_read_pages = 60", "fast_read_pages = 61", "fast_read_pages = 61", "less than or equal to 60"),
        ("fast_read_pages = 60", "fast_read_pages = -1", "fast_read_pages = -1", "greater than or equal to 0"),
        ("fast_read_pages = 60", 'fast_read_pages = "60"', 'fast_read_pages = "60"', "integer"),
        ("fast_read_pages = 60", "fast_read_pages = true", "fast_read_pages = true", "integer"),
        ("safe_baud = 115200", "safe_baud = 115201", "safe_baud = 115201", "115200"),
        ("fast_baud = 921600", "fast_baud = 9600", "[serial]", "below safe_baud"),
        ("ms = 100", "ms = 0", "ms = 0", "greater than or equal to 1"),
        ("ms = 100", "ms = 100\nms2 = 5", "ms2 = 5", "not known"),
        ("usb = []", "usb = [{vendor = 0x1fc9, product = 0x10000}]", "usb = [", "65535"),
        ('"speed-survives-close", ', '"speed-lives", ', "quirks", "speed-lives"),
        ('"ack-reads', '"speed-survives-close", "ack-reads', "quirks", "named twice"),
        ('kind = "nfc"', 'kind = "hf"', 'kind = "hf"', "not one of: nfc, uhf"),
        ('kind = "nfc"', "kind = 1", "kind = 1", "not one of: nfc"),
        ('name = "nfc-pn532-uart"', 'name = "nfc-pn532"', 'name = "nfc-pn532"', "the file is called"),
        ('name = "nfc-pn532-uart"', 'name = "../x"', 'name = "../x"', "pattern"),
        ('fixtures = "nfc-pn532-uart"', 'fixtures = "../.."', 'fixtures = "../.."', "pattern"),
        ("usb = []", "usb = [", "", "line"),
    ],
)
def test_a_bad_profile_is_refused_with_line_and_cause(
    tmp_path: Path, old: str, new: str, blamed: str, cause: str
) -> None:
    text = PN532.read_text()
    assert old in text
    bad = tmp_path / PN532.name
    bad.write_text(text.replace(old, new, 1))
    with pytest.raises(ProfileError) as caught:
        load_file(bad)
    error = caught.value
    assert cause in str(error.facts["cause"])
    assert error.facts["file"] == str(bad)
    assert error.message.startswith(bad.name)
    if error.facts["line"] is not None:
        assert bad.read_text().splitlines()[int(error.facts["line"]) - 1].startswith(blamed)
    assert (error.facts["line"] is None) == (blamed == "title")


def test_a_profile_without_a_fixture_folder_is_refused(tmp_path: Path) -> None:
    profile = load_profile("nfc-pn532-uart")
    for make in (lambda: None, (tmp_path / profile.fixtures).mkdir):
        make()
        with pytest.raises(ProfileError) as caught:
            check_fixtures(profile, tmp_path)
        assert caught.value.code == "profile-fixtures-missing"


@pytest.mark.parametrize("content", [b"\xff\xfe", None], ids=["not UTF-8", "absent"])
def test_an_unreadable_file_is_a_profile_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProfileError):
        load_file(path)


def test_a_profile_of_the_user_may_be_new_and_have_no_serial_port(tmp_path: Path) -> None:
    head, _, tail = PN532.read_text().partition("[serial]")
    text = head.replace('name = "nfc-pn532-uart"', 'name = "my-reader"') + tail[tail.index("[timeouts") :]
    (tmp_path / "my-reader.toml").write_text(text)
    assert load_profile("my-reader", user_dir=tmp_path).bauds == ()
    assert len(load_nfc(user_dir=tmp_path)) == len(load_nfc()) + 1
