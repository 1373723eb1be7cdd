"""UHF profiles: every shipped one loads; what is misspelt, out of range or at odds is refused by file and line."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from dpptag.devices.profiles import (
    check_fixtures,
    find_profiles_dir,
    load_all,
    load_file,
    load_profile,
    load_uhf_profile,
    problems_of,
)
from dpptag.devices.uhf_profiles import UHF_QUIRKS, UhfProfile, version_key
from dpptag.errors import ProfileError
from dpptag.links.gen2 import Area, LockAction, Refusal

FIXTURES = Path(__file__).resolve().parents[3] / "hw_fixtures"
PROFILES = {profile.name: profile for profile in load_all() if isinstance(profile, UhfProfile)}
FAMILIES = {
    "m100": "magicrf",
    "r200": "magicrf",
    "m6e-nano": "mercury",
    "a0-r2000": "a0",
    "uhfreader18": "reader18",
    "uhfreader288": "reader18",
}


def test_ten_models_of_four_families_are_described() -> None:
    assert len(PROFILES) >= 10
    assert {profile.family for profile in PROFILES.values()} == {"mercury", "magicrf", "a0", "reader18"}
    for name, family in FAMILIES.items():
        assert PROFILES[f"uhf-{name}"].family == family


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_whole(name: str) -> None:
    profile = PROFILES[name]
    assert check_fixtures(profile, FIXTURES)
    assert {"EU", "US"} <= set(profile.regions)
    assert set(profile.quirks) <= set(UHF_QUIRKS)
    assert profile.selection.by_tid == (profile.family in ("mercury", "magicrf"))
    for region in profile.regions.values():
        for number in region.legal_channels or ():
            frequency = region.first_khz + (number - region.first_channel) * region.step_khz
            assert region.first_khz <= frequency <= region.last_khz
    europe = profile.regions["EU"]
    legal = {865_700, 866_300, 866_900, 867_500}  # ERC/REC 70-03, annex on RFID, note 1
    numbers = europe.legal_channels or range(europe.first_channel, europe.first_channel + europe.channels)
    assert {europe.first_khz + (number - europe.first_channel) * europe.step_khz for number in numbers} <= legal
    assert 902_000 < profile.regions["US"].first_khz < profile.regions["US"].last_khz < 928_000
    assert profile.regions["US"].channels >= 50  # 47 CFR 15.247 (a)(1)(i)
    assert profile.regions["US"].max_cdbm <= 3000


@pytest.mark.parametrize("name", PROFILES)
def test_every_lock_of_every_area_has_its_own_bytes(name: str) -> None:
    lock = PROFILES[name].lock
    payloads = [tuple(lock.payloads({area: action})) for area, action in product(Area, LockAction)]
    assert len(set(payloads)) == len(Area) * len(LockAction)
    two = lock.payloads({Area.USER: LockAction.LOCKED, Area.EPC: LockAction.LOCKED_FOREVER})
    assert len(two) == (1 if lock.one_command else 2)


def test_the_same_number_means_another_lock_in_another_family() -> None:
    assert PROFILES["uhf-a0-r2000"].lock.payloads({Area.USER: LockAction.LOCKED}) == [b"\x01\x01"]
    assert PROFILES["uhf-uhfreader18"].lock.payloads({Area.USER: LockAction.OPEN_FOREVER}) == [b"\x04\x01"]
    assert PROFILES["uhf-m100"].lock.payloads({Area.ACCESS: LockAction.LOCKED}) == [bytes.fromhex("020080")]  # P: LD
    assert PROFILES["uhf-m6e-nano"].lock.payloads({Area.USER: LockAction.LOCKED}) == [bytes.fromhex("00020002")]  # HS
    assert PROFILES["uhf-m6e-nano"].lock.payloads({Area.EPC: LockAction.LOCKED_FOREVER}) == [bytes.fromhex("00300030")]


@pytest.mark.parametrize(
    ("name", "code", "tag_code", "meaning", "retry"),
    [
        ("uhf-m6e-nano", 0x0424, None, Refusal.LOCKED.value, False),
        ("uhf-m6e-nano", 0x0406, None, Refusal.WRITE_FAILED.value, True),
        ("uhf-m6e-nano", 0x0400, None, "no-tag", True),
        ("uhf-m100", 0xB4, None, Refusal.LOCKED.value, False),
        ("uhf-m100", 0xC3, None, Refusal.OVERRUN.value, False),
        ("uhf-m100", 0xAB, None, Refusal.LOW_POWER.value, True),
        ("uhf-r200", 0x16, None, Refusal.PASSWORD.value, False),
        ("uhf-a0-r2000", 0x33, None, Refusal.WRITE_FAILED.value, True),
        ("uhf-uhfreader18", 0xFC, 0x04, Refusal.LOCKED.value, False),
        ("uhf-uhfreader18", 0xFC, None, Refusal.OTHER.value, False),
        ("uhf-uhfreader288", 0x05, None, Refusal.PASSWORD.value, False),
        ("uhf-uhfreader18", 0xFC, 0x77, Refusal.OTHER.value, False),
        ("uhf-a0-r2000", 0x99, None, Refusal.OTHER.value, False),
    ],
)
def test_an_error_code_has_one_meaning(name: str, code: int, tag_code: int | None, meaning: str, retry: bool) -> None:
    found = PROFILES[name].errors.of(code, tag_code)
    assert (found.meaning, found.retry) == (meaning, retry)


def test_a_command_that_cannot_be_undone_is_never_tried_again_by_itself() -> None:
    for profile in PROFILES.values():
        for code, entry in profile.errors.module.items():
            if "kill" in entry.text:
                assert not entry.retry, (profile.name, code)


def test_rssi_is_dbm_only_where_the_unit_is_known() -> None:
    assert PROFILES["uhf-m100"].rssi.dbm(0xC9) == -55
    assert PROFILES["uhf-m6e-nano"].rssi.dbm(0x10) == 16
    assert PROFILES["uhf-a0-r2000"].rssi.dbm(68) == -61
    assert PROFILES["uhf-uhfreader288"].rssi.dbm(0x6B) is None
    assert PROFILES["uhf-uhfreader18"].rssi.dbm(0x6B) is None


def test_power_and_antenna_together_stay_within_the_law() -> None:
    europe = PROFILES["uhf-m100"].regions["EU"]
    assert europe.limit.eirp_cdbm == 3515  # 2 W ERP
    assert europe.antenna_cdbi(2600) == 915
    assert PROFILES["uhf-a0-r2000"].frequencies_khz("EU") == (865_700, 866_300, 866_900, 867_500)


def test_a_model_takes_over_the_tables_of_another() -> None:
    r200, m100 = PROFILES["uhf-r200"], PROFILES["uhf-m100"]
    assert (r200.framing.header, r200.framing.end) == (0xAA, 0xDD)
    assert (r200.errors, r200.commands, r200.regions) == (m100.errors, m100.commands, m100.regions)
    yr903 = PROFILES["uhf-a0-yr903"]
    assert "temporary_power" in PROFILES["uhf-a0-r2000"].commands
    assert "temporary_power" not in yr903.commands
    assert yr903.power.set_by == "flash"
    assert PROFILES["uhf-m6e"].firmware == [], "another module's firmware versions say nothing of this one"


def test_a_profile_of_another_kind_is_told_apart() -> None:
    assert load_uhf_profile("uhf-m100").name == "uhf-m100"
    with pytest.raises(ProfileError, match="NFC reader") as caught:
        load_profile("uhf-m100")
    assert "nfc-pn532-uart" in (caught.value.action or "")
    with pytest.raises(ProfileError, match="UHF module"):
        load_uhf_profile("nfc-pn532-uart")


@pytest.mark.parametrize(
    ("lower", "higher"),
    [("1.2", "1.10"), ("01.07.01.02", "01.0B"), ("V2.3.5", "M100 V2.3.6 beta"), ("2", "2.1"), ("", "0.1")],
)
def test_versions_are_ordered(lower: str, higher: str) -> None:
    assert version_key(lower) < version_key(higher)
    assert version_key("1.0.0") == version_key("1")


def planted(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = (find_profiles_dir() / f"{name}.toml").read_text()
    assert old in text, old
    path = tmp_path / f"{name}.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_a_firmware_version_changes_what_differs(tmp_path: Path) -> None:
    nano = PROFILES["uhf-m6e-nano"]
    for prototype in ("01.03.01.00", "01.03.01.02", "01.03.01", "01.02.ff.01"):
        assert [found.refused for found in nano.firmware if found.holds(prototype)] == [True]
    assert not any(found.holds("01.03.02.00") for found in nano.firmware)
    assert not any(found.holds("01.07.01.02") for found in nano.firmware)
    path = planted(
        tmp_path,
        "uhf-m100",
        "[errors.tag]",
        '[[firmware]]\nfirst = "2.3"\nlast = "2.3.9"\nwrite_words = 8\nquirks = ["short-error-answer"]\n'
        'without_commands = ["sleep"]\nnote = "n"\nsource = "s"\n\n[errors.tag]',
    )
    profile = load_file(path)
    assert isinstance(profile, UhfProfile)
    changed = profile.for_firmware("V2.3.5")
    assert (changed.memory.write_words, "sleep" in changed.commands) == (8, False)
    assert changed.quirks == [*profile.quirks, "short-error-answer"]
    assert profile.for_firmware("V2.4") == profile


BAD = [
    ("uhf-m100", 'family = "magicrf"', 'family = "magicrf"\nfamilly = "x"', "familly =", "not known"),
    ("uhf-m100", 'family = "magicrf"', 'family = "phychips"', "family =", "mercury"),
    ("uhf-m100", "length_bytes = 2", "length_bytes = 3", "length_bytes = 3", "1 or 2"),
    ("uhf-m100", "length_bytes = 2", "length_bytes = 2\nlenght = 1", "lenght", "not known"),
    ("uhf-m100", "header = 0xBB", "header = 0x1BB", "header = 0x1BB", "less than or equal to 255"),
    ("uhf-m100", "header = 0xBB\n", "", "[framing]", "header must stand in both frames"),
    ("uhf-m100", 'kind = "sum8"', 'kind = "sum16"', 'kind = "sum16"', "sum8"),
    ("uhf-m100", 'kind = "sum8"', 'kind = "sum8"\npoly = 7', "[framing.check]", "no poly"),
    ("uhf-m6e-nano", "augmented = false", "", "[framing.check]", "crc16 needs"),
    ("uhf-m6e-nano", "status_bytes = 2", "status_bytes = 0", "[framing]", "status belongs to the answer"),
    ("uhf-m100", 'length_counts = ["data"]', 'length_counts = ["data", "status"]', "[framing]", "no frame has"),
    ("uhf-m100", "baud = 115200", "baud = 115201", "baud = 115201", "115200"),
    ("uhf-m100", "probe = [115200, 1", "probe = [1", "probe =", "it must hold baud"),
    ("uhf-m100", "write_words = 32", "write_words = 0", "write_words = 0", "greater than or equal to 1"),
    ("uhf-m100", "word_pointer_bits = 16", "word_pointer_bits = 24", "word_pointer_bits", "8, 16 or 32"),
    ("uhf-m100", "settle = { ms = 20,", "settle = { ms = -1,", "settle =", "greater than or equal to 0"),
    ("uhf-a0-r2000", "by_tid = false", "by_tid = true", "by_tid =", "cannot choose by TID"),
    ("uhf-m100", "start_cdbm = 2000", "start_cdbm = 2700", "start_cdbm", "between min_cdbm and max_cdbm"),
    ("uhf-a0-r2000", "start_cdbm = 2000", "start_cdbm = 2050", "[power]", "multiple of unit_cdbm"),
    ("uhf-m100", "min_cdbm = 1800", "min_cdbm = 2700", "start_cdbm", "between min_cdbm and max_cdbm"),
    (
        "uhf-m100",
        "max_cdbm = 2600\nlegal",
        "max_cdbm = 2700\nlegal",
        "max_cdbm = 2700",
        "not within the module's power",
    ),
    ("uhf-a0-r2000", "max_cdbm = 3000", "max_cdbm = 3100", "max_cdbm = 3100", "above the legal 3000"),
    (
        "uhf-m100",
        "legal_channels = [3, 6, 9, 12]",
        "legal_channels = [3, 15]",
        "legal_channels",
        "15 is not one of 0 to 14",
    ),
    ("uhf-m100", "first_khz = 865100", "first_khz = 86510", "first_khz = 86510", "840000"),
    ("uhf-m100", "code = 3\n", "code = 2\n", "code = 2", "EU has the same code 2"),
    ("uhf-m100", 'measure = "erp"', 'measure = "watt"', "limit =", "erp"),
    ("uhf-m100", "version = { code = 0x03 }\n", "", "[commands]", "needs version"),
    ("uhf-m100", "idle = {", "idel = {", "idel =", "no such command"),
    ("uhf-m100", "idle = { code = 0x04 }", "idle = { code = 0x03 }", "idle =", "version has the same code 03"),
    ("uhf-m100", "answer = false", "answer = false, many = true", "baud = {", "without answer"),
    (
        "uhf-uhfreader18",
        ', note = "writes any tag in the field: write is used on bank 1 instead"',
        "",
        "write_epc",
        "note",
    ),
    ("uhf-a0-r2000", 'model = "match-epc"', 'model = "epc-in-command"', "model =", "chooses by match-epc"),
    ("uhf-m6e-nano", 'model = "filter"', 'model = "filter"\nsettle = { ms = 9, reason = "r" }', "settle", "settles"),
    ("uhf-m100", 'texts = ["M100", "QM100"]', 'texts = ["M100"]\nhardware = [1]', "hardware = [1]", "told by texts"),
    ("uhf-uhfreader18", "more = [0x03]", "more = [0x03]\nrounds = 2", "rounds = 2", "no such setting"),
    ("uhf-m100", "[inventory]", "[inventory]\nq = 4", "q = 4", "no such setting"),
    ("uhf-m6e-nano", 'kind = "int8"', 'kind = "raw"', 'kind = "raw"', "gives int8"),
    ("uhf-a0-r2000", "[memory]", 'boot = { ms = 1, reason = "r" }\n[memory]', "boot =", "no command boot"),
    ("uhf-m100", "separate = false", "separate = true", "separate = true", "write_power"),
    ("uhf-a0-r2000", 'set_by = "volatile"', 'set_by = "flash"', "set_by", "temporary_power is not marked"),
    ("uhf-uhfreader18", 'set_by = "flash"', 'set_by = "volatile"', "set_by", "power is marked with flash"),
    ("uhf-m100", "hop_list = { code = 0xA9 }\n", "", "legal_channels", "sends on all channels"),
    ("uhf-uhfreader18", "channels = 1\n", "channels = 1\nby_frequency = true\n", "by_frequency", "numbers of channels"),
    (
        "uhf-a0-r2000",
        'power = { code = 0x76, flash = true, note = "stored: wears the flash; use temporary_power" }\n'
        "get_power = { code = 0x77 }\ntemporary_power = { code = 0x66 }\n",
        "",
        "[commands]",
        "no command power",
    ),
    (
        "uhf-m100",
        "[errors.tag]",
        '[[firmware]]\nlast = "1"\nwithout_commands = ["hop_list"]\nnote = "n"\nsource = "s"\n\n[errors.tag]',
        "legal_channels",
        "sends on all channels",
    ),
    (
        "uhf-m6e-nano",
        'last = "01.03.01"',
        'last = "01.03.01"\nwithout_commands = ["lock"]',
        "[[firmware]]",
        "needs lock",
    ),
    ("uhf-m100", "tid = 2, user = 0 }", "tid = 2, user = 2 }", "[lock]", "a code stands twice in areas"),
    ("uhf-a0-r2000", "locked = 1, open-forever = 2", "locked = 2, open-forever = 2", "[lock]", "twice in actions"),
    ("uhf-a0-r2000", "locked = 1, ", "", "[lock]", "actions must be exactly"),
    ("uhf-m100", "open-forever = 1, locked = 2", "open-forever = 2, locked = 1", "[lock]", "locked 2"),
    ("uhf-m100", '16 = { meaning = "password"', '16 = { meaning = "passwd"', "16 =", "password"),
    ("uhf-m100", "16 = {", "1G = {", "[errors.module]", "1G"),
    ("uhf-m100", "16 = {", "00 = {", "[errors]", "both ok and an error"),
    ("uhf-m100", "16 = {", "B7 = {", "[errors]", "in the range of tag code B0"),
    ("uhf-m100", "2A = {", "2a = {", "[errors.module]", None),
    ("uhf-m100", 'quirks = ["multi', 'quirks = ["slow", "multi', "quirks =", "'slow' is not known"),
    ("uhf-m100", 'kind = "int8"', 'kind = "offset"', "[rssi]", "offset belongs"),
    ("uhf-m6e-nano", "[access]", "[acces]", "[acces]", "not known"),
    ("uhf-m6e-nano", 'last = "01.03.01"', 'first = "2"\nlast = "01.03.01"', "[[firmware]]", "first 2 is above last"),
    ("uhf-m6e-nano", 'last = "01.03.01"\n', "", "[[firmware]]", "first or last must be given"),
    ("uhf-r200", 'based_on = "uhf-m100"', 'based_on = "uhf-m101"', "based_on", "no other profile"),
    ("uhf-r200", 'based_on = "uhf-m100"', 'based_on = "nfc-rcs380"', "based_on", "of the kind 'nfc'"),
    ("uhf-r200", 'based_on = "uhf-m100"', 'based_on = "uhf-uhfreader288"', "based_on", "itself based on"),
    ("uhf-r200", "header = 0xAA", "header = 0xAAA", "header = 0xAAA", "255"),
    ("uhf-a0-yr903", '["temporary_power", ', '["temporary", ', "without_commands", "has no command 'temporary'"),
    (
        "uhf-m100",
        'family = "magicrf"',
        'family = "magicrf"\nwithout_commands = ["idle"]',
        "without_commands",
        "based on another",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "blamed", "cause"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_profile_is_refused_with_line_and_cause(
    tmp_path: Path, name: str, old: str, new: str, blamed: str, cause: str | None
) -> None:
    path = planted(tmp_path, name, old, new)
    if cause is None:  # capital and small letters are the same code, and this one stands alone
        assert isinstance(load_file(path), UhfProfile)
        return
    with pytest.raises(ProfileError) as caught:
        load_file(path)
    error = caught.value
    assert cause in str(error.facts["cause"])
    assert error.facts["file"] == str(path)
    assert path.read_text().splitlines()[int(error.facts["line"] or 0) - 1].startswith(blamed)


def test_a_duplicate_key_is_refused_with_its_line(tmp_path: Path) -> None:
    path = planted(tmp_path, "uhf-m100", "16 = {", '09 = { meaning = "busy", retry = true, text = "x" }\n16 = {')
    with pytest.raises(ProfileError) as caught:
        load_file(path)
    assert caught.value.facts["line"] is not None


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = planted(tmp_path, "uhf-m100", "baud = 115200", "baud = 7")
    text = path.read_text().replace("write_words = 32", "write_wrods = 32").replace('kind = "int8"', 'kind = "x"')
    path.write_text(text.replace('name = "uhf-m100"', 'name = "uhf-m"'))
    found = [(error.facts["line"], str(error.facts["cause"])) for error in problems_of(path)]
    assert len(found) == 5
    lines = path.read_text().splitlines()
    for start, cause in (("baud = 7", "serial.baud"), ("write_wrods", "not known"), ('name = "uhf-m"', "is called")):
        assert any(line and lines[int(line) - 1].startswith(start) and cause in text for line, text in found)
    assert problems_of(find_profiles_dir() / "uhf-m100.toml") == []
