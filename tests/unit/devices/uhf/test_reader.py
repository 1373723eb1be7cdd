"""A UHF module as a reader: its speed, its region and power, one tag alone; on simulated modules over a PTY."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpptag.devices import open_reader, open_uhf, open_uhf_lasting, parse_device_path
from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.reconnect import Backoff
from dpptag.devices.uhf.framing import Frame, Framing
from dpptag.devices.uhf.reader import UhfReader, open_module
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Wait
from dpptag.errors import DeviceLost, DeviceNotFound, DeviceProtocolError, TagRefused, TagSwapped, UsageError
from dpptag.links.gen2 import Bank, Gen2Reader
from dpptag.sim import SimulatedModule, start_uhf
from tests.unit.devices.machine_folder import MachineFolder
from tests.unit.devices.uhf.scripted_module import ScriptedModule, Turn

M100 = load_uhf_profile("uhf-m100")
FRAMING = Framing(M100.framing)


@contextlib.contextmanager
def opened(query: str = "seed=1", family: str = "m100", **path: str) -> Iterator[tuple[SimulatedModule, Gen2Reader]]:
    more = "".join(f"&{key}={value}" for key, value in path.items())
    with (
        start_uhf(family, query) as sim,
        open_uhf(parse_device_path(f"sim:uhf/{family}?{more}"), node=sim.path) as reader,
    ):
        yield sim, reader


def impatient(milliseconds: int) -> UhfProfile:
    wait = Wait(ms=milliseconds, reason="a scripted module answers at once or never")
    waits = dict.fromkeys(("answer", "access", "access_word", "inventory"), wait)
    return M100.model_copy(update={"waits": M100.waits.model_copy(update=waits)})


def turn(command: int, data: bytes, *answers: bytes, reply: int | None = None) -> Turn:
    said = (FRAMING.build(Frame(reply or command, answer, kind=1), answer=True) for answer in answers)
    return FRAMING.build(Frame(command, data)), b"".join(said)


# One tag, none, several


def test_an_empty_field_is_none() -> None:
    with opened("fault=pull@1") as (_, reader):
        assert reader.sense() is None


def test_the_only_tag_is_chosen_by_its_tid_in_four_commands() -> None:
    with opened() as (sim, reader):
        before = sim.host_commands
        link = reader.sense()
        assert sim.host_commands - before == 4
        assert link is not None
        assert link.selects_by_tid
        (tag,) = sim.field.tags
        assert link.tid == link.uid == tag.tid
        assert link.sighting.epc == link.read(Bank.EPC, 2, 6)


@pytest.mark.parametrize("family", ["m100", "mercury"])
def test_of_tags_without_a_serial_each_is_reached_by_its_epc(family: str) -> None:
    epcs = [f"30{n:022x}" for n in range(3)]
    with opened("tags=No-Serial*3&mode=field&seed=3&epc=" + ",".join(epcs), family) as (sim, reader):
        for sighting in reader.inventory():
            link = reader.select(sighting)
            assert not link.selects_by_tid
            assert [link.read(Bank.EPC, 2, 6) for _ in range(4)] == [sighting.epc] * 4
            link.write(Bank.USER, 0, sighting.epc[-2:])
        assert [tag.user[:2].hex() for tag in sim.field.tags] == [epc[-4:] for epc in epcs]


@pytest.mark.parametrize("family", ["m100", "a0"])
def test_several_tags_are_refused_with_count_strength_and_epcs(family: str) -> None:
    query = "tags=UCODE-8*3&mode=field&rssi=-41,-55,-60&seed=1&epc=" + ",".join(f"30{n:022x}" for n in range(3))
    with opened(query, family) as (_, reader), pytest.raises(TagRefused) as refused:
        reader.sense()
    facts = refused.value.facts
    assert refused.value.code == "several-tags"
    assert facts["count"] == 3
    assert sorted(str(facts["rssi"]).removesuffix(" dBm").split(", ")) == ["-41", "-55", "-60"]
    assert str(facts["chip"]).count("30") >= 3
    assert "power" in (refused.value.action or "")


def test_two_tags_with_one_epc_are_two() -> None:
    query = "tags=UCODE-8*2&mode=field&seed=1&epc=300000000000000000000001,300000000000000000000001"
    with opened(query) as (_, reader):
        (both,) = reader.inventory()
        assert both.replies == 2
        with pytest.raises(TagRefused, match="2 tags"):
            reader.sense()


def test_in_a_crowd_each_tag_is_read_by_its_own_tid() -> None:
    with opened("tags=UCODE-8*5&mode=field&seed=1") as (sim, reader):
        found = [reader.select(sighting) for sighting in reader.inventory()]
        assert {link.uid for link in found} == {tag.tid[:12] for tag in sim.field.tags}
        with pytest.raises(TagSwapped, match="since"):
            found[0].read(Bank.EPC, 1, 1)
        found[0].reselect()
        assert found[0].read(Bank.EPC, 2, 6) == found[0].sighting.epc


@pytest.mark.parametrize("family", ["m100", "r200", "mercury", "a0", "uhfreader18", "uhfreader288"])
def test_a_tag_is_the_same_after_its_epc_was_changed(family: str) -> None:
    epc = bytes.fromhex("3034d11e5ec9380000003039")
    with opened("tags=UCODE-7xm&seed=1", family) as (sim, reader):
        link = reader.sense()
        assert link is not None
        link.write(Bank.EPC, 1, b"\x30\x00" + epc)
        link.reselect()
        assert link.read(Bank.EPC, 2, 6) == epc
        assert link.uid == sim.field.tags[0].tid[:12]


def test_a_module_that_chooses_by_epc_finds_another_chip_out_by_its_tid() -> None:
    epc = "300000000000000000000001"
    with opened(f"tags=UCODE-8*2&seed=1&dwell=99&epc={epc},{epc}", "a0") as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert not link.selects_by_tid
        sim.field.position = 1
        with pytest.raises(TagSwapped, match="TID"):
            link.reselect()


def test_a_tid_with_a_long_serial_is_read_to_its_end() -> None:
    """XTID header 6000h: a serial of 80 bits, so eight words (TDS 2.3 16.2.1)."""
    tid = bytes.fromhex("E2806D12 6000") + bytes(range(1, 11))
    ul_pc_epc = bytes.fromhex("0E 3000 300000000000000000000001")
    turns = [
        turn(0x22, b""),
        turn(0x12, b"\1", b"\0"),
        turn(0x39, bytes.fromhex("00000000 02 0000 0006"), ul_pc_epc + tid[:12]),
        turn(0x39, bytes.fromhex("00000000 02 0006 0002"), ul_pc_epc + tid[12:]),
        turn(0x0C, bytes.fromhex("02 00000000 80 00") + tid, b"\0"),
    ]
    notice = Frame(0x22, b"\xc9" + ul_pc_epc[1:] + b"\0\0", kind=2)
    turns[0] = turns[0][0], FRAMING.build(notice, answer=True)
    with scripted(turns) as reader:
        link = reader.sense()
        assert link is not None
        assert link.uid == tid


def test_a_chip_with_a_short_tid_says_two_words_and_is_chosen_by_its_epc() -> None:
    ul_pc_epc = bytes.fromhex("0E 3000 300000000000000000000001")
    turns = [
        (turn(0x22, b"")[0], FRAMING.build(Frame(0x22, b"\xc9" + ul_pc_epc[1:] + b"\0\0", kind=2), answer=True)),
        turn(0x12, b"\1", b"\0"),
        turn(0x39, bytes.fromhex("00000000 02 0000 0006"), b"\xa3" + ul_pc_epc, reply=0xFF),
        turn(0x39, bytes.fromhex("00000000 02 0000 0002"), ul_pc_epc + bytes.fromhex("E2001040")),
        turn(0x0C, bytes.fromhex("01 00000020 60 00 300000000000000000000001"), b"\0"),
    ]
    with scripted(turns) as reader:
        link = reader.sense()
        assert link is not None
        assert link.uid == link.tid == bytes.fromhex("E2001040")


@pytest.mark.parametrize("family", ["m100", "a0"])
def test_a_refusal_without_a_reason_does_not_shorten_a_tid(family: str) -> None:
    with opened("seed=1&fault=refuse@1", family) as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert link.uid == sim.field.tags[0].tid[:12]
        assert sim.faults_fired


# Opening

OPENING: list[Turn] = [
    turn(0x03, b"\0", b"\0M100 V1.00"),
    turn(0x03, b"\1", b"\1V2.3.5"),
    turn(0x08, b"", b"\x03"),
    turn(0xB7, b"", b"\x07\xd0"),
]
EU: list[Turn] = [turn(0x07, b"\3", b"\0"), turn(0xA9, bytes.fromhex("04 0306090C"), b"\0")]
"""The region, and the channels of it that may carry this power: 865.7, 866.3, 866.9 and 867.5 MHz."""
US: list[Turn] = [turn(0x07, b"\2", b"\0")]


@contextlib.contextmanager
def scripted(
    turns: list[Turn], settings: list[Turn] = EU, *, region: str | None = None, power: int | None = None
) -> Iterator[UhfReader]:
    """The module says that its region is EU and its power 20 dBm."""
    with (
        ScriptedModule([*OPENING, *settings, *turns]) as peer,
        open_module(
            peer.path, impatient(10_000), region=region, power_cdbm=power, wait=lambda _seconds: None
        ) as reader,
    ):
        yield reader


def test_what_is_set_already_is_not_set_again_but_for_the_channels_of_the_region() -> None:
    with scripted([], region="EU", power=2000) as reader:
        reader.configure(region="EU", power_cdbm=2000)
        assert reader.info.model == "M100 V1.00"
        assert reader.info.firmware == "V2.3.5"
        assert not reader.signal()


def test_region_and_power_are_set_in_hundredths_of_dbm() -> None:
    with scripted([], [*US, turn(0xB6, b"\x08\xca", b"\0")], region="US", power=2250):
        pass


@pytest.mark.parametrize(
    ("region", "power", "code"),
    [("XX", None, "uhf-region"), (None, 2700, "uhf-power"), (None, 100, "uhf-power")],
)
def test_what_the_profile_does_not_allow_is_refused_before_anything_is_set(
    region: str | None, power: int | None, code: str
) -> None:
    with scripted([]) as reader, pytest.raises(UsageError) as refused:
        reader.configure(region=region, power_cdbm=power)
    assert refused.value.code == code
    assert "EU" in (refused.value.action or "") or "26" in (refused.value.action or "")


def test_a_region_with_a_lower_limit_lowers_the_power() -> None:
    low = M100.regions["EU"].model_copy(update={"max_cdbm": 1900})
    profile = impatient(10_000).model_copy(update={"regions": {**M100.regions, "EU": low}})
    turns = [*OPENING[:2], turn(0x08, b"", b"\2"), OPENING[3]]
    with (
        ScriptedModule([*turns, *US, *EU, turn(0xB6, b"\x07\x6c", b"\0")]) as peer,
        open_module(peer.path, profile, wait=lambda _seconds: None) as reader,
    ):
        reader.configure(region="EU")


def test_the_speed_is_found() -> None:
    with start_uhf("m100", "seed=1") as sim:
        sim.module.baud = 19200
        with open_module(sim.path, impatient(500), wait=lambda _seconds: None) as reader:
            assert reader.sense() is not None


def test_a_named_speed_is_the_only_one() -> None:
    with start_uhf("m100", "seed=1") as sim:
        sim.module.baud = 19200
        with pytest.raises(DeviceNotFound) as missing:
            open_module(sim.path, impatient(30), baud=57600, wait=lambda _seconds: None)
        assert missing.value.facts["bauds"] == "57600"


def test_a_sleeping_module_is_woken_the_second_time() -> None:
    """It loses the byte that wakes it: 00h, and the question is asked again behind it."""
    profile = impatient(500).model_copy(update={"serial": M100.serial.model_copy(update={"probe": [115200]})})
    waits: list[float] = []
    asleep = (OPENING[0][0], b""), (b"\0" + OPENING[0][0], OPENING[0][1])
    with ScriptedModule([*asleep, *OPENING[1:], *EU]) as peer, open_module(peer.path, profile, wait=waits.append):
        pass
    assert waits == [0.02]


def test_a_module_of_another_family_is_not_found() -> None:
    with start_uhf("r200", "seed=1") as sim, pytest.raises(DeviceNotFound):
        open_module(sim.path, impatient(20), wait=lambda _seconds: None)


def test_a_firmware_that_is_refused_is_refused() -> None:
    text = {"last": "2.3.5", "refused": True, "note": "it locks what it should open", "source": "a test"}
    bad = UhfProfile.model_validate({**impatient(10_000).model_dump(mode="json"), "firmware": [text]})
    with ScriptedModule(OPENING[:2]) as peer, pytest.raises(DeviceProtocolError, match="locks what it should"):
        open_module(peer.path, bad, wait=lambda _seconds: None)


def test_a_failed_opening_gives_the_port_free() -> None:
    with start_uhf("m100", "seed=1") as sim:
        path = parse_device_path("sim:uhf/m100?power=31")
        for _ in range(2):
            with pytest.raises(UsageError):
                open_reader(path, node=sim.path)


# Pulled and plugged in again


def test_a_module_that_comes_back_is_set_as_it_was_and_goes_on(tmp_path: Path) -> None:
    link = tmp_path / "ttyUSB9"
    with start_uhf("m100", "seed=1&fault=port-lost@9") as sim:
        link.symlink_to(sim.path)

        def plug(_seconds: float) -> None:
            link.unlink()
            link.symlink_to(sim.path)

        path = parse_device_path("sim:uhf/m100?region=EU")
        with open_uhf_lasting(
            path, node=str(link), backoff=Backoff(patience=20.0), wait=lambda _seconds: None
        ) as reader:
            reader.configure(power_cdbm=2400)
            reader._wait = plug  # type: ignore[method-assign,assignment]
            tags = [reader.inventory() for _ in range(4)]
            assert len({seen for (seen,) in tags}) == 1
            assert reader.state().read_power_cdbm == 2400
            found = reader.sense()
            assert found is not None
        link.unlink()  # its number may be another pseudo-terminal's by now
        with pytest.raises(DeviceLost):
            reader.sense()
        assert "port-lost@9" in sim.faults_fired


def test_a_usb_port_without_or_with_two_serial_ports_names_no_module(tmp_path: Path) -> None:
    machine = MachineFolder(tmp_path)
    path = parse_device_path("uhf:usb:1-2?profile=uhf-m100")
    with pytest.raises(DeviceNotFound):
        open_uhf(path, sysfs=machine.sysfs)
    machine.tty("ttyUSB0", port="1-2")
    (machine.sysfs / "class/tty/ttyUSB1").mkdir()
    (machine.sysfs / "class/tty/ttyUSB1/device").symlink_to(machine.sysfs / "devices/1-2/1-2:1.0/ttyUSB0")
    with pytest.raises(DeviceNotFound) as two:
        open_uhf(path, sysfs=machine.sysfs)
    assert two.value.code == "device-ambiguous"
    assert "uhf:/dev/ttyUSB1" in (two.value.action or "")
