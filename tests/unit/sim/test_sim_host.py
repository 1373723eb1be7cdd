"""Faults per host command, for any reader: what the host is answered, and what has happened to the tag by then."""

import pytest

from dpptag.sim.faults import FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.host import HostCommands
from dpptag.sim.kinds import KINDS
from tests.unit.sim.chips import UID

GARBAGE = b"no answer of ours"


class Told:
    """A host and a reader whose commands return their number and count how often they ran."""

    def __init__(self, *faults: str) -> None:
        self.events: list[dict[str, object]] = []
        self.field = Field([KINDS["NTAG213"].make(UID, {})], faults=FaultSchedule(map(parse_fault, faults)))
        self.commands = HostCommands(self.field, self.events.append)
        self.executed = 0

    def command(self) -> bytes | None:
        return self.commands.run(self._execute, GARBAGE)

    def _execute(self) -> bytes:
        self.executed += 1
        return b"answer"


def test_commands_are_counted_from_one() -> None:
    told = Told()
    assert [told.command() for _ in range(2)] == [b"answer"] * 2
    assert told.field.faults.host_command == 2


@pytest.mark.parametrize(
    ("fault", "answer", "executed"),
    [("no-answer@2", None, 2), ("garbage@2", GARBAGE, 3), ("short@2", b"ans", 3)],
)
def test_a_fault_befalls_its_command_and_no_other(fault: str, answer: bytes | None, executed: int) -> None:
    told = Told(fault)
    assert [told.command() for _ in range(3)] == [b"answer", answer, b"answer"]
    assert told.executed == executed
    assert [str(fired) for fired in told.field.faults.fired] == [fault]


@pytest.mark.parametrize(("fault", "executed"), [("hold@1", 0), ("hold-after@1", 1)])
def test_a_held_reader_does_nothing_until_its_client_has_gone(fault: str, executed: int) -> None:
    told = Told(fault)
    assert [told.command() for _ in range(3)] == [None] * 3
    assert (told.executed, told.field.faults.host_command, told.commands.holding) == (executed, 1, True)
    told.commands.client_gone()
    assert told.command() == b"answer"
    assert told.events == [{"held": 1}, {"released": 1}]


def test_a_pulled_tag_is_away_when_the_command_is_executed_and_back_when_the_client_has_gone() -> None:
    told = Told("pull@1")
    told.command()
    assert told.field.tag is None
    told.commands.client_gone()
    assert told.field.tag is not None


def test_a_swapped_tag_is_away_and_does_not_come_back_with_the_next_client() -> None:
    told = Told("swap@1")
    told.command()
    told.commands.client_gone()
    assert told.field.tag is None
