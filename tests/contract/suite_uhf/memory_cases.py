"""What a tag is, and what is read from it and written to it. The simulator's memory is the judge."""

import binascii

import pytest

from dpptag import tags
from dpptag.codec.gen2_content import Gen2Content
from dpptag.errors import TagRefused
from dpptag.links.gen2 import Bank, Gen2Link, Refusal
from dpptag.tags.gen2 import identify
from dpptag.tags.gen2_access import commands, read_words
from tests.contract.suite_uhf.bench import Bench, pattern, refused

_UMI = 0x0400  # StoredPC bit 15h: chips compute it (TDS 2.3, 9.3)


def _write(link: Gen2Link, bank: Bank, word: int, data: bytes) -> None:
    """In as many commands as the module needs."""
    for at, part in commands(word, data, link.max_write_words):
        link.write(bank, at, part)


def the_only_tag_is_sensed_chosen_and_identified(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        assert link.selects_by_tid is bench.family.selects_by_tid
        assert (link.tid, link.uid) == (scene.tag.tid, scene.tag.tid)
        found = identify(link)
        assert (found.chip_name, found.uid, found.capacity) == (
            bench.chip_name,
            scene.tag.tid,
            2 * bench.chip.user_words,
        )
        assert (found.pc & ~_UMI, found.epc) == (scene.tag.stored_pc & ~_UMI, scene.tag.epc)


def one_word_and_the_most_words_are_read_and_more_over_several_commands(bench: Bench) -> None:
    with bench.scene() as scene:
        whole = pattern(bench.chip.user_words)
        scene.tag.user[:] = whole
        link = scene.link()
        most = min(link.max_read_words, bench.chip.user_words)
        before = scene.sim.host_commands
        assert link.read(Bank.USER, 0, 1) == whole[:2]
        assert link.read(Bank.USER, bench.chip.user_words - 1, 1) == whole[-2:]
        assert link.read(Bank.USER, bench.chip.user_words - most, most) == whole[-2 * most :]
        assert scene.sim.host_commands - before == 3
        assert read_words(link, Bank.USER, 0, bench.chip.user_words) == whole
        assert read_words(link, Bank.USER, 1, bench.chip.user_words - 1) == whole[2:]
        assert scene.sim.host_commands - before == 3 + 2 * -(-bench.chip.user_words // link.max_read_words)
        assert link.read(Bank.EPC, 0, 8) == scene.tag.memory(Bank.EPC)[:16]
        assert link.read(Bank.TID, 0, 6) == scene.tag.tid[:12]


def one_word_and_the_most_words_are_written_and_more_over_several_commands(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        words = bench.chip.user_words
        wanted = bytearray(2 * words)
        most = min(link.max_write_words, words)
        for word, data in ((words - 1, b"\xa5\x5a"), (0, b"\x12\x34"), (words - most, pattern(most))):
            before = scene.sim.host_commands
            link.write(Bank.USER, word, data)
            assert scene.sim.host_commands == before + 1
            wanted[2 * word : 2 * word + len(data)] = data
            assert scene.tag.user == wanted
        whole = pattern(words, seed=99)
        _write(link, Bank.USER, 0, whole)
        assert scene.tag.user == whole
        assert scene.tag.epc == link.sighting.epc
        assert not any(scene.tag.reserved)


def block_write_writes_the_same_where_the_module_offers_it(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        assert link.offers_block_write is bench.family.block_write
        data = pattern(min(link.max_write_words, bench.chip.user_words - 1) & ~1)
        if not bench.family.block_write:
            with refused(Refusal.UNSUPPORTED):
                link.write(Bank.USER, 0, data, block=True)
            assert not any(scene.tag.user)
            return
        link.write(Bank.USER, 1, data, block=True)
        assert bytes(scene.tag.user[2 : 2 + len(data)]) == data
        assert not any(scene.tag.user[:2])
        assert not any(scene.tag.user[2 + len(data) :])


def an_epc_grows_and_shrinks_with_its_pc_and_the_crc_that_the_chip_computes(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        link.write(Bank.USER, 0, b"\x1f\x01")  # chips that compute the user memory indicator now set it
        for words, seed in ((6, 1), (bench.chip.epc_words, 2), (6, 3), (1, 4), (0, 5), (6, 6)):
            epc = pattern(words, seed)
            link.write(Bank.EPC, 1, (words << 11).to_bytes(2, "big") + epc)
            link.reselect()
            assert (scene.tag.epc, scene.tag.stored_pc & ~_UMI) == (epc, words << 11)
            assert bool(scene.tag.stored_pc & _UMI) is (bench.chip_name == "Monza-4QT")
            held = link.read(Bank.EPC, 0, 2 + words)
            pc = held[2:4]
            assert held[:2] == (binascii.crc_hqx(pc + epc, 0xFFFF) ^ 0xFFFF).to_bytes(2, "big")  # Gen2 annex F
            assert (int.from_bytes(pc, "big") & ~_UMI, held[4:]) == (words << 11, epc)
            assert [seen.epc for seen in scene.reader.inventory()] == [epc]
            again = scene.link()
            assert (again.uid, again.sighting.epc) == (scene.tag.tid, epc)
            link = again


def a_whole_content_is_written_and_read_back_and_equal_content_not_written_again(bench: Bench) -> None:
    message = Gen2Content(pattern(bench.chip.epc_words, 7), pattern(bench.chip.user_words, 8)).to_bytes()
    with bench.scene() as scene:
        link = scene.link()
        assert tags.write_and_verify(link, tags.identify(link), message) == message
        assert Gen2Content(scene.tag.epc, bytes(scene.tag.user)).to_bytes() == message
        held, changes = scene.tag.record(), scene.tag.changes
        plan = tags.plan_write(tags.identify(link), message)
        assert plan.steps == ()
        assert tags.apply(link, plan) == 0
        assert (scene.tag.record(), scene.tag.changes) == (held, changes)


def words_that_are_not_there_are_refused_and_nothing_is_written(bench: Bench) -> None:
    with bench.scene() as scene:
        link = scene.link()
        before = scene.tag.record()
        for bank, word in ((Bank.USER, bench.chip.user_words), (Bank.RESERVED, 4)):
            with refused(bench.family.beyond):
                link.read(bank, word, 1)
            with refused(bench.family.overrun):
                link.write(bank, word, b"\x12\x34")
        with refused(bench.family.beyond):
            link.read(Bank.USER, bench.chip.user_words - 1, 2)
        assert scene.tag.record() == before
        assert link.read(Bank.TID, 0, 2) == scene.tag.tid[:4]


def an_epc_as_long_as_a_chip_allows_is_written_or_refused_before_it_is(bench: Bench) -> None:
    """A module that names its tag by the EPC in every command would lose it to an EPC of more than 15 words."""
    with bench.scene("Higgs-9") as scene:
        for words in (15, 16, 31):
            link = scene.link()
            before = scene.tag.memory(Bank.EPC)
            data = (words << 11).to_bytes(2, "big") + pattern(words, words)
            if words > bench.family.longest_epc:
                with pytest.raises(TagRefused) as refusal:
                    link.write(Bank.EPC, 1, data)
                assert refusal.value.code == "epc-too-long"
                assert scene.tag.memory(Bank.EPC) == before
            else:
                link.write(Bank.EPC, 1, data)
            link.reselect()
            assert link.read(Bank.EPC, 0, 8) == scene.tag.memory(Bank.EPC)[:16]
            assert scene.tag.epc == (data[2:] if words <= bench.family.longest_epc else before[4:34])
