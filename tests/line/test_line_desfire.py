"""A job on DESFire cards: written, given derived keys and locked; pulled and run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dpptag.tags.desfire import APPLICATION_PURPOSE, CARD_PURPOSE
from dpptag.tags.key_derivation import DerivedKeys
from tests.line.line_rig import LineRig

JOB = {"protect__password": "true", "protect__lock": '"permanent"', "protect__master": '"tag-master.key"'}


def rig_with(path: Path) -> LineRig:
    (path / "job").mkdir(parents=True, exist_ok=True)
    rig = LineRig(path, rows=1, tags="DESFIRE-EV2")
    (rig.folder.path / "tag-master.key").touch()
    rig.folder.write_job(chips__allowed='["DESFire EV2"]', **JOB)
    return rig


def stored(rig: LineRig) -> dict[str, Any]:
    (tag,) = json.loads(rig.state.read_text())["tags"]
    assert isinstance(tag, dict)
    return tag


def test_a_card_ends_locked_under_keys_that_the_ledger_can_derive(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)
    _, told = rig.run()
    assert told.outcomes == ["encoded"]
    assert rig.states() == ["locked"]
    with rig.ledger() as ledger:
        (row,) = ledger.rows("battery")
    assert row.chip is not None
    keys = DerivedKeys(rig.master)
    derivation = keys.derivation(row.chip.octets, (CARD_PURPOSE, APPLICATION_PURPOSE))
    assert row.protection == f"lock permanent password; {derivation}"
    assert_locked(rig)


def assert_locked(rig: LineRig) -> None:
    """Keys with version and failed authentications, settings, rights: as the simulated card itself keeps them."""
    tag, keys = stored(rig), DerivedKeys(rig.master)
    uid = bytes.fromhex(tag["uid"])
    (application,) = tag["applications"]
    assert (tag["card"], tag["settings"]) == ([keys.key(uid, CARD_PURPOSE).hex(), 1, 0, 0, 0], 0x0B)
    assert application["keys"] == [[keys.key(uid, APPLICATION_PURPOSE).hex(), 1, 0, 0, 0]]
    assert application["settings"] == 0x02
    assert [file["rights"] for file in application["files"]] == [0xEFFF, 0xEFFF]


def test_a_card_pulled_anywhere_is_finished_by_the_next_run(tmp_path: Path) -> None:
    whole = rig_with(tmp_path / "whole")
    whole.run()
    for command in range(5, whole.commands_at_end, 23):
        rig = rig_with(tmp_path / str(command))
        rig.run(fault=f"pull@{command}")
        rig.run()
        assert rig.states() == ["locked"], command
        assert_locked(rig)
