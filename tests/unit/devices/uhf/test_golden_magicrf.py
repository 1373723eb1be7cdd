"""Every printed frame of the M100: our requests byte for byte, its answers read, its misprints refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.framing import FrameError, FrameReader, Framing
from dpptag.devices.uhf.magicrf import MagicRfModule
from dpptag.devices.uhf.module import Target
from dpptag.devices.uhf.port import UhfPort
from dpptag.links.gen2 import Area, Bank, LockAction, Sighting
from tests.unit.devices.uhf.scripted_module import ScriptedModule
from tests.vectors import vector_path

PROFILE = load_uhf_profile("uhf-m100")
FRAMING = Framing(PROFILE.framing)
EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
PASSWORD = bytes.fromhex("0000FFFF")


def printed() -> list[dict[str, Any]]:
    frames = json.loads(vector_path("uhf", "golden_frames.json").read_text(encoding="utf-8"))["frames"]
    return [frame for frame in frames if frame["protocol"] == "m100"]


def test_every_request_is_built_and_every_answer_read() -> None:
    good = [frame for frame in printed() if frame["length_ok"] and frame["checksum_ok"]]
    assert len(good) == 64
    for frame in good:
        octets, answer = bytes.fromhex(frame["hex"]), frame["dir"] != "req"
        parsed = FRAMING.parse(octets, answer=answer)
        assert FRAMING.build(parsed, answer=answer) == octets, frame["meaning"]
        if answer:
            assert FrameReader(FRAMING).feed(octets) == [parsed]


def test_misprints_are_refused_by_parser_and_stream() -> None:
    bad = [frame for frame in printed() if not (frame["length_ok"] and frame["checksum_ok"])]
    assert len(bad) == 3
    for frame in bad:
        octets = bytes.fromhex(frame["hex"])
        with pytest.raises(FrameError):
            FRAMING.parse(octets)
        reader = FrameReader(FRAMING)
        assert reader.feed(octets) + reader.quiet() == []


Call = Callable[[MagicRfModule], object]

DRIVEN: list[tuple[list[str], Call, object]] = [
    (["get region", "get power"], lambda module: module.state().read_power_cdbm, 2000),
    (["set power 20.00"], lambda module: module.set_power(2000), None),
    (["select mode 01"], lambda module: module.choose(None), None),
    (["select: target 0, action 0, bank EPC"], lambda module: module.choose(Target(EPC)), None),
    (["read USER word 0"], lambda module: module.read(Bank.USER, 0, 2, PASSWORD), bytes.fromhex("12345678")),
    (["write 12345678"], lambda module: module.write(Bank.USER, 0, bytes.fromhex("12345678"), PASSWORD), None),
    (["lock: LD 020080"], lambda module: module.lock({Area.ACCESS: LockAction.LOCKED}, PASSWORD), 1),
    (["kill with kill password"], lambda module: module.kill(PASSWORD), None),
]


@pytest.mark.parametrize(("meanings", "call", "result"), DRIVEN, ids=[names[0] for names, _, _ in DRIVEN])
def test_the_driver_says_what_is_printed(meanings: list[str], call: Call, result: object) -> None:
    """The request that is printed under this meaning, and the answer printed behind it."""
    frames = printed()
    turns = []
    for meaning in meanings:
        at = next(i for i, frame in enumerate(frames) if frame["dir"] == "req" and frame["meaning"].startswith(meaning))
        answer = frames[at + 1]["hex"] if frames[at + 1]["dir"] == "resp" else "BB010C0001000E7E"  # mode: not printed
        turns.append((bytes.fromhex(frames[at]["hex"]), bytes.fromhex(answer)))
    with ScriptedModule(turns) as peer:
        module = MagicRfModule(UhfPort(peer.path, FRAMING, baud=115200, wait=lambda _seconds: None), PROFILE)
        assert call(module) == result
        module.close()


def test_a_region_is_set_as_printed_and_then_only_the_channels_that_may_carry_the_power() -> None:
    asked, said = "BB0007000101097E", "BB0107000100097E"
    assert {asked, said} <= {frame["hex"] for frame in printed()}
    channels = bytes(PROFILE.regions["CN"].legal_channels or ())
    hops = FRAMING.build(FRAMING.request(0xA9, bytes((len(channels),)) + channels))
    turns = [(bytes.fromhex(asked), bytes.fromhex(said)), (hops, bytes.fromhex("BB01A9000100AB7E"))]
    with ScriptedModule(turns) as peer:
        module = MagicRfModule(UhfPort(peer.path, FRAMING, baud=115200, wait=lambda _seconds: None), PROFILE)
        module.set_region("CN")
        module.close()
    assert len(channels) == 16  # 920.5-924.5 MHz


def test_the_printed_round_is_read() -> None:
    round_, notice = "BB00220000227E", "BB02220011C9340030751FEB705C5904E3D50D703A76EF7E"
    assert {round_, notice} <= {frame["hex"] for frame in printed()}
    turns = [(round_, notice), ("BB0012000101147E", "BB0112000100147E")]
    with ScriptedModule([(bytes.fromhex(asked), bytes.fromhex(said)) for asked, said in turns]) as peer:
        module = MagicRfModule(UhfPort(peer.path, FRAMING, baud=115200, wait=lambda _seconds: None), PROFILE)
        assert module.inventory() == [Sighting(epc=EPC, pc=0x3400, rssi_dbm=-55)]
        module.close()
