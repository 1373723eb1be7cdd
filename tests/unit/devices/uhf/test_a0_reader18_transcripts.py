"""The drivers hold the conversations of the fixtures, which were put together without them, byte for byte."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.transcripts import Transcript, load_transcript
from dpptag.devices.uhf.families import FAMILIES
from dpptag.devices.uhf.framing import Framing
from dpptag.devices.uhf.module import Gen2Module, Target
from dpptag.devices.uhf.port import UhfPort
from dpptag.errors import TagLost, TagNak
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction
from tests.needs import ROOT
from tests.unit.devices.uhf.scripted_module import ScriptedModule, Turn

EPC, NEW_EPC = bytes.fromhex("3034257BF7194E4000001A85"), bytes.fromhex("3034257BF7194E4000001A86")
TID = bytes.fromhex("E2806D122000500123456789")
ACCESS = bytes.fromhex("5A17C3E9")


def transcript_of(profile: str) -> Transcript:
    return load_transcript(ROOT / "hw_fixtures" / profile / "encode-and-lock.toml")


def turns_of(profile: str) -> list[tuple[str, Turn]]:
    """What the host says, by its name, and all that is answered to it."""
    found: list[tuple[str, Turn]] = []
    for frame in transcript_of(profile).frames:
        if frame.sender == "host":
            found.append((frame.name, (frame.octets, b"")))
        else:
            name, (request, answer) = found[-1]
            found[-1] = name, (request, answer + frame.octets)
    return found


@contextlib.contextmanager
def driving(profile_name: str, turns: list[Turn]) -> Iterator[Gen2Module]:
    profile: Any = load_uhf_profile(profile_name)
    with ScriptedModule(turns) as peer:
        port = UhfPort(peer.path, Framing(profile.framing), baud=profile.serial.baud)
        module = FAMILIES[profile.family](port, profile)
        try:
            yield module
        finally:
            module.close()


def write_and_lock(module: Gen2Module, name: str) -> None:
    """Steps that both families' conversations share."""
    tag = transcript_of(name).tag
    assert tag is not None
    module.choose(Target(EPC))
    assert module.read(Bank.TID, 0, 6, NO_PASSWORD) == tag.uid
    module.write(Bank.USER, 0, bytes.fromhex("0000401234AB"), NO_PASSWORD)
    module.write(Bank.RESERVED, 2, ACCESS, NO_PASSWORD, secret=True)
    module.write(Bank.EPC, 1, b"\x30\0" + NEW_EPC, ACCESS)
    module.choose(Target(NEW_EPC))
    assert module.lock({Area.USER: LockAction.LOCKED}, ACCESS) == 1
    with pytest.raises(TagNak):
        module.write(Bank.USER, 1, b"\xbf\xed", NO_PASSWORD, expect_refusal=True)


@pytest.mark.parametrize("name", ["uhf-a0-r2000", "uhf-a0-yr903"])
def test_an_a0_board_is_driven_as_its_transcript_says(name: str) -> None:
    """The YR903 has neither antennas nor a power that leaves flash alone: what it has is asked first."""
    turns = dict(turns_of(name))
    before = [turns.pop(step) for step in ("version", "antenna 1", "region") if step in turns]
    settings = [turns.pop(step) for step in list(turns) if step.startswith(("region by", "power"))]
    for step in ("temperature", "restart, which has no answer"):
        turns.pop(step, None)
    with driving(name, [*before, *settings, *turns.values()]) as module:
        assert module.identify().firmware == "8.2"
        module.set_region("EU")
        module.set_power(2000)
        assert [(seen.epc, seen.rssi_dbm) for seen in module.inventory()] == [(EPC, -61), (EPC, -60)]
        write_and_lock(module, name)
        with pytest.raises(TagLost):
            module.read(Bank.USER, 0, 1, NO_PASSWORD)
        module.choose(None)


OF_THE_18 = ("uhf-uhfreader18", "uhf-rru9803m")


@pytest.mark.parametrize("name", [*OF_THE_18, "uhf-uhfreader288", "uhf-uhfreader288mp", "uhf-uhfreader86"])
def test_a_reader_is_driven_as_its_transcript_says(name: str) -> None:
    named = turns_of(name)
    information, region, power = (turn for _, turn in named[:3])
    tags = [turn for what, turn in named[3:] if what != "answer mode" and not what.startswith("reader information")]
    scan_time: list[Turn] = []
    if name in OF_THE_18:  # the transcript leaves the scan time as it is
        scan_time = [information, (bytes.fromhex("05FF2505 A3A1"), bytes.fromhex("05002500 FD30"))]
    with driving(name, [information, information, region, information, power, *scan_time, *tags]) as module:
        assert module.identify().firmware == "2.5"
        module.set_region("EU")
        module.set_power(2000)
        if name in OF_THE_18:
            assert module.inventory() == []
            assert [seen.epc for seen in module.inventory()] == [EPC, NEW_EPC]
        else:
            assert [(seen.epc, seen.antenna) for seen in module.inventory()] == [(EPC, 1)]
        write_and_lock(module, name)
