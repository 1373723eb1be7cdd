"""A job that protects its tags: last of all, derivation committed first, half-way finished by running again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpptag.errors import JobError, LedgerConflict
from dpptag.line import read_job
from dpptag.tags.key_derivation import DerivedKeys
from tests.line.job_folder import JobFolder
from tests.line.line_rig import LineRig
from tests.sim_fixtures import stored_pages

LOCK = {"protect__lock": '"permanent"'}
PASSWORD = {"protect__password": "true", "protect__master": '"tag-master.key"'}


def rig_with(path: Path, *, rows: int = 1, tags: str = "NTAG213", **job: str) -> LineRig:
    """A line whose job names a master key; the rig derives from its own, as the command does from the file."""
    (path / "job").mkdir(parents=True, exist_ok=True)
    rig = LineRig(path, rows=rows, tags=tags)
    (rig.folder.path / "tag-master.key").touch()
    rig.folder.write_job(**job)
    return rig


def test_a_job_that_locks_ends_its_rows_at_locked(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, rows=2, tags="NTAG213*2", **LOCK)
    summary, told = rig.run()
    assert told.outcomes == ["encoded", "encoded"]
    assert summary.is_complete
    assert rig.states() == ["locked", "locked"]
    with rig.ledger() as ledger:
        assert {row.protection for row in ledger.rows("battery")} == {"lock permanent"}
    pages = stored_pages(rig.state)
    assert pages[3][3] == 0x0F, "the CC says read only"
    assert pages[2][2:] == b"\xf8\xff", "CC and pages 4 to 15, no block-lock bits"
    assert pages[40][:3] == b"\xff\x0f\x00", "pages 16 to 39"


def test_a_tag_that_is_done_is_already_done_and_not_touched_again(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, rows=1, tags="NTAG213*2", **LOCK)
    rig.run()
    locked = stored_pages(rig.state)
    rig.folder.write_passport("SN2")
    rig.folder.write_rows([["gtin", "serial"], *(["09520123456788", f"SN{n}"] for n in (1, 2))])
    _, told = rig.run()
    assert told.outcomes == ["already-done", "encoded"]
    assert stored_pages(rig.state) == locked


def test_a_password_is_derived_and_its_derivation_is_in_the_ledger(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, **PASSWORD)
    rig.run()
    with rig.ledger() as ledger:
        (row,) = ledger.rows("battery")
    keys = DerivedKeys(rig.master)
    assert row.state.value == "locked"
    assert row.chip is not None
    assert row.protection == "lock none password; " + keys.derivation(row.chip.octets, ("type2-password",))
    secret = keys.key(row.chip.octets, "type2-password")
    pages = stored_pages(rig.state)
    assert (pages[43], pages[44][:2]) == (secret[:4], secret[4:6])
    assert pages[41][3] <= 4, "AUTH0"
    assert secret[:4].hex() not in row.protection


def verified_at(path: Path) -> int:
    """How many host commands bring a row to ``verified``, before the first step of its protection."""
    rig = rig_with(path)
    rig.run()
    return rig.commands_at_end


@pytest.mark.parametrize("job", [LOCK, PASSWORD, LOCK | PASSWORD], ids=["lock", "password", "both"])
def test_a_tag_pulled_anywhere_while_it_is_protected_is_finished_by_the_next_run(
    tmp_path: Path, job: dict[str, str]
) -> None:
    first = verified_at(tmp_path / "plain")
    whole = rig_with(tmp_path / "whole", **job)
    whole.run()
    finished = stored_pages(whole.state)
    for command in range(first - 4, whole.commands_at_end, 3):
        rig = rig_with(tmp_path / str(command), **job)
        rig.run(fault=f"pull@{command}")
        pulled = stored_pages(rig.state)
        assert not any(pulled[40][:2]) or pulled[4][0] == 0x03, "no lock on a tag without its message"
        rig.run()
        assert rig.states() == ["locked"], command
        done = stored_pages(rig.state)
        assert (done[2][2:], done[3], done[40], done[41]) == (
            finished[2][2:],
            finished[3],
            finished[40],
            finished[41],
        )


def test_another_master_key_is_a_conflict_and_nothing_is_set(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, **PASSWORD)
    rig.run(fault=f"pull@{verified_at(tmp_path / 'plain') + 2}")
    assert rig.states() == ["verified"]
    before = stored_pages(rig.state)
    rig.master = bytes(16)
    with pytest.raises(LedgerConflict) as caught:
        rig.run()
    assert caught.value.code == "protection-changed"
    assert rig.states() == ["verified"]
    assert stored_pages(rig.state) == before


@pytest.mark.parametrize(
    ("begun", "now"),
    [(PASSWORD, LOCK), (LOCK | PASSWORD, LOCK), (LOCK, LOCK | PASSWORD)],
    ids=["lock-for-password", "no-password", "password-too"],
)
def test_a_row_does_not_end_locked_with_a_password_that_is_not_the_one_it_names(
    tmp_path: Path, begun: dict[str, str], now: dict[str, str]
) -> None:
    rig = rig_with(tmp_path, **begun)
    rig.run(fault=f"pull@{verified_at(tmp_path / 'plain') + 1}")
    before = stored_pages(rig.state)
    rig.folder.write_job(**now)
    with pytest.raises(LedgerConflict) as caught:
        rig.run()
    assert caught.value.code == "protection-changed"
    assert (rig.states(), stored_pages(rig.state)) == (["verified"], before)
    rig.folder.write_job(**begun)
    rig.run()
    assert rig.states() == ["locked"]


@pytest.mark.parametrize(
    ("chip", "job", "word"),
    [
        ("NTAG203", PASSWORD, "no password"),
        ("FeliCa Lite-S", PASSWORD, "no password"),
        ("NTAG213", {"protect__sun": "true", "protect__master": '"tag-master.key"'}, "no SUN"),
        ("ST25DV04K", LOCK, "Lock Block"),
        ("NTAG-I2C-PLUS-1K", LOCK, "I2C side"),
    ],
)
def test_a_job_for_a_chip_that_cannot_have_the_protection_is_refused_before_its_first_tag(
    tmp_path: Path, chip: str, job: dict[str, str], word: str
) -> None:
    folder = JobFolder(tmp_path / "job")
    (folder.path / "tag-master.key").touch()
    folder.write_job(**{"chips__allowed": f'["{chip}"]', **job})
    with pytest.raises(JobError) as caught:
        read_job(folder.job)
    assert caught.value.code == "job-protect"
    assert word in caught.value.message


def test_a_lost_answer_of_the_reader_costs_the_tag_in_hand_and_not_the_run(tmp_path: Path) -> None:
    """A reader that is pulled and back looks like this to the line: one command fails, the next look works."""
    whole = rig_with(tmp_path / "whole", **LOCK)
    whole.run()
    rig = rig_with(tmp_path / "lost", **LOCK)
    summary, told = rig.run(fault=f"no-answer@{whole.commands_at_end - 6}")
    assert told.outcomes == ["failed", "resumed"]
    assert summary.is_complete
    assert rig.states() == ["locked"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"protect__password": "true"}, "protect.master"),
        ({"protect__sun": "true"}, "protect.master"),
        ({"protect__master": '"tag-master.key"'}, "neither password nor sun"),
        ({"protect__lock": '"forever"'}, "protect.lock"),
        ({"protect__locked": "true"}, "protect.locked"),
        ({"protect__password": "true", "protect__master": '"absent.key"'}, "absent.key"),
    ],
)
def test_a_job_that_asks_for_half_a_protection_is_refused(tmp_path: Path, changes: dict[str, str], word: str) -> None:
    folder = JobFolder(tmp_path / "job")
    (folder.path / "tag-master.key").touch()
    folder.write_job(**changes)
    with pytest.raises(JobError) as caught:
        read_job(folder.job)
    assert word in caught.value.message
