"""A job on UHF tags: the same ledger and the same loop, an EPC in place of a link."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dpptag.codec.epc import decode_epc
from dpptag.codec.gen2_content import Gen2Content
from dpptag.errors import JobError
from dpptag.line import JobPlan, read_job, void_row
from dpptag.tags import GEN2_CHIPS, Content, ContentState, Gen2Tag, derive_passwords, identify
from dpptag.tags.key_derivation import DerivedKeys
from tests.line.job_folder import GTIN, HOST, JobFolder, passport_bytes
from tests.line.uhf_rig import LOCK, PASSWORD, UHF_JOB, UhfRig

SGTIN96 = "3034257bf40c0e4000001a85"
"""An EPC that somebody encoded; that it is a good SGTIN-96 is all that counts."""


def test_every_row_gets_its_tag_and_the_chip_holds_epc_and_statement(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path)
    summary, told = rig.run()
    assert told.outcomes == ["encoded", "encoded"]
    assert summary.is_complete
    assert rig.states() == ["verified", "verified"]
    for stored, serial in zip(rig.tags_in_state(), rig.folder.serials, strict=True):
        pc_epc, user = bytes.fromhex(stored["pc_epc"]), bytes.fromhex(stored["user"])
        words = pc_epc[0] >> 3
        found = decode_epc(pc_epc[2 : 2 + 2 * words])
        assert (found.gtin14, found.serial) == (GTIN, serial)
        assert user[:1] == b"\0", "DSFID"
        assert user[1] & 0xE0 == 0x60, "minimal with a digest: the richest that 688 bits hold"
    with rig.ledger() as ledger:
        rows = ledger.rows("battery")
        assert [row.item.identity for row in rows] == [f"https://id.gs1.org/01/{GTIN}/21/SN{n}" for n in (1, 2)]
        assert [row.message is not None and len(Gen2Content.from_bytes(row.message).user) for row in rows] == [84, 84]


def test_a_second_run_over_finished_tags_changes_no_byte(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, rows=1, tags="Higgs-9*2")
    rig.run()
    before = rig.tags_in_state()
    rig.folder.write_passport("SN2")
    rig.folder.write_rows([["gtin", "serial"], [GTIN, "SN1"], [GTIN, "SN2"]])
    _, told = rig.run()
    assert told.outcomes == ["already-done", "encoded"]
    assert rig.tags_in_state()[0] == before[0]


def test_two_tags_in_the_field_are_refused_with_their_number_and_strength(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, more="&mode=field&rssi=-41,-55")
    before_run = rig.folder.serials
    summary, told = rig.run()
    assert told.outcomes == ["refused"]
    assert told.codes == ["several-tags"]
    assert "2 tags" in (told.records[0].message or "")
    assert "-41" in (told.records[0].message or "")
    assert told.records[0].action
    assert summary.unstarted == len(before_run)
    assert all(not any(bytes.fromhex(stored["user"])) for stored in rig.tags_in_state())


def test_a_chip_without_a_serial_in_its_tid_is_refused_with_the_reason(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, rows=1, tags="No-Serial")
    _, told = rig.run()
    assert told.outcomes == ["refused"]
    assert told.codes == ["chip-tid-unserialised"]


def test_a_tag_with_the_epc_of_somebody_is_refused_until_the_job_says_overwrite(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, rows=1, tags=f"Higgs-9&epc={SGTIN96}")
    _, told = rig.run()
    assert told.codes == ["tag-not-blank"]
    rig.folder.write_job(**UHF_JOB, line__overwrite="true")
    _, told = rig.run()
    assert told.outcomes == ["encoded"]


def test_a_protected_tag_has_the_passwords_that_the_ledger_says_how_to_derive(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, rows=1, tags="UCODE-7xm", **PASSWORD)
    _, told = rig.run()
    assert told.outcomes == ["encoded"]
    assert rig.states() == ["locked"]
    with rig.ledger() as ledger:
        (row,) = ledger.rows("battery")
    assert row.chip is not None
    keys = DerivedKeys(rig.master)
    wanted = derive_passwords(row.chip.octets, keys)
    (stored,) = rig.tags_in_state()
    assert stored["reserved"] == (wanted.kill + wanted.access).hex()
    assert row.protection is not None
    assert keys.master_id in row.protection
    assert row.chip.hex in row.protection
    assert wanted.access.hex() not in row.protection


def test_a_permanent_lock_ends_the_row_at_locked_and_running_again_proves_it(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, rows=1, tags="UCODE-7xm*2", **LOCK)
    rig.run()
    (locked, _) = rig.tags_in_state()
    assert rig.states() == ["locked"]
    assert locked["locks"] & 0b11 == 0b11, "user bank: never writable"
    rig.folder.write_passport("SN2")
    rig.folder.write_rows([["gtin", "serial"], [GTIN, "SN1"], [GTIN, "SN2"]])
    _, told = rig.run()
    assert told.outcomes == ["already-done", "encoded"]
    assert rig.tags_in_state()[0] == locked


def test_a_bank_of_512_bits_takes_a_bare_statement(tmp_path: Path) -> None:
    bare = {"chips__allowed": '["Monza-4QT"]', "statement__level": '"bare"', "statement__digest": "0"}
    rig = UhfRig(tmp_path, rows=1, tags="Monza-4QT", **bare)
    _, told = rig.run()
    assert told.outcomes == ["encoded"]
    with rig.ledger() as ledger:
        (row,) = ledger.rows("battery")
    assert row.level == "bare"
    assert row.message is not None
    assert Gen2Content.from_bytes(row.message).user == bytes.fromhex(rig.tags_in_state()[0]["user"])


def test_the_largest_chip_of_the_table_takes_a_statement_and_is_known_again(tmp_path: Path) -> None:
    largest = max(GEN2_CHIPS.values(), key=lambda chip: chip.user_bits).name
    rig = UhfRig(tmp_path, rows=1, tags=f"{largest}*2", chips__allowed=f'["{largest}"]')
    assert rig.run()[1].outcomes == ["encoded"]
    rig.folder.write_passport("SN2")
    rig.folder.write_rows([["gtin", "serial"], [GTIN, "SN1"], [GTIN, "SN2"]])
    assert rig.run()[1].outcomes == ["already-done", "encoded"]


def test_a_tag_that_left_in_the_middle_is_resumed_with_the_same_message(tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, rows=1, tags="Higgs-9")
    _, told = rig.run(fault="leave@8+3")
    assert told.outcomes[0] == "failed"
    assert told.records[0].tag_state != "untouched"
    with rig.ledger() as ledger:
        (row,) = ledger.rows("battery")
    resolution, _ = rig.resolve()
    assert resolution.is_complete
    with rig.ledger() as ledger:
        assert [again.message for again in ledger.rows("battery")] == [row.message]
    assert rig.states() == ["verified"]


@pytest.mark.parametrize("seen", [0, 40, 86])
def test_a_tag_is_spared_the_revocation_list_only_where_its_whole_bank_was_seen_blank(
    seen: int, tmp_path: Path
) -> None:
    rig = UhfRig(tmp_path, rows=1, tags="Higgs-9")
    rig.run()
    with rig.reader() as reader, rig.ledger() as ledger:
        link = reader.sense()
        assert link is not None
        tag = identify(link)
        assert isinstance(tag, Gen2Tag)
        hidden = replace(tag, user=bytes(seen), content=Content(ContentState.EMPTY))
        (row,) = ledger.rows("battery")
        void_row(ledger, row, "wrong reel", hidden)
        assert len(ledger.revocations()) == (seen < 86)
    rig.sim.close()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"chips__allowed": '["Higgs-9", "NTAG213"]'}, "job-chip"),
        ({"job__link": f'"{HOST}"'}, "job-carrier"),
        ({"chips__allowed": '["NTAG213"]', "job__link": f'"{HOST}"'}, "job-carrier"),
        ({"statement__level": '"bare"'}, "job-carrier"),
        ({"epc__scheme": '"SGTIN-64"'}, "job-schema"),
        ({"epc__filter": "8"}, "job-schema"),
        ({"statement__digest": "32", "statement__level": '"compact"'}, "job-too-large"),
        ({"epc__scheme": '"SGTIN-96"'}, "job-too-large"),
        ({"epc__scheme": '"SGTIN-198"', "epc__company_prefix_digits": ""}, "job-carrier"),
        ({"epc__scheme": '"SGTIN+"', "epc__host": '"id.example.com"'}, "job-carrier"),
        ({"epc__scheme": '"SGTIN++"'}, "job-carrier"),
        ({"epc__host": f'"{HOST}"'}, "job-carrier"),
        ({"epc__host": '"id.example.com/items"'}, "job-carrier"),
        ({"protect__sun": "true", "protect__master": '"tag-master.key"'}, "job-protect"),
    ],
)
def test_a_job_that_contradicts_itself_is_refused_before_any_tag(
    changes: dict[str, str], code: str, tmp_path: Path
) -> None:
    folder = JobFolder(tmp_path, 1)
    (tmp_path / "tag-master.key").touch()
    folder.write_job(**(UHF_JOB | changes))
    with pytest.raises(JobError) as caught:
        JobPlan(read_job(folder.job))
    assert caught.value.code == code


def test_a_row_may_give_its_item_by_a_link_whose_host_the_epc_does_not_carry(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path, 1)
    folder.write_rows([["uri"], [f"{HOST}/01/{GTIN}/10/LOT7/21/SN1"]])
    folder.write_job(**UHF_JOB)
    (row,) = read_job(folder.job).rows
    assert row.identity == f"https://id.gs1.org/01/{GTIN}/21/SN1"


@pytest.mark.parametrize("uri", [f"{HOST}/01/{GTIN}/21/SN1", f"https://id.gs1.org/01/{GTIN}/21/SN1"])
def test_a_passport_of_another_batch_than_the_row_names_is_refused_though_no_epc_carries_it(
    uri: str, tmp_path: Path
) -> None:
    folder = JobFolder(tmp_path, 1)
    document = json.loads(passport_bytes(uri, "SN1"))
    document["credentialSubject"]["product"]["batchNumber"] = "L8"
    (folder.path / "passports" / "SN1.json").write_text(json.dumps(document))
    folder.write_job(**UHF_JOB)
    folder.write_rows([["gtin", "serial", "batch"], [GTIN, "SN1", "L8"]])
    assert read_job(folder.job).rows[0].identity == f"https://id.gs1.org/01/{GTIN}/21/SN1"
    for rows in ([["gtin", "serial", "batch"], [GTIN, "SN1", "L7"]], [["uri"], [f"{HOST}/01/{GTIN}/10/L7/21/SN1"]]):
        folder.write_rows(rows)
        with pytest.raises(JobError, match="batch L8, the row L7"):
            read_job(folder.job)


def test_a_passport_may_be_found_by_a_batch_that_no_epc_carries(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path, 1)
    folder.write_job(**UHF_JOB, job__passport='"passports/{batch}.json"')
    (folder.path / "passports" / "L7.json").write_bytes(passport_bytes(f"{HOST}/01/{GTIN}/21/SN1", "SN1"))
    folder.write_rows([["gtin", "serial", "batch"], [GTIN, "SN1", "L7"]])
    assert read_job(folder.job).rows[0].passport.name == "L7.json"


def test_the_host_of_the_job_stands_in_the_epc_where_the_chip_has_room(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path, 1)
    host = {"epc__host": '"id.example.com"', "chips__allowed": '["UCODE-7xm"]'}
    folder.write_job(**(UHF_JOB | host))
    job = read_job(folder.job)
    planned = JobPlan(job).row_plan(job.rows[0], "UCODE-7xm")
    assert planned.carrier == "SGTIN++"
    assert isinstance(planned.identity, bytes)
    assert decode_epc(planned.identity).digital_link == f"https://id.example.com/01/{GTIN}/21/SN1"
