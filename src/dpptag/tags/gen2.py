"""EPC Gen2 tags over a link: identify, plan, apply, read back.

The order of a write is the tag format's (section 5): the user bank with its first word zero, the passwords, StoredPC
and EPC, the first word last. While the first word is zero no verifier finds a statement, so a tag that is pulled away
never carries one for an EPC, or of bytes, that were not signed together. The first word of a ``bare`` signature does
the same.
"""

from __future__ import annotations

import logging
from typing import Final

from dpptag.codec.gen2_content import Gen2Content
from dpptag.errors import DeviceError, InputError, TagError, TagNak, TagSwapped, TagWriteFailed
from dpptag.links.gen2 import Bank, Gen2Link, Refusal
from dpptag.links.nfc import Technology
from dpptag.model.identifiers import ChipNumber
from dpptag.tags.gen2_access import block_commands, read_words, select_again, try_word, write_block, write_words
from dpptag.tags.gen2_chips import BY_NAME, WORD_BITS, Gen2Chip, chip_by_model, larger_than
from dpptag.tags.gen2_memory import (
    EPC_WORD,
    KILL_WORD,
    PC_WORD,
    WORD,
    Gen2Tag,
    epc_words,
    judge,
    pc_for,
    same_pc,
)
from dpptag.tags.gen2_tid import Tid
from dpptag.tags.protection import Passwords
from dpptag.tags.tag import ContentState, WritePlan, WriteStep, refusal

__all__ = ["Gen2Tag", "apply", "as_written", "identify", "plan_write", "read_back"]

_LOG: Final = logging.getLogger(__name__)

_LARGEST_USER_WORDS: Final = 0x1000
"""Where the search for the end of an unknown bank stops: 64 kbit, more than any chip listed."""

_NOT_THERE: Final = frozenset({Refusal.OVERRUN.value, Refusal.OTHER.value, Refusal.WRITE_FAILED.value})
"""What a read past the end is refused with; modules with few error codes do not call it an overrun."""

_ZERO: Final = bytes(WORD)


# Reading


def identify(link: Gen2Link) -> Gen2Tag:
    """Tell the chip by its TID, and read EPC and user bank; writes nothing.

    One read for StoredPC and EPC, as long as the inventory said it is, and of the user bank as many as it fills: three
    commands for 688 bits where a command reads 32 words. Raises TagRefused for a TID that is not GS1's; TagLost,
    TagNak.
    """
    try:
        tid = Tid.parse(link.tid)
    except InputError as error:
        raise refusal(link.uid, "tag-tid", error.message, error.action or "take another tag") from error
    chip = chip_by_model(tid.maker, tid.model)
    pc, epc = _read_epc(link, epc_words(link.sighting.pc))
    if chip is not None:
        user = _read_user(link, tid.user_words or chip.user_bits // WORD_BITS)
    else:
        user = _read_user(link, tid.user_words) if tid.user_words else _read_to_the_end(link)
        chip = Gen2Chip(f"unknown Gen2 chip {tid.head}", len(epc) * 8, len(user) * 8, source="as read from it")
    content = judge(pc, epc, user, has_user_bank=bool(tid.user_words or chip.user_bits))
    _LOG.debug("%s %s: %s %s", chip.name, link.uid.hex(), content.state.value, content.reason)
    return Gen2Tag(uid=link.uid, tid=link.tid, chip=chip, pc=pc, epc=epc, user=user, content=content)


def _read_epc(link: Gen2Link, likely_words: int) -> tuple[int, bytes]:
    """StoredPC and the EPC that it counts, from memory; fewer words than it counts where the bank ends before.

    ``likely_words`` only says how much to ask for at first: the inventory's PC is PacketPC, changed on its way to the
    air (TDS 2.3, 9.4).
    """
    try:
        bank = read_words(link, Bank.EPC, PC_WORD, 1 + likely_words)
    except TagNak as error:
        if error.facts.get("error") not in _NOT_THERE:
            raise
        bank = read_words(link, Bank.EPC, PC_WORD, 1)
    pc, epc = int.from_bytes(bank[:WORD], "big"), bank[WORD:]
    missing = epc_words(pc) - len(epc) // WORD
    if missing > 0:
        try:
            epc += read_words(link, Bank.EPC, EPC_WORD + len(epc) // WORD, missing)
        except TagNak as error:
            if error.facts.get("error") not in _NOT_THERE:
                raise
    return pc, epc[: epc_words(pc) * WORD]


def _read_user(link: Gen2Link, words: int) -> bytes:
    """The user bank; to its end where the chip has less of it than was to be expected."""
    if not words:
        return b""
    try:
        return read_words(link, Bank.USER, 0, words)
    except TagNak as error:
        if error.facts.get("error") not in _NOT_THERE:
            raise
    return _read_to_the_end(link)


def _read_to_the_end(link: Gen2Link) -> bytes:
    """Read on until the chip refuses, each time half as much, down to one word that it refuses too."""
    found = bytearray()
    step = link.max_read_words
    while step and len(found) < _LARGEST_USER_WORDS * WORD:
        try:
            found += read_words(link, Bank.USER, len(found) // WORD, step)
        except TagNak as error:
            if error.facts.get("error") not in _NOT_THERE:
                raise
            step //= 2
    return bytes(found)


# Planning


def as_written(tag: Gen2Tag, message: bytes) -> Gen2Tag:
    """``tag`` as it will be once ``message`` is on it; pure. Raises CborError, LayoutError."""
    content = Gen2Content.from_bytes(message)
    pc, user = pc_for(content.epc), content.user.ljust(len(tag.user), b"\0")
    return Gen2Tag(
        uid=tag.uid,
        tid=tag.tid,
        chip=tag.chip,
        pc=pc,
        epc=content.epc,
        user=user,
        content=judge(pc, content.epc, user),
    )


def plan_write(tag: Gen2Tag, message: bytes, *, rewrite: bool = False, passwords: Passwords | None = None) -> WritePlan:
    """The writes that leave ``tag`` with exactly the EPC and user bank of ``message``, zeros behind; pure.

    Words that hold their value already are left out, and where all do there are no steps, nor for the passwords:
    protect() sets those that lack. Before a statement is taken away for another EPC, a word of the EPC bank is written
    as it is: where that is refused, the tag keeps what it has. ``rewrite`` writes all of the message again. Raises
    CborError or LayoutError if ``message`` is no Gen2Content, TagRefused if the tag cannot take it.
    """
    wanted = Gen2Content.from_bytes(message)
    _refuse_unwritable(tag, wanted)
    user = wanted.user.ljust(len(tag.user), b"\0")
    body = _changed_runs(tag.user, user, len(wanted.user) // WORD if rewrite else 0)
    same_epc = not rewrite and tag.epc == wanted.epc and same_pc(tag.pc, pc_for(wanted.epc))
    steps: list[WriteStep] = []
    if body or not same_epc or user[:WORD] != tag.user[:WORD]:
        steps = _steps(tag, wanted, user, body, passwords, same_epc=same_epc)
    return WritePlan(Technology.GEN2, tag.uid, tag.chip_name, message, tuple(steps), user)


def _changed_runs(now: bytes, then: bytes, rewrite_until: int) -> list[tuple[int, bytes]]:
    """Runs of words from word 1 on that must change, or stand before ``rewrite_until``."""
    runs: list[tuple[int, bytes]] = []
    last = 0
    for word in range(1, len(then) // WORD):
        data = then[word * WORD : (word + 1) * WORD]
        if word >= rewrite_until and data == now[word * WORD : (word + 1) * WORD]:
            continue
        if runs and last == word - 1:
            runs[-1] = (runs[-1][0], runs[-1][1] + data)
        else:
            runs.append((word, data))
        last = word
    return runs


def _steps(
    tag: Gen2Tag,
    wanted: Gen2Content,
    user: bytes,
    body: list[tuple[int, bytes]],
    passwords: Passwords | None,
    *,
    same_epc: bool,
) -> list[WriteStep]:
    steps: list[WriteStep] = []
    first = tag.user[:WORD]
    if (body or not same_epc) and any(first):
        if tag.epc != wanted.epc or not same_pc(tag.pc, pc_for(wanted.epc)):
            # What stands in the user bank is lost by the next step: not for an EPC that then cannot be written.
            pc = tag.pc.to_bytes(WORD, "big")
            steps.append(WriteStep("word", PC_WORD, pc, "the same word again: can the EPC be written?", bank=Bank.EPC))
        steps.append(WriteStep("word", 0, _ZERO, "no statement while EPC and user bank change", bank=Bank.USER))
        first = _ZERO
    steps += [WriteStep("word", at, data, "statement, but for its first word", bank=Bank.USER) for at, data in body]
    if passwords is not None:
        steps.append(
            WriteStep(
                "word",
                KILL_WORD,
                passwords.reserved,
                "kill and access password of this chip",
                bank=Bank.RESERVED,
                secret=True,
            )
        )
    if not same_epc:
        # No bits may stand behind an EPC (TDS 2.3, 18.1.2), and those of the old one can name a company.
        data = pc_for(wanted.epc).to_bytes(WORD, "big") + wanted.epc.ljust(len(tag.epc), b"\0")
        steps.append(WriteStep("word", PC_WORD, data, "StoredPC and EPC", bank=Bank.EPC))
    if first != user[:WORD]:
        steps.append(
            WriteStep("word", 0, user[:WORD], "first word: the statement is valid from here on", bank=Bank.USER)
        )
    return steps


def _refuse_unwritable(tag: Gen2Tag, wanted: Gen2Content) -> None:
    """Everything that would stop the write half-way, and can be known before, stops it here. Raises TagRefused."""
    name = tag.chip_name
    if tag.content.state is ContentState.FOREIGN:
        raise refusal(tag.uid, "tag-foreign", tag.content.reason, "take another tag", chip_type=name)
    if any(wanted.user):
        try:
            ChipNumber.from_tid(tag.uid)
        except InputError as error:
            raise refusal(
                tag.uid, "chip-tid-unserialised", error.message, error.action or "take another chip", chip_type=name
            ) from error
        if not any(wanted.user[:WORD]):
            raise refusal(
                tag.uid,
                "statement-first-word",
                "this statement begins with a word of zeros and would look like a write that stopped half-way",
                "take another tag: its statement is another one",
                chip_type=name,
            )
    if any(wanted.user[len(tag.user) :]):
        missing = len(wanted.user) - len(tag.user)
        larger = [chip for chip in larger_than(len(wanted.user) * 8) if chip != name]
        raise refusal(
            tag.uid,
            "tag-too-small",
            f"{len(wanted.user)} bytes do not fit into the user bank of this {name}: {missing} too many",
            f"take a larger chip ({', '.join(larger[:3])})" if larger else "allow a lower level or a shorter digest",
            chip_type=name,
            room=len(tag.user),
            missing=missing,
        )
    room = max(tag.chip.epc_bits // 8, len(tag.epc))
    if len(wanted.epc) > room:
        raise refusal(
            tag.uid,
            "tag-epc-too-small",
            f"an EPC of {len(wanted.epc)} bytes does not fit into this {name}: {len(wanted.epc) - room} too many",
            "use a shorter serial, an EPC scheme without a host name, or a chip with a larger EPC bank",
            chip_type=name,
            room=room,
            missing=len(wanted.epc) - room,
        )


# Writing


def apply(link: Gen2Link, plan: WritePlan, *, state_before: str = "untouched") -> int:
    """Carry out the steps on the tag that they were planned for; returns how many commands were acknowledged.

    A write whose answer was lost is settled by reading, and repeated at most twice. After StoredPC and EPC the chip is
    chosen anew. An error is let through with ``bank``, ``word``, ``written`` and ``tag_state`` among its facts.
    The user bank is written by BlockWrite where module and chip know it, until one does not take effect.
    """
    written = 0
    chip = BY_NAME.get(plan.chip_name)
    block = chip.block_write if chip is not None and link.cuts_block_writes else 0
    for step in plan.steps:
        bank = Bank.USER if step.bank is None else step.bank
        blocks = block if bank is Bank.USER else 0
        for word, data, by_block in block_commands(step.at, step.data, link.max_write_words, blocks):
            try:
                if _is_trial(step):
                    try_word(link, bank, word, data, state_before=state_before)
                    continue
                if not (by_block and block and write_block(link, word, data)):
                    block = 0 if by_block else block
                    write_words(link, bank, word, data, secret=step.secret)
                written += 1
                if bank is Bank.EPC:
                    select_again(link, field_off=False)
            except (TagError, DeviceError) as error:
                kept = written == 0 and _left_alone(error)
                error.facts.setdefault("bank", bank.name)
                error.facts.setdefault("word", word)
                error.facts.setdefault("written", written)
                error.facts.setdefault("tag_state", state_before if kept else "unknown")
                if bank is Bank.EPC and error.facts.get("error") == Refusal.OVERRUN.value:
                    raise _epc_overrun(plan, data, error) from error
                raise
    return written


def _epc_overrun(plan: WritePlan, data: bytes, error: TagError | DeviceError) -> TagNak:
    """The bank has less room than its chip can have: some share cells with the user bank, which were given to that."""
    length = len(data) - WORD
    return TagNak(
        f"an EPC of {length} bytes does not fit into the EPC bank of this {plan.chip_name} as it is: {error.message}",
        code="tag-epc-overrun",
        action="use a shorter EPC scheme or another chip; until it is written again, this tag carries no statement",
        **{**error.facts, "chip": plan.uid.hex(), "chip_type": plan.chip_name},
    )


def _is_trial(step: WriteStep) -> bool:
    """A StoredPC alone that counts words of EPC: the EPC behind it does not change, so it is the one that is there."""
    return step.bank is Bank.EPC and len(step.data) == WORD and epc_words(int.from_bytes(step.data, "big")) > 0


def _left_alone(error: TagError | DeviceError) -> bool:
    """Whether the error of a write says that no word of it was written; one of several words may stop inside it."""
    if isinstance(error, TagSwapped):
        return True
    kinds = (Refusal.LOCKED.value, Refusal.PASSWORD.value, Refusal.UNSUPPORTED.value)
    return isinstance(error, TagNak) and error.facts.get("error") in kinds


def read_back(link: Gen2Link, tag: Gen2Tag, message: bytes) -> bytes:
    """A new round, the same chip again, then compare StoredPC, EPC and the whole user bank with ``message``.

    Returns EPC and user bank as just read. The passwords are read back by protect(), right before it locks them.
    Raises TagWriteFailed with bank, word, wanted and got; TagLost, TagSwapped.
    """
    select_again(link)
    if link.uid != tag.uid:
        raise TagSwapped(
            "another chip stands where the written one stood",
            action="put the written tag back and read it again",
            wanted=tag.uid.hex(),
            got=link.uid.hex(),
            tag_state="written-unverified",
        )
    wanted = as_written(tag, message)
    pc, epc = _read_epc(link, len(wanted.epc) // WORD)
    user = _read_user(link, len(tag.user) // WORD)
    if not same_pc(pc, wanted.pc):
        raise _unlike(tag, Bank.EPC, PC_WORD, wanted.pc.to_bytes(WORD, "big"), pc.to_bytes(WORD, "big"))
    for bank, first, then, now in ((Bank.EPC, EPC_WORD, wanted.epc, epc), (Bank.USER, 0, wanted.user, user)):
        if len(now) < len(then):
            raise _unlike(tag, bank, first + len(now) // WORD, then[len(now) :], b"")
        for at in range(0, len(then), WORD):
            if now[at : at + WORD] != then[at : at + WORD]:
                raise _unlike(tag, bank, first + at // WORD, then[at : at + WORD], now[at : at + WORD])
    return Gen2Content(epc, user).to_bytes()


def _unlike(tag: Gen2Tag, bank: Bank, word: int, wanted: bytes, got: bytes) -> TagWriteFailed:
    return TagWriteFailed(
        f"{bank.name} bank word {word} does not hold what was written to it",
        action="do not ship this tag; write it again",
        chip=tag.uid.hex(),
        chip_type=tag.chip_name,
        bank=bank.name,
        word=word,
        wanted=wanted.hex(),
        got=got.hex(),
        tag_state="written-unverified",
    )
