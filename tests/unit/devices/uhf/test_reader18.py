"""The UHFReader18 and 288 driver against a reader that says what manual and recordings hold, over a pseudo-terminal."""

import contextlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag import logs
from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf import reader18_payloads
from dpptag.devices.uhf.framing import FrameError, Framing
from dpptag.devices.uhf.module import ModuleVersion, Target
from dpptag.devices.uhf.port import UhfPort
from dpptag.devices.uhf.reader18 import Reader18Module
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Wait
from dpptag.errors import DeviceError, DeviceLost, DeviceProtocolError, DpptagError, TagLost, TagNak, TagRefused
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction, Sighting
from tests.unit.devices.uhf.scripted_module import ScriptedModule, Turn
from tests.vectors import vector_path

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
NAMED = "06" + EPC.hex()
PASSWORD = bytes.fromhex("A1B2C3D4")
INFORMATION = "0301 09 02 49 09 14 05"  # firmware 3.1, UHFReader18, EU channel 9 alone, 20 dBm, 500 ms

_WAIT = Wait(ms=250, reason="a scripted reader answers at once or never")


def _quick(name: str) -> UhfProfile:
    profile = load_uhf_profile(name)
    waits = profile.waits.model_copy(update=dict.fromkeys(("answer", "access", "access_word", "inventory"), _WAIT))
    return profile.model_copy(update={"waits": waits})


PROFILE_18 = _quick("uhf-uhfreader18")
PROFILE_288 = _quick("uhf-uhfreader288")


def _framed(octets: bytes) -> bytes:
    """LEN counts all that follows it; CRC-16/MCRF4XX, low byte first."""
    octets = bytes([len(octets) + 2]) + octets
    crc = 0xFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return octets + crc.to_bytes(2, "little")


def asked(command: int, data: str = "") -> bytes:
    return _framed(bytes([0xFF, command]) + bytes.fromhex(data))


def said(command: int, status: int, data: str = "") -> bytes:
    return _framed(bytes([0, command, status]) + bytes.fromhex(data))


@contextlib.contextmanager
def module(*turns: Turn, profile: UhfProfile = PROFILE_18) -> Iterator[Reader18Module]:
    with ScriptedModule(turns) as peer:
        driver = Reader18Module(UhfPort(peer.path, Framing(profile.framing), baud=57600), profile)
        try:
            yield driver
        finally:
            driver.close()


INFORMED: Turn = (asked(0x21), said(0x21, 0, INFORMATION))


def test_frames_here_are_as_printed() -> None:
    assert asked(0x21) == bytes.fromhex("04 FF 21 19 95")
    assert said(1, 1, "01 00") == bytes.fromhex("0700010101001E4B")


def test_the_information_identifies_the_reader() -> None:
    with module(INFORMED) as driver:
        assert driver.identify() == ModuleVersion(model="UHFReader18", firmware="3.1")


def test_a_reader_of_another_type_is_not_driven_by_this_profile() -> None:
    with module(INFORMED, profile=PROFILE_288) as driver, pytest.raises(DeviceProtocolError) as refused:
        driver.identify()
    assert refused.value.code == "profile-other-module"


def test_the_state_is_what_the_information_says() -> None:
    with module(INFORMED) as driver:
        state = driver.state()
    assert (state.region, state.read_power_cdbm, state.temperature_c) == ("EU", 2000, None)


def test_region_and_power_are_stored_only_where_they_differ() -> None:
    stored = (asked(0x22, "31 80"), said(0x22, 0)), (asked(0x2F, "1E"), said(0x2F, 0x13))
    with module(INFORMED, INFORMED, INFORMED, stored[0], INFORMED, stored[1]) as driver:
        driver.set_region("EU")
        driver.set_power(2000)
        driver.set_region("US")
        driver.set_power(3000)  # 13h: set, but not stored


def test_a_power_that_cannot_be_set_is_no_tag_s_fault() -> None:
    with module(INFORMED, (asked(0x2F, "1E"), said(0x2F, 0x14))) as driver, pytest.raises(DeviceError):
        driver.set_power(3000)


def test_a_round_of_the_18_goes_over_several_frames() -> None:
    """Frames with status 03 as recorded by wabson/chafon-rfid, ended by one with status 01."""
    more = bytes.fromhex("13000103010C0000000000000000000003133F39") + bytes.fromhex(
        "20000103020C0000000000000000000003130C0000000000000000000003149AC9"
    )
    with module(INFORMED, (asked(1), more + said(1, 1, "01 02 1234"))) as driver:
        seen = driver.inventory()
    assert [one.epc.hex() for one in seen] == [
        "000000000000000000000313",
        "000000000000000000000313",
        "000000000000000000000314",
        "1234",
    ]
    assert seen[3] == Sighting(epc=b"\x12\x34", pc=0x0800)


def test_a_round_of_the_288_has_parameters_antenna_and_no_dbm() -> None:
    tag = bytes.fromhex("1500010304010C49440000000000000A0003346425C0")  # recorded, antenna field 04
    end = bytes.fromhex("0700010101001E4B")  # recorded
    with module((asked(1, "04 00 01 0000 00 00 80 05"), tag + end), profile=PROFILE_288) as driver:
        [seen] = driver.inventory()
    assert (seen.epc.hex(), seen.antenna, seen.rssi_dbm) == ("49440000000000000a000334", 3, None)


@pytest.mark.parametrize("answer", [said(1, 0xFB), said(1, 1, "00"), said(1, 2)])
def test_an_empty_round_is_empty(answer: bytes) -> None:
    with module(INFORMED, (asked(1), answer)) as driver:
        assert driver.inventory() == []


def test_the_scan_time_is_stored_once_where_it_differs() -> None:
    slow = asked(0x21), said(0x21, 0, "0301 09 02 49 09 14 0A")
    empty = asked(1), said(1, 0xFB)
    with module(slow, (asked(0x25, "05"), said(0x25, 0)), empty, empty) as driver:
        assert driver.inventory() == driver.inventory() == []


def test_an_antenna_that_is_missing_is_no_empty_field() -> None:
    with module(INFORMED, (asked(1), said(1, 0xF8))) as driver, pytest.raises(DeviceProtocolError):
        driver.inventory()


def test_every_access_names_the_chosen_epc() -> None:
    turns = [
        (asked(2, f"{NAMED} 02 00 02 00000000"), said(2, 0, "E2801190")),
        (asked(3, f"07 {NAMED} 01 01 3000 {EPC.hex()} 00000000"), said(3, 0)),
        (asked(0x10, f"02 {NAMED} 03 02 01020304 00000000"), said(0x10, 0)),
        (asked(6, f"{NAMED} 04 02 A1B2C3D4"), said(6, 0)),
        (asked(6, f"{NAMED} 00 03 A1B2C3D4"), said(6, 0)),
        (asked(5, f"{NAMED} A1B2C3D4"), said(5, 0)),
        (asked(2, "00 02 00 01 00000000"), said(2, 0, "E280")),
    ]
    with module(*turns) as driver:
        driver.choose(Target(EPC))
        assert driver.read(Bank.TID, 0, 2, NO_PASSWORD) == bytes.fromhex("E2801190")
        driver.write(Bank.EPC, 1, b"\x30\0" + EPC, NO_PASSWORD)
        driver.write(Bank.USER, 2, b"\1\2\3\4", NO_PASSWORD, block=True)
        assert driver.lock({Area.USER: LockAction.LOCKED, Area.KILL: LockAction.LOCKED_FOREVER}, PASSWORD) == 2
        driver.kill(PASSWORD)
        driver.choose(None)
        assert driver.read(Bank.TID, 0, 1, NO_PASSWORD) == bytes.fromhex("E280")


def test_an_epc_that_no_command_can_name_is_refused() -> None:
    with module() as driver, pytest.raises(TagRefused) as refused:
        driver.choose(Target(bytes(32)))
    assert refused.value.code == "epc-too-long"


@pytest.mark.parametrize(("word", "data"), [(1, b"\x80\0" + bytes(32)), (1, b"\x80\0"), (0, b"\0\0\x80\0")])
def test_an_epc_that_no_command_could_name_is_not_written(word: int, data: bytes) -> None:
    with module() as driver, pytest.raises(TagRefused) as refused:
        driver.write(Bank.EPC, word, data, NO_PASSWORD)
    assert refused.value.code == "epc-too-long"


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        pytest.param(said(3, 0xFC, "04"), TagNak, "locked", id="locked"),
        pytest.param(said(3, 0xFC, "03"), TagNak, "overrun", id="no such memory"),
        pytest.param(said(3, 0xFC, "0B"), TagNak, "low-power", id="too little power"),
        pytest.param(said(3, 0xFC), TagNak, "other", id="a tag error without its code"),
        pytest.param(said(3, 0x05), TagNak, "password", id="access password"),
        pytest.param(said(3, 0xFB), TagLost, None, id="no tag"),
        pytest.param(said(3, 0xFF), DeviceProtocolError, None, id="parameter"),
        pytest.param(said(0, 0xFE), DeviceProtocolError, None, id="damaged request"),
        pytest.param(said(3, 0, "00"), DeviceProtocolError, None, id="data for a write"),
        pytest.param(said(0, 0) + said(2, 0, "1234"), TagLost, None, id="answers to other questions"),
    ],
)
def test_a_write_fails_with_its_reason(answer: bytes, error: type[DpptagError], reason: str | None) -> None:
    with module((asked(3, f"01 {NAMED} 03 02 0102 A1B2C3D4"), answer)) as driver:
        driver.choose(Target(EPC))
        with pytest.raises(error) as failed:
            driver.write(Bank.USER, 2, b"\1\2", PASSWORD)
    assert failed.value.facts.get("error") == reason


def test_a_read_believes_nothing_but_the_words_asked_for() -> None:
    turn = asked(2, "00 03 00 01 00000000"), said(2, 0, "01020304")
    with module(turn) as driver, pytest.raises(DeviceProtocolError):
        driver.read(Bank.USER, 0, 1, NO_PASSWORD)


def test_a_lost_answer_is_never_taken_for_the_next() -> None:
    read = asked(2, "00 03 00 01 00000000")
    late = said(2, 0, "DEAD")
    with module(INFORMED, (read, b""), (asked(0x21), late + INFORMED[1]), (read, said(2, 0, "0102"))) as driver:
        driver.identify()
        with pytest.raises(TagLost) as lost:
            driver.read(Bank.USER, 0, 1, NO_PASSWORD)
        assert lost.value.facts["answered"] is False
        assert driver.read(Bank.USER, 0, 1, NO_PASSWORD) == b"\1\2"


def test_passwords_are_not_in_the_traffic_log(caplog: pytest.LogCaptureFixture) -> None:
    turns = [
        (asked(3, f"02 {NAMED} 00 02 A1B2C3D4 A1B2C3D4"), said(3, 0)),
        (asked(2, f"{NAMED} 00 02 02 A1B2C3D4"), said(2, 0, "A1B2C3D4")),
        (asked(6, f"{NAMED} 01 03 A1B2C3D4"), said(6, 0)),
        (asked(5, f"{NAMED} A1B2C3D4"), said(5, 0)),
    ]
    with caplog.at_level(logs.TRAFFIC, logger="dpptag"), module(*turns) as driver:
        driver.choose(Target(EPC))
        driver.write(Bank.RESERVED, 2, PASSWORD, PASSWORD, secret=True)
        assert driver.read(Bank.RESERVED, 2, 2, PASSWORD, secret=True) == PASSWORD
        driver.lock({Area.ACCESS: LockAction.LOCKED_FOREVER}, PASSWORD)
        driver.kill(PASSWORD)
    assert len(caplog.records) >= 8
    assert PASSWORD.hex() not in caplog.text.lower()


def test_a_reader_blinks_where_its_profile_says_how() -> None:
    with module((asked(0x33, "010101"), said(0x33, 0)), (asked(0x33, "010101"), said(0, 0xFE))) as driver:
        assert driver.signal()
        assert not driver.signal()


@settings(max_examples=60, deadline=None)
@given(status=st.one_of(st.integers(0, 255), st.just(0)), answer=st.binary(max_size=6))
def test_whatever_a_whole_frame_says_a_read_gives_two_words_or_an_error(status: int, answer: bytes) -> None:
    with module((asked(2, "00 03 00 02 00000000"), said(2, status, answer.hex()))) as driver:
        try:
            words = driver.read(Bank.USER, 0, 2, NO_PASSWORD)
        except (DeviceProtocolError, TagLost, TagNak):
            return
    assert (status, len(words), words) == (0, 4, answer)


def _golden(protocol: str) -> list[dict[str, str]]:
    frames = json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]
    return [frame for frame in frames if frame["protocol"] == protocol]


@pytest.mark.parametrize(
    ("protocol", "profile"), [("uhfreader18", PROFILE_18), ("uhfreader288", PROFILE_288)], ids=["18", "288"]
)
def test_recorded_frames_parse_and_build_byte_for_byte(protocol: str, profile: UhfProfile) -> None:
    framing = Framing(profile.framing)
    recorded = _golden(protocol)
    assert recorded
    for entry in recorded:
        octets = bytes.fromhex(entry["hex"])
        frame = framing.parse(octets)
        assert framing.build(frame, answer=True) == octets
        assert frame.status in profile.inventory.more + profile.inventory.done
        seen = reader18_payloads.parse_sightings(frame.data, antenna_and_rssi=profile is PROFILE_288)
        assert all(one.epc.hex().upper() in entry["hex"] for one in seen)
        assert bool(seen) != ("no tag" in entry["meaning"])


def test_frames_of_the_manual_with_the_same_title_are_another_protocol() -> None:
    framing = Framing(PROFILE_18.framing)
    frames = _golden("swct")
    assert len(frames) == 11
    for entry in frames:
        with pytest.raises(FrameError):
            framing.parse(bytes.fromhex(entry["hex"]))
    said_by_others = b"".join(bytes.fromhex(entry["hex"]) for entry in frames if entry["dir"] == "resp")
    with module((asked(0x21), said_by_others)) as driver, pytest.raises((DeviceLost, DeviceProtocolError)):
        driver.identify()
