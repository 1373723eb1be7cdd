"""The simulator's query, and its tags in a file."""

import json
from pathlib import Path

import pytest

from dpptag.errors import UsageError
from dpptag.sim.field import Field
from dpptag.sim.kinds import KINDS
from dpptag.sim.population import StateFile, parse_query, populate
from dpptag.sim.type2 import Type2Chip


def test_the_default_is_one_ntag213_with_a_random_nxp_uid() -> None:
    (first,), _, _ = populate(parse_query(""))
    (second,), _, _ = populate(parse_query(""))
    assert first.kind == "NTAG213"
    assert first.uid[0] == 0x04
    assert len(first.uid) == 7
    assert first.uid != second.uid


def test_tags_are_counted_by_type_in_order() -> None:
    tags, _, _ = populate(parse_query("tags=NTAG213*2+NTAG215+NTAG216*2"))
    assert [tag.kind for tag in tags] == ["NTAG213", "NTAG213", "NTAG215", "NTAG216", "NTAG216"]
    assert len({tag.uid for tag in tags}) == 5


def test_a_seed_makes_the_same_uids_again() -> None:
    first, second = (populate(parse_query("tags=NTAG213*9&seed=7"))[0] for _ in range(2))
    assert [tag.uid for tag in first] == [tag.uid for tag in second]


def test_uids_are_given_in_order_and_make_as_many_tags() -> None:
    tags, _, _ = populate(parse_query("type=NTAG215&uid=04A1B2C3D4E5F6,04A1B2C3D4E5F7"))
    assert [(tag.kind, tag.uid.hex()) for tag in tags] == [
        ("NTAG215", "04a1b2c3d4e5f6"),
        ("NTAG215", "04a1b2c3d4e5f7"),
    ]


def test_an_escaped_state_path_is_undone_and_a_plus_is_kept() -> None:
    assert parse_query("state=/tmp/a%26b+c.json").state == Path("/tmp/a&b+c.json")


@pytest.mark.parametrize(
    "query",
    [
        "stat=x",
        "state",
        "state=",
        "seed=x",
        "seed=1&seed=2",
        "type=NTAG213&tags=NTAG213",
        "type=NTAG999",
        "tags=NTAG213*",
        "uid=04",
        "type=ISO-15693",
        "uid=xx",
        "fault=boom@1",
        "dwell=-1",
    ],
)
def test_a_query_not_understood_is_a_usage_error(query: str) -> None:
    with pytest.raises(UsageError):
        parse_query(query)


def test_tags_come_back_from_the_file_as_they_were(tmp_path: Path) -> None:
    options = parse_query(f"state={tmp_path}/tags.json&tags=NTAG213+SAK20+NTAG216")
    tags, _, _ = populate(options)
    ntag = tags[2]
    assert isinstance(ntag, Type2Chip)
    ntag.pages[9], ntag.counter, ntag.failed_passwords = b"abcd", 5, 1
    assert options.state is not None
    StateFile(options.state).save(tags, 2, ["nak@1"])
    again, position, fired = populate(options)
    assert [(tag.kind, tag.uid) for tag in again] == [(tag.kind, tag.uid) for tag in tags]
    assert isinstance(again[2], Type2Chip)
    assert (again[2].pages, again[2].counter, again[2].failed_passwords) == (ntag.pages, 5, 1)
    assert (position, fired) == (2, ["nak@1"])


def test_position_in_the_query_puts_the_belt_back(tmp_path: Path) -> None:
    options = parse_query(f"state={tmp_path}/tags.json")
    assert options.state is not None
    StateFile(options.state).save(populate(options)[0], 1, [])
    assert populate(options)[1] == 1
    assert populate(parse_query(f"state={tmp_path}/tags.json&position=0"))[1] == 0


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2}', '{"version": 1, "position": 0, "tags": [{"type": "NTAG213", "uid": "04"}]}']
)
def test_another_file_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tags.json"
    path.write_text(text)
    with pytest.raises(UsageError):
        populate(parse_query(f"state={path}"))
    assert path.read_text() == text


def test_a_write_is_in_the_file_before_it_is_acknowledged(tmp_path: Path) -> None:
    options = parse_query(f"state={tmp_path}/tags.json")
    assert options.state is not None
    state = StateFile(options.state)
    tags, position, _ = populate(options)
    field = Field(tags, save=lambda: state.save(tags, position, []))
    assert field.poll()
    answer = field.exchange(bytes.fromhex("A206") + b"abcd")
    assert json.loads(options.state.read_text())["tags"][0]["pages"][6] == b"abcd".hex()
    assert answer is not None
    assert list(tmp_path.iterdir()) == [options.state]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_ordered_stored_and_loaded(kind: str, tmp_path: Path) -> None:
    options = parse_query(f"state={tmp_path}/tags.json&tags={kind}*2")
    tags, position, _ = populate(options)
    assert [tag.kind for tag in tags] == [kind] * 2
    assert len(tags[0].uid) == KINDS[kind].uid_bytes
    assert tags[0].uid.startswith(KINDS[kind].uid_head)
    assert options.state is not None
    StateFile(options.state).save(tags, position, [])
    again, _, _ = populate(options)
    assert [(tag.kind, tag.uid, tag.record()) for tag in again] == [(tag.kind, tag.uid, tag.record()) for tag in tags]


def test_a_state_file_of_the_first_simulators_is_still_loaded(tmp_path: Path) -> None:
    chip = KINDS["NTAG215"].make(bytes.fromhex("04A1B2C3D4E5F6"), {})
    assert isinstance(chip, Type2Chip)
    tag = {
        "type": "NTAG215",
        "uid": "04a1b2c3d4e5f6",
        "pages": [page.hex() for page in chip.pages],
        "signature": "11" * 32,
        "counter": 7,
        "failed_passwords": 1,
    }
    path = tmp_path / "tags.json"
    path.write_text(json.dumps({"version": 1, "position": 0, "faults_fired": [], "tags": [tag]}))
    (loaded,), _, _ = populate(parse_query(f"state={path}"))
    assert loaded.record() == {key: tag[key] for key in ("pages", "signature", "counter", "failed_passwords")}


def test_a_uid_has_the_length_that_its_kind_wants() -> None:
    options = parse_query("type=NTAG213&uid=E004010203040506")
    with pytest.raises(UsageError):
        populate(options)
    assert populate(parse_query("type=NTAG213&uid=01020304"))[0][0].uid == bytes.fromhex("01020304")
