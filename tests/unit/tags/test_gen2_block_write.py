"""BlockWrite: used for the user bank where module and chip know it, given up once it does not take effect."""

from pathlib import Path

import pytest

from dpptag import tags
from dpptag.errors import TagError, TagLost, TagNak
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction
from dpptag.tags.gen2_access import block_commands, write_block
from dpptag.tags.gen2_chips import CHIPS
from tests.unit.tags.gen2_rig import EPC, STATEMENT, Recorded, content, field, linked, module, opened, stored

USER = Bank.USER
SINGLE = [("write", USER, 1, 32), ("write", USER, 33, 9)]
BLOCKS = [("write", USER, 1, 1), ("block write", USER, 2, 32), ("block write", USER, 34, 8)]


@pytest.mark.parametrize(
    ("family", "chip", "body", "frames"),
    [
        ("m100", "UCODE-7xm", SINGLE, 5),
        ("mercury", "UCODE-7xm", [("write", USER, 1, 41)], 3),
        ("a0", "UCODE-7xm", BLOCKS, 8),
        ("uhfreader18", "UCODE-7xm", BLOCKS, 7),
        ("uhfreader288", "UCODE-7xm", BLOCKS, 7),
        ("mercury", "Higgs-9", [("write", USER, 1, 41)], 3),
        ("a0", "Higgs-9", SINGLE, 7),
        ("uhfreader288", "Higgs-9", SINGLE, 6),
    ],
)
def test_it_goes_out_where_module_and_chip_know_it(
    family: str, chip: str, body: list[tuple[str, Bank, int, int]], frames: int
) -> None:
    with field(f"tags={chip}&seed=1", family) as (sim, reader):
        link, tag = linked(reader)
        recorded = Recorded(link, sim)
        before = sim.host_commands
        tags.apply(recorded, tags.plan_write(tag, content()))
        assert sim.host_commands - before == frames
        assert [call for call in recorded.calls if "write" in call[0]] == [
            *body,
            ("write", Bank.EPC, 1, 7),
            ("write", USER, 0, 1),
        ]
        assert tags.read_back(link, tag, content()) == content(user=STATEMENT.ljust(tag.capacity, b"\0"))


@pytest.mark.parametrize(("family", "saved_us"), [("a0", 130_000), ("uhfreader288", 130_000)])
def test_it_takes_less_of_the_modules_modelled_time(family: str, saved_us: int) -> None:
    took = {}
    for chip in ("UCODE-7xm", "Higgs-9"):
        with field(f"tags={chip}&seed=1", family) as (sim, reader):
            link, tag = linked(reader)
            before = sim.simulated_us
            tags.apply(link, tags.plan_write(tag, content()))
            took[chip] = sim.simulated_us - before
    assert took["Higgs-9"] - took["UCODE-7xm"] > saved_us


@pytest.mark.parametrize("family", ["a0", "uhfreader288"])
def test_a_chip_that_keeps_silent_is_written_by_single_writes_from_then_on(family: str, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with module(f"state={state}&tags=Serial-64&seed=1", family) as sim, opened(sim, family) as reader:
        link, tag = linked(reader)
        assert (tag.chip_name, tag.chip.block_write) == ("UCODE-7xm", 2), "its table is wrong of this one"
        recorded = Recorded(link, sim)
        tags.apply(recorded, tags.plan_write(tag, content()))
        assert [call for call in recorded.calls if "write" in call[0]] == [
            ("write", USER, 1, 1),
            ("block write", USER, 2, 32),
            ("write", USER, 2, 32),
            ("write", USER, 34, 8),
            ("write", Bank.EPC, 1, 7),
            ("write", USER, 0, 1),
        ]
    assert stored(state)[1:3] == (EPC, STATEMENT.ljust(128, b"\0"))


def test_a_tag_that_leaves_inside_one_keeps_no_statement_and_a_rerun_finishes(tmp_path: Path) -> None:
    base, state = tmp_path / "base.json", tmp_path / "state.json"
    with module(f"state={base}&tags=UCODE-7xm&seed=1", "a0") as sim, opened(sim, "a0") as reader:
        link, tag = linked(reader)
        recorded = Recorded(link, sim)
        whole = base.read_bytes()
        tags.apply(recorded, tags.plan_write(tag, content()))
        blocks = [at for at, call in zip(recorded.at, recorded.calls, strict=True) if call[0] == "block write"]
    assert len(blocks) == 2
    for at, words in ((blocks[0], 0), (blocks[0], 2), (blocks[0], 15), (blocks[0], 32), (blocks[1], 4), (blocks[1], 8)):
        state.write_bytes(whole)
        with module(f"state={state}&fault=leave@{at}+{words}", "a0") as sim:
            with opened(sim, "a0") as reader:
                link, tag = linked(reader)
                with pytest.raises(TagError) as torn:
                    tags.apply(link, tags.plan_write(tag, content()))
                assert torn.value.facts["tag_state"] == "unknown"
            assert not any(stored(state)[2][:2])
            assert sim.unused.wait(1)
            with opened(sim, "a0") as reader:
                link, tag = linked(reader)
                tags.write_and_verify(link, tag, content())
        assert stored(state)[1:3] == (EPC, STATEMENT.ljust(128, b"\0"))


class Losing(Recorded):
    """The answers to BlockWrites are lost on their way."""

    def write(
        self,
        bank: Bank,
        word: int,
        data: bytes,
        *,
        password: bytes = NO_PASSWORD,
        block: bool = False,
        secret: bool = False,
        expect_refusal: bool = False,
    ) -> None:
        super().write(bank, word, data, password=password, block=block, secret=secret, expect_refusal=expect_refusal)
        if block:
            raise TagLost("its answer was lost")


def test_an_answer_that_was_lost_is_settled_by_reading() -> None:
    with field("tags=UCODE-7xm&seed=1", "uhfreader288") as (sim, reader):
        link, tag = linked(reader)
        recorded = Losing(link, sim)
        tags.apply(recorded, tags.plan_write(tag, content()))
        assert [call for call in recorded.calls if "write" in call[0]][:3] == BLOCKS, "nothing is written twice"
        assert tags.read_back(link, tag, content()) == content(user=STATEMENT.ljust(128, b"\0"))


def test_a_lock_is_no_reason_to_try_single_writes() -> None:
    with field("tags=UCODE-7xm&seed=1", "uhfreader288") as (_, reader):
        link, _ = linked(reader)
        link.lock({Area.USER: LockAction.LOCKED_FOREVER})
        with pytest.raises(TagNak) as refused:
            write_block(link, 2, bytes(range(32)))
        assert refused.value.facts["error"] == "locked"


@pytest.mark.parametrize(
    ("word", "words", "most", "block", "cuts"),
    [
        (1, 41, 32, 2, [(1, 1, False), (2, 32, True), (34, 8, True)]),
        (1, 32, 31, 2, [(1, 1, False), (2, 30, True), (32, 1, False)]),
        (2, 16, 32, 4, [(2, 16, False)]),  # twelve words of blocks are not worth three commands
        (3, 22, 32, 4, [(3, 1, False), (4, 20, True), (24, 1, False)]),
        (0, 20, 32, 0, [(0, 20, False)]),
        (0, 40, 3, 4, [(at, 3 if at < 39 else 1, False) for at in range(0, 40, 3)]),
    ],
)
def test_a_run_of_words_is_cut_at_whole_blocks(
    word: int, words: int, most: int, block: int, cuts: list[tuple[int, int, bool]]
) -> None:
    data = bytes(range(2 * words))
    parts = list(block_commands(word, data, most, block))
    assert [(at, len(part) // 2, by_block) for at, part, by_block in parts] == cuts
    assert b"".join(part for _, part, _ in parts) == data


def test_no_chip_is_said_to_take_more_at_once_than_a_source_says() -> None:
    assert {chip.name for chip in CHIPS if chip.block_write} == {
        *("UCODE-7xm", "UCODE-7xm-2k", "UCODE-7xm-plus"),
        *("Monza-4QT", "Monza-4D", "Monza-4E", "Monza-R6"),
    }
    assert {chip.block_write for chip in CHIPS} == {0, 2}
