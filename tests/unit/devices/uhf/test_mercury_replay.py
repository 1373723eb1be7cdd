"""The driver against what a real M6e Nano was captured to say: each request must equal the recorded bytes."""

import json

import pytest

from dpptag.devices.uhf.module import ModuleVersion, Target
from dpptag.errors import TagNak
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction, ModuleState
from tests.unit.devices.uhf.mercury_peer import NANO, Step, playing, recorded, step
from tests.vectors import vector_path

EPC = bytes.fromhex("E2005186010701870770C4C1")
OTHER_EPC = bytes.fromhex("E2000015860E01861050B205")
PASSWORD = bytes.fromhex("00003039")


@pytest.fixture(scope="module")
def captured() -> dict[str, Step]:
    """Every captured exchange by its request."""
    frames = json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]
    return {
        frame["request"]: recorded(frame["request"], frame["response"])
        for frame in frames
        if frame["protocol"] == "mercury" and frame["dir"] == "exchange"
    }


def test_opening_asks_what_was_captured_and_sets_what_the_driver_needs(captured: dict[str, Step]) -> None:
    steps = [
        captured["FF00031D0C"],  # version
        captured["FF000C1D03"],  # program: the application
        step(0x93, "0005"),  # GEN2; captured transcripts ask only for it
        step(0x9B, "050000"),  # session S0
        captured["FF016105BDB8"],  # antennas: port 1, where the Nano sees none
        captured["FF039102010142C5"],  # searches use port 1
        captured["FF02910101703B"],  # so do commands for a tag
        captured["FF039A010601A95C"],  # the strongest RSSI counts
        step(0x9A, "010800"),  # other data make another record
    ]
    with playing(steps) as module:
        assert module.identify() == ModuleVersion("M6e Nano", "01.07.01.02")


def test_region_and_powers_are_set_and_the_state_is_told(captured: dict[str, Step]) -> None:
    reduced = NANO.regions["US"].model_copy(update={"code": 13})  # NA2, as the captured module was set
    profile = NANO.model_copy(update={"regions": {"US-R": reduced}})
    steps = [
        captured["FF01970D4BB0"],
        captured["FF00651D6A"],  # no hop table
        captured["FF016201BEBC"],  # 0 to 27 dBm
        captured["FF0292089849C1"],
        captured["FF029408982907"],
        captured["FF00671D68"],  # captured before the region was set
        captured["FF016200BEBD"],
        captured["FF016400B8BD"],
        captured["FF00721D7D"],
    ]
    with playing(steps, profile) as module:
        module.set_region("US-R")
        module.set_power(2200)
        assert module.state() == ModuleState(None, 2300, 2300, 35)


def test_a_captured_lock_and_its_proof(captured: dict[str, Step]) -> None:
    steps = [
        captured["FF232403E80100000000030000000060E2005186010701870770C4C14920616D2047726F6F74A66A"],
        captured["FF1D2403E80100000002000000000060E2005186010701870770C4C100003039A70F"],
        captured["FF182503E801000030390002000260E2005186010701870770C4C1EB70"],
        captured["FF292403E80100000000030000000060E2005186010701870770C4C1546869732073686F756C64206661696CDD94"],
        captured["FF182503E801000030390002000060E2005186010701870770C4C1ED9A"],
        captured[
            "FF2D2403E80100000000030000000060E2005186010701870770C4C1546869732073686F756C64207375636365656400690C"
        ],
    ]
    with playing(steps) as module:
        module.choose(Target(EPC))
        module.write(Bank.USER, 0, b"I am Groot", NO_PASSWORD)
        module.write(Bank.RESERVED, 2, PASSWORD, NO_PASSWORD, secret=True)
        assert module.lock({Area.USER: LockAction.LOCKED}, PASSWORD) == 1
        with pytest.raises(TagNak) as refused:
            module.write(Bank.USER, 0, b"This should fail", NO_PASSWORD)
        assert module.lock({Area.USER: LockAction.OPEN}, PASSWORD) == 1
        module.write(Bank.USER, 0, b"This should succeed\0", NO_PASSWORD)
    # 0406, not 0424: locked, too weak and out of range cannot be told apart.
    assert refused.value.facts["error"] == "write-failed"
    assert refused.value.facts["status"] == "0406"


def test_a_write_to_a_permalocked_block_is_refused_the_same_way(captured: dict[str, Step]) -> None:
    steps = [
        captured["FF1B2403E80100000000030000000060E2000015860E01861050B205000012F7"],
        captured["FF1B2403E80100000004030000000060E2000015860E01861050B20500045AEC"],
    ]
    with playing(steps) as module:
        module.choose(Target(OTHER_EPC))
        with pytest.raises(TagNak) as refused:
            module.write(Bank.USER, 0, bytes(2), NO_PASSWORD)
        module.write(Bank.USER, 4, b"\0\4", NO_PASSWORD)
    assert refused.value.facts["error"] == "write-failed"


def test_captured_block_write_and_kill(captured: dict[str, Step]) -> None:
    steps = [
        captured["FF262D03E8004100C70000000060E2005186010701870770C4C1000300000000040001020304050607F366"],
        captured["FF1D2403E80100000000000000000060E2000015860E01861050B205BEADEAD115BE"],
        captured["FF152603E801BEADEAD10060E2000015860E01861050B2059F2A"],
    ]
    with playing(steps) as module:
        module.choose(Target(EPC))
        module.write(Bank.USER, 0, bytes(range(8)), NO_PASSWORD, block=True)
        module.choose(Target(OTHER_EPC))
        module.write(Bank.RESERVED, 0, bytes.fromhex("BEADEAD1"), NO_PASSWORD, secret=True)
        module.kill(bytes.fromhex("BEADEAD1"))
