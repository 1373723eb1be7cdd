"""Scanning: every tag that comes to the reader gets one verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from dpptag.errors import (
    EXIT_COULD_NOT_CHECK,
    EXIT_NEGATIVE,
    EXIT_OK,
    DeviceLost,
    TagLost,
    TagNak,
    TagRefused,
    TagSwapped,
)
from dpptag.field.authenticity import ChipCheck
from dpptag.line.feed import Found, TagFeed
from dpptag.links import TagReader
from dpptag.model.verdict import Report
from dpptag.tags import identify
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import judge_nfc, unreadable

_ATTEMPTS: Final = 3
"""A tag held badly drops out while it is read; after this many tries it is reported as unreadable."""


def scan(
    reader: TagReader,
    trust: TrustStore,
    today: Callable[[], int],
    monotonic: Callable[[], float],
    idle_seconds: float | None = None,
    chip_check: ChipCheck | None = None,
) -> Iterator[Report]:
    """One Report a tag, until ``idle_seconds`` pass without a new one. Raises DeviceError.

    ``today`` is asked for every tag: a scanner runs over midnight. ``chip_check`` None looks at originality alone.
    """
    chip_check = chip_check or ChipCheck()
    feed = TagFeed(reader, monotonic, lambda _phase: None)
    losses: dict[str, int] = {}
    while (found := feed.next(idle_seconds)) is not None:
        try:
            report = _judge(found, trust, today(), chip_check)
        except (TagLost, TagNak, TagSwapped) as error:
            losses[found.uid] = losses.get(found.uid, 0) + 1
            if losses[found.uid] < _ATTEMPTS:
                feed.left()
                continue
            report = unreadable(
                f"the tag does not hold still: {error.message}", error.code, _uid(found), trust, today()
            )
        except DeviceLost:  # a reader that was pulled: the next look for a tag finds it again, or raises
            losses[found.uid] = losses.get(found.uid, 0) + 1
            if losses[found.uid] >= _ATTEMPTS:
                raise
            feed.left()
            continue
        losses.clear()
        yield report


def _judge(found: Found, trust: TrustStore, today: int, chip_check: ChipCheck) -> Report:
    try:
        if found.link is None:
            assert found.refusal is not None
            raise found.refusal
        tag = identify(found.link)
    except TagRefused as refusal:
        uid = _uid(found)
        if uid is not None and len(uid) == 4:
            return judge_nfc(b"", uid, trust, today)[0]  # check 1: no usable chip number
        return unreadable(refusal.message, refusal.code, uid, trust, today)
    if tag.ndef is None:
        state = tag.content.state.value
        return unreadable(f"{state}: {tag.content.reason}", state, tag.uid, trust, today)
    return chip_check.judge(found.link, tag, judge_nfc(tag.ndef, tag.uid, trust, today)[0])


def _uid(found: Found) -> bytes | None:
    try:
        return bytes.fromhex(found.uid)
    except ValueError:
        return None


def worst_exit_code(reports: list[int]) -> int:
    """5 before 8 before 0."""
    for code in (EXIT_NEGATIVE, EXIT_COULD_NOT_CHECK):
        if code in reports:
            return code
    return EXIT_OK
