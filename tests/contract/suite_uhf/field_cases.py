"""Tags that come and go, several at once, TIDs of every form. The simulator's memory is the judge."""

import itertools
from collections.abc import Callable

import pytest

from dpptag import tags
from dpptag.codec.gen2_content import Gen2Content
from dpptag.errors import InputError, TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.links.gen2 import Area, Bank, Gen2Link, LockAction
from dpptag.model.identifiers import ChipNumber
from dpptag.sim.uhf.tag import Gen2Chip
from dpptag.tags.gen2 import identify
from tests.contract.suite_uhf.bench import Bench, Scene, pattern

_GONE = (TagLost, TagSwapped)
_EQUAL = "&epc=" + ",".join(["300000000000000000000001"] * 2)
_UNEQUAL = "&epc=300000000000000000000001,300000000000000000000002"


# On every chip


def a_tag_that_was_pulled_is_lost_and_not_written_and_there_again(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        held = scene.tag.record()
        scene.order("pull")
        with pytest.raises(TagLost):
            link.read(Bank.USER, 0, 1)
        with pytest.raises((TagLost, TagNak)):
            link.write(Bank.USER, 0, b"\x12\x34")
        with pytest.raises((TagLost, TagNak)):
            link.lock({Area.USER: LockAction.LOCKED})
        _is_gone(link)
        assert scene.reader.sense() is None
        assert scene.tag.record() == held
        scene.sim.field.put_back()
        scene.link().write(Bank.USER, 0, b"\x12\x34")
        assert bytes(scene.tag.user[:2]) == b"\x12\x34"


def a_tag_that_leaves_between_two_words_or_before_the_answer_is_never_said_to_be_written(bench: Bench) -> None:
    with bench.scene() as scene:
        for done in (0, 1, 3, 4):
            scene.tag.user[:] = bytes(len(scene.tag.user))
            link = scene.link()
            scene.order(f"leave+{done}")
            with pytest.raises((TagLost, TagNak)):
                link.write(Bank.USER, 0, pattern(4))
            assert bytes(scene.tag.user[:8]) == pattern(4)[: 2 * done].ljust(8, b"\0")
            _is_gone(link)
            scene.sim.field.put_back()


def in_place_of_the_chosen_tag_another_is_neither_written_nor_taken_for_it(bench: Bench) -> None:
    with bench.scene(f"{bench.chip_name}*2", _UNEQUAL) as scene:
        link, other = scene.link(), scene.sim.field.tags[1]
        _nothing_reaches(other, link, scene)


def of_two_tags_with_one_epc_the_other_is_never_said_to_be_written(bench: Bench) -> None:
    """A module that chooses by EPC cannot tell them apart. Its driver does when it chooses anew, as every write of a
    whole content does before the word that makes it count."""
    message = Gen2Content(pattern(6), pattern(8)).to_bytes()
    with bench.scene(f"{bench.chip_name}*2", _EQUAL) as scene:
        link, other = scene.link(), scene.sim.field.tags[1]
        if bench.family.selects_by_tid:
            _nothing_reaches(other, link, scene)
            return
        tag = tags.identify(link)
        scene.sim.field.position = 1
        with pytest.raises((*_GONE, TagWriteFailed)):
            tags.apply(link, tags.plan_write(tag, message))
        assert not any(other.user[:2])
        _is_gone(link)
        with pytest.raises(_GONE):
            link.write(Bank.USER, 0, b"\x12\x34")
        assert not any(other.user[:2])


def _is_gone(link: Gen2Link) -> None:
    """A module that chooses by TID finds out by the next command."""
    with pytest.raises(_GONE):
        _looked_for(link)


def _looked_for(link: Gen2Link) -> None:
    link.reselect()
    link.read(Bank.TID, 0, 2)


def _nothing_reaches(other: Gen2Chip, link: Gen2Link, scene: Scene) -> None:
    """The next tag of the belt takes the place of the chosen one."""
    held = other.record()
    scene.sim.field.position = 1
    acts: tuple[Callable[[], object], ...] = (
        lambda: link.write(Bank.USER, 0, b"\x12\x34"),
        lambda: link.write(Bank.EPC, 1, b"\x08\x00\x12\x34"),
        lambda: link.lock({Area.USER: LockAction.LOCKED_FOREVER}),
        lambda: link.kill(b"\x12\x34\x56\x78"),
        lambda: link.write(Bank.USER, 0, b"\x12\x34"),
    )
    for act in acts:
        with pytest.raises((*_GONE, TagNak)):
            act()
    with pytest.raises(_GONE):
        link.read(Bank.USER, 0, 2)
    _is_gone(link)
    assert other.record() == held


# Once a module


def a_tid_is_taken_to_the_end_of_its_serial(bench: Bench) -> None:
    for name, octets in (("UCODE-7xm", 12), ("Serial-64", 14), ("Serial-64-tail", 14)):
        with bench.scene(name) as scene:
            link = scene.link()
            assert link.uid == scene.tag.tid[:octets], name
            assert link.tid.startswith(link.uid)
            assert ChipNumber.from_tid(link.tid).octets == link.uid
            link.write(Bank.USER, 0, b"\x12\x34")
            link.reselect()
            assert link.read(Bank.USER, 0, 1) == b"\x12\x34"


def a_tid_without_a_serial_is_no_chip_number(bench: Bench) -> None:
    with bench.scene("No-Serial") as scene:
        link = scene.link()
        assert scene.tag.tid.startswith(link.uid)
        assert identify(link).epc == scene.tag.epc
        with pytest.raises(InputError):
            ChipNumber.from_tid(link.tid)


def a_chip_without_block_write_is_never_said_to_be_written_by_one(bench: Bench) -> None:
    with bench.scene("UCODE-8") as scene:
        link = scene.link()
        held = scene.tag.record()
        with pytest.raises((TagNak, TagLost)):
            link.write(Bank.EPC, 2, b"\x12\x34\x56\x78", block=True)
        assert scene.tag.record() == held


def two_tags_are_refused_for_an_encode_with_count_and_strength(bench: Bench) -> None:
    for epcs, (rssi, said) in itertools.product(
        (_EQUAL, _UNEQUAL), (("-41,-60", {"-41", "-60"}), ("-44,-44", {"-44"}))
    ):
        with bench.scene("UCODE-7xm*2", f"{epcs}&mode=field&rssi={rssi}") as scene:
            held = [tag.record() for tag in scene.sim.field.tags]
            with pytest.raises(TagRefused) as refused:
                scene.reader.sense()
            facts = refused.value.facts
            assert (refused.value.code, facts["count"], facts["tag_state"]) == ("several-tags", 2, "untouched")
            heard = set(str(facts["rssi"]).removesuffix(" dBm").split(", "))
            if not bench.family.rssi:
                said = {"unknown"}
            elif epcs is _EQUAL:
                said = {max(said, key=int)}
            assert heard == said
            assert refused.value.action
            assert [tag.record() for tag in scene.sim.field.tags] == held


def of_two_tags_with_one_epc_in_the_field_the_chosen_one_alone_is_written(bench: Bench) -> None:
    """A module that chooses by EPC cannot choose one of them: no link that it gives lasts."""
    with bench.scene("UCODE-7xm*2", f"{_EQUAL}&mode=field") as scene:
        (both,) = scene.reader.inventory()
        assert both.replies == 2
        link = scene.reader.select(both)
        if not bench.family.selects_by_tid:
            with pytest.raises(TagRefused) as refused:
                link.reselect()
            assert (refused.value.code, refused.value.facts["count"]) == ("several-tags", 2)
            return
        for word in range(4):
            link.write(Bank.USER, word, b"\x12\x34")
            link.reselect()
        assert [tag.tid for tag in scene.sim.field.tags if any(tag.user)] == [link.uid]


def in_a_crowd_each_tag_is_read_by_its_own_choice(bench: Bench) -> None:
    with bench.scene("UCODE-7xm*5", "&mode=field") as scene:
        seen = scene.reader.inventory()
        assert {sighting.epc for sighting in seen} == {tag.epc for tag in scene.sim.field.tags}
        assert all(sighting.replies == 1 for sighting in seen)
        by_tid = {tag.tid: tag for tag in scene.sim.field.tags}
        links = [scene.reader.select(sighting) for sighting in seen]
        assert {link.uid for link in links} == set(by_tid)
        links[-1].write(Bank.USER, 0, b"\x12\x34")
        assert [tid for tid, tag in by_tid.items() if any(tag.user)] == [links[-1].uid]
        with pytest.raises(TagSwapped):
            links[0].write(Bank.USER, 0, b"\x56\x78")


def an_answer_that_names_another_tag_is_not_believed(bench: Bench) -> None:
    with bench.scene("UCODE-7xm*2", _UNEQUAL) as scene:
        link = scene.link()
        scene.order("other-tag")
        with pytest.raises(TagSwapped):
            link.read(Bank.USER, 0, 2)
        scene.order("other-tag")
        with pytest.raises(TagSwapped):
            link.write(Bank.USER, 0, b"\x12\x34")
