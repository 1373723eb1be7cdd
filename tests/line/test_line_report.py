"""What ``line report`` says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpptag.errors import LedgerConflict
from dpptag.line import line_report
from tests.line.line_rig import LineRig, at, write_commands


def test_a_report_counts_states_and_names_the_next_command(tmp_path: Path) -> None:
    rig = LineRig(tmp_path, rows=5)
    rig.run(fault=f"swap@{at(write_commands(tmp_path), 0.3)}")
    with rig.ledger() as ledger:
        ledger.void(ledger.rows("battery")[1].id, "label torn")
        report = line_report(ledger)
    assert report == json.loads(json.dumps(report))
    (job,) = report["jobs"]
    assert (job["job"], job["rows_in_file"], job["end_state"], job["complete"]) == ("battery", 5, "verified", False)
    assert job["counts"] == {
        "unstarted": 3,
        "reserved": 0,
        "writing": 1,
        "written": 0,
        "verified": 1,
        "locked": 0,
        "void": 1,
    }
    torn, void, good = job["rows"]
    assert (torn["state"], torn["next"]) == ("writing", "dpptag line resolve JOB.toml --device DEVICE")
    assert (torn["last_note"] or "").startswith("tag-")
    assert (void["state"], void["reason"], void["next"]) == ("void", "label torn", None)
    assert (good["state"], good["next"], good["last_note"]) == ("verified", None, None)
    (revocation,) = report["revocations"]
    assert (revocation["chip"], revocation["reason"]) == (void["chip"], "label torn")


def test_a_finished_job_is_complete(tmp_path: Path) -> None:
    rig = LineRig(tmp_path)
    rig.run()
    with rig.ledger() as ledger:
        assert line_report(ledger, "battery")["jobs"][0]["complete"]


def test_an_unknown_job_is_said(tmp_path: Path) -> None:
    rig = LineRig(tmp_path)
    with rig.ledger() as ledger:
        assert line_report(ledger) == {"jobs": [], "revocations": []}
        with pytest.raises(LedgerConflict):
            line_report(ledger, "nothing")
