"""Clients of UHF modules that are not ours on the simulated ones: pyImpinj 1.2 (A0), wabson.chafon-rfid 1.0.0
(UHFReader18 and 288), rfid-r200 0.1.1 (R200); and redrcp 1.2.0, whose protocol only looks like an M100's. What they
write our driver reads, and the other way round."""

import os
import threading
import tty
from typing import Any

import pytest

from dpptag.devices import open_uhf, parse_device_path
from dpptag.errors import DeviceNotFound, TagNak
from dpptag.links.gen2 import Bank
from dpptag.sim.uhf.server import SimulatedModule
from tests.needs import uhf_clients
from tests.peers.ask import ask
from tests.peers.uhf_bench import (
    ACCESS,
    KILL,
    NEW_EPC,
    ONE_TAG,
    USER_BYTES,
    epc_of,
    our_link,
    simulated,
    user_bank,
    write_as_ours,
)

A0_PROFILE = "uhf-a0-r2000"
BOARD_DONE, BOARD_WRITE_FAILED = "10", "33"
ETSI_MHZ = {865.5, 866.0, 866.5, 867.0, 867.5}
"""The board's own table knows every half megahertz only."""
OK, PASSWORD_WRONG, NO_TAG = [0x00, ""], [0x05, ""], [0xFB, ""]
LOCKED = [0xFC, "04"]


def impinj(sim: SimulatedModule, *calls: list[Any]) -> list[Any]:
    sim.unused.wait(5)
    return ask("uhf_impinj", {"port": sim.path, "calls": calls})


def chafon(sim: SimulatedModule, variant: str, *calls: list[Any]) -> list[Any]:
    sim.unused.wait(5)
    return ask("uhf_chafon", {"port": sim.path, "variant": variant, "calls": calls})


def test_pyimpinj_sets_a_board_and_hears_its_tags() -> None:
    with simulated("a0") as sim:
        answers = impinj(
            sim,
            ["identifier"],
            ["set_rf_power", 20, 21, 22, 23],
            ["get_rf_power"],
            ["fast_power", 30],
            ["temperature"],
            ["set_frequency_region", 865.0, 868.0, 2],
            ["get_frequency_region"],
            ["get_work_antenna"],
            ["beeper", 0],
            ["inventory"],
        )
        tags = [tag.epc.hex().upper() for tag in sim.field.tags]
    *told, (found, end) = answers
    assert told == [
        b"SIMULATED-A0".hex(),
        [True, "SUCCESS"],
        "14151617",
        [True, "SUCCESS"],
        32,
        [True, "SUCCESS"],
        {"Region": "ETSI", "StartFreq": 865.0, "EndFreq": 868.0},
        "00",
        [True, "SUCCESS"],
    ]
    assert {tag["epc"]: (tag["rssi"], tag["antenna"]) for tag in found} == dict(
        zip(tags, ((-48, 1), (-61, 1)), strict=True)
    )
    assert {tag["frequency"] for tag in found} <= ETSI_MHZ
    assert (end["type"], end["total_read"]) == ("DONE", 2)


def test_pyimpinj_encodes_a_tag_that_we_then_read() -> None:
    with simulated("a0") as sim:
        tag, other = sim.field.tags
        before = other.record()
        old, new, password = tag.epc.hex(), NEW_EPC.hex(), list(ACCESS)
        pc_epc = "3000" + new
        answers = impinj(
            sim,
            ["read", old, "TID", 0, 6],
            ["write", old, USER_BYTES[:64].hex(), "USER", 0],
            ["write", old, USER_BYTES[64:].hex(), "USER", 32],
            ["read", old, "USER", 0, 44],
            ["write", old, (KILL + ACCESS).hex(), "RESERVED", 0],
            ["read", old, "RESERVED", 2, 2, password],
            ["lock", "USER", "LOCK", password],
            ["write_single", list(b"AB"), "USER", 0],
            ["write_single", list(b"AB"), "USER", 0, password],
            ["write", old, pc_epc, "EPC", 1, password],
            ["read", new, "EPC", 1, 7],
        )
        assert answers[0] == tag.tid.hex().upper()
        assert answers[1:3] == [old.upper()] * 2
        assert answers[3] == USER_BYTES.hex().upper()
        assert answers[4:6] == [old.upper(), ACCESS.hex().upper()]
        assert [answer if len(answer) == 2 else answer[-6:-4] for answer in answers[6:9]] == [
            BOARD_DONE,
            BOARD_WRITE_FAILED,
            BOARD_DONE,
        ]
        assert answers[9:] == [old.upper(), pc_epc.upper()]
        with our_link(sim, A0_PROFILE, tag.tid) as link:
            assert (user_bank(link), epc_of(link)) == (USER_BYTES, NEW_EPC)
            with pytest.raises(TagNak):
                link.write(Bank.USER, 0, b"no", expect_refusal=True)
        assert other.record() == before


def test_pyimpinj_reads_what_we_wrote_and_kills_it() -> None:
    with simulated("a0", ONE_TAG) as sim:
        (tag,) = sim.field.tags
        with our_link(sim, A0_PROFILE, tag.tid) as link:
            write_as_ours(link)
        new = NEW_EPC.hex()
        user, tid, refused, wrong, right, (found, _) = impinj(
            sim,
            ["read", new, "USER", 0, 44],
            ["read", new, "TID", 0, 6],
            ["write_single", list(b"no"), "USER", 0],
            ["kill", [0, 0, 0, 1]],
            ["kill", list(KILL)],
            ["inventory"],
        )
        assert (user, tid) == (USER_BYTES.hex().upper(), tag.tid.hex().upper())
        assert (refused, wrong, right[-6:-4]) == (BOARD_WRITE_FAILED, "35", BOARD_DONE)
        assert tag.killed
        assert found == []


@pytest.mark.parametrize(("variant", "kind"), [("18", "UHFReader18"), ("288", "UHFReader288M")])
def test_chafon_rfid_hears_tags_and_encodes_one_that_we_then_read(variant: str, kind: str) -> None:
    """It has wrappers for information and inventory; reading, writing and locking go through its command class."""
    with simulated(f"uhfreader{variant}") as sim:
        tag, other = sim.field.tags
        old, new = f"06{tag.epc.hex()}", f"06{NEW_EPC.hex()}"
        nobody, password = "00000000", ACCESS.hex()
        answers = chafon(
            sim,
            variant,
            ["info"],
            ["inventory"],
            [0x02, f"{old} 02 00 06 {nobody}"],
            [0x03, f"20 {old} 03 00 {USER_BYTES[:64].hex()} {nobody}"],
            [0x10, f"0C {old} 03 20 {USER_BYTES[64:].hex()} {nobody}"],
            [0x02, f"{old} 03 00 2C {nobody}"],
            [0x03, f"04 {old} 00 00 {(KILL + ACCESS).hex()} {nobody}"],
            [0x06, f"{old} 04 02 00000001"],
            [0x06, f"{old} 04 02 {password}"],
            [0x03, f"01 {old} 03 00 FFFF {nobody}"],
            [0x03, f"01 {old} 03 00 4142 {password}"],
            [0x03, f"07 {old} 01 01 3000{NEW_EPC.hex()} {password}"],
            [0x02, f"{old} 01 01 07 {nobody}"],
            [0x02, f"{new} 01 01 07 {nobody}"],
        )
        information, found, *told = answers
        assert information[:2] == [kind, "EU"]
        assert information[2:] == pytest.approx([865.1, 867.9, 20])
        strengths = (None, None) if variant == "18" else (160 - 48, 160 - 61)
        epcs = (other.epc.hex(), tag.tid[:12].hex())
        assert {epc: rssi for epc, _, rssi in found} == dict(zip(reversed(epcs), strengths, strict=True))
        assert {antenna for _, antenna, _ in found} == {1}
        assert told == [
            [0x00, tag.tid.hex()], OK, OK, [0x00, USER_BYTES.hex()], OK,
            PASSWORD_WRONG, OK, LOCKED, OK, OK, NO_TAG, [0x00, f"3000{NEW_EPC.hex()}"],
        ]  # fmt: skip
        with our_link(sim, f"uhf-uhfreader{variant}", tag.tid) as link:
            assert (user_bank(link), epc_of(link)) == (USER_BYTES, NEW_EPC)
            with pytest.raises(TagNak):
                link.write(Bank.USER, 0, b"no", expect_refusal=True)


@pytest.mark.parametrize("variant", ["18", "288"])
def test_chafon_rfid_reads_what_we_wrote_and_kills_it(variant: str) -> None:
    with simulated(f"uhfreader{variant}", ONE_TAG) as sim:
        (tag,) = sim.field.tags
        with our_link(sim, f"uhf-uhfreader{variant}", tag.tid) as link:
            write_as_ours(link)
        name = f"06{NEW_EPC.hex()}"
        user, refused, wrong, right, found = chafon(
            sim,
            variant,
            [0x02, f"{name} 03 00 2C 00000000"],
            [0x03, f"01 {name} 03 00 FFFF 00000000"],
            [0x05, f"{name} 00000001"],
            [0x05, f"{name} {KILL.hex()}"],
            ["inventory"],
        )
        assert (user, refused, wrong, right) == ([0x00, USER_BYTES.hex()], LOCKED, [0x09, ""], OK)
        assert (found, tag.killed) == ([], True)


def test_rfid_r200_sets_the_power_and_hears_the_tag_that_we_encoded() -> None:
    """It reads only, and takes every EPC for 12 bytes and the RSSI for a number without a sign."""
    with simulated("r200") as sim:
        tag, other = sim.field.tags
        with our_link(sim, "uhf-r200", tag.tid) as link:
            write_as_ours(link)
        sim.unused.wait(5)
        model, _, was_set, power, demodulator, found, error = ask("uhf_r200", {"port": sim.path, "power": 20.0})
        assert "R200" in model
        assert (was_set, power, error) == (True, 20.0, None)
        assert len(demodulator) == 3
        sent = {
            chip.epc.hex(): [0x3000, int.from_bytes(chip.memory(Bank.EPC)[:2], "big"), rssi & 0xFF]
            for chip, rssi in ((tag, -48), (other, -61))
        }
        assert {epc: rest for epc, *rest in found} == sent
        assert NEW_EPC.hex() in sent


def test_a_red_rcp_reader_is_not_taken_for_an_m100() -> None:
    """Its frames are BB ... 7E too, and 03 asks for its information too; but a CRC follows the end.

    With this text the end mark stands where an M100 has its sum, and is the right sum.
    """
    uhf_clients()
    text = "M100 26dBm V1.0"
    rest = (0x7E - (0x01 + 0x03 + len(text) + 2) - sum(text.encode())) % 0x100
    text += chr(rest // 2) + chr(rest - rest // 2)
    request, answer = ask("uhf_redrcp", {"payload": text})
    assert request.startswith("bb0003")
    frame = bytes.fromhex(answer)
    assert sum(frame[1:-3]) & 0xFF == frame[-3] == 0x7E
    master, slave = os.openpty()
    tty.setraw(slave)
    node = os.ttyname(slave)

    def reader() -> None:
        """It answers whatever it hears."""
        try:
            while os.read(master, 256):
                os.write(master, bytes.fromhex(answer))
        except OSError:  # the master was closed
            return

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        path = parse_device_path(f"uhf:{node}?profile=uhf-m100&region=EU&baud=115200")
        with pytest.raises(DeviceNotFound):
            open_uhf(path, wait=lambda _seconds: None)
    finally:
        os.close(slave)
        thread.join(10)
        os.close(master)
