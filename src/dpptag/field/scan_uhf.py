"""Scanning a UHF field: every Gen2 tag in it gets one verdict, however many there are and however often they are heard.

A tag is known by its TID, and where that has no serial by its EPC too. Two tags with the same EPC are both judged: one
of them is a copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final

from dpptag.errors import DeviceLost, TagError, TagNak
from dpptag.links import Gen2Reader
from dpptag.links.gen2 import Sighting
from dpptag.model.identifiers import tid_serial_end
from dpptag.model.verdict import Report
from dpptag.tags import ContentState, Gen2Tag, identify
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import judge_uhf, unreadable

_LOG: Final = logging.getLogger(__name__)

ATTEMPTS: Final = 3
"""One exchange in fifty fails with a tag well placed, one in five with a tag badly placed: so often it is tried."""

_MISSES_TO_BE_GONE: Final = 2
"""Rounds in a row without an EPC after which it may be another tag that brings it back."""

_LOOKS_FOR_A_TWIN: Final = 4
"""Of two tags with one EPC either may answer: so many looks for each reply in a round find both, all but surely."""

_ROUNDS_OF_DOUBT: Final = 2
"""In a row, with more replies than chips: a tag that lost power for a moment answers one round twice as well."""


class _Seen:
    """What is known of one EPC. Those that were told once are not told again when the tag leaves and returns."""

    def __init__(self) -> None:
        self.chips: set[bytes] = set()
        self.failures = 0
        self.failure: TagError | None = None
        self.misses = 0
        self.settled = False
        self.replies = 0
        """How many replies in one round were looked into."""
        self.doubts = 0
        self.told_unreadable = False
        self.told_hidden = False

    def forget_presence(self) -> None:
        self.misses = self.failures = self.replies = self.doubts = 0
        self.failure = None
        self.settled = False


class UhfScan:
    """One run over a field. ``today`` is asked for every tag: a scanner runs over midnight."""

    def __init__(self, reader: Gen2Reader, trust: TrustStore, today: Callable[[], int]) -> None:
        self._reader = reader
        self._trust = trust
        self._today = today
        self._seen: dict[bytes, _Seen] = {}
        self._near: dict[bytes, _Seen] = {}
        self._reported: set[tuple[bytes, bytes]] = set()
        self.rounds = 0

    def round(self) -> Iterator[Report]:
        """One inventory round, and a report for every chip in it that has none yet. Raises DeviceError."""
        sightings = self._reader.inventory()
        self.rounds += 1
        heard = {sighting.epc for sighting in sightings}
        for epc, seen in [*self._near.items()]:
            seen.misses = 0 if epc in heard else seen.misses + 1
            if seen.misses >= _MISSES_TO_BE_GONE:
                del self._near[epc]
                yield from self._not_settled(epc, seen)
                seen.forget_presence()
        for sighting in sightings:
            seen = self._near[sighting.epc] = self._seen.setdefault(sighting.epc, _Seen())
            if not seen.settled or sighting.replies > seen.replies:
                yield from self._look(sighting, seen)
            else:
                seen.doubts = 0

    def end(self) -> Iterator[Report]:
        """A report for every tag that was heard, stands in the field still, and could not be read or told so far."""
        for epc, seen in self._near.items():
            yield from self._not_settled(epc, seen)

    def _look(self, sighting: Sighting, seen: _Seen) -> Iterator[Report]:
        looks = 1 if sighting.replies < 2 else sighting.replies * _LOOKS_FOR_A_TWIN
        for _ in range(looks):
            try:
                found = self._read(sighting)
            except DeviceLost:
                raise
            except TagError as error:
                seen.failures += 1
                seen.failure = error
                if seen.failures >= ATTEMPTS:
                    seen.settled, seen.replies = True, sighting.replies
                    yield from self._not_settled(sighting.epc, seen)
                    break
                continue
            seen.chips.add(found.uid)
            known = (found.uid, b"" if tid_serial_end(found.uid) is not None else found.epc)
            if known in self._reported:
                continue
            self._reported.add(known)
            yield self._judged(found, sighting, seen)
        if not seen.chips:
            return
        seen.settled, seen.failures, seen.failure = True, 0, None
        seen.doubts = seen.doubts + 1 if len(seen.chips) < sighting.replies else 0
        if 0 < seen.doubts < _ROUNDS_OF_DOUBT:
            return
        seen.replies = sighting.replies
        yield from self._not_settled(sighting.epc, seen)

    def _read(self, sighting: Sighting) -> Gen2Tag:
        tag = identify(self._reader.select(sighting))
        if not isinstance(tag, Gen2Tag):
            raise TagNak("the module gave no Gen2 tag")
        if tag.epc and not sighting.epc:
            raise TagNak("a tag without EPC cannot be chosen among others", action="scan this one alone")
        return tag

    def _judged(self, tag: Gen2Tag, sighting: Sighting, seen: _Seen) -> Report:
        if tag.content.state is ContentState.FOREIGN and not tag.user:
            report = unreadable(tag.content.reason, tag.content.state.value, tag.uid, self._trust, self._today())
        else:
            report = judge_uhf(tag.epc, tag.user, tag.uid, self._trust, self._today())[0]
        if report.identity is None:
            report = report._replace(identity=tag.epc.hex())  # all that tells chips without a number apart
        if sighting.replies > 1 or len(seen.chips) > 1:
            twin = "another tag in the field has the same EPC"
            report = report._replace(warnings=(*report.warnings, twin))
        return report

    def _not_settled(self, epc: bytes, seen: _Seen) -> Iterator[Report]:
        """What is still open about an EPC, told once."""
        if seen.failure is not None and not seen.chips and not seen.told_unreadable:
            seen.told_unreadable = True
            yield self._unreadable(epc, seen.failure)
        if seen.doubts and not seen.told_hidden:
            seen.told_hidden = True
            yield self._hidden(epc)

    def _hidden(self, epc: bytes) -> Report:
        """Two replies, one chip: where it is nearer, no look reaches the other."""
        reason = (
            "another tag with the same EPC answers behind a stronger one: take that one away and scan this one alone"
        )
        return unreadable(reason, "twin-hidden", None, self._trust, self._today())._replace(identity=epc.hex())

    def _unreadable(self, epc: bytes, error: TagError) -> Report:
        _LOG.info("EPC %s: %s", epc.hex(), error.message)
        report = unreadable(f"the tag does not answer: {error.message}", error.code, None, self._trust, self._today())
        return report._replace(identity=epc.hex())


def scan_uhf(
    reader: Gen2Reader,
    trust: TrustStore,
    today: Callable[[], int],
    monotonic: Callable[[], float],
    idle_seconds: float | None = None,
) -> Iterator[Report]:
    """One Report a chip, until ``idle_seconds`` pass without a new one (None: for ever). Raises DeviceError.

    A reader that was pulled is found again by the next round where it can be; what was in hand is looked at anew.
    """
    scanning = UhfScan(reader, trust, today)
    last = monotonic()
    losses = 0
    while True:
        try:
            for report in scanning.round():
                last = monotonic()
                losses = 0
                yield report
                last = monotonic()
            losses = 0
        except DeviceLost:
            losses += 1
            if losses >= ATTEMPTS:
                raise
        if idle_seconds is not None and monotonic() - last >= idle_seconds:
            yield from scanning.end()
            return
