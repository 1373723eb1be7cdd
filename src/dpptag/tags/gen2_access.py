"""Reading and writing banks of a Gen2 tag in commands that the module takes, with lost answers settled by reading.

Well placed, about one exchange in fifty with a real module fails, badly placed one in five (measured on a JRD-4035 by
M5Stack): a read is simply repeated, a write only after the chip was read, for a lost answer is no failed write.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from dpptag.errors import TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.links.gen2 import NO_PASSWORD, Bank, Gen2Link, Refusal
from dpptag.tags.gen2_memory import PC_WORD, WORD, same_pc

_LOG: Final = logging.getLogger(__name__)

TRIES: Final = 3
"""Of a read or write whose answer was lost, or that the chip had too little power for."""

_WORTH_BLOCKS: Final = 16
"""Words from which on BlockWrite is used. The words left at both ends take up to two commands of their own, at 37 ms
each (JRD-4035), and every word saves about 5 (both figures of other modules than those that cut BlockWrites)."""

_PASSING: Final = frozenset({Refusal.LOW_POWER.value, Refusal.WRITE_FAILED.value, Refusal.OTHER.value})
"""Refusals of a write that may go by: the module cannot tell too little power from a lock."""


def read_words(
    link: Gen2Link, bank: Bank, word: int, count: int, *, password: bytes = NO_PASSWORD, secret: bool = False
) -> bytes:
    """``count`` words, in as few commands as the module allows. Raises TagLost, TagNak."""
    data = bytearray()
    for at in range(word, word + count, link.max_read_words):
        part = min(link.max_read_words, word + count - at)
        data += _read(link, bank, at, part, password=password, secret=secret)
    return bytes(data)


def _read(link: Gen2Link, bank: Bank, word: int, count: int, *, password: bytes, secret: bool) -> bytes:
    for tries_left in reversed(range(TRIES)):
        try:
            data = link.read(bank, word, count, password=password, secret=secret)
        except TagLost:
            if not tries_left:
                raise
        except TagNak as nak:
            if not tries_left or nak.facts.get("error") != Refusal.LOW_POWER.value:
                raise
        else:
            if len(data) == count * WORD:
                return data
            if not tries_left:
                break
    raise TagLost(
        f"the {bank.name} bank was not read in full",
        action="lay the tag on the antenna again",
        chip=link.uid.hex(),
        bank=bank.name,
        word=word,
    )


def commands(word: int, data: bytes, most_words: int) -> Iterator[tuple[int, bytes]]:
    """Cut a run of words into what one command takes."""
    for at in range(0, len(data), most_words * WORD):
        yield word + at // WORD, data[at : at + most_words * WORD]


def block_commands(word: int, data: bytes, most_words: int, block: int) -> Iterator[tuple[int, bytes, bool]]:
    """The same, and of each command whether a BlockWrite may do it.

    ``block``: the words that the chip takes at once, 0 for none. A BlockWrite begins where they divide the address and
    holds whole blocks; what is left at both ends is written singly.
    """
    end = word + len(data) // WORD
    block = block if block <= most_words else 0
    first, last = (-(-word // block) * block, end // block * block) if block else (end, end)
    if last - first < _WORTH_BLOCKS:
        first = last = end
    most_blocks = most_words - most_words % block if block else most_words
    for start, stop, most, by_block in (
        (word, first, most_words, False),
        (first, last, most_blocks, True),
        (last, end, most_words, False),
    ):
        for at, part in commands(start, data[(start - word) * WORD : (stop - word) * WORD], most):
            yield at, part, by_block


def write_block(link: Gen2Link, word: int, data: bytes) -> bool:
    """One command of BlockWrites to the user bank; False where it did not take effect, and single writes may.

    A chip without BlockWrite keeps silent (Gen2 6.3.2.12.3), a module without it says one thing or another, and a tag
    that leaves may have any of the words: all that is settled by reading. Raises TagNak for a lock or password, and
    TagLost, TagSwapped, TagWriteFailed as :func:`write_words` does.
    """
    try:
        link.write(Bank.USER, word, data, block=True)
    except TagNak as nak:
        if nak.facts.get("error") in (Refusal.LOCKED.value, Refusal.PASSWORD.value):
            raise
    except TagLost:
        pass
    else:
        return True
    if _took_effect(link, Bank.USER, word, data, secret=False):
        return True
    _LOG.debug("%s: no BlockWrite at word %d, single writes from here on", link.uid.hex(), word)
    return False


def write_words(
    link: Gen2Link, bank: Bank, word: int, data: bytes, *, password: bytes = NO_PASSWORD, secret: bool = False
) -> None:
    """One write command, until it took effect or three attempts failed.

    Raises TagLost, TagNak for a write that did not take effect or of which nothing is known; TagSwapped; TagWriteFailed
    where another tag came into the field. Fact ``tag_state`` is set where words may have changed.
    """
    for attempt in range(1, TRIES + 1):
        try:
            link.write(bank, word, data, password=password, secret=secret)
            return
        except (TagLost, TagNak) as failure:
            if isinstance(failure, TagNak) and failure.facts.get("error") not in _PASSING:
                if attempt > 1:
                    failure.facts.setdefault("tag_state", "unknown")
                raise
            failure.facts.setdefault("tag_state", "unknown")
            if _took_effect(link, bank, word, data, secret=secret):
                _LOG.debug("%s: a write was done although its answer was lost", link.uid.hex())
                return
            if attempt == TRIES:
                raise
            _LOG.debug("%s: write %d of %s word %d did not take effect", link.uid.hex(), attempt, bank.name, word)


def try_word(link: Gen2Link, bank: Bank, word: int, data: bytes, *, state_before: str) -> None:
    """Write what the word holds already, to see whether the bank can be written. Reading says nothing here.

    Raises TagLost, TagNak with ``tag_state``: ``state_before`` where the word still holds it. A refusal without a
    reason is believed when it comes three times.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            link.write(bank, word, data)
            return
        except (TagLost, TagNak) as failure:
            passes = isinstance(failure, TagLost) or failure.facts.get("error") in _PASSING
            if passes and tries_left:
                _choose_again(link)
                continue
            failure.facts["tag_state"] = state_before if not passes or _holds(link, bank, word, data) else "unknown"
            raise


def _choose_again(link: Gen2Link) -> None:
    try:
        select_again(link)
    except (TagLost, TagSwapped) as gone:
        gone.facts.setdefault("tag_state", "unknown")
        raise


def _holds(link: Gen2Link, bank: Bank, word: int, data: bytes) -> bool:
    """False also where it cannot be read."""
    try:
        return read_words(link, bank, word, len(data) // WORD) == data
    except (TagLost, TagNak):
        return False


def _took_effect(link: Gen2Link, bank: Bank, word: int, data: bytes, *, secret: bool) -> bool:
    """Choose the chip anew and read: False also where it does not let itself be read. TagLost where it is gone."""
    _choose_again(link)
    try:
        found = read_words(link, bank, word, len(data) // WORD, secret=secret)
    except (TagLost, TagNak):
        return False
    if bank is Bank.EPC and word == PC_WORD:
        written, read = (int.from_bytes(part[:WORD], "big") for part in (data, found))
        return same_pc(written, read) and found[WORD:] == data[WORD:]
    return found == data


def select_again(link: Gen2Link, *, field_off: bool = True) -> None:
    """Choose the same chip in the middle of a work that has begun. A refusal is then no word about the tag's state.

    Raises TagLost, TagSwapped, TagNak; TagWriteFailed where the link would refuse.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            link.reselect(field_off=field_off)
            return
        except TagLost:
            if not tries_left:
                raise
        except TagRefused as refused:
            raise TagWriteFailed(
                f"the tag that was being written cannot be told from others now: {refused.message}",
                code="tag-not-alone",
                action="take the other tags away, then lay this one on the antenna again",
                chip=link.uid.hex(),
                tag_state="unknown",
            ) from refused
