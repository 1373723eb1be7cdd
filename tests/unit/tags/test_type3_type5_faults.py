"""Type 3 and Type 5: each command of write, verify and protect goes wrong once; a rerun finishes."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable

import pytest

from dpptag.errors import DpptagError
from dpptag.sim.felica import FelicaLite
from dpptag.sim.type5 import SLIX, SLIX2, Iso15693Chip, Model
from dpptag.tags import Lock, Protection, identify, plan_protection, plan_write, protect, write_and_verify
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.felica_link import FelicaChipLink, felica_with
from tests.unit.tags.type5_link import Keys, Type5ChipLink, type5_with

OLD, NEW = message_of(20), message_of(30, seed=5)
KEYS = Keys()

Exchange = Callable[[bytes], bytes | None]
Fault = Callable[[Exchange, bytes], bytes | None]


def _pulled(exchange: Exchange, frame: bytes) -> bytes | None:
    return None


def _unheard(exchange: Exchange, frame: bytes) -> bytes | None:
    exchange(frame)
    return None


def _cut(exchange: Exchange, frame: bytes) -> bytes | None:
    answer = exchange(frame)
    return answer[:-1] if answer else answer


def _refused(exchange: Exchange, frame: bytes) -> bytes | None:
    return b"\x01\x0f"


def _garbage(exchange: Exchange, frame: bytes) -> bytes | None:
    answer = exchange(frame)
    return answer and answer[:1] + bytes(octet ^ 0x5A for octet in answer[1:])


FAULTS: dict[str, Fault] = {
    "no answer": _pulled,
    "answer lost": _unheard,
    "one byte short": _cut,
    "refused": _refused,
    "garbage": _garbage,
}


class FaultyLink(Type5ChipLink):
    """``fault`` strikes command number ``at``; what a real link would refuse to hand on becomes its error here too."""

    def __init__(self, chip: Iso15693Chip, at: int, fault: Fault) -> None:
        self.at = at
        self.fault = fault
        self.fired = 0
        super().__init__(chip)

    def _exchange(self, code: int, parameters: bytes) -> bytes:
        if self.frames != self.at:
            return super()._exchange(code, parameters)
        whole: Exchange = self.chip.exchange
        self.fired += 1
        self.chip.exchange = lambda frame: self.fault(whole, frame)  # type: ignore[method-assign]
        try:
            return super()._exchange(code, parameters)
        finally:
            del self.chip.exchange  # type: ignore[method-assign]

    def read(self, block: int, count: int = 1) -> bytes:
        code, last = (0x20, b"") if count == 1 else (0x23, bytes((count - 1,)))
        return self._exchange(code, bytes((block,)) + last)

    def write(self, block: int, data: bytes) -> None:
        self._exchange(0x21, bytes((block,)) + data)


def _whole_job(link: Type5ChipLink, protection: Protection) -> None:
    tag = identify(link)
    if tag.ndef != NEW:
        write_and_verify(link, tag, NEW)
    protect(link, plan_protection(identify(link), protection, KEYS), KEYS)


@pytest.mark.parametrize(
    ("model", "protection"),
    [(SLIX, Protection(lock=Lock.PERMANENT)), (SLIX2, Protection(password=True))],
    ids=["SLIX locked", "SLIX2 with password"],
)
def test_one_fault_anywhere_leaves_a_tag_that_the_next_run_finishes(model: Model, protection: Protection) -> None:
    whole = Type5ChipLink(type5_with(OLD, model))
    _whole_job(whole, protection)
    outcome: Counter[str] = Counter()
    for name, fault in FAULTS.items():
        for at in range(whole.frames):
            link = FaultyLink(type5_with(OLD, model), at, fault)
            try:
                _whole_job(link, protection)
            except DpptagError as error:
                outcome[type(error).__name__] += 1
            else:
                outcome["done"] += 1
            assert link.fired == 1
            after = Type5ChipLink(link.chip)
            content = identify(after).content
            assert content.ndef in (OLD, b"", NEW), (name, at)
            if link.chip.locked:
                assert content.ndef == NEW, (name, at)
            _whole_job(after, protection)
            assert link.chip.memory == whole.chip.memory
            assert link.chip.locked == whole.chip.locked
    print(f"{model.name}: {whole.frames} commands, {sum(outcome.values())} faults fired: {dict(outcome)}")
    assert sum(outcome.values()) == whole.frames * len(FAULTS)


def test_one_lost_answer_anywhere_leaves_a_felica_tag_that_the_next_run_finishes() -> None:
    def job(link: FelicaChipLink) -> None:
        tag = identify(link)
        if tag.ndef != NEW:
            write_and_verify(link, tag, NEW)
        protect(link, plan_protection(identify(link), Protection(lock=Lock.PERMANENT)))

    whole = FelicaChipLink(felica_with(OLD))
    job(whole)
    fired = 0
    for heard in (False, True):
        for at in range(whole.frames):
            chip = felica_with(OLD)
            count = 0

            def faulty(frame: bytes, at: int = at, heard: bool = heard, chip: FelicaLite = chip) -> bytes | None:
                nonlocal count, fired
                count += 1
                if count - 1 != at:
                    return FelicaLite.exchange(chip, frame)
                fired += 1
                if heard:
                    FelicaLite.exchange(chip, frame)
                return None

            chip.exchange = faulty  # type: ignore[method-assign]
            with contextlib.suppress(DpptagError):
                job(FelicaChipLink(chip))
            del chip.exchange  # type: ignore[method-assign]
            content = identify(FelicaChipLink(chip)).content
            assert content.ndef in (OLD, None, NEW)
            if chip.blocks[0x88] != felica_with(OLD).blocks[0x88]:
                assert content.ndef == NEW
            job(FelicaChipLink(chip))
            assert chip.blocks == whole.chip.blocks
    assert fired == 2 * whole.frames
    assert plan_write(identify(whole), NEW).steps == ()
