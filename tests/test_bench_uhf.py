"""The UHF benches, run as ``make bench`` runs them: what they count is exact, and the same in every run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.line.uhf_rig import LOCK, PASSWORD, UhfRig

BENCH = Path(__file__).parents[1] / "bench"
TAGS = 200

M100_SENSE = {"inventory": 1, "select_mode": 1, "read": 1, "select": 1}
MERCURY_ROUND = {"clear_buffer": 1, "inventory": 1, "get_buffer": 1}


def report_of(script: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(BENCH / script), *arguments], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.stdout, done.stderr  # it exits 1 also where a limit was not kept, which the tests below look at
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def speed() -> dict[str, Any]:
    return report_of("uhf_speed.py")


def job(speed: dict[str, Any], family: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [row[name] for row in speed["frames"] if row["family"] == family]
    return found[0]


ENCODE = {
    "m100": {
        "sense": M100_SENSE,
        "identify": {"read": 3},
        "write": {"write": 5, "select": 1},
        "verify": {"inventory": 1, "select_mode": 1, "select": 1, "read": 3},
        "protect": {"read": 1, "lock": 1},
        "proof": {"write": 2, "read": 4},
    },
    "mercury": {
        "sense": MERCURY_ROUND | {"read": 1},
        "identify": {"read": 2},
        "write": {"write": 4},
        "verify": MERCURY_ROUND | {"read": 2},
        "protect": {"read": 1, "lock": 1},
        "proof": {"write": 4, "read": 4},
    },
    "a0": {
        "sense": {"inventory": 1, "match": 1, "read": 1},
        "identify": {"read": 3},
        "write": {"write": 5, "inventory": 1, "match": 1, "read": 1},
        "verify": {"inventory": 1, "match": 1, "read": 4},
        "protect": {"inventory": 1, "match": 1, "read": 2, "lock": 4},
        "proof": {"write": 4, "read": 6},
    },
    "uhfreader18": {
        "sense": {"inventory": 1, "read": 1},
        "identify": {"read": 2},
        "write": {"write": 5, "inventory": 1, "read": 1},
        "verify": {"inventory": 1, "read": 3},
        "protect": {"inventory": 1, "read": 2, "lock": 4},
        "proof": {"write": 2, "read": 4},
    },
}
"""EPC, 84 of 86 bytes on a Higgs-9, passwords and permanent lock. R200 and 288 have the frames of their families."""
ENCODE |= {"r200": ENCODE["m100"], "uhfreader288": ENCODE["uhfreader18"]}


@pytest.mark.parametrize(
    ("family", "total"),
    [("m100", 27), ("r200", 27), ("mercury", 25), ("a0", 38), ("uhfreader18", 28), ("uhfreader288", 28)],
)
def test_the_frames_of_an_encode(speed: dict[str, Any], family: str, total: int) -> None:
    """Two writes of the user bank (Mercury one), passwords, EPC, first word; vague refusals are heard twice."""
    encode = job(speed, family, "encode")
    assert (encode["stages"], encode["total"]) == (ENCODE[family], total)


@pytest.mark.parametrize(
    ("family", "total", "proof"),
    [
        ("m100", 21, {"read": 6, "write": 2}),
        ("r200", 21, {"read": 6, "write": 2}),
        ("mercury", 30, {"read": 10, "write": 8, "lock": 1}),
        ("a0", 42, {"inventory": 1, "match": 1, "read": 16, "write": 8, "lock": 4}),
        ("uhfreader18", 18, {"inventory": 1, "read": 7, "write": 2}),
        ("uhfreader288", 18, {"inventory": 1, "read": 7, "write": 2}),
    ],
)
def test_nothing_to_change_costs_no_write_but_those_that_prove_the_lock(
    speed: dict[str, Any], family: str, total: int, proof: dict[str, int]
) -> None:
    """Of vague refusals a lock for ever is not believed: it is taken once more, and proved by its acknowledgement."""
    nothing = job(speed, family, "nothing_to_change")
    assert nothing["stages"]["write"] == {}
    protected: dict[str, int] = {}
    for stage in ("protect", "proof"):
        for name, count in nothing["stages"].get(stage, {}).items():
            protected[name] = protected.get(name, 0) + count
    assert (nothing["total"], protected) == (total, proof)


@pytest.mark.parametrize(
    ("family", "total"),
    [("m100", 16), ("r200", 16), ("mercury", 14), ("a0", 15), ("uhfreader18", 11), ("uhfreader288", 11)],
)
def test_one_changed_word_costs_its_write_and_the_first_word_twice(
    speed: dict[str, Any], family: str, total: int
) -> None:
    """The first word is zero while another changes; the EPC stays, so nothing is selected again before the end."""
    one = job(speed, family, "one_word_changed")
    assert (one["stages"]["write"], one["total"]) == ({"write": 3}, total)


def test_the_m100_takes_at_most_a_tenth_more_than_its_own_times_for_what_the_order_demands(
    speed: dict[str, Any],
) -> None:
    """25 commands of the floor; beside them are the two of 12h that end a round, and 2 x 25 ms for late tags."""
    rows = {row["policy"]: row for row in speed["m100"]}
    assert {policy: (row["frames"], row["floor_commands"]) for policy, row in rows.items()} == {
        "password": (27, 25),
        "permanent": (26, 24),
        "permanent-and-password": (27, 25),
    }
    both = rows["permanent-and-password"]
    assert both["floor_ms"] == 1779.4
    assert sum(step["ms"] for step in both["floor"]) == pytest.approx(both["floor_ms"])
    modelled = both["modelled_ms"]
    assert (modelled["module"], modelled["waits"], modelled["wire"], modelled["total"]) == (
        1719.4,
        110.0,
        112.82,
        1942.22,
    )
    assert both["ratio"] == 1.0915
    assert all(row["ratio"] <= 1.1 for row in rows.values())


def test_a_line_spends_on_a_tag_the_frames_of_the_bench(speed: dict[str, Any], tmp_path: Path) -> None:
    rig = UhfRig(tmp_path, rows=1, tags="Higgs-9", **PASSWORD, **LOCK)
    rig.run()
    stages = job(speed, "m100", "encode")["stages"]
    after_signing = sum(sum(stages[name].values()) for name in ("write", "verify", "protect", "proof"))
    assert rig.states() == ["locked"]
    assert rig.commands_at_end - rig.commands_before_write[0] == after_signing == 20


@pytest.fixture(scope="module")
def inventory() -> dict[str, Any]:
    return report_of("uhf_inventory.py", "--tags", str(TAGS), "--rounds", "0")


def test_every_tag_of_a_crowded_field_is_reported_once_and_genuine(inventory: dict[str, Any]) -> None:
    """Also where two of them collide in every other round, and with rounds behind the last new tag."""
    assert [(row["family"], row["conditions"]) for row in inventory["scan"]] == [
        ("m100", ""),
        ("m100", "collisions=50&weak=20"),
        ("mercury", ""),
        ("mercury", "collisions=50&weak=20"),
    ]
    for row in inventory["scan"]:
        assert (row["tags"], row["reports"], row["every_tag_once"]) == (TAGS, TAGS, True)
        assert row["verdicts"] == {"genuine": TAGS}


def test_a_tag_of_a_crowd_costs_six_frames_on_an_m100_and_three_on_a_mercury_module(
    inventory: dict[str, Any],
) -> None:
    """Select by EPC, TID, Select by TID, EPC bank, user bank twice; Mercury selects in each command. And the rounds."""
    frames = {row["family"]: row["frames"] for row in inventory["scan"] if not row["conditions"]}
    assert frames["m100"] == 6 * TAGS + 2
    assert 3 * TAGS < frames["mercury"] < 3.3 * TAGS


def test_the_bare_port_gets_the_same_answers_to_the_same_bytes() -> None:
    rows = report_of("uhf_wall.py", "--rounds", "1")["results"]
    assert {row["family"]: row["frames"] for row in rows} == {
        "m100": 19,
        "r200": 19,
        "mercury": 15,
        "a0": 20,
        "uhfreader18": 15,
        "uhfreader288": 15,
    }
