"""The nfcpy driver on a serial PN532 with tags of Types 3 and 4: its own block protocol and FeliCa, at one host command
an exchange."""

import itertools
import logging
from typing import Any

import pytest

from dpptag import logs
from dpptag.devices.nfcpy import NfcpyReader
from dpptag.devices.nfcpy.pn53x_port import timeout_index
from dpptag.errors import TagLost, TagNak, TagRefused
from dpptag.links.nfc import Technology
from dpptag.sim import SimulatedReader
from dpptag.sim.faults import parse_fault
from dpptag.sim.iso_dep import IsoDepChip
from tests.sim_fixtures import connected

SELECT_NDEF = bytes.fromhex("00A4040007D276000085010100")
SELECT_CC = bytes.fromhex("00A4000C02E103")
READ_CC = bytes.fromhex("00B000000F")
TYPE4 = "tags=NTAG424"
FELICA = "tags=FELICA-LITE-S"
PULLED = parse_fault("pull@1")
FIRST_APDU = 20  # host commands: 14 to open, 4 to sense and activate, the waiting time
NDEF_READ, NDEF_WRITE = 0x000B, 0x0009


def sensed(reader: NfcpyReader) -> Any:
    link = reader.sense()
    assert link is not None
    return link


def chip_of(sim: SimulatedReader) -> IsoDepChip:
    chip = sim.field.tag
    assert isinstance(chip, IsoDepChip)
    return chip


# Type 4


def test_a_type_4_tag_is_activated_and_its_file_read() -> None:
    with connected(TYPE4) as (sim, reader):
        link = sensed(reader)
        assert link.technology is Technology.TYPE4
        assert link.uid == chip_of(sim).uid
        assert link.historical_bytes == b"\x80"
        assert link.transceive(SELECT_NDEF) == b"\x90\x00"
        assert link.transceive(SELECT_CC) == b"\x90\x00"
        assert link.transceive(READ_CC)[-2:] == b"\x90\x00"


def test_one_apdu_that_fits_a_block_is_one_host_command_after_the_waiting_time_is_set() -> None:
    """NTAG 424 says FWI 7, 38.7 ms: the chip set's 25.6 ms are raised once, at the first block."""
    with connected(TYPE4) as (sim, reader):
        link = sensed(reader)
        counts = [sim.host_commands]
        for _ in range(4):
            link.transceive(SELECT_NDEF)
            counts.append(sim.host_commands)
    assert [after - before for before, after in itertools.pairwise(counts)] == [2, 1, 1, 1]


def test_sensing_a_type_4_tag_costs_one_host_command_more_than_a_type_2_tag() -> None:
    with connected(TYPE4) as (sim, reader):
        before = sim.host_commands
        sensed(reader)
        assert sim.host_commands - before == 4  # 4A, 06 once, 08, RATS


def test_a_long_command_and_a_long_answer_are_chained() -> None:
    data = bytes(range(200))
    with connected(TYPE4) as (_, reader):
        link = sensed(reader)
        link.transceive(SELECT_NDEF)
        assert link.transceive(bytes.fromhex("00A4000C02E104")) == b"\x90\x00"
        assert link.transceive(bytes.fromhex("00D60010") + bytes((len(data),)) + data) == b"\x90\x00"
        assert link.transceive(bytes.fromhex("00B00010C8")) == data + b"\x90\x00"


@pytest.mark.parametrize("faults", ["mute", "noise", "mute mute", "noise mute noise"])
def test_a_lost_or_damaged_block_is_mended_below_the_apdu(faults: str) -> None:
    fault = ",".join(f"{name}@{FIRST_APDU + at}" for at, name in enumerate(faults.split()))
    with connected(f"{TYPE4}&fault={fault}") as (sim, reader):
        link = sensed(reader)
        assert link.transceive(SELECT_NDEF) == b"\x90\x00"
        assert link.transceive(SELECT_CC) == b"\x90\x00"
        assert link.transceive(READ_CC)[-2:] == b"\x90\x00"
        assert sim.faults_fired == tuple(fault.split(","))


def test_a_request_for_more_time_is_granted() -> None:
    with connected(TYPE4) as (sim, reader):
        link = sensed(reader)
        chip_of(sim).extensions, chip_of(sim).extension_multiplier = 3, 10
        assert link.transceive(SELECT_NDEF) == b"\x90\x00"


@pytest.mark.parametrize("fault", ["mute@1", "noise@1"])
def test_an_activation_that_fails_once_is_done_again(fault: str) -> None:
    with connected(f"{TYPE4}&fault={fault}") as (sim, reader):
        assert sensed(reader).transceive(SELECT_NDEF) == b"\x90\x00"
        assert len(sim.faults_fired) == 1


def test_a_tag_that_is_activated_is_found_by_sensing_again() -> None:
    """It hears no REQA: the driver takes the field away first."""
    with connected(TYPE4) as (_, reader):
        uids = {sensed(reader).uid for _ in range(4)}
    assert len(uids) == 1


def test_after_reselect_nothing_is_selected_in_the_tag() -> None:
    with connected(TYPE4) as (_, reader):
        link = sensed(reader)
        link.transceive(SELECT_NDEF)
        link.reselect()
        assert link.transceive(READ_CC) != b"\x90\x00"
        assert link.transceive(SELECT_NDEF) == b"\x90\x00"


def test_a_pulled_type_4_tag_is_lost_until_it_is_activated_again() -> None:
    with connected(TYPE4) as (sim, reader):
        link = sensed(reader)
        sim.field.pull(PULLED)
        with pytest.raises(TagLost):
            link.transceive(SELECT_NDEF)
        sim.field.put_back()
        with pytest.raises(TagLost):
            link.transceive(SELECT_NDEF)
        link.reselect()
        assert link.transceive(SELECT_NDEF) == b"\x90\x00"


def test_a_tag_that_never_answers_its_activation_is_refused() -> None:
    with connected("tags=SAK20") as (_, reader):
        for _ in range(2):
            with pytest.raises(TagRefused) as caught:
                reader.sense()
            assert caught.value.code == "tag-not-activated"


def test_a_tag_that_leaves_while_it_is_activated_was_not_there() -> None:
    with connected(f"{TYPE4}&fault=noise@1") as (sim, reader):
        exchange = sim.field.exchange

        def exchange_and_leave(*arguments: Any) -> Any:
            answer = exchange(*arguments)
            sim.field.pull(PULLED)
            return answer

        sim.field.exchange = exchange_and_leave
        assert reader.sense() is None


@pytest.mark.parametrize("length", [3, 262])
def test_what_is_no_short_command_never_reaches_the_tag(length: int) -> None:
    with connected(TYPE4) as (sim, reader):
        link = sensed(reader)
        before = sim.exchanges
        with pytest.raises(ValueError, match="short command"):
            link.transceive(bytes(length))
        assert sim.exchanges == before


def test_the_body_of_a_secret_apdu_is_masked_in_every_block(caplog: pytest.LogCaptureFixture) -> None:
    secret = bytes.fromhex("C0FFEE") * 60
    with connected(TYPE4) as (_, reader):
        link = sensed(reader)
        with caplog.at_level(logs.TRAFFIC, logger="dpptag.devices.nfcpy"):
            link.transceive(bytes.fromhex("90C40000") + bytes((len(secret),)) + secret + b"\x00", secret=True)
    assert "90c40000b4**" in caplog.text
    assert "ffee" not in caplog.text
    assert all(record.levelno != logging.ERROR for record in caplog.records)


# Type 3


def test_a_felica_tag_is_polled_for_its_ndef_system() -> None:
    with connected(FELICA) as (sim, reader):
        link = sensed(reader)
        assert link.technology is Technology.TYPE3
        assert (link.uid, link.system_code) == (sim.field.tag.uid, 0x12FC)
        assert len(link.pmm) == 8


def test_a_felica_tag_that_is_not_formatted_tells_its_own_system() -> None:
    with connected(FELICA + "-BLANK") as (_, reader):
        assert sensed(reader).system_code == 0x88B4


def test_felica_blocks_are_written_and_read_at_one_host_command_each() -> None:
    with connected(FELICA) as (sim, reader):
        link = sensed(reader)
        before = sim.host_commands
        link.write(NDEF_WRITE, [1], bytes(range(16)))
        assert link.read(NDEF_READ, [0, 1])[16:] == bytes(range(16))
        assert sim.host_commands - before == 2


def test_a_felica_error_is_a_nak_with_its_status_flags() -> None:
    with connected(FELICA) as (_, reader):
        link = sensed(reader)
        with pytest.raises(TagNak) as caught:
            link.read(NDEF_READ, [0x70])
        assert caught.value.facts["status1"] != 0
        assert link.read(NDEF_READ, [0])


def test_a_felica_tag_is_lost_and_selected_again() -> None:
    with connected(FELICA) as (sim, reader):
        link = sensed(reader)
        sim.field.pull(PULLED)
        with pytest.raises(TagLost):
            link.read(NDEF_READ, [0])
        with pytest.raises(TagLost):
            link.reselect()
        sim.field.put_back()
        link.reselect()
        assert len(link.read(NDEF_READ, [0])) == 16


def test_a_write_of_another_length_than_its_blocks_is_refused() -> None:
    with connected(FELICA) as (sim, reader):
        link = sensed(reader)
        before = sim.exchanges
        with pytest.raises(ValueError, match="32 bytes"):
            link.write(NDEF_WRITE, [1, 2], bytes(16))
        assert sim.exchanges == before


# What is polled for


@pytest.mark.parametrize(
    ("technologies", "commands"),
    [({Technology.TYPE2, Technology.TYPE4}, 1), ({Technology.TYPE2, Technology.TYPE3}, 2), ({Technology.TYPE3}, 1)],
)
def test_an_empty_field_costs_one_host_command_for_each_way_of_polling(
    technologies: set[Technology], commands: int
) -> None:
    with connected("uid=04A1B2C3D4E5F6&position=1", technologies=technologies) as (sim, reader):
        assert reader.sense() is None  # the field is on from here
        before = sim.host_commands
        assert reader.sense() is None
        assert sim.host_commands - before == commands


@pytest.mark.parametrize(("seconds", "index"), [(0.0001, 1), (0.0256, 9), (0.0257, 10), (0.0423, 10), (9.9, 16)])
def test_the_chips_time_out_is_the_shortest_that_is_no_shorter(seconds: float, index: int) -> None:
    assert timeout_index(seconds) == index
