"""The Type 2 family over the real PN532 driver and the simulated reader."""

from __future__ import annotations

import pytest

from dpptag import logs
from dpptag.devices.profiles import load_profile
from dpptag.errors import TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.type2 import Type2Chip
from dpptag.tags import (
    ContentState,
    Lock,
    Protection,
    apply,
    identify,
    plan_protection,
    plan_write,
    protect,
    read_back,
    write_and_verify,
)
from tests.sim_fixtures import connected
from tests.unit.tags.chip_link import message_of

PN532 = load_profile("nfc-pn532-uart")


@pytest.mark.parametrize("fast", [0, PN532.fast_read_pages], ids=["READ", "FAST_READ"])
@pytest.mark.parametrize(("name", "length"), [("NTAG213", 142), ("NTAG215", 492), ("NTAG216", 868)])
def test_the_longest_message_is_written_and_read_back(name: str, length: int, fast: int) -> None:
    with connected(f"type={name}", fast_read_pages=fast, bauds=PN532.bauds) as (_, reader):
        link = reader.sense()
        assert link is not None
        tag = identify(link)
        assert (tag.chip_name, tag.message_room, tag.content.state) == (name, length, ContentState.EMPTY)
        assert write_and_verify(link, tag, message_of(length)) == message_of(length)
        again = identify(link)
        assert again.ndef == message_of(length)
        assert plan_write(again, message_of(length)).steps == ()


def test_an_ntag213_takes_4_host_commands_to_identify() -> None:
    with connected() as (sim, reader):
        link = reader.sense()
        assert link is not None
        before = sim.host_commands
        identify(link)
        assert sim.host_commands - before == 4


def test_the_host_commands_of_a_126_byte_message_on_a_factory_ntag213() -> None:
    """Every page of it differs: guard, 32 body pages, header; field off, selection (2) and one FAST_READ verify."""
    with connected(fast_read_pages=PN532.fast_read_pages, bauds=PN532.bauds) as (sim, reader):
        link = reader.sense()
        assert link is not None
        before = sim.host_commands
        tag = identify(link)
        identified = sim.host_commands
        plan = plan_write(tag, message_of(126))
        assert [step.at for step in plan.steps] == [4, *range(5, 37), 4]
        assert write_and_verify(link, tag, message_of(126)) == message_of(126)
        assert (identified - before, sim.host_commands - identified) == (4, 34 + 4)


def test_rewriting_one_page_of_36_costs_the_guard_the_page_the_header_and_the_verification() -> None:
    old = bytearray(message_of(142))
    old[70] ^= 1
    with connected(fast_read_pages=PN532.fast_read_pages, bauds=PN532.bauds) as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert write_and_verify(link, identify(link), bytes(old)) == bytes(old)
        tag = identify(link)
        plan = plan_write(tag, message_of(142))
        assert [step.at for step in plan.steps] == [4, 4 + 72 // 4, 4]
        before = sim.host_commands
        assert write_and_verify(link, tag, message_of(142)) == message_of(142)
        assert sim.host_commands - before == 3 + 4


class Keys:
    def key(self, uid: bytes, purpose: str) -> bytes:
        return bytes.fromhex("C0FFEE42BEEF") + bytes(10)

    def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
        return "fixed, for this test"


def test_password_and_lock_over_the_driver_show_no_secret_in_the_traffic(caplog: pytest.LogCaptureFixture) -> None:
    """25 frames to the chip, four of them to look at it again, and five reselections of 3 host commands each."""
    asked = Protection(password=True, lock=Lock.PERMANENT)
    with caplog.at_level(logs.TRAFFIC), connected(fast_read_pages=PN532.fast_read_pages) as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert write_and_verify(link, identify(link), message_of(60)) == message_of(60)
        plan = plan_protection(identify(link), asked, Keys())
        before = sim.host_commands
        protect(link, plan, Keys())
        spent = sim.host_commands - before
        chip = sim.field.tag
        assert isinstance(chip, Type2Chip)
        assert all(chip.page_locked(page) for page in range(3, 40))
        assert chip.pages[43] + chip.pages[44][:2] == bytes.fromhex("C0FFEE42BEEF")
        assert identify(link).ndef == message_of(60)
        assert plan_protection(identify(link), asked, Keys()).steps == ()
    assert spent == 25 + 5 * 3
    sent = "".join(character for character in caplog.text if character.isalnum()).upper()
    assert "A22B" in sent  # the write of PWD is there
    assert "C0FFEE42" not in sent
    assert "BEEF0000" not in sent


def test_a_read_password_is_refused_and_the_tag_answers_on() -> None:
    with connected() as (sim, reader):
        chip = sim.field.tag
        assert isinstance(chip, Type2Chip)
        chip.pages[41], chip.pages[42] = bytes.fromhex("04000004"), bytes.fromhex("80050000")
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagRefused) as caught:
            identify(link)
        assert caught.value.code == "tag-read-protected"
        assert link.read(0)[:3] == link.uid[:3]


def test_a_nak_in_mid_write_leaves_an_empty_tag() -> None:
    with connected() as (sim, reader):
        link = reader.sense()
        assert link is not None
        plan = plan_write(identify(link), message_of(20))
        chip = sim.field.tag
        assert isinstance(chip, Type2Chip)
        chip.pages[2] = chip.pages[2][:2] + b"\x20\x00"  # page 5 locked behind our back
        with pytest.raises(TagNak) as caught:
            apply(link, plan)
        assert (caught.value.facts["page"], caught.value.facts["tag_state"]) == (5, "unknown")
        fresh = reader.sense()
        assert fresh is not None
        assert identify(fresh).content.state is ContentState.EMPTY


def test_a_plan_is_not_carried_out_on_the_tag_sensed_after_its_own() -> None:
    with connected("tags=NTAG213*2&seed=3") as (sim, reader):
        link = reader.sense()
        assert link is not None
        plan = plan_write(identify(link), message_of(40))
        sim.field.swap()
        other = reader.sense()
        assert other is not None
        before = identify(other).pages
        with pytest.raises(TagSwapped) as caught:
            apply(link, plan)
        assert caught.value.facts["tag_state"] == "untouched"
        assert identify(other).pages == before


def test_a_cell_that_forgets_without_power_is_found_by_the_read_back() -> None:
    """So the field was truly off between the last write and the first read: selecting again alone would not show it."""
    with connected("uid=04A1B2C3D4E5F6&fault=weak@9") as (_, reader):
        link = reader.sense()
        assert link is not None
        tag = identify(link)
        apply(link, plan_write(tag, message_of(40)))
        assert link.read(9)[:4] == message_of(40)[18:22]
        with pytest.raises(TagWriteFailed) as caught:
            read_back(link, tag, message_of(40))
        assert caught.value.facts["page"] == 9


def test_a_cell_that_forgets_once_is_mended_by_the_rewrite() -> None:
    with connected("uid=04A1B2C3D4E5F6&fault=weak@9+1") as (sim, reader):
        link = reader.sense()
        assert link is not None
        assert write_and_verify(link, identify(link), message_of(40)) == message_of(40)
        assert sim.faults_fired == ("weak@9+1",)
