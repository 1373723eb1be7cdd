"""dpptag demo, as a stranger runs it first."""

import json
from pathlib import Path

from tests.cli.command_line import dpptag


def test_the_demo_meets_every_verdict_it_foretold_and_can_be_run_again(tmp_path: Path) -> None:
    out = tmp_path / "a&b%20c d?"  # none of it may be taken for the query of a device path
    out.mkdir()
    first = dpptag("demo", "--out", out)
    assert first.code == 0, first.err
    report = json.loads((out / "report.json").read_text())
    assert len(report["tags"]) == 40
    counts = {verdict: count for verdict, count in report["counts"].items() if count}
    assert counts == {"genuine": 35, "forged": 3, "unreadable": 1, "genuine-stale": 1}
    assert {tag["type"] for tag in report["tags"]} == {"NTAG213", "NTAG215", "NTAG216", "UCODE-7xm", "Higgs-9"}
    assert all(tag["as_expected"] for tag in report["tags"])
    assert report["simulated"] is True
    assert len(report["events"]["recorded"]) == report["events"]["stored"] == 2
    assert first.out.count("as expected") == 40
    made = {path.name for path in out.iterdir()}
    assert dpptag("demo", "--out", out).code == 0
    assert {path.name for path in out.iterdir()} == made


def test_a_folder_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = dpptag("demo", "--out", tmp_path)
    assert done.code == 2
    assert "error [demo-folder]" in done.err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("thesis.txt", "years of work")]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert dpptag("demo", "--out", tmp_path / "link").code == 2
    assert list((tmp_path / "real").iterdir()) == []
