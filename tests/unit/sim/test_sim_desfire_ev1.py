"""Secure messaging of DESFire EV1, the card's side, against exchanges that a real card had.

The exchanges are those of "DESFire EV1 Communication Examples" (sotechcllc/RFDoorLock, b57097c): a Teensy with a PN532
in front of a DESFire EV1. The simulated card draws the random numbers that the real one drew.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dpptag.sim.desfire import GENERATIONS, Desfire
from tests.unit.sim.ev2_host import UID, native, selected, send


def card(*draws: str) -> Desfire:
    """A blank EV1 that draws these numbers."""
    numbers: Iterator[str] = iter(draws)
    made = Desfire(GENERATIONS["DESFIRE-EV1"], UID, formatted=False, random=lambda _: bytes.fromhex(next(numbers)))
    return selected(made)


def run(chip: Desfire, *exchanges: tuple[str, str]) -> None:
    """Native commands and answers: the first byte of each is the command code or the status."""
    for command, answer in exchanges:
        sent, wanted = bytes.fromhex(command), bytes.fromhex(answer)
        assert bytes.fromhex(send(chip, native(sent[0], sent[1:]))) == wanted[1:] + b"\x91" + wanted[:1], command


def test_a_des_session_tells_and_changes_key_settings() -> None:
    chip = card("3B3DFE628164BFDA")
    run(
        chip,
        ("CA 16DE00 0F 02", "00"),
        ("5A 16DE00", "00"),
        ("1A 00", "AF 8476D1CF3024B7C7"),
        ("AF DAC67AB743763DC9FAF8A0AE504E80C5", "00 13E9E4FA4388BF16"),
        ("45", "00 0F02 25DD8D7731B1CFD5"),
        ("54 27882805FC3FD49D", "00 A628378374270ACD"),
        ("45", "00 0D02 613FB2D3F453D2E4"),
    )
    assert chip.applications[0].settings == 0x0D


def test_aes_sessions_change_their_own_key_and_another() -> None:
    chip = card(
        "C05DDD714FD788A6B7B754F3C4D066E8",
        "271047125A2AA58178F5C51B1177A19B",
        "910368457E2E9AA167355BFB544B9931",
        "D81000444B976F48340DCDE34D7AB17C",
        "626FFBD45CAF334ACCA45599304F5B17",
    )
    run(
        chip,
        ("CA 16AE00 0F 82", "00"),
        ("5A 16AE00", "00"),
        ("AA 00", "AF B969FDFE56FD91FC9DE6F6F213B8FD1E"),
        ("AF 36AAD7DF6E436BA08D18613830A70D5AD43E3D3F4A8D47541EEE623A934E4774", "00 800DB680BC146BD121D6578F2D2E2059"),
        ("C4 00 E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10", "00"),
        ("AA 00", "AF CCC8316C2B2613FE9A189BAC9CC89D03"),
        ("AF C02E061E72E17726489CAEEC997C523758BF863EFE7671C55B4665D06ACCD97B", "00 72ACCC0BDEA482B53185BB5AD0086246"),
        ("C4 00 2945E3760E60F4A4046BB8A505B31CF559A3A2E05213BC82942CA6AB5DBCECF5", "00"),
        ("AA 00", "AF 3E2BE626C05E7798EE518355A751648E"),
        ("AF FABF71BB0DC45B8F31BAEDDFF7F3439652D4094DF12C17EF0C94353E6D7770C8", "00 1CE6C574E24923D404E18B6A240C1B08"),
        ("64 00", "00 10 8A8FA36F55CD210D"),
        ("C4 00 635375E4919F8AF2E9E86B1C1BA55B0C0807EAF484D7A7EF6E0C3084160F5A61", "00"),
        ("AA 00", "AF EDDAF0C5D9A7CF42B8808BE2013899A1"),
        ("AF D8105F874E2CA57B76C354A8066B0D7880B0C4EC399DBF253438DB46D75F8F60", "00 459C76B71AB9F1736413F5ACD73E7DF9"),
        ("C4 01 E7ECCB6BD1CA64BC161A12B1C024F71430337408C8A87EACAB7A1FF18951FCA3", "00 2128D3CD9C9ACFFF"),
        ("C4 01 2841938C40A4BC2C33064482FEADA5F43EC535D34255B0286C2352CD173863C7", "00 CAF3BF0B2836E9DE"),
        ("AA 01", "AF B351CB2465D4F33AC627FD6E87A168F2"),
        ("AF 044B6CAC343A0865895149649CA8DDE1F5AC4EC67BD208900AF02F049E05F0B0", "00 A2EE144B1012FBEB7B2F11132D95A454"),
        ("CD 05 00 1100 500000", "00 A75316AD1596B953"),
        ("6F", "00 05 2D5FF67FFEC9D2D3"),
        ("F5 05", "00 00001100500000 2AAC7517024E09DC"),
        ("3D 05 000000 340000" + bytes(range(0x34)).hex(), "00 765C9DAA50ECB62F"),
        ("3D 05 340000 1C0000" + bytes(range(0x34, 0x50)).hex(), "00 3E0AED986B8B0F37"),
        ("BD 05 000000 300000", "00" + bytes(range(0x30)).hex() + "4C65F1F842262BAC"),
        ("BD 05 300000 200000", "00" + bytes(range(0x30, 0x50)).hex() + "F02205CF913C03C9"),
        ("DF 05", "00 1BEF0D32B6D1D7F9"),
        ("6F", "00 FC194EA93E3EF8E7"),
    )
    keys = chip.applications[0].keys
    assert (keys[1].value.hex(), keys[1].version) == ("10182028303840485058606870788088", 0x10)


@pytest.mark.parametrize(
    ("command", "status"),
    [("AA 00", "91AE"), ("1A 01", "9140"), ("1A", "917E"), ("AF 0000", "91CA"), ("C4 80" + "00" * 24, "91AE")],
)
def test_what_the_delivered_card_refuses(command: str, status: str) -> None:
    sent = bytes.fromhex(command)
    assert send(card("00" * 8), native(sent[0], sent[1:])) == status


def test_a_false_answer_to_the_challenge_ends_the_authentication() -> None:
    chip = card("3B3DFE628164BFDA", "00" * 16)
    run(chip, ("1A 00", "AF 8476D1CF3024B7C7"))
    assert send(chip, native(0xAF, bytes(16))) == "91AE"
    assert send(chip, native(0xFC)) == "91AE"


@pytest.mark.parametrize("command", ["45", "6A", "6D"])
def test_a_card_that_lists_for_its_key_alone_tells_nobody(command: str) -> None:
    chip = card()
    chip.settings = 0x0D
    assert send(chip, native(bytes.fromhex(command)[0])) == "91AE"
    assert send(chip, native(0x64, b"\0")) == "009100"


@pytest.mark.parametrize("command", ["45", "6F", "61", "F5 02"])
def test_an_application_that_lists_for_its_key_alone_tells_nobody(command: str) -> None:
    chip = selected(Desfire(GENERATIONS["DESFIRE-EV1"], UID, formatted=True))
    chip.applications[0].settings = 0x0D
    assert send(chip, native(0x5A, b"\1\0\0")) == "9100"
    sent = bytes.fromhex(command)
    assert send(chip, native(sent[0], sent[1:])) == "91AE"


def test_the_key_of_a_card_is_kept_and_told_by_type_and_version() -> None:
    chip = card()
    chip.card.value, chip.card.version = bytes(16), 7
    chip = selected(Desfire(chip.generation, UID, chip.record(), formatted=False))
    assert send(chip, native(0x64, b"\0")) == "079100"
    assert send(chip, native(0x45)) == "0F819100"
    assert send(chip, native(0x0A, b"\0")) == send(chip, native(0x1A, b"\0")) == "91AE"
    assert send(chip, native(0xAA, b"\0")).endswith("91AF")
