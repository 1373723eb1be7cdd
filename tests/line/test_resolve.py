"""What a crash left open is settled by reading the tag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dpptag.codec.ndef import encode_message, uri_record
from dpptag.errors import DeviceLost, LedgerConflict, TagWriteFailed, UsageError
from dpptag.ledger import Row
from dpptag.line import find_row, read_job, void_row
from dpptag.line.encode import Standing, _read_again, standing
from dpptag.model.outcome import RowState
from dpptag.sim.type2 import MODELS, Type2Chip
from dpptag.tags import Type2Tag, apply, identify, plan_write
from tests.line.line_rig import LineRig, at, write_commands
from tests.sim_fixtures import connected
from tests.unit.tags.chip_link import ChipLink


def cut_off(
    path: Path, part: float, *, fault: str = "hold", rows: int = 1, tags: str = "NTAG213", **job: str
) -> LineRig:
    """A line whose reader went silent, for good, ``part`` of the way through writing and reading back its first tag."""
    rig = LineRig(path, rows=rows, tags=tags, **job)
    with pytest.raises(DeviceLost):
        rig.run(fault=f"{fault}@{at(write_commands(path), part)}")
    return rig


def message_of(rig: LineRig, number: int = 1) -> bytes | None:
    with rig.ledger() as ledger:
        return ledger.rows("battery")[number - 1].message


@contextmanager
def tag_of(rig: LineRig) -> Iterator[Type2Tag]:
    with rig.reader() as reader:
        link = reader.sense()
        assert link is not None
        yield identify(link)
    rig.sim.close()


@pytest.mark.parametrize("fault", ["hold", "hold-after"])
@pytest.mark.parametrize("part", [0.0, 0.03, 0.5, 0.7, 0.75, 0.8, 1.0])
def test_a_row_is_settled_wherever_its_write_ended(tmp_path: Path, fault: str, part: float) -> None:
    rig = cut_off(tmp_path, part, fault=fault)
    assert rig.states() == ["writing"]
    message = message_of(rig)
    resolution, told = rig.resolve()
    assert (resolution.is_complete, told.outcomes, rig.states()) == (True, ["resumed"], ["verified"])
    assert message_of(rig) == message


def test_a_reserved_row_is_left_for_the_next_run(tmp_path: Path) -> None:
    rig = LineRig(tmp_path)
    job = read_job(rig.folder.job)
    with rig.ledger() as ledger:
        ledger.register_job(job.entry)
        ledger.reserve(job.entry, job.entry.items[0])
    resolution, told = rig.resolve()
    assert (resolution.is_complete, told.records) == (True, [])
    assert [row.state for row in resolution.reserved] == [RowState.RESERVED]


def test_a_written_row_is_judged_and_not_written_again(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    with pytest.raises(LedgerConflict):
        rig.run(judge=Unlucky())
    assert rig.states() == ["written"]
    resolution, told = rig.resolve()
    assert (resolution.is_complete, rig.states()) == (True, ["verified"])
    assert "write" not in told.records[0].seconds


class Unlucky:
    """Stands for a process that dies between reading back and judging."""

    def judge(self, message: bytes, chip: object) -> None:
        raise LedgerConflict("the process ends here", code="end")


def test_a_tag_that_drops_out_while_it_is_settled_is_taken_up_again(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3)
    resolution, told = rig.resolve(fault=f"pull@{at(write_commands(tmp_path / 'again'), 0.5)}+1")
    assert (resolution.is_complete, told.outcomes) == (True, ["failed", "resumed"])


def test_a_card_that_is_no_tag_of_ours_does_not_stop_resolve(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3, tags="NTAG213+SAK20")
    resolution, told = rig.resolve(position=1)
    assert (told.codes, len(resolution.waiting)) == (["tag-not-activated"], 1)


def test_tags_of_no_open_row_are_left_alone(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3, rows=2, tags="NTAG213*3")
    before = json.loads(rig.state.read_text())["tags"][1:]
    resolution, told = rig.resolve(position=1)
    assert told.codes == ["tag-not-open"] * 2
    assert [row.item.number for row in resolution.waiting] == [1]
    assert json.loads(rig.state.read_text())["tags"][1:] == before
    assert not resolution.is_complete


def test_a_tag_that_holds_something_else_is_a_conflict(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3)
    state = json.loads(rig.state.read_text())
    for page, value in {4: "0309d101", 5: "05550461", 6: "2e62632f", 7: "fe000000"}.items():
        state["tags"][0]["pages"][page] = value
    rig.state.write_text(json.dumps(state))
    resolution, told = rig.resolve()
    assert (told.outcomes, told.codes) == (["failed"], ["tag-carries-other"])
    assert [row.item.number for row in resolution.conflicts] == [1]
    assert json.loads(rig.state.read_text())["tags"][0]["pages"][4] == "0309d101"
    assert rig.states() == ["writing"]


def test_a_half_way_tag_that_cannot_be_written_any_more_is_a_failure(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3)
    state = json.loads(rig.state.read_text())
    state["tags"][0]["pages"][2] = state["tags"][0]["pages"][2][:4] + "f0ff"
    rig.state.write_text(json.dumps(state))
    resolution, told = rig.resolve()
    assert (told.outcomes, told.codes, told.records[0].tag_state) == (["failed"], ["tag-locked"], "unknown")
    assert [row.item.number for row in resolution.waiting] == [1]


def test_a_wrong_bit_and_a_pull_before_the_read_back_are_mended_by_the_same_message(tmp_path: Path) -> None:
    """Written to the end with one bit stored wrong, then pulled: the tag is the row's own, and nobody else's."""
    part = 0.75  # the header is written, the read-back is not done
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    with pytest.raises(DeviceLost):
        rig.run(fault=f"bitflip@20+1,hold@{at(write_commands(tmp_path), part)}")
    message = message_of(rig)
    with tag_of(rig) as tag:
        assert tag.ndef is not None
        assert message is not None
        assert sum(a != b for a, b in zip(tag.ndef, message, strict=True)) == 1
    resolution, told = rig.resolve()
    assert (resolution.is_complete, told.outcomes, rig.states()) == (True, ["resumed"], ["verified"])
    assert message_of(rig) == message


def row_and_chip(rig: LineRig) -> tuple[Row, Type2Chip]:
    rig.run()
    pages = [bytes.fromhex(page) for page in json.loads(rig.state.read_text())["tags"][0]["pages"]]
    with rig.ledger() as ledger:
        row = ledger.rows("battery")[0]
    assert row.chip is not None
    return replace(row, state=RowState.WRITING), Type2Chip(MODELS["NTAG213"], row.chip.octets, pages)


def test_no_single_wrong_bit_makes_a_tag_another_ones_while_it_is_written(tmp_path: Path) -> None:
    row, chip = row_and_chip(LineRig(tmp_path, rows=1, tags="NTAG213"))
    assert row.message is not None
    good = b"".join(chip.pages)
    wrong = []
    for bit in range(8 * 16, 8 * (18 + len(row.message))):
        page, pages = bit // 32, bytearray(good)
        pages[bit // 8] ^= 1 << bit % 8
        chip.pages[page] = bytes(pages[4 * page : 4 * page + 4])
        if standing(identify(ChipLink(chip)), row) is not Standing.NOT_BEGUN:
            wrong.append(bit)
        chip.pages[page] = good[4 * page : 4 * page + 4]
    assert wrong == []


def test_another_signature_over_the_same_item_is_not_taken_for_wrong_bits(tmp_path: Path) -> None:
    row, chip = row_and_chip(LineRig(tmp_path, rows=1, tags="NTAG213"))
    assert row.message is not None
    other = row.message[:-64] + bytes(byte ^ 0xFF if at % 2 else byte for at, byte in enumerate(row.message[-64:]))
    assert standing(identify(ChipLink(chip)), replace(row, message=other)) is Standing.OTHER
    fewer = row.message[:-64] + bytes(byte ^ 0xFF if at % 4 else byte for at, byte in enumerate(row.message[-64:]))
    assert standing(identify(ChipLink(chip)), replace(row, message=fewer)) is Standing.OTHER


def test_a_tag_that_was_read_back_good_is_held_to_every_bit(tmp_path: Path) -> None:
    row, chip = row_and_chip(LineRig(tmp_path, rows=1, tags="NTAG213"))
    chip.pages[20] = bytes((chip.pages[20][0] ^ 1,)) + chip.pages[20][1:]
    tag = identify(ChipLink(chip))
    assert standing(tag, row) is Standing.NOT_BEGUN
    assert standing(tag, replace(row, state=RowState.WRITTEN)) is Standing.OTHER


def test_former_content_that_the_job_may_lose_is_no_conflict(tmp_path: Path) -> None:
    """Killed after the intent was committed and before the first page: the tag still holds what stood there."""
    first = LineRig(tmp_path / "first", rows=1, tags="NTAG213")
    first.run()
    rig = LineRig(tmp_path / "second", rows=1, tags="NTAG213", line__overwrite="true")
    rig.state = first.state
    with pytest.raises(DeviceLost):
        rig.run(fault=f"hold@{at(write_commands(tmp_path), 0.0)}")
    assert rig.states() == ["writing"]
    with tag_of(rig) as tag, first.ledger() as ledger:
        assert tag.ndef == ledger.rows("battery")[0].message
    resolution, _ = rig.resolve()
    assert (resolution.is_complete, rig.states()) == (True, ["verified"])


def test_a_row_is_named_by_chip_by_job_and_number_or_by_number_alone(tmp_path: Path) -> None:
    rig = LineRig(tmp_path)
    rig.run()
    with rig.ledger() as ledger:
        row = ledger.rows("battery")[1]
        assert row.chip is not None
        for name in (row.chip.hex, row.chip.hex.upper(), "battery:2", "2"):
            assert find_row(ledger, name) == row
        for unknown in ("04000000000000", "battery:9", "9", "nobody:1"):
            with pytest.raises(LedgerConflict):
                find_row(ledger, unknown)
        with pytest.raises(UsageError):
            find_row(ledger, "row two")
        rig.folder.write_job(job__name='"second"')
        rig.folder.write_passport("SN8")
        rig.folder.write_rows([["gtin", "serial"], ["09520123456788", "SN8"]])
        ledger.register_job(read_job(rig.folder.job).entry)
        with pytest.raises(UsageError, match="which row"):
            find_row(ledger, "2")


def open_row(rig: LineRig) -> Row:
    with rig.ledger() as ledger:
        return ledger.open_rows()[0]


def test_a_void_without_the_tag_at_hand_revokes_it(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3)
    with rig.ledger() as ledger:
        void_row(ledger, open_row(rig), "lost on the floor")
        assert len(ledger.revocations()) == 1


def test_a_tag_read_without_a_byte_of_its_signature_is_not_revoked(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.03)
    with tag_of(rig) as tag, rig.ledger() as ledger:
        void_row(ledger, open_row(rig), "wrong reel", tag)
        assert ledger.revocations() == ()


@pytest.mark.parametrize("part", [0.6, 1.0])
def test_a_tag_that_holds_part_of_its_signature_is_revoked(tmp_path: Path, part: float) -> None:
    rig = cut_off(tmp_path, part)
    with tag_of(rig) as tag, rig.ledger() as ledger:
        void_row(ledger, open_row(rig), "wrong reel", tag)
        assert len(ledger.revocations()) == 1


def test_a_file_that_reads_only_as_far_as_its_length_is_not_taken_for_clean(tmp_path: Path) -> None:
    """ST25TA: stopped before the length, all of the signature stands behind a length of 0 that nothing reads past."""
    chip = {"tags": "ST25TA02K", "chips__allowed": '["ST25TA02K"]'}
    rig = LineRig(tmp_path, rows=1, **chip)
    with pytest.raises(DeviceLost):
        rig.run(fault=f"hold@{at(write_commands(tmp_path, **chip), 0.35)}")
    with tag_of(rig) as tag, rig.ledger() as ledger:
        row = open_row(rig)
        assert row.message is not None
        assert (tag.ndef, len(tag.memory)) == (b"", 2)
        assert row.message[-64:].hex() in rig.state.read_text()
        void_row(ledger, row, "wrong reel", tag)
        assert len(ledger.revocations()) == 1


def test_another_tag_at_hand_spares_nothing(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.03)
    other = LineRig(tmp_path / "other", rows=1, tags="NTAG213", seed=8)
    with tag_of(other) as tag, rig.ledger() as ledger:
        void_row(ledger, open_row(rig), "lost", tag)
        assert len(ledger.revocations()) == 1


def test_a_voided_item_gets_a_new_tag(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3, tags="NTAG213*2")
    with rig.ledger() as ledger:
        void_row(ledger, open_row(rig), "tag dead")
    summary, told = rig.run(position=1)
    assert (summary.is_complete, told.outcomes) == (True, ["encoded"])
    assert rig.states() == ["void", "verified"]


def test_resolve_waits_for_no_job_that_another_process_runs(tmp_path: Path) -> None:
    rig = cut_off(tmp_path, 0.3)
    with rig.ledger() as ledger, ledger.working_on("battery"), pytest.raises(LedgerConflict) as caught:
        rig.resolve()
    assert caught.value.code == "job-busy"


def test_a_message_that_lasts_only_while_the_chip_has_power_is_not_accepted() -> None:
    """A tag lost for a moment and found again with its message whole may never have lost power in between."""
    message = encode_message((uri_record("https://id.example.com/" + "a" * 80),))
    with connected("uid=04A1B2C3D4E5F6&fault=weak@20+1") as (sim, reader):
        link = reader.sense()
        assert link is not None
        apply(link, plan_write(identify(link), message))
        tag = identify(link)
        assert tag.ndef == message
        with pytest.raises(TagWriteFailed):
            _read_again(link, tag)
        assert sim.faults_fired == ("weak@20+1",)
