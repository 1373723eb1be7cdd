"""Tags as they come to the reader: what is told of a crowd, and of a tag that is lost while it is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from dpptag.errors import TagLost, TagNak, TagRefused
from dpptag.line.feed import TagFeed
from dpptag.links import TagLink, TagReader
from tests.line.uhf_rig import UhfRig

LOST = TagLost("no answer")


def crowd(*epcs: str) -> TagRefused:
    return TagRefused(f"{len(epcs)} tags are in the field", code="several-tags", chip=", ".join(epcs))


class Chosen:
    def __init__(self, uid: str) -> None:
        self.uid = bytes.fromhex(uid)


class Polls:
    """Each poll gives a chip number, None, or an error; afterwards nothing is there. A poll takes a second."""

    def __init__(self, polls: Iterable[str | Exception | None]) -> None:
        self._polls = list(polls)
        self.now = 0.0

    def sense(self) -> TagLink | None:
        self.now += 1.0
        poll = self._polls.pop(0) if self._polls else None
        if isinstance(poll, Exception):
            raise poll
        return None if poll is None else cast("TagLink", Chosen(poll))


def found(*polls: str | Exception | None) -> list[str]:
    """Chip numbers, and the codes of refusals."""
    reader = Polls(polls)
    feed = TagFeed(cast("TagReader", reader), lambda: reader.now, lambda _phase: None)
    told = []
    while (tag := feed.next(20.0)) is not None:
        told.append(tag.refusal.code if tag.refusal is not None else tag.uid)
    return told


def test_a_crowd_is_told_once_whoever_answers_first() -> None:
    assert found(crowd("a1", "b2"), crowd("b2", "a1"), crowd("c3", "a1", "b2"), None, crowd("a1", "b2")) == [
        "several-tags"
    ]
    assert found(crowd("a1", "b2"), None, None, crowd("b2", "a1")) == ["several-tags"] * 2


def test_the_tag_that_is_left_of_a_crowd_is_taken_up() -> None:
    assert found(crowd("a1", "b2"), "a1", "a1") == ["several-tags", "a1"]


@pytest.mark.parametrize("error", [LOST, TagNak("refused", code="nak")])
def test_a_tag_that_is_lost_on_its_way_in_is_looked_for_again(error: Exception) -> None:
    assert found(error, error, "a1", error, error, error, "a1") == ["a1"]


def test_a_tag_that_goes_on_being_lost_is_told_once() -> None:
    assert found(*[LOST] * 9) == ["tag-lost"]
    assert found(*[LOST] * 4, "a1") == ["tag-lost", "a1"]


@pytest.mark.parametrize("family", ["m100", "mercury", "a0", "uhfreader18"])
def test_a_run_does_not_end_where_a_uhf_tag_leaves_while_its_number_is_read(family: str, tmp_path: Path) -> None:
    for command in range(6, 12):
        rig = UhfRig(tmp_path / str(command), rows=1, tags="Higgs-9", family=family)
        _, told = rig.run(fault=f"pull@{command}+3")
        assert told.outcomes[-1] == "encoded", (command, told.codes)
