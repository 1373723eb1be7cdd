"""A reader tried on a scratch tag, for people with real hardware: what works, how fast, as a report to contribute.

Only what can be undone is done to the tag: it gets trial messages, then the one it held before. No lock, no password.
Bytes that stand behind its message belong to none and are not kept.
The report holds no serial number, and of the chip number only its first byte, which names the maker.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

from dpptag import __version__
from dpptag.codec.ndef import NdefRecord, encode_message
from dpptag.errors import DeviceError, DpptagError, TagLost, TagRefused
from dpptag.links import TagLink, TagReader, Technology
from dpptag.tags import Tag, identify, plan_write, write_and_verify

RESELECTS: Final = 20
"""So often the field goes off and on and the same chip must come back."""

_FAST_READ_PAGES: Final = (4, 12, 30, 60)
_SEARCHES: Final = 3
_TOLD: Final = ("page", "block", "nak", "error", "got", "status", "silent")
_TNF_EXTERNAL: Final = 4


@dataclass(frozen=True, slots=True)
class Step:
    """``ok`` None where the step does not apply, which ``detail`` explains. ``seconds`` by the clock handed in."""

    name: str
    ok: bool | None
    detail: str
    seconds: float


@dataclass(slots=True)
class SelfTest:
    """The report; ``restored`` tells whether the tag holds its first message again, None where it was not touched."""

    dpptag: str
    system: str
    python: str
    reader: dict[str, Any]
    chip: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    restored: bool | None = None
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        return (
            bool(self.steps)
            and not self.interrupted
            and all(step.ok is not False for step in self.steps)
            and self.restored is not False
        )

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def self_test(reader: TagReader, link: TagLink, monotonic: Callable[[], float]) -> SelfTest:
    """Try ``reader`` on the scratch tag behind ``link``. Raises TagRefused, before any write, for a tag that is not
    writable; what fails afterwards is in the report."""
    info = reader.info
    report = SelfTest(
        dpptag=__version__,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        reader={
            "driver": info.driver,
            "model": info.model,
            "firmware": info.firmware,
            "simulated": info.simulated,
        },
    )
    tag = identify(link)
    plan_write(tag, _trial(8))  # refused here: nothing was written
    if tag.ndef is None:
        raise TagRefused(
            "the tag holds something that is no whole message, and could not be put back",
            code="self-test-content",
            action="take an empty tag, or write this one first",
            chip=tag.uid.hex(),
            tag_state="untouched",
        )
    report.chip = {
        "type": tag.chip_name,
        "technology": tag.technology.value,
        "maker": tag.uid[:1].hex(),
        "uid_bytes": len(tag.uid),
        "capacity": tag.capacity,
        "content": tag.content.state.value,
    }
    trial = _Trial(reader, link, tag, report, monotonic)
    try:
        trial.run()
    except KeyboardInterrupt:  # the report must still say whether the tag got its message back
        report.interrupted = True
    finally:
        try:
            trial.restore()
        except KeyboardInterrupt:  # the first one must not leave the tag half restored; the second one may
            if report.interrupted:
                raise
            report.interrupted = True
            trial.restore()
    return report


class _Trial:
    def __init__(
        self, reader: TagReader, link: TagLink, tag: Tag, report: SelfTest, monotonic: Callable[[], float]
    ) -> None:
        self._reader = reader
        self._link = link
        self._tag = tag
        self._report = report
        self._monotonic = monotonic
        self._touched = False

    def run(self) -> None:
        self._step("select again", self._reselect)
        self._step("read twice the same", self._read_twice)
        if self._link.technology is Technology.TYPE2:
            self._step("FAST_READ as READ", self._fast_read)
        for length in sorted({8, min(126, self._tag.message_room), self._tag.message_room}):
            self._step(f"write and verify {length} bytes", partial(self._write, length))
        self._step("poll with the tag in place", self._poll)

    def restore(self) -> None:
        """Put the first message back; a tag that held none keeps an empty one."""
        if not self._touched:
            return
        try:
            link = self._same_chip()
            write_and_verify(link, identify(link), self._tag.ndef or b"")
            self._report.restored = True
        except DpptagError as error:
            self._report.restored = False
            self._report.steps.append(Step("restore the tag", False, _said(error), 0.0))

    def _same_chip(self) -> TagLink:
        """A link to the tag that was touched, and to no other. The failure before may have left the first one dead."""
        for _ in range(_SEARCHES):
            try:
                found = self._reader.sense()
            except DeviceError:
                continue
            if found is not None and found.uid == self._tag.uid:
                return found
        raise TagLost("the tag under test is not on the reader any more")

    def _step(self, name: str, work: Callable[[], tuple[bool | None, str]]) -> None:
        started = self._monotonic()
        try:
            ok, detail = work()
        except DpptagError as error:
            ok, detail = False, _said(error)
        self._report.steps.append(Step(name, ok, detail, round(self._monotonic() - started, 6)))

    def _reselect(self) -> tuple[bool | None, str]:
        for done in range(RESELECTS):
            try:
                self._link.reselect()
            except TagLost:
                return False, f"lost after {done} of {RESELECTS}"
        return True, f"{RESELECTS} times"

    def _read_twice(self) -> tuple[bool | None, str]:
        first, second = identify(self._link).memory, identify(self._link).memory
        return first == second, f"{len(first)} bytes"

    def _fast_read(self) -> tuple[bool | None, str]:
        """A reader model is trusted with FAST_READ once both commands read the same at every length."""
        link = self._link
        assert link.technology is Technology.TYPE2
        if not link.passes_commands:
            return None, "this reader passes READ and WRITE alone"
        pages = 4 + self._tag.capacity // 4
        slow = b"".join(link.read(page) for page in range(0, pages - 3, 4))
        good = 0
        for wanted in _FAST_READ_PAGES:
            count = min(wanted, len(slow) // 4)
            try:
                fast = link.fast_read(0, count - 1)
            except DpptagError as error:
                link.reselect()
                return None, f"fails for {count} pages ({_said(error)}): keep fast_read_pages at {good}"
            if fast != slow[: 4 * count]:
                return None, f"differs for {count} pages: keep fast_read_pages at {good}"
            good = count
        return True, f"up to {good} pages"

    def _write(self, length: int) -> tuple[bool | None, str]:
        message = _trial(length)
        self._touched = True
        plan = plan_write(identify(self._link), message)
        write_and_verify(self._link, identify(self._link), message)
        return True, f"{len(plan.steps)} writes"

    def _poll(self) -> tuple[bool | None, str]:
        found = self._reader.sense()
        if found is None:
            return False, "the tag is not found"
        if found.uid != self._tag.uid:
            return False, "another chip"
        self._link = found
        return True, "the same chip"


def _said(error: DpptagError) -> str:
    """The stable code and the small numbers. Messages name chips, ports, and readers by their serial numbers."""
    told = [f"{name} {value}" for name in _TOLD if isinstance(value := error.facts.get(name), int)]
    return ", ".join((error.code, *told))


def _trial(length: int) -> bytes:
    """A message of exactly ``length`` bytes (8 at least) that no phone opens: one record of an external type."""
    for payload in (length - 4, length - 7):
        octets = bytes((index * 37 + length) % 256 for index in range(max(payload, 0)))
        message = encode_message((NdefRecord(_TNF_EXTERNAL, b"x", b"", octets),))
        if len(message) == length:
            return message
    return _trial(length - 1)
