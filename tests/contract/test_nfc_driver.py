"""The nfcpy driver over a pseudo-terminal, against what ``links`` promises."""

import itertools
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dpptag import logs
from dpptag.devices import open_nfc, parse_device_path
from dpptag.devices.nfcpy import NfcpyReader
from dpptag.devices.nfcpy.serial_pn532 import LoggedTty
from dpptag.errors import (
    DeviceBusy,
    DeviceLost,
    DeviceNotFound,
    DeviceProtocolError,
    ProfileError,
    TagLost,
    TagNak,
    TagRefused,
    TagSwapped,
)
from dpptag.sim import SimulatedReader, start
from dpptag.sim.chip import NAK_CRC
from dpptag.sim.type2 import Type2Chip
from tests.sim_fixtures import ONE_TAG, SOURCE, UID, connected, sim_process, stored_pages

OPENING = 14  # host commands, measured: 02 14 | nfcpy's 00 02 12 32 32 32 32 32 32 32 and mute | our timings


def test_an_opened_reader_says_what_it_is() -> None:
    with connected() as (sim, reader):
        assert reader.info.path == sim.path
        assert reader.info.driver == "nfcpy 1.0.4"
        assert reader.info.firmware == "PN532v1.6"
        assert reader.info.simulated


def test_the_tag_in_the_field_is_sensed_in_two_host_commands_the_first_time_in_three() -> None:
    with connected() as (sim, reader):
        counts = [sim.host_commands]
        for _ in range(3):
            link = reader.sense()
            assert link is not None
            assert link.uid == UID
            counts.append(sim.host_commands)
    assert [after - before for before, after in itertools.pairwise(counts)] == [3, 2, 2]


def test_an_empty_field_is_none() -> None:
    with connected(ONE_TAG + "&position=1") as (_, reader):
        assert reader.sense() is None


def test_sensing_again_finds_the_same_tag() -> None:
    with connected() as (_, reader):
        assert all(link is not None and link.uid == UID for link in (reader.sense() for _ in range(5)))


@pytest.mark.parametrize(
    ("kind", "version"),
    [("NTAG213", "0004040201000F03"), ("NTAG215", "0004040201001103"), ("NTAG216", "0004040201001303")],
)
def test_get_version(kind: str, version: str) -> None:
    with connected(f"type={kind}") as (_, reader):
        link = reader.sense()
        assert link is not None
        assert link.get_version() == bytes.fromhex(version)


def test_a_chip_that_refuses_get_version_is_selected_again() -> None:
    with connected(ONE_TAG + "&fault=nak@1") as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert link.get_version() is None
        assert link.read(3)[:4] == bytes.fromhex("E1101200")
        assert sim.faults_fired == ("nak@1",)


@pytest.mark.parametrize("fault", ["mute", "noise"])
def test_a_moment_of_silence_or_noise_does_not_hide_what_the_chip_is(fault: str) -> None:
    with connected(ONE_TAG + f"&fault={fault}@1") as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert link.get_version() == bytes.fromhex("0004040201000F03")
        assert len(sim.faults_fired) == 1


def test_a_chip_silent_to_get_version_twice_does_not_know_it_and_is_selected_again() -> None:
    with connected(ONE_TAG + "&fault=mute@1,mute@2") as (_, reader):
        link = reader.sense()
        assert link is not None
        assert link.get_version() is None
        assert link.read(3)[:4] == bytes.fromhex("E1101200")


def test_an_answer_to_get_version_that_comes_damaged_twice_is_an_error_and_no_fact_about_the_chip() -> None:
    with connected(ONE_TAG + "&fault=noise@1,noise@2") as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagLost) as caught:
            link.get_version()
        assert caught.value.code == "tag-answer-damaged"


def test_a_nak_that_tells_of_a_damaged_command_is_no_fact_about_the_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        monkeypatch.setattr(Type2Chip, "exchange", lambda _chip, _frame: NAK_CRC)
        with pytest.raises(TagNak) as caught:
            link.get_version()
        assert caught.value.facts["nak"] == 1


def test_a_link_never_reaches_the_tag_that_was_sensed_after_its_own() -> None:
    with connected("tags=NTAG213*2&seed=3") as (sim, reader):
        link = reader.sense()
        assert link is not None
        sim.field.swap()
        other = reader.sense()
        assert other is not None
        with pytest.raises(TagSwapped) as caught:
            link.write(20, b"EVIL")
        assert (caught.value.facts["wanted"], caught.value.facts["got"]) == (link.uid.hex(), other.uid.hex())
        assert (sim.exchanges, other.read(20)[:4]) == (0, bytes(4))


def test_a_link_is_lost_once_the_field_was_found_empty() -> None:
    with connected(ONE_TAG + f"&fault=pull@{OPENING + 4}+1") as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert reader.sense() is None
        with pytest.raises(TagLost):
            link.write(20, b"EVIL")
        assert sim.exchanges == 0
        link.reselect()
        link.write(20, b"good")


def test_a_link_works_on_when_its_own_tag_is_sensed_again() -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        assert reader.sense() is not None
        assert link.read(0)[:3] == UID[:3]


def test_what_is_written_is_read_back_both_ways() -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        for page in range(4, 40):
            link.write(page, bytes((page, 1, 2, 3)))
        link.reselect()
        assert link.read(36) == b"".join(bytes((page, 1, 2, 3)) for page in range(36, 40))
        assert link.fast_read(4, 39) == b"".join(bytes((page, 1, 2, 3)) for page in range(4, 40))


@pytest.mark.parametrize("pages", [1, 2, 13, 60])
def test_fast_read_spans_normal_and_extended_frames(pages: int) -> None:
    with connected("type=NTAG216") as (_, reader):
        link = reader.sense()
        assert link is not None
        assert link.fast_read(4, 3 + pages) == (bytes.fromhex("0300FE00") + bytes(4 * pages))[: 4 * pages]


def test_one_exchange_is_one_host_command() -> None:
    with connected() as (sim, reader):
        link = reader.sense()
        assert link is not None
        before = sim.host_commands
        link.get_version()
        link.read(0)
        link.fast_read(0, 44)
        link.write(4, b"abcd")
        assert sim.host_commands - before == 4


def test_a_chip_that_misses_the_question_after_its_change_of_speed_is_found_again() -> None:
    with start(ONE_TAG + "&fault=no-answer@4") as sim, NfcpyReader(sim.path, bauds=(115200, 921600)) as reader:
        link = reader.sense()
        assert link is not None
        assert len(sim.faults_fired) == 1


def test_opening_costs_fourteen_host_commands() -> None:
    with connected() as (sim, _):
        assert sim.host_commands == OPENING


def test_a_refused_page_is_a_nak_with_its_page_and_value() -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagNak) as caught:
            link.write(0, b"abcd")
        assert caught.value.facts == {"chip": UID.hex(), "page": 0, "nak": 0}


def test_after_a_nak_the_tag_is_lost_until_it_is_selected_again() -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagNak):
            link.read(45)
        with pytest.raises(TagLost):
            link.read(0)
        link.reselect()
        assert link.read(0)[:3] == UID[:3]


def test_a_pulled_tag_is_lost_and_reselect_says_so() -> None:
    with connected(ONE_TAG + f"&fault=pull@{OPENING + 4}") as (sim, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagLost):
            link.write(4, b"abcd")
        with pytest.raises(TagLost):
            link.reselect()
        assert reader.sense() is None
        assert sim.faults_fired == (f"pull@{OPENING + 4}",)


def test_a_tag_that_came_back_is_selected_again() -> None:
    with connected(ONE_TAG + f"&fault=pull@{OPENING + 4}+1") as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagLost):
            link.read(0)
        with pytest.raises(TagLost):
            link.reselect()
        link.reselect()
        assert link.read(0)[:3] == UID[:3]


def test_another_chip_in_the_field_is_told_on_reselect() -> None:
    query = f"uid=04A1B2C3D4E5F6,04A1B2C3D4E5F7&fault=swap@{OPENING + 4}"
    with connected(query) as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagSwapped) as caught:
            link.reselect()
        assert caught.value.facts == {"wanted": "04a1b2c3d4e5f6", "got": "04a1b2c3d4e5f7"}


def test_a_random_four_byte_uid_is_returned_as_it_is() -> None:
    with connected("uid=08A1B2C3") as (_, reader):
        link = reader.sense()
        assert link is not None
        assert link.uid == bytes.fromhex("08A1B2C3")


@pytest.mark.parametrize("sak", ["08", "20", "40"])
def test_a_chip_that_is_no_type_2_tag_is_refused(sak: str) -> None:
    with connected(f"tags=SAK{sak}") as (_, reader):
        with pytest.raises(TagRefused) as caught:
            reader.sense()
        assert caught.value.facts["sak"] == sak


def test_a_write_of_another_length_than_a_page_never_reaches_the_tag() -> None:
    with connected() as (sim, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(ValueError, match="4 bytes"):
            link.write(4, b"abcde")
        assert sim.exchanges == 0


def test_the_belt_brings_one_tag_after_another() -> None:
    with connected("tags=NTAG213*2+NTAG215&seed=1&dwell=1") as (_, reader):
        seen = [None if (link := reader.sense()) is None else link.uid for _ in range(7)]
    uids = [uid for uid in seen if uid is not None]
    assert len(set(uids)) == 3
    assert [uid is None for uid in seen] == [False, True, False, True, False, True, True]


# Faults of the reader


def test_a_silent_reader_is_lost() -> None:
    with connected(ONE_TAG + f"&fault=no-answer@{OPENING + 1}") as (_, reader), pytest.raises(DeviceLost):
        reader.sense()


@pytest.mark.parametrize("fault", ["garbage", "short"])
def test_a_broken_frame_from_the_reader_is_a_protocol_error(fault: str) -> None:
    with connected(ONE_TAG + f"&fault={fault}@{OPENING + 1}") as (sim, reader):
        with pytest.raises(DeviceProtocolError):
            reader.sense()
        assert sim.faults_fired == (f"{fault}@{OPENING + 1}",)


def test_after_a_broken_frame_the_next_command_is_answered() -> None:
    with connected(ONE_TAG + f"&fault=garbage@{OPENING + 1}") as (_, reader):
        with pytest.raises(DeviceProtocolError):
            reader.sense()
        assert reader.sense() is not None


def test_repeated_bytes_in_a_fast_read_are_refused() -> None:
    with connected(ONE_TAG + "&fault=duplicate@1") as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(DeviceProtocolError) as caught:
            link.fast_read(4, 7)
        assert caught.value.code == "tag-answer-length"


def test_an_answer_damaged_on_the_air_is_lost_and_comes_whole_the_next_time() -> None:
    with connected(ONE_TAG + "&fault=noise@1") as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagLost) as caught:
            link.read(0)
        assert caught.value.code == "tag-answer-damaged"
        assert link.read(0)[:3] == UID[:3]


def test_a_mute_tag_is_lost() -> None:
    with connected(ONE_TAG + "&fault=mute@1") as (_, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagLost):
            link.read(0)


def test_a_torn_write_leaves_half_a_page_and_no_tag(tmp_path: Path) -> None:
    state = tmp_path / "tags.json"
    with connected(f"state={state}&fault=tear@1") as (sim, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagLost):
            link.write(4, b"abcd")
        assert reader.sense() is None
        assert stored_pages(state)[4] == b"ab\xff\xff"
        assert json.loads(state.read_text())["faults_fired"] == list(sim.faults_fired) == ["tear@1"]


def test_a_bit_that_flips_after_the_ack_is_seen_by_reading() -> None:
    with connected(ONE_TAG + "&fault=bitflip@5") as (sim, reader):
        link = reader.sense()
        assert link is not None
        link.write(5, b"abcd")
        assert link.read(5)[:4] == b"`bcd"
        assert sim.faults_fired == ("bitflip@5",)


def test_a_reader_that_went_away_is_lost_and_closes_quietly() -> None:
    with start(ONE_TAG) as sim:
        reader = NfcpyReader(sim.path)
    with pytest.raises(DeviceLost):
        reader.sense()
    reader.close()
    reader.close()


def test_a_reader_that_garbles_the_last_command_gets_its_speed_and_silence_all_the_same() -> None:
    """Field off and speed are two commands of the closing: a failure of the first must not spare the second."""
    with start(ONE_TAG) as counted, NfcpyReader(counted.path, bauds=(115200, 921600)):
        opening = counted.host_commands
    with start(f"{ONE_TAG}&fault=garbage@{opening + 1}") as sim:
        NfcpyReader(sim.path, bauds=(115200, 921600)).close()
        assert (sim.faults_fired, sim.chip.baud, sim.chip.asleep) == ((f"garbage@{opening + 1}",), 115200, True)


def test_a_closed_reader_is_lost() -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        reader.close()
        with pytest.raises(DeviceLost):
            link.read(0)


def test_a_hung_reader_is_given_up_and_keeps_no_other_from_its_work() -> None:
    lost: list[DeviceLost] = []
    with connected(f"{ONE_TAG}&fault=hold@{OPENING + 1}") as (_, hung), connected() as (_, other):

        def sense_in_vain() -> None:
            with pytest.raises(DeviceLost) as caught:
                hung.sense()
            lost.append(caught.value)

        thread = threading.Thread(target=sense_in_vain)
        thread.start()
        assert all(other.sense() is not None for _ in range(20))
        thread.join(30)
        assert len(lost) == 1


# The port


@pytest.mark.parametrize("text", ["nfc:tty:{node}", "sim:nfc?uid=04A1B2C3D4E5F6"])
def test_a_device_path_is_opened_with_its_profile(text: str) -> None:
    with start(ONE_TAG) as sim:
        path = parse_device_path(text.format(node=sim.path))
        with open_nfc(path, node=sim.path if path.simulated else None) as reader:
            assert (reader.info.path, reader.info.simulated) == (path.text, path.simulated)
            assert sim.chip.baud == 921600
            link = reader.sense()
            assert link is not None
            assert link.fast_read_pages == 60


def test_an_unknown_profile_is_refused_before_the_port_is_opened() -> None:
    with pytest.raises(ProfileError):
        open_nfc(parse_device_path("nfc:tty:/dev/no-such-port?profile=none"))


def test_a_missing_node_is_not_found() -> None:
    with pytest.raises(DeviceNotFound):
        NfcpyReader("/dev/no-such-port")


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_bytes(b"")
    with pytest.raises(DeviceNotFound):
        NfcpyReader(str(file))


def test_a_node_behind_a_link_is_opened(tmp_path: Path) -> None:
    with start(ONE_TAG) as sim:
        (tmp_path / "by-id").symlink_to(sim.path)
        with NfcpyReader(str(tmp_path / "by-id")) as reader:
            assert reader.sense() is not None


def test_a_second_opening_is_refused_with_the_holder() -> None:
    opened = "import sys; from dpptag.devices.nfcpy import NfcpyReader; NfcpyReader(sys.argv[1]); print(); input()"
    with start(ONE_TAG) as sim:
        with subprocess.Popen(
            [sys.executable, "-c", opened, sim.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(SOURCE)},
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"\n"
            with pytest.raises(DeviceBusy) as caught:
                NfcpyReader(sim.path)
            assert caught.value.facts["holder"] == other.pid
            other.kill()
        with NfcpyReader(sim.path) as reader:
            assert reader.sense() is not None


def test_nothing_is_left_locked_after_a_failed_opening() -> None:
    with start(ONE_TAG + "&fault=garbage@2") as sim:
        with pytest.raises(DeviceProtocolError):
            NfcpyReader(sim.path)
        NfcpyReader(sim.path).close()


def test_a_port_where_nobody_answers_is_not_found() -> None:
    faults = ",".join(f"no-answer@{number}" for number in range(1, 9))
    with start(f"{ONE_TAG}&fault={faults}") as sim, pytest.raises(DeviceNotFound):
        NfcpyReader(sim.path, response_timeout_ms=1)


@pytest.mark.parametrize("baud", [115200, 230400, 460800, 921600])
def test_the_reader_works_at_the_fastest_speed_of_its_profile(baud: int) -> None:
    with connected(bauds=(115200, baud)) as (sim, reader):
        assert sim.chip.baud == baud
        assert reader.sense() is not None
        reader.close()
        assert sim.chip.baud == 115200


def test_a_port_that_cannot_do_the_fast_speed_stays_at_the_safe_one(monkeypatch: pytest.MonkeyPatch) -> None:
    change_over = LoggedTty.set_baudrate

    def refuse_921600(tty: LoggedTty, baudrate: int) -> None:
        if baudrate == 921600:
            raise ValueError("Invalid baud rate: 921600")
        change_over(tty, baudrate)

    monkeypatch.setattr(LoggedTty, "set_baudrate", refuse_921600)
    with connected(bauds=(115200, 921600)) as (sim, reader):
        assert sim.chip.baud == 115200
        assert reader.sense() is not None


@pytest.mark.parametrize("left_at", [230400, 460800, 921600])
def test_a_chip_left_at_another_speed_is_found_again(left_at: int) -> None:
    with start(ONE_TAG) as sim:
        sim.chip.baud = left_at
        with NfcpyReader(sim.path) as reader:
            assert sim.chip.baud == 115200
            assert reader.sense() is not None


@pytest.mark.parametrize("left_at", [115200, 921600])
def test_a_chip_left_in_the_middle_of_a_frame_is_woken(left_at: int) -> None:
    with start(ONE_TAG) as sim:
        sim.chip.baud = left_at
        sim._frames.feed(bytes.fromhex("0000FF14ECD442"))
        with NfcpyReader(sim.path) as reader:
            assert reader.sense() is not None


def test_every_frame_is_logged_and_a_password_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        with caplog.at_level(logs.TRAFFIC, logger="dpptag.devices.nfcpy"):
            link.get_version()
            with pytest.raises(TagNak):
                link.authenticate(bytes.fromhex("11223344"))
    frames = [record.message for record in caplog.records if record.levelno == logs.TRAFFIC]
    assert "> 0000ff03fdd4426" in "".join(frames)
    assert "> 0000ff07f9d4421b********" in "".join(frames)
    assert "11223344" not in caplog.text
    assert all(record.levelno != logging.ERROR for record in caplog.records)


# The simulator in a process of its own


def reader_killed_while_held(path: str) -> subprocess.Popen[bytes]:
    script = (
        "import sys; from dpptag.devices.nfcpy import NfcpyReader\n"
        "link = NfcpyReader(sys.argv[1], bauds=(921600,)).sense()\n"
        "for page in range(4, 40): link.write(page, b'abcd')"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, path], env={"PYTHONPATH": str(SOURCE)}, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize(("fault", "written"), [("hold@22", 2), ("hold-after@22", 3)])
def test_a_client_killed_in_mid_write_leaves_what_was_executed(tmp_path: Path, fault: str, written: int) -> None:
    """Opening at 921600 baud takes 16 host commands, sensing 3; the first page is host command 20."""
    state = tmp_path / "tags.json"
    with sim_process("--state", str(state), "--fault", fault) as sim:
        with reader_killed_while_held(sim.path) as client:
            assert sim.event() == {"fired": fault, "host_command": 22}
            assert sim.event() == {"held": 22}
            client.kill()
        assert sim.event() == {"released": 22}
        assert [page == b"abcd" for page in stored_pages(state)[4:8]] == [number < written for number in range(4)]
        with NfcpyReader(sim.path) as reader:
            link = reader.sense()
            assert link is not None
            assert link.read(4)[: 4 * written] == b"abcd" * written


def test_the_simulator_runs_without_any_installed_package(tmp_path: Path) -> None:
    with sim_process("uid=04A1B2C3D4E5F6", "--state", str(tmp_path / "tags.json"), options=("-S",)) as sim:
        assert sim.greeting["tags"] == [UID.hex()]
        with NfcpyReader(sim.path) as reader:
            assert reader.sense() is not None


def test_the_simulator_ends_with_its_stdin() -> None:
    with sim_process() as sim:
        assert sim.process.stdin is not None
        sim.process.stdin.close()
        assert sim.process.wait(10) == 0


def test_a_query_it_cannot_use_ends_the_simulator_with_2() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "dpptag.sim", "nfc", "fault=boom@1"],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "boom@1" in ended.stderr
    assert ended.stdout == ""


def test_a_second_simulator_finds_what_the_first_one_kept(tmp_path: Path) -> None:
    query = f"state={tmp_path}/tags.json"

    def with_link(sim: SimulatedReader) -> bytes:
        with NfcpyReader(sim.path) as reader:
            link = reader.sense()
            assert link is not None
            link.write(7, bytes((link.read(7)[0] + 1, 0, 0, 0)))
            return link.uid + link.read(7)[:1]

    with start(query) as first:
        before = with_link(first)
    with start(query) as second:
        after = with_link(second)
    assert (before[:7], before[7] + 1) == (after[:7], after[7])
