"""The contract of ``links`` and ``tags``, written once: every case runs on every reader and chip that it holds for.

A case gets a :class:`Bench` with two chips as delivered, and knows nothing of the driver. What the chip holds is read
from its simulator. That no foreign exception escapes is part of every case: each expected error is named.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dpptag import tags
from dpptag.errors import DeviceError, DeviceLost, TagLost, TagNak, TagRefused, TagSwapped
from dpptag.links import NfcReader, TagLink, Technology
from dpptag.tags import ContentState, Lock, Protection
from dpptag.tags.key_derivation import DerivedKeys
from tests.contract.suite.readers import Kind, Reader, no_lock, no_password
from tests.contract.suite.rigs import Rig
from tests.contract.suite.stored import stored_message
from tests.needs import ROOT

_KEYS = DerivedKeys(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
_LOCK, _PASSWORD = Protection(lock=Lock.PERMANENT), Protection(password=True)
_GONE = (TagLost, TagSwapped)


def message_of(length: int, seed: int = 0) -> bytes:
    """A well-formed NDEF message of exactly ``length`` bytes: one record of TNF unknown, long form from 259 on."""
    short = length <= 258
    payload = bytes((seed + 7 * index) % 256 for index in range(length - (3 if short else 6)))
    if short:
        return bytes((0xD5, 0, len(payload))) + payload
    return bytes((0xC5, 0)) + len(payload).to_bytes(4, "big") + payload


@dataclass
class Bench:
    """One rig with two chips of one kind before it."""

    rig: Rig
    reader: Reader
    kind_name: str
    kind: Kind

    @contextmanager
    def sensed(self) -> Iterator[tuple[NfcReader, Any]]:
        """The reader opened, and the link to the first chip; any technology, so that links are not narrowed here."""
        with self.rig.open() as reader:
            yield reader, self.found(reader)

    def found(self, reader: NfcReader, number: int = 0) -> Any:
        link = reader.sense()
        assert link is not None, "no tag was sensed"
        assert link.uid == self.uid(number), link.uid.hex()
        return link

    def uid(self, number: int = 0) -> bytes:
        return bytes.fromhex(self.rig.tags()[number]["uid"])

    def write(self, link: TagLink, message: bytes) -> None:
        tag = tags.identify(link)
        assert tags.write_and_verify(link, tag, message, allow_format=bool(self.kind.blank)) == message

    def stored(self, number: int = 0) -> bytes | None:
        return stored_message(self.rig.tags()[number])


# Reader and chip


def its_chip_number_and_technology_are_sensed(bench: Bench) -> None:
    with bench.rig.open() as reader:
        for _ in range(3):
            assert bench.found(reader).technology is bench.kind.technology


def it_is_identified_with_its_capacity(bench: Bench) -> None:
    with bench.sensed() as (_, link):
        tag = tags.identify(link)
        assert (tag.chip_name, tag.uid, tag.message_room) == (bench.kind.chip_name, bench.uid(), bench.kind.room)
        assert tags.CHIP_ROOMS[tag.chip_name] <= bench.kind.room
        assert tag.content.state in (ContentState.EMPTY, ContentState.UNFORMATTED), tag.content
        assert tag.writable or bench.kind.blank


def a_blank_is_formatted_only_when_allowed(bench: Bench) -> None:
    bench.rig.lay(bench.kind.blank)
    message = message_of(40)
    with bench.sensed() as (_, link):
        tag = tags.identify(link)
        assert tag.content.state is ContentState.UNFORMATTED, tag.content
        before = bench.rig.tags()
        with pytest.raises(TagRefused):
            tags.plan_write(tag, message)
        assert bench.rig.tags() == before
        assert tags.write_and_verify(link, tag, message, allow_format=True) == message
        assert bench.stored() == message
        assert tags.identify(link).message_room == tags.CHIP_ROOMS[bench.kind.chip_name]


def _written_and_equal_content_not_written_again(bench: Bench, length: int) -> None:
    message = message_of(length)
    with bench.sensed() as (_, link):
        bench.write(link, message)
        held = bench.rig.tags()
        assert stored_message(held[0]) == message
        tag = tags.identify(link)
        assert (tag.ndef, tag.content.state) == (message, ContentState.MESSAGE)
        plan = tags.plan_write(tag, message)
        assert plan.steps == ()
        assert tags.apply(link, plan) == 0
        assert _memory(bench.rig.tags()[0]) == _memory(held[0])


def a_small_message_is_written_and_equal_content_not_again(bench: Bench) -> None:
    _written_and_equal_content_not_written_again(bench, 20)


def a_message_of_126_bytes_is_written_and_equal_content_not_again(bench: Bench) -> None:
    _written_and_equal_content_not_written_again(bench, 126)


def the_whole_room_is_written_and_one_byte_more_refused(bench: Bench) -> None:
    message = message_of(bench.kind.room)
    with bench.sensed() as (_, link):
        with pytest.raises(TagRefused):
            tags.plan_write(tags.identify(link), message_of(bench.kind.room + 1), allow_format=bool(bench.kind.blank))
        assert bench.stored() is None
        bench.write(link, message)
        assert bench.stored() == message


def one_changed_byte_costs_guard_part_and_commit(bench: Bench) -> None:
    old = message_of(126)
    new = old[:60] + bytes((old[60] ^ 0x55,)) + old[61:]
    with bench.sensed() as (_, link):
        bench.write(link, old)
        tag = tags.identify(link)
        plan = tags.plan_write(tag, new)
        assert len(plan.steps) == 3, str(plan)
        guard, part, commit = plan.steps
        assert guard.at == commit.at != part.at, str(plan)
        assert tags.apply(link, plan) == 3
        assert tags.read_back(link, tag, new) == new
        assert bench.stored() == new


def it_is_selected_again_and_read(bench: Bench) -> None:
    message = message_of(30)
    with bench.sensed() as (reader, link):
        bench.write(link, message)
        for _ in range(3):
            link.reselect()
            assert tags.identify(link).ndef == message
        assert tags.identify(bench.found(reader)).ndef == message


# Tags come and go


def another_chip_in_its_place_is_told_and_gets_nothing(bench: Bench) -> None:
    with bench.sensed() as (reader, link):
        plan = tags.plan_write(tags.identify(link), message_of(126), allow_format=bool(bench.kind.blank))
        before = _memory(bench.rig.tags()[1])
        bench.rig.swap()
        with pytest.raises(_GONE):
            tags.apply(link, plan)
        with pytest.raises(_GONE):
            link.reselect()
        other = bench.found(reader, 1)
        for call in (lambda: tags.apply(link, plan), lambda: _write_one(link)):
            with pytest.raises(_GONE):
                call()
        with pytest.raises(TagSwapped):
            link.reselect()
        with pytest.raises(TagSwapped) as swapped:
            tags.apply(other, plan)
        assert (swapped.value.facts["wanted"], swapped.value.facts["got"]) == (link.uid.hex(), other.uid.hex())
        assert _memory(bench.rig.tags()[1]) == before


def a_tag_torn_away_in_mid_write_is_lost_and_finished_by_writing_again(bench: Bench) -> None:
    message = message_of(126, seed=1)
    with bench.sensed() as (reader, link):
        bench.write(link, message_of(40))
        plan = tags.plan_write(tags.identify(link), message)
        tags.apply(link, replace(plan, steps=plan.steps[:1]))
        bench.rig.fault("tear@0")
        with pytest.raises(TagLost):
            tags.apply(link, replace(plan, steps=plan.steps[1:]))
        bench.rig.remove()
        assert reader.sense() is None
        assert bench.stored() is None, "half a message reads as one"
        bench.rig.insert()
        link = bench.found(reader)
        tag = tags.identify(link)
        assert tag.content.state in (ContentState.EMPTY, ContentState.TORN), tag.content
        assert tags.write_and_verify(link, tag, message) == message
        assert bench.stored() == message


def an_empty_field_is_none_until_a_tag_comes(bench: Bench) -> None:
    bench.rig.remove()
    with bench.rig.open() as reader:
        assert reader.sense() is None
        assert reader.sense() is None
        bench.rig.insert()
        link = bench.found(reader)
        bench.rig.remove()
        assert reader.sense() is None
        with pytest.raises(TagLost):
            _write_one(link)


# Protection


def a_lock_is_proved_and_a_write_then_refused(bench: Bench) -> None:
    _protected(bench, _LOCK, refusal=no_lock(bench.reader, bench.kind))


def a_password_is_proved_and_a_write_then_refused(bench: Bench) -> None:
    _protected(bench, _PASSWORD, refusal=no_password(bench.reader, bench.kind))


def _protected(bench: Bench, protection: Protection, *, refusal: str) -> None:
    message = message_of(60)
    with bench.sensed() as (_, link):
        bench.write(link, message)
        tag = tags.identify(link)
        if refusal:
            before = _memory(bench.rig.tags()[0])
            with pytest.raises(TagRefused) as refused:
                tags.protect(link, tags.plan_protection(tag, protection, _KEYS), _KEYS)
            assert refused.value.code == refusal
            assert _memory(bench.rig.tags()[0]) == before
            return
        plan = tags.plan_protection(tag, protection, _KEYS)
        assert plan.steps
        assert bool(plan.irreversible) is (protection.lock is Lock.PERMANENT)
        tags.protect(link, plan, _KEYS)
        link.reselect()
        tag = tags.identify(link)
        assert tag.ndef == message
        assert not (tag.writable and protection.lock is Lock.PERMANENT)
        held = bench.rig.tags()[0]
        with pytest.raises(TagRefused):
            tags.plan_write(tag, message_of(60, seed=3))
        with pytest.raises(TagNak):
            _write_one(link)
        assert stored_message(bench.rig.tags()[0]) == stored_message(held) == message
        link.reselect()
        tags.protect(link, tags.plan_protection(tags.identify(link), protection, _KEYS), _KEYS)  # again: proves it
        assert bench.stored() == message


def _write_one(link: Any) -> None:
    """One write into the message, straight through the link. Raises TagNak where the chip refuses it."""
    match link.technology:
        case Technology.TYPE2:
            link.write(8, b"EVIL")
        case Technology.TYPE3:
            link.write(0x0009, [2], b"EVIL" * 4)
        case Technology.TYPE4:
            for apdu in ("00A4040007D276000085010100", "00A4000C02E104", "00D600080445564C4C"):
                status = link.transceive(bytes.fromhex(apdu))[-2:]
            if status != b"\x90\x00":
                raise TagNak("the chip refused the write", sw=status.hex())
        case Technology.TYPE5:
            link.write(6, b"EVIL")


# What the reader cannot do


def it_is_not_seen(bench: Bench) -> None:
    before = bench.rig.tags()
    with bench.rig.open() as reader:
        assert reader.sense() is None
        assert reader.sense() is None
    assert bench.rig.tags() == before


def it_is_refused_untouched(bench: Bench) -> None:
    before = bench.rig.tags()
    with bench.rig.open() as reader:
        for _ in range(2):
            with pytest.raises(TagRefused) as refused:
                reader.sense()
            assert refused.value.code == bench.reader.refused[bench.kind.technology]
    assert bench.rig.tags() == before


def it_cannot_be_told_and_is_refused_untouched(bench: Bench) -> None:
    with bench.sensed() as (_, link):
        before = bench.rig.tags()
        with pytest.raises(TagRefused) as refused:
            tags.identify(link)
        assert refused.value.code == bench.reader.untold[bench.kind_name]
        assert bench.rig.tags() == before


# The reader alone


def it_says_what_it_is(bench: Bench) -> None:
    with bench.sensed() as (reader, _):
        info = reader.info
        assert info.path == bench.rig.path
        assert info.driver.split()[0] == bench.reader.driver
        assert info.driver.split()[1][0].isdigit()
        assert bench.reader.firmware in info.firmware
        assert info.model
        assert reader.signal() in (True, False)


def closing_twice_is_harmless_and_a_closed_reader_is_lost(bench: Bench) -> None:
    reader = bench.rig.open()
    link = bench.found(reader)
    reader.close()
    reader.close()
    for call in (reader.sense, link.reselect, lambda: _write_one(link)):
        with pytest.raises(DeviceLost):
            call()
    reader.close()
    with bench.sensed() as (_, link):
        assert link.uid == bench.uid()


_SECOND = """
import sys
from dpptag.devices import open_nfc, parse_device_path
from dpptag.errors import DpptagError
try:
    with open_nfc(parse_device_path(sys.argv[1])) as reader:
        link = reader.sense()
        print("None" if link is None else link.uid.hex())
except DpptagError as error:
    print(type(error).__name__)
"""


def a_second_process_does_not_get_it(bench: Bench) -> None:
    with bench.sensed() as (_, link):
        assert _second_process(bench) == "DeviceBusy"
        link.reselect()
        assert tags.identify(link).uid == bench.uid()
    assert _second_process(bench) == bench.uid().hex()


def _second_process(bench: Bench) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", _SECOND, bench.rig.path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def an_unplugged_reader_is_lost_and_works_again_when_it_is_back(bench: Bench) -> None:
    with bench.sensed() as (reader, link):
        bench.rig.unplug()
        with pytest.raises((DeviceLost, TagLost)):
            _write_one(link)
        with pytest.raises(DeviceError):
            reader.sense()
    bench.rig.lay(bench.kind_name)
    with bench.sensed() as (_, link):
        bench.write(link, message_of(20))
        assert bench.stored() == message_of(20)


# Which cases there are

_COUNTERS = ("counter", "counters", "failed_passwords", "writes")
Case = Callable[[Bench], None]


def _memory(tag: dict[str, Any]) -> str:
    """A record without what the chip counts by itself."""
    return json.dumps({key: value for key, value in tag.items() if key not in _COUNTERS})


TAG_CASES: tuple[Case, ...] = (
    its_chip_number_and_technology_are_sensed,
    it_is_identified_with_its_capacity,
    a_blank_is_formatted_only_when_allowed,
    a_small_message_is_written_and_equal_content_not_again,
    a_message_of_126_bytes_is_written_and_equal_content_not_again,
    the_whole_room_is_written_and_one_byte_more_refused,
    one_changed_byte_costs_guard_part_and_commit,
    it_is_selected_again_and_read,
    another_chip_in_its_place_is_told_and_gets_nothing,
    a_tag_torn_away_in_mid_write_is_lost_and_finished_by_writing_again,
    a_lock_is_proved_and_a_write_then_refused,
    a_password_is_proved_and_a_write_then_refused,
)
LINK_CASES: tuple[Case, ...] = (an_empty_field_is_none_until_a_tag_comes,)
"""For one chip of each technology: nothing in them depends on the family."""

FIRST_OF_TECHNOLOGY = ("NTAG213", "FELICA-LITE-S", "NTAG424", "SLIX2")
READER_CASES: tuple[Case, ...] = (
    it_says_what_it_is,
    closing_twice_is_harmless_and_a_closed_reader_is_lost,
    a_second_process_does_not_get_it,
    an_unplugged_reader_is_lost_and_works_again_when_it_is_back,
)
READER_CASES_KIND = "NTAG213"
CASES: Mapping[str, Case] = {
    case.__name__: case
    for case in (
        *TAG_CASES,
        *LINK_CASES,
        *READER_CASES,
        it_is_not_seen,
        it_is_refused_untouched,
        it_cannot_be_told_and_is_refused_untouched,
    )
}


def cases_for(reader: Reader, kind_name: str, kind: Kind) -> list[str]:
    """The names of the cases that hold for a chip on a reader: what is refused is a case, nothing is left out."""
    if kind.technology in reader.unseen:
        return [it_is_not_seen.__name__]
    if kind.technology in reader.refused:
        return [it_is_refused_untouched.__name__]
    cases: list[Case] = [case for case in TAG_CASES if kind.blank or case is not a_blank_is_formatted_only_when_allowed]
    if kind_name in reader.untold:
        cases = [its_chip_number_and_technology_are_sensed, it_cannot_be_told_and_is_refused_untouched]
    if kind_name in FIRST_OF_TECHNOLOGY:
        cases += LINK_CASES
    if kind_name == READER_CASES_KIND:
        cases += READER_CASES
    return [case.__name__ for case in cases]


def run_case(rig: Rig, kind_name: str, kind: Kind, case: str) -> None:
    rig.lay(kind_name)
    CASES[case](Bench(rig, rig.reader, kind_name, kind))
