"""The encoding loop over nfcpy's real driver and the simulated reader."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dpptag.codec.layout import with_later_records
from dpptag.codec.ndef import NdefRecord, decode_message
from dpptag.crypto import PrivateKey
from dpptag.errors import DeviceLost, DeviceProtocolError, Forged, JobError, LedgerConflict, LedgerDamaged
from dpptag.ledger import Ledger
from dpptag.line import JobPlan, KeyJudge, Phase, RunEnd, TagRecord, read_job
from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import RowState, TagOutcome
from dpptag.sim.chip import Answer
from dpptag.sim.type2 import Type2Chip
from dpptag.tags import identify, write_and_verify
from tests.line.line_rig import LineRig, Told, at, write_commands


@pytest.fixture
def rig(tmp_path: Path) -> LineRig:
    return LineRig(tmp_path)


def pages_of(rig: LineRig, tag: int) -> list[str]:
    return list(json.loads(rig.state.read_text())["tags"][tag]["pages"])


def set_pages(rig: LineRig, tag: int, pages: dict[int, str]) -> None:
    """Write into a simulated tag behind everybody's back."""
    state = json.loads(rig.state.read_text())
    for page, value in pages.items():
        state["tags"][tag]["pages"][page] = value
    rig.state.write_text(json.dumps(state))


def leave_to_another_line(rig: LineRig) -> None:
    """One with a home of its own, that knows nothing of these tags."""
    shutil.rmtree(rig.ledger_path.parent)


def test_every_row_gets_a_verified_tag(rig: LineRig) -> None:
    summary, told = rig.run()
    assert (summary.end, summary.is_complete, summary.done) == (RunEnd.DONE, True, 3)
    assert told.outcomes == ["encoded"] * 3
    assert [record.row for record in told.records] == [1, 2, 3]
    assert len({record.chip for record in told.records}) == 3
    assert rig.states() == ["verified"] * 3


def test_a_record_says_all_about_its_tag(rig: LineRig) -> None:
    rig.folder.write_rows([["gtin", "serial", "order"], ["09520123456788", "SN1", "4711"]])
    _, told = rig.run()
    (record,) = told.records
    assert (record.chip_type, record.level, record.state, record.job) == ("NTAG213", "minimal", "verified", "battery")
    assert record.identity == "https://id.example.com/01/09520123456788/21/SN1"
    assert record.metadata == {"order": "4711"}
    assert list(record.seconds) == ["identify", "sign", "write", "verify"]
    assert (record.code, record.message, record.tag_state) == (None, None, None)


def test_the_line_asks_to_take_each_tag_away(rig: LineRig) -> None:
    _, told = rig.run()
    assert told.phases.count(Phase.WORKING) == 3
    assert told.phases[:3] == [Phase.WAITING, Phase.WORKING, Phase.TAKE_AWAY]


def test_a_finished_job_touches_no_tag_again(rig: LineRig) -> None:
    rig.run()
    before = rig.state.read_text()
    summary, told = rig.run()
    assert (summary.is_complete, told.records) == (True, [])
    assert json.loads(rig.state.read_text())["tags"] == json.loads(before)["tags"]


def test_a_finished_tag_is_already_done_and_left_alone(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=4)
    rig.run()
    pages = pages_of(rig, 0)
    summary, told = rig.run()
    assert told.outcomes == ["already-done"] * 3
    assert (summary.end, summary.done, summary.unstarted) == (RunEnd.IDLE, 3, 1)
    assert pages_of(rig, 0) == pages


def test_a_finished_tag_that_lost_its_statement_is_refused_not_rewritten(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=4)
    rig.run()
    set_pages(rig, 0, {4: "0300fe00"})
    _, told = rig.run()
    assert (told.outcomes[0], told.codes[0], told.records[0].tag_state) == ("refused", "tag-changed", "unknown")
    assert pages_of(rig, 0)[4] == "0300fe00"


def test_a_finished_tag_judged_false_today_is_a_failure(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=4)
    rig.run()
    _, told = rig.run(judge=KeyJudge(PrivateKey.generate().public_key, 1))
    assert set(zip(told.outcomes, told.codes, strict=True)) == {("failed", "signature-false")}


def test_a_tag_that_stays_in_the_field_is_not_taken_for_the_next(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=2, tags="NTAG213")
    summary, told = rig.run()
    assert told.outcomes == ["encoded"]
    assert (summary.end, summary.unstarted) == (RunEnd.IDLE, 1)


@pytest.mark.parametrize("tags", ["NTAG213+NTAG215+NTAG213", "NTAG213+SAK20+NTAG213*2", "NTAG216+NTAG213*3"])
def test_mixed_tags_are_encoded_or_refused_by_kind(tmp_path: Path, tags: str) -> None:
    rig = LineRig(tmp_path, tags=tags)
    summary, told = rig.run()
    assert summary.is_complete
    refused = [record for record in told.records if record.outcome is TagOutcome.REFUSED]
    assert [record.code for record in refused] == (
        ["tag-not-activated"] if "SAK" in tags else ["tag-chip-not-allowed"] if "216" in tags else []
    )
    assert all(record.tag_state == "untouched" and record.row is None for record in refused)


def test_a_larger_chip_carries_a_richer_statement(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=2, tags="NTAG213+NTAG215")
    _, told = rig.run()
    assert [record.level for record in told.records] == ["minimal", "full"]


def test_a_tag_with_foreign_content_is_refused_untouched(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=2)
    rig.run(position=1)
    leave_to_another_line(rig)
    rig.folder.write_job(job__name='"battery"')
    before = pages_of(rig, 1)
    summary, told = rig.run()
    assert told.outcomes == ["encoded", "refused", "refused"]
    assert told.codes[1:] == ["tag-not-blank"] * 2
    assert pages_of(rig, 1) == before
    assert (summary.done, summary.unstarted) == (1, 1)


def test_foreign_content_is_lost_only_where_the_job_says_so(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=2, line__overwrite="true")
    rig.run(position=1)
    leave_to_another_line(rig)
    summary, told = rig.run(position=1)
    assert (summary.is_complete, told.outcomes) == (True, ["encoded"] * 2)


def test_records_behind_a_statement_stay_when_the_tag_is_written_again(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG215", line__overwrite="true")
    rig.run()
    added = NdefRecord(2, b"text/plain", b"id", b"somebody's own")
    with rig.reader() as reader:
        link = reader.sense()
        assert link is not None
        tag = identify(link)
        assert tag.ndef is not None
        write_and_verify(link, tag, with_later_records(tag.ndef, (added,)))
    rig.sim.close()
    leave_to_another_line(rig)
    summary, _ = rig.run()
    assert summary.is_complete
    with rig.reader() as reader:
        link = reader.sense()
        assert link is not None
        message = identify(link).ndef
    rig.sim.close()
    assert message is not None
    assert [(record.type, record.id, record.payload) for record in decode_message(message)[2:]] == [added[1:4]]


def test_a_tag_of_another_job_is_refused(rig: LineRig) -> None:
    rig.run()
    rig.folder.serials = ["SN7"]
    rig.folder.write_passport("SN7")
    rig.folder.write_rows([["gtin", "serial"], ["09520123456788", "SN7"]])
    rig.folder.write_job(job__name='"second"')
    _, told = rig.run()
    assert told.codes == ["tag-of-another-job"] * 3
    assert "row 1 of job 'battery'" in (told.records[0].message or "")


def test_a_refused_tag_keeps_no_row(tmp_path: Path) -> None:
    """A locked page shows only when the write is planned: the row reserved for it goes to the next tag."""
    rig = LineRig(tmp_path, rows=1, tags="NTAG213*2")
    rig.reader().close()
    rig.sim.close()
    set_pages(rig, 0, {2: pages_of(rig, 0)[2][:4] + "f0ff"})
    summary, told = rig.run()
    assert (told.outcomes, told.codes[0]) == (["refused", "encoded"], "tag-locked")
    assert [record.row for record in told.records] == [None, 1]
    assert (summary.is_complete, rig.states()) == (True, ["verified"])


@pytest.mark.parametrize("part", [0.0, 0.05, 0.2, 0.4, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0])
def test_a_tag_pulled_at_any_command_and_put_back_ends_verified(tmp_path: Path, part: float) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    summary, told = rig.run(fault=f"pull@{at(write_commands(tmp_path), part)}+3")
    assert told.outcomes == ["failed", "resumed"]
    assert (summary.is_complete, rig.states()) == (True, ["verified"])
    with rig.ledger() as ledger:
        assert len(ledger.rows("battery")) == 1
        assert ledger.revocations() == ()


def test_a_tag_that_drops_out_on_its_way_in_is_selected_again(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    _, told = rig.run(fault=f"pull@{write_commands(tmp_path)[0] - 4}+0")
    assert told.outcomes == ["encoded"]


def test_a_tag_taken_away_before_it_was_read_is_untouched(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    _, told = rig.run(fault=f"pull@{write_commands(tmp_path)[0] - 4}+1")
    assert told.outcomes == ["failed", "encoded"]
    assert (told.records[0].row, told.records[0].tag_state) == (None, "untouched")


def test_a_tag_torn_in_mid_page_is_resumed_with_the_same_message(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    summary, told = rig.run(fault="tear@1")
    assert (told.outcomes, told.codes) == (["failed"], ["tag-lost"])
    assert [row.state for row in summary.open_rows] == [RowState.WRITING]
    message = summary.open_rows[0].message
    summary, told = rig.run()
    assert (summary.is_complete, told.outcomes) == (True, ["resumed"])
    with rig.ledger() as ledger:
        assert ledger.rows("battery")[0].message == message


def test_another_chip_gets_the_next_row_while_one_is_lost(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=2, tags="NTAG213*2")
    summary, told = rig.run(fault=f"swap@{at(write_commands(tmp_path), 0.3)}")
    assert told.outcomes == ["failed", "encoded"]
    assert [record.row for record in told.records] == [1, 2]
    assert (summary.end, summary.done) == (RunEnd.IDLE, 1)
    assert [row.item.number for row in summary.open_rows] == [1]


def test_a_new_tag_is_refused_when_only_lost_tags_are_awaited(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213*2")
    _, told = rig.run(fault=f"swap@{at(write_commands(tmp_path), 0.3)}")
    assert told.outcomes == ["failed", "refused"]
    assert told.codes[1] == "no-row-left"


def test_a_page_that_keeps_a_wrong_bit_once_is_mended_by_the_rewrite(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    summary, told = rig.run(fault="bitflip@20+1")
    assert (summary.is_complete, told.outcomes) == (True, ["encoded"])


def test_a_page_that_never_holds_is_a_failure_that_says_what_to_do(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213*2")
    summary, told = rig.run(fault="bitflip@20")
    (record, *_) = told.records
    assert (record.outcome, record.code, record.tag_state) == (
        TagOutcome.FAILED,
        "tag-write-failed",
        "written-unverified",
    )
    assert record.action
    assert record.state == "writing"
    with rig.ledger() as ledger:
        assert "tag-write-failed" in ledger.history(summary.open_rows[0].id)[-1].detail


def test_failures_in_a_row_stop_the_line(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=5, tags="NTAG213*5", line__stop_after_failures="2")
    summary, told = rig.run(fault="bitflip@20")
    assert (summary.end, told.outcomes) == (RunEnd.STOPPED, ["failed"] * 2)
    assert (len(summary.open_rows), summary.unstarted, summary.done) == (2, 3, 0)


def test_a_good_tag_between_failures_keeps_the_line_running(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=3, line__stop_after_failures="2")
    summary, told = rig.run(fault="bitflip@20+2")
    assert told.outcomes == ["failed", "encoded", "encoded"]
    assert summary.end is RunEnd.IDLE


def test_a_nak_in_mid_write_fails_the_tag_and_not_the_run(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=2, tags="NTAG213*2")
    summary, told = rig.run(fault=f"nak@{at(write_commands(tmp_path), 0.3)}")
    assert (told.outcomes, told.codes[0]) == (["failed", "encoded"], "tag-nak")
    assert summary.done == 1


def test_a_lost_reader_ends_the_run_with_the_row_kept(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    told = Told()
    with pytest.raises(DeviceLost):
        rig.run(fault=f"hold@{at(write_commands(tmp_path), 0.3)}", told=told)
    assert (told.outcomes, rig.states()) == (["failed"], ["writing"])
    summary, told = rig.run()
    assert (summary.is_complete, told.outcomes) == (True, ["resumed"])


def test_garbage_from_the_reader_ends_the_run(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    with pytest.raises(DeviceProtocolError):
        rig.run(fault=f"garbage@{at(write_commands(tmp_path), 0.3)}")
    assert rig.states() == ["writing"]


class Interrupted(Told):
    """Ctrl-C at the n-th report of a phase."""

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self.phase = phase

    def __call__(self, event: Phase | TagRecord) -> None:
        super().__call__(event)
        if event is self.phase:
            raise KeyboardInterrupt


def test_an_interrupt_leaves_the_ledger_as_committed(rig: LineRig) -> None:
    with pytest.raises(KeyboardInterrupt):
        rig.run(told=Interrupted(Phase.TAKE_AWAY))
    assert rig.states() == ["verified"]
    summary, told = rig.run()
    assert (summary.is_complete, told.outcomes) == (True, ["already-done", "encoded", "encoded"])


def test_a_row_reserved_by_a_run_that_died_is_taken_up_first(rig: LineRig) -> None:
    job = read_job(rig.folder.job)
    with rig.ledger() as ledger:
        ledger.register_job(job.entry)
        ledger.reserve(job.entry, job.entry.items[1])
    _, told = rig.run()
    assert [record.row for record in told.records] == [2, 1, 3]


def test_a_row_is_not_put_on_the_chip_revoked_for_it(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=2, tags="NTAG213*2", line__overwrite="true")
    rig.run()
    with rig.ledger() as ledger:
        first = ledger.rows("battery")[0]
        chip = first.chip or ChipNumber(b"")
        ledger.void(first.id, "label torn")
    summary, told = rig.run()
    assert (told.outcomes, told.codes[0]) == (["refused", "already-done"], "no-row-left")
    assert summary.unstarted == 1
    with rig.ledger() as ledger:
        assert ledger.is_revoked(first.item.identity, chip)


def test_a_judge_that_finds_the_written_tag_false_leaves_it_unverified(rig: LineRig) -> None:
    class Strict:
        def judge(self, message: bytes, chip: ChipNumber) -> None:
            raise Forged("not today", check=6, code="signature-false")

    summary, told = rig.run(judge=Strict())
    assert (summary.end, told.codes) == (RunEnd.STOPPED, ["signature-false"] * 3)
    assert rig.states() == ["written"] * 3


def test_what_the_row_cannot_explain_is_a_conflict_and_not_overwritten(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    rig.run(fault="tear@1")
    foreign = {4: "0309d101", 5: "05550461", 6: "2e62632f", 7: "fe000000"}
    set_pages(rig, 0, foreign)
    summary, told = rig.run()
    assert (told.outcomes, told.codes) == (["failed"], ["tag-carries-other"])
    assert pages_of(rig, 0)[4] == "0309d101"
    assert [row.state for row in summary.open_rows] == [RowState.WRITING]


@pytest.mark.parametrize("step", ["reserve", "start_writing"])
def test_no_page_is_written_before_its_step_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerDamaged("the disk is full", code="ledger-disk-full")

    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    rig.reader().close()
    rig.sim.close()
    before = pages_of(rig, 0)
    with monkeypatch.context() as broken:
        broken.setattr(Ledger, step, full)
        with pytest.raises(LedgerDamaged):
            rig.run()
    assert pages_of(rig, 0) == before
    assert rig.run()[0].is_complete


@pytest.mark.parametrize("step", ["mark_written", "mark_verified"])
def test_a_step_that_the_disk_did_not_take_is_settled_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerDamaged("the disk is full", code="ledger-disk-full")

    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    with monkeypatch.context() as broken:
        broken.setattr(Ledger, step, full)
        with pytest.raises(LedgerDamaged):
            rig.run()
    written = pages_of(rig, 0)
    summary, told = rig.run()
    assert (summary.is_complete, told.outcomes) == (True, ["resumed"])
    assert pages_of(rig, 0) == written


def test_a_job_that_contradicts_the_ledger_touches_no_tag(rig: LineRig) -> None:
    rig.run()
    rig.folder.write_rows([["gtin", "serial"], ["09520123456788", "SN2"], ["09520123456788", "SN1"]])
    told = Told()
    with pytest.raises(LedgerConflict):
        rig.run(told=told)
    assert told.records == []


def test_two_runs_of_one_job_at_once_are_refused(rig: LineRig) -> None:
    job = read_job(rig.folder.job)
    with rig.ledger() as ledger:
        ledger.register_job(job.entry)
        with ledger.working_on("battery"), pytest.raises(LedgerConflict) as caught:
            rig.run()
    assert caught.value.code == "job-busy"


def test_a_plan_is_made_for_every_allowed_chip(rig: LineRig) -> None:
    plan = JobPlan(read_job(rig.folder.job))
    assert [(chip.chip, dict(chip.placements)) for chip in plan.chips] == [
        ("NTAG213", {("minimal", 16): 3}),
        ("NTAG215", {("full", 32): 3}),
    ]
    assert plan.chips[0].tightest == 1


def test_a_row_that_does_not_fit_names_chip_and_missing_bytes(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, statement__level='"compact"', statement__digest="32")
    with pytest.raises(JobError) as caught:
        JobPlan(read_job(rig.folder.job))
    assert caught.value.code == "job-too-large"
    assert "line 2 on NTAG213" in caught.value.message
    assert "bytes are missing" in caught.value.message
    assert "NTAG215" not in caught.value.message
    assert "larger chip" in (caught.value.action or "")


def test_the_plan_says_what_the_tags_then_carry(rig: LineRig) -> None:
    job = read_job(rig.folder.job)
    placement = JobPlan(job).row_plan(job.rows[0], "NTAG213").placement
    _, told = rig.run()
    with rig.ledger() as ledger:
        row = ledger.rows("battery")[0]
    assert row.message is not None
    assert len(row.message) == placement.stored
    assert told.records[0].level == placement.level.value


LOCKED = "f0ff"


def lock(rig: LineRig, tag: int = 0) -> None:
    set_pages(rig, tag, {2: pages_of(rig, tag)[2][:4] + LOCKED})


def test_a_tag_that_locks_itself_once_it_was_written_is_a_failure(
    rig: LineRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It carries a signature: never "refused", nor "untouched"."""
    exchange = Type2Chip.exchange

    def locks_behind_the_header(chip: Type2Chip, frame: bytes) -> Answer:
        answer = exchange(chip, frame)
        if frame[:3] == b"\xa2\x04\x03" and frame[3]:
            chip.pages[2] = chip.pages[2][:2] + bytes.fromhex(LOCKED)
        return answer

    monkeypatch.setattr(Type2Chip, "exchange", locks_behind_the_header)
    summary, told = rig.run(fault="bitflip@20+1")
    record = told.records[0]
    assert (record.outcome.value, record.code, record.state, record.tag_state) == (
        "failed",
        "tag-write-failed",
        "writing",
        "written-unverified",
    )
    with rig.ledger() as ledger:
        assert "tag-write-failed" in ledger.history(summary.open_rows[0].id)[-1].detail


def test_a_half_way_tag_that_cannot_be_written_any_more_is_a_failure_noted_in_the_ledger(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=1, tags="NTAG213")
    rig.run(fault="tear@1")
    lock(rig)
    summary, told = rig.run()
    (record,) = told.records
    assert (record.outcome.value, record.code, record.state, record.tag_state) == (
        "failed",
        "tag-locked",
        "writing",
        "unknown",
    )
    with rig.ledger() as ledger:
        assert "tag-locked" in ledger.history(summary.open_rows[0].id)[-1].detail


@pytest.mark.parametrize("kind", ["FELICA-LITE-S-BLANK", "DESFIRE-EV2-BLANK"])
def test_a_blank_tag_is_formatted_where_the_job_says_so_and_else_refused(tmp_path: Path, kind: str) -> None:
    chips = {"chips__allowed": '["FeliCa Lite-S", "DESFire EV2"]'}
    rig = LineRig(tmp_path, rows=1, tags=kind, **chips)
    _, told = rig.run()
    assert (told.outcomes, told.codes) == (["refused"], ["tag-unformatted"])
    rig.folder.write_job(**chips, line__format="true")
    summary, told = rig.run()
    assert told.outcomes == ["encoded"]
    assert summary.is_complete
