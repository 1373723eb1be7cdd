"""The simulated field: who answers a round, whom an access reaches, and tags that leave in the middle."""

from collections.abc import Sequence

import pytest

from dpptag.sim.uhf.air import AccessRefused, Code, Selection, Silence, TagRefusal
from dpptag.sim.uhf.faults import FaultSchedule, parse_fault
from dpptag.sim.uhf.field import Conditions, Field
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.tag import Bank, Gen2Chip

MODEL = MODELS["UCODE-7xm"]
ALL_AT_ONCE = Conditions(is_belt=False)


def chips(count: int) -> list[Gen2Chip]:
    return [Gen2Chip(MODEL, MODEL.fixed_tid + number.to_bytes(6, "big")) for number in range(1, count + 1)]


def field(tags: int | Sequence[Gen2Chip] = 1, conditions: Conditions | None = None, fault: str = "") -> Field:
    """At host command 1."""
    schedule = FaultSchedule(parse_fault(text) for text in filter(None, fault.split(",")))
    schedule.host_command = 1
    return Field(chips(tags) if isinstance(tags, int) else tags, conditions=conditions, faults=schedule)


def tid_of(tag: Gen2Chip) -> Selection:
    return Selection(Bank.TID, 0, 96, tag.tid)


def seen(where: Field) -> list[bytes]:
    return [reply.epc for reply in where.round()]


def test_the_strongest_answers_first_and_is_the_one_accessed() -> None:
    where = field(3, Conditions(is_belt=False, rssi_dbm=(-60, -45, -50)))
    assert [reply.rssi_dbm for reply in where.round()] == [-45, -50, -60]
    assert where.open(None).read(Bank.TID, 0, 0) == where.tags[1].tid
    assert where.open(tid_of(where.tags[0])).read(Bank.TID, 0, 0) == where.tags[0].tid


def test_of_tags_as_strong_now_one_and_now_another_is_accessed() -> None:
    where = field(2, Conditions(is_belt=False, seed=1))
    assert {where.open(None).read(Bank.TID, 0, 0) for _ in range(20)} == {tag.tid for tag in where.tags}


def test_equal_epcs_are_heard_once_each_and_can_be_opened_by_their_reply() -> None:
    tags = chips(3)
    for tag in tags:
        tag.epc_memory[2:14] = bytes(12)
    where = field(tags, ALL_AT_ONCE)
    replies = where.round()
    assert [reply.epc for reply in replies] == [bytes(12)] * 3
    assert [where.open_reply(reply).read(Bank.TID, 0, 0) for reply in replies] == [tag.tid for tag in tags]
    where.round()
    with pytest.raises(Silence):
        where.open_reply(replies[0])


def test_a_thousand_tags_answer_once_each() -> None:
    where = field(1000, ALL_AT_ONCE)
    assert sorted(seen(where)) == sorted(tag.epc for tag in where.tags)


def test_colliding_tags_are_missed_in_a_round_and_heard_in_another() -> None:
    where = field(4, Conditions(is_belt=False, collisions=50, seed=1))
    counts = [len(where.round()) for _ in range(20)]
    assert set(counts) == {2, 4}


def test_the_belt_waits_for_work_and_moves_on_without_it() -> None:
    where = field(2, Conditions(dwell=2))
    first, second = (tag.epc for tag in where.tags)
    assert [seen(where) for _ in range(4)] == [[first], [first], [], [second]]
    where.open(None).read(Bank.USER, 0, 1)
    assert [seen(where) for _ in range(2)] == [[second], [second]]
    where.open(None).read(Bank.TID, 0, 2)  # a look is no work
    assert [seen(where) for _ in range(3)] == [[], [], []]
    with pytest.raises(Silence):
        where.open(None)


def test_a_lone_tag_stays() -> None:
    where = field(1, Conditions(dwell=1))
    assert [len(seen(where)) for _ in range(5)] == [1] * 5


def test_a_killed_tag_answers_nothing() -> None:
    where = field()
    where.tags[0].reserved[3] = 9
    where.open(None).kill(9)
    assert seen(where) == []


def test_a_wrong_password_opens_nothing_and_the_right_one_secures() -> None:
    where = field()
    where.tags[0].reserved[4:] = b"\0\0\0\5"
    with pytest.raises(AccessRefused):
        where.open(None, 6)
    where.open(None, 5).lock(0x002, 0x002)
    with pytest.raises(TagRefusal, match="LOCKED"):
        where.open(None).write(Bank.USER, 0, b"\1\2")
    where.open(None, 5).write(Bank.USER, 0, b"\1\2")


def test_a_refused_word_leaves_those_before_it_written() -> None:
    where = field()
    with pytest.raises(TagRefusal) as refused:
        where.open(None).write(Bank.USER, 62, bytes.fromhex("111122223333"))
    assert (refused.value.code, refused.value.words_done) == (Code.OVERRUN, 2)
    assert where.tags[0].user[-4:] == bytes.fromhex("11112222")


@pytest.mark.parametrize(("words", "kept"), [(0, ""), (1, "1111"), (2, "11112222"), (9, "111122223333")])
def test_a_tag_leaves_after_so_many_words(words: int, kept: str) -> None:
    where = field(fault=f"leave@1+{words}+2")
    with pytest.raises(Silence) as silence:
        where.open(None).write(Bank.USER, 0, bytes.fromhex("111122223333"))
    assert silence.value.words_done == len(kept) // 4
    assert where.tags[0].user.rstrip(b"\0") == bytes.fromhex(kept)
    with pytest.raises(Silence):
        where.open(None)
    assert [len(seen(where)) for _ in range(3)] == [0, 0, 1]


def test_a_tag_that_left_is_back_when_it_is_put_back() -> None:
    where = field(fault="leave@1")
    with pytest.raises(Silence):
        where.open(None).lock(0x002, 0x002)
    assert where.tags[0].locks & 0x002 == 0
    assert seen(where) == []
    where.put_back()
    assert len(seen(where)) == 1


def test_a_lock_may_be_done_and_not_answered() -> None:
    where = field(fault="leave@1+1")
    with pytest.raises(Silence):
        where.open(None).lock(0x002, 0x002)
    assert where.tags[0].locks & 0x002


def test_a_swapped_tag_is_back_after_its_rounds() -> None:
    where = field(2)
    first, second = (tag.epc for tag in where.tags)
    where.swap(parse_fault("swap@1+2"))
    assert [seen(where) for _ in range(3)] == [[second], [second], [first]]


def test_another_tag_answers_one_command() -> None:
    where = field(2, fault="other-tag@1")
    chosen, other = where.tags
    where.open(tid_of(chosen)).write(Bank.USER, 0, b"\xaa\xbb")
    where.open(tid_of(chosen)).write(Bank.USER, 1, b"\xcc\xdd")
    assert other.user[:4].hex() == "aabb0000"
    assert chosen.user[:4].hex() == "0000ccdd"


def test_refusals_and_lack_of_power_on_order() -> None:
    where = field(fault="refuse@1,low-power@2+1")
    with pytest.raises(TagRefusal, match="NON_SPECIFIC"):
        where.open(None).read(Bank.TID, 0, 2)
    where.faults.host_command = 2
    with pytest.raises(TagRefusal) as refused:
        where.open(None).write(Bank.USER, 0, bytes.fromhex("11112222"))
    assert (refused.value.code, refused.value.words_done) == (Code.LOW_POWER, 1)
    where.open(None).write(Bank.USER, 0, bytes.fromhex("11112222"))


def test_weak_air_fails_words_here_and_there() -> None:
    where = field(conditions=Conditions(weak=100, seed=3))
    failures: list[Code] = []
    for _ in range(20):
        try:
            where.open(None).write(Bank.USER, 0, bytes(10))
        except TagRefusal as refused:
            failures.append(refused.code)
    assert set(failures) == {Code.LOW_POWER}
    assert len(failures) < 20


def test_a_weak_word_never_keeps_its_value_and_a_forgetful_one_not_without_power() -> None:
    where = field(fault="weak-word@0,forget@1+1")
    access = where.open(None)
    access.write(Bank.USER, 0, bytes.fromhex("111122223333"))
    assert access.read(Bank.USER, 0, 3).hex() == "111022223333"
    where.round()
    assert where.open(None).read(Bank.USER, 0, 3).hex() == "111022233333"
    where.open(None).write(Bank.USER, 1, bytes.fromhex("2222"))
    where.round()
    assert where.open(None).read(Bank.USER, 1, 1).hex() == "2222"


def test_changes_are_saved_before_they_are_answered() -> None:
    saves: list[bytes] = []
    tags = chips(1)
    where = Field(tags, save=lambda: saves.append(bytes(tags[0].user[:4])))
    where.open(None).write(Bank.USER, 0, bytes.fromhex("11112222"))
    where.open(None).read(Bank.USER, 0, 1)
    assert saves == [bytes.fromhex("11112222")]


def test_a_block_write_of_many_words_is_as_many_as_the_chip_takes() -> None:
    """Two words a command, programmed at once: half the time of single words."""
    where = field()
    where.open(None).block_write(Bank.USER, 0, bytes(range(10)))
    assert where.tags[0].user[:10] == bytes(range(10))
    assert where.programming_us == 3 * MODEL.word_us
    where.open(None).block_erase(Bank.USER, 1, 2)
    assert where.tags[0].user[:8].hex() == "0001000000000607"
