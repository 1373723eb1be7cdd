"""Chips that are told by their measured page count: those without GET_VERSION, and all on a storage-card reader."""

from __future__ import annotations

import pytest

from dpptag.errors import TagNak, TagRefused
from dpptag.sim.type2 import MODELS, Type2Chip
from dpptag.tags import ContentState, Lock, Protection, identify, plan_protection, plan_write, protect, write_and_verify
from dpptag.tags.type2_memory import ToldBy
from tests.unit.tags.chip_link import ChipLink, chip_with, message_of

MESSAGE = message_of(44)
TOLD = {
    "ULTRALIGHT": "ULTRALIGHT",
    "NTAG203": "NTAG203",
    "NTAG213": "NTAG213",
    "NTAG213F": "NTAG213",  # the same map
    "NTAG215": "NTAG215",
    "NTAG216": "NTAG216",
    "NTAG216F": "NTAG216",
}
"""What a chip is called by its page count alone; all others are refused."""


class StorageCardLink(ChipLink):
    """READ and WRITE alone pass, as on a PC/SC storage card; a refusal shows no nibble."""

    @property
    def passes_commands(self) -> bool:
        return False

    def get_version(self) -> bytes | None:
        raise AssertionError("the reader passes no GET_VERSION")

    def fast_read(self, first: int, last: int) -> bytes:
        raise AssertionError("the reader passes no FAST_READ")

    def read_signature(self) -> bytes | None:
        raise AssertionError("the reader passes no READ_SIG")

    def authenticate(self, password: bytes) -> bytes:
        raise AssertionError("the reader passes no PWD_AUTH")

    def read(self, page: int) -> bytes:
        try:
            return super().read(page)
        except TagNak as error:
            error.facts.pop("nak")
            raise


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_storage_card_reader_tells_a_chip_by_its_page_count_or_not_at_all(name: str) -> None:
    chip = chip_with(name, MESSAGE)
    link = StorageCardLink(chip)
    if name not in TOLD:
        with pytest.raises(TagRefused) as caught:
            identify(link)
        assert caught.value.code == "tag-chip-unknown"
        assert "passes tag commands" in (caught.value.action or "")
        return
    tag = identify(link)
    assert (tag.chip_name, tag.told_by, tag.ndef) == (TOLD[name], ToldBy.PAGES, MESSAGE)
    outside = {page: chip.pages[page] for page in range(4 + tag.capacity // 4, chip.model.pages)}
    longest = message_of(tag.message_room)
    assert write_and_verify(link, tag, longest) == longest
    assert {page: chip.pages[page] for page in outside} == outside


def test_all_14_simulated_chips_were_asked() -> None:
    assert len(MODELS) == 14
    assert set(TOLD) < set(MODELS)


@pytest.mark.parametrize(
    ("name", "frames"), [("ULTRALIGHT", 7), ("NTAG203", 17), ("NTAG213", 17), ("NTAG215", 40), ("NTAG216", 67)]
)
def test_what_measuring_costs(name: str, frames: int) -> None:
    link = StorageCardLink(chip_with(name, MESSAGE))
    identify(link)
    assert link.frames == frames


@pytest.mark.parametrize("name", ["NTAG203", "ULTRALIGHT"])
def test_a_chip_without_get_version_is_measured_on_any_reader(name: str) -> None:
    link = ChipLink(chip_with(name, MESSAGE))
    tag = identify(link)
    assert (tag.chip_name, tag.told_by, tag.ndef) == (name, ToldBy.NO_VERSION, MESSAGE)
    assert write_and_verify(link, tag, message_of(46)) == message_of(46)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"NTAG203", "ULTRALIGHT"}))
def test_a_chip_that_should_know_get_version_is_not_taken_for_an_old_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChipLink, "get_version", lambda _: None)
    with pytest.raises(TagRefused) as caught:
        identify(ChipLink(chip_with(name, MESSAGE)))
    assert caught.value.code == "tag-chip-unknown"


@pytest.mark.parametrize("name", ["NTAG213", "NTAG215", "NTAG216", "NTAG212", "NTAG-I2C-PLUS-1K"])
def test_no_read_password_makes_one_chip_pass_for_another(name: str) -> None:
    """READ ends at AUTH0 then. Every AUTH0: refused, or told truly, and never written behind the password."""
    told = refused = 0
    for auth0 in range(256):
        chip = chip_with(name, MESSAGE)
        cfg0 = chip.model.cfg0
        assert cfg0 is not None
        chip.pages[cfg0] = chip.pages[cfg0][:3] + bytes((auth0,))
        chip.pages[cfg0 + 1] = b"\x80" + chip.pages[cfg0 + 1][1:]
        try:
            tag = identify(StorageCardLink(chip))
        except TagRefused:
            refused += 1
            continue
        assert tag.chip_name == name
        assert auth0 >= chip.model.pages
        told += 1
    assert told + refused == 256
    # An NTAG I2C plus with its AUTH0 at page 231 would look just like an NTAG216 with this AUTH0: refused.
    assert told == (256 - MODELS[name].pages - (name == "NTAG216") if name in TOLD else 0)


class NoisyLink(ChipLink):
    """Refuses the first READ of ``page``, as noise does."""

    def __init__(self, chip: Type2Chip, page: int, nak: int) -> None:
        super().__init__(chip)
        self._page, self._nak, self._left = page, nak, 1

    @property
    def passes_commands(self) -> bool:
        return False

    def read(self, page: int) -> bytes:
        if page == self._page and self._left:
            self._left -= 1
            raise TagNak("NAK", nak=self._nak)
        return super().read(page)


def test_one_refusal_is_no_end_of_memory() -> None:
    for page in (16, 42, 45):
        assert identify(NoisyLink(chip_with("NTAG213", MESSAGE), page, 0)).chip_name == "NTAG213"
    with pytest.raises(TagNak):
        identify(NoisyLink(chip_with("NTAG213", MESSAGE), 16, 1))


def test_a_cc_of_another_size_is_refused() -> None:
    for name, cc in (("ULTRALIGHT", "E1101200"), ("NTAG203", "E1100600"), ("NTAG203", "E1101000")):
        chip = chip_with(name, MESSAGE)
        chip.pages[3] = bytes.fromhex(cc)
        for link in (ChipLink(chip), StorageCardLink(chip)):
            with pytest.raises(TagRefused) as caught:
                identify(link)
            assert caught.value.code == "tag-cc-size"


def test_a_blank_cc_is_formatted_where_the_chip_answers_for_itself_and_not_by_page_count_alone() -> None:
    chip = chip_with("ULTRALIGHT")
    card = StorageCardLink(chip)
    tag = identify(card)
    assert tag.content.state is ContentState.UNFORMATTED
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, MESSAGE, allow_format=True)
    assert caught.value.code == "tag-format-unproved"
    link = ChipLink(chip)
    plan = plan_write(identify(link), MESSAGE, allow_format=True)
    assert "page 03h  E1 10 06 00  capability container  IRREVERSIBLE" in str(plan)
    assert write_and_verify(link, identify(link), MESSAGE, allow_format=True) == MESSAGE
    assert identify(StorageCardLink(chip)).ndef == MESSAGE


@pytest.mark.parametrize("name", sorted(TOLD))
def test_a_storage_card_reader_locks_what_it_told(name: str) -> None:
    chip = chip_with(name, MESSAGE)
    link = StorageCardLink(chip)
    lock = Protection(lock=Lock.PERMANENT)
    protect(link, plan_protection(identify(link), lock), None)
    assert all(chip.page_locked(page) for page in range(3, chip.model.last_user_page + 1))
    assert identify(link).ndef == MESSAGE


@pytest.mark.parametrize("kind", [ChipLink, StorageCardLink])
def test_ntag203_lock_bits_leave_its_counter_and_its_block_locks_alone(kind: type[ChipLink]) -> None:
    chip = chip_with("NTAG203", MESSAGE)
    link = kind(chip)
    plan = plan_protection(identify(link), Protection(lock=Lock.PERMANENT))
    assert [(step.at, step.data.hex()) for step in plan.steps] == [
        (40, "ee000000"),
        (2, "0000f0ff"),
        (3, "e110120f"),
        (2, "00000800"),
    ]
    protect(link, plan, None)
    assert chip.pages[40][:2] == bytes.fromhex("EE00")
    assert not chip.page_locked(41)
