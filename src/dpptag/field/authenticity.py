"""Check 10, the chip itself: its originality signature, or the MAC that an NTAG 424 DNA makes at each tap."""

from __future__ import annotations

from typing import Final

from dpptag.codec.layout import read_ndef
from dpptag.errors import CodecError, TagNak
from dpptag.field.sun_counters import Replayed, SunCounters
from dpptag.links import TagLink
from dpptag.model.verdict import Check, CheckNumber, CheckOutcome, Report, Verdict
from dpptag.tags import Tag, TagKeys
from dpptag.tags.authenticity import Outcome, read_originality
from dpptag.tags.sun import SunOutcome, check_uri
from dpptag.trust.verification import CHIP_NOT_PROVEN

_ORIGINAL: Final = "the chip's maker signed this number (a chip that copies number and signature would pass too)"
_TAPPED: Final = "the chip proved itself by a MAC of its own at this tap"


class ChipCheck:
    """``keys`` are those of the SUN MACs, None where this device has none; ``counters`` notices replays of taps."""

    def __init__(self, keys: TagKeys | None = None, counters: SunCounters | None = None) -> None:
        self._keys = keys
        self._counters = counters

    def judge(self, link: TagLink, tag: Tag, report: Report) -> Report:
        """``report`` with check 10. A MAC proved false makes the verdict ``forged``; nothing else changes a verdict.

        Raises TagLost, TagSwapped, DeviceError.
        """
        sun = self._judge_sun(tag, report)
        if sun is not None:
            return sun
        try:
            found = read_originality(link, tag)
        except TagNak as error:
            return _with(report, CheckOutcome.NOT_RUN, f"not read: {error.message}")
        if found.outcome is Outcome.VALID:
            return _with(report, CheckOutcome.PASSED, f"originality signature valid ({found.key})", _ORIGINAL)
        if found.outcome is Outcome.NOT_READABLE:
            return report
        return _with(report, CheckOutcome.NOT_RUN, f"originality signature: {found}; {CHIP_NOT_PROVEN}")

    def _judge_sun(self, tag: Tag, report: Report) -> Report | None:
        """None where the tag mirrors nothing, or this device has no keys to check it with."""
        if self._keys is None or not tag.ndef:
            return None
        try:
            content = read_ndef(tag.ndef)
        except CodecError:
            return None
        if content.identity == content.uri:
            return None
        result = check_uri(content.uri, self._keys)
        if result.outcome is SunOutcome.UNSUPPORTED:
            return None
        if result.outcome is SunOutcome.FALSE and result.claimed_uid != tag.uid:
            detail = f"SUN: made up, or not under the tag master key at hand; {CHIP_NOT_PROVEN}"
            return _with(report, CheckOutcome.NOT_RUN, detail)
        if result.outcome is SunOutcome.FALSE or result.uid != tag.uid:
            reason = "it is that of another chip" if result.uid is not None else "the link was changed or made up"
            forged = _with(report, CheckOutcome.FAILED, f"SUN: the MAC is false: {reason}")
            return forged._replace(verdict=Verdict.FORGED, reason=f"the chip's own MAC is false: {reason}")
        assert result.counter is not None
        if self._counters is not None:
            try:
                self._counters.accept(tag.uid, result.counter)
            except Replayed as error:
                replayed = _with(report, CheckOutcome.FAILED, f"SUN: {error.message}")
                return replayed._replace(warnings=(*report.warnings, f"perhaps a copy of this tag: {error.message}"))
        return _with(report, CheckOutcome.PASSED, f"SUN MAC true, counter {result.counter}", _TAPPED)


def _with(report: Report, outcome: CheckOutcome, detail: str, proven: str | None = None) -> Report:
    check = Check(CheckNumber.CHIP_AUTHENTIC, outcome, detail)
    checks = tuple(check if old.number is CheckNumber.CHIP_AUTHENTIC else old for old in report.checks)
    reason = report.reason if proven is None else report.reason.replace(CHIP_NOT_PROVEN, proven)
    return report._replace(checks=checks, reason=reason)
