"""The simulated UHF module's query, and its tags in a file."""

import json
from pathlib import Path

import pytest

from dpptag.errors import UsageError
from dpptag.sim.uhf.faults import FaultSchedule, parse_fault
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.population import StateFile, parse_query, populate
from dpptag.sim.uhf.tag import Bank


def test_a_query_orders_tags_chip_numbers_and_air() -> None:
    options = parse_query(
        "tags=Higgs-9*2+M750&tid=E280382120000102030405 06&epc=,3034&seed=7&mode=field&dwell=0&rssi=-45,-60"
        "&collisions=5&weak=2&errors=coarse&split=9&position=1&fault=late@3,leave@4+2+1"
    )
    tags, position, fired = populate(options)
    assert [tag.kind for tag in tags] == ["Higgs-9", "Higgs-9", "M750"]
    assert tags[0].tid.hex() == "e28038212000010203040506"
    assert (position, fired) == (1, [])
    assert options.coarse is True
    assert parse_query("").coarse is None, "as its family does"
    assert options.split == 9
    assert options.conditions.dwell == 0
    assert options.conditions.rssi_dbm == (-45, -60)
    assert not options.conditions.is_belt
    assert [str(fault) for fault in options.faults] == ["late@3", "leave@4+2+1"]


def test_a_seed_makes_the_same_tags_and_none_makes_others() -> None:
    def tids(query: str) -> list[bytes]:
        return [tag.tid for tag in populate(parse_query(query))[0]]

    assert tids("tags=UCODE-8*3&seed=1") == tids("tags=UCODE-8*3&seed=1")
    assert tids("tags=UCODE-8*3") != tids("tags=UCODE-8*3")
    assert len(tids("tid=E2806D122000000000000001,E2806D122000000000000002")) == 2


@pytest.mark.parametrize(
    "query",
    [
        "tags=NTAG213",
        "tags=Higgs-9*",
        "type=Higgs-9",
        "mode=heap",
        "errors=none",
        "rssi=45",
        "dwell=-1",
        "tid=E2",
        "tid=XY",
        "tid=E2801105200000112233445566",
        "epc=" + 29 * "3000",
        "fault=nak@1",
        "fault=refuse@1+2",
        "fault=pull@1+2+3",
        "seed=1&seed=2",
    ],
)
def test_what_a_query_cannot_mean_is_refused(query: str) -> None:
    with pytest.raises(UsageError):
        populate(parse_query(query))


def test_a_state_file_keeps_what_the_chips_hold(tmp_path: Path) -> None:
    query = f"state={tmp_path / 'uhf.json'}&tags=Monza-4QT+No-Serial&seed=1"
    options = parse_query(query)
    assert options.state is not None
    tags, _, _ = populate(options)
    file = StateFile(options.state)
    file.save(tags, 0, [])
    tags[0].singulate()
    tags[0].write(Bank.USER, 0, 0xCAFE)
    tags[0].lock(0x3FF, 0x00E)
    file.save(tags, 1, ["late@3"])
    again, position, fired = populate(parse_query(query))
    assert [tag.record() for tag in again] == [tag.record() for tag in tags]
    assert [tag.tid for tag in again] == [tag.tid for tag in tags]
    assert (position, fired) == (1, ["late@3"])


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"version": 1, "position": 0, "tags": []}'])
def test_a_file_that_is_no_state_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UsageError):
        populate(parse_query(f"state={path}"))
    assert path.read_text() == text


def test_a_stored_bank_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "uhf.json"
    tags, _, _ = populate(parse_query("tags=Higgs-9"))
    StateFile(path).save(tags, 0, [])
    state = json.loads(path.read_text())
    state["tags"][0]["user"] = "00"
    path.write_text(json.dumps(state))
    with pytest.raises(UsageError, match="other lengths"):
        populate(parse_query(f"state={path}"))


def test_a_tag_fault_waits_for_a_tag_and_the_others_do_not() -> None:
    schedule = FaultSchedule([parse_fault("refuse@2"), parse_fault("late@2")])
    schedule.host_command = 3
    assert schedule.due(parse_fault("late@2").kind) is None
    fired = schedule.due(parse_fault("refuse@2").kind)
    assert str(fired) == "refuse@2"
    assert schedule.due(parse_fault("refuse@2").kind) is None
    with pytest.raises(UsageError):
        schedule.order(parse_fault("forget@0"))


def test_the_chips_of_the_tag_table_are_simulated() -> None:
    from dpptag.tags.gen2_chips import CHIPS

    assert {chip.name for chip in CHIPS} <= set(MODELS)
