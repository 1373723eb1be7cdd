"""A tag pulled away at any word of a write never carries a mixture, and writing it again finishes the work."""

import shutil
from pathlib import Path

import pytest

from dpptag import tags
from dpptag.codec.gen2_content import Gen2Content
from dpptag.errors import TagError
from dpptag.tags import Passwords
from tests.unit.tags.gen2_rig import (
    EPC,
    KEYS,
    LONG_EPC,
    SHORT,
    STATEMENT,
    Recorded,
    content,
    linked,
    module,
    opened,
    opened_impatient,
    stored,
)

BLANK = None
CASES = {
    "blank": (BLANK, content()),
    "other statement": (content(LONG_EPC, SHORT), content()),
    "same EPC, shorter statement": (content(), content(EPC, SHORT)),
    "longer EPC": (content(), content(LONG_EPC, STATEMENT[:30])),
}


def prepared(state: Path, before: bytes | None) -> Passwords:
    """One tag with ``before`` on it; the passwords that it will get."""
    with module(f"state={state}&tags=Higgs-9&seed=1") as sim, opened(sim) as reader:
        link, tag = linked(reader)
        if before is not None:
            tags.write_and_verify(link, tag, before)
    return tags.derive_passwords(tag.uid, KEYS)


def writes(state: Path, message: bytes, passwords: Passwords) -> list[tuple[int, int]]:
    """Host command and number of words of each write."""
    with module(f"state={state}") as sim, opened(sim) as reader:
        link, tag = linked(reader)
        recorded = Recorded(link, sim)
        tags.apply(recorded, tags.plan_write(tag, message, passwords=passwords))
        return [(at, call[3]) for at, call in zip(recorded.at, recorded.calls, strict=True) if call[0] == "write"]


@pytest.mark.parametrize("case", CASES)
def test_no_word_of_a_write_leaves_a_mixture_and_a_rerun_finishes(tmp_path: Path, case: str) -> None:
    before, message = CASES[case]
    base, state = tmp_path / "base.json", tmp_path / "state.json"
    passwords = prepared(base, before)
    shutil.copy(base, state)
    wholes = [Gen2Content.from_bytes(each) for each in (before, message) if each is not None]
    cuts = [
        (at, word)
        for at, words in writes(state, message, passwords)
        for word in range(words + 1)
        if words < 8 or word % 5 == 0 or word in (1, words)
    ]
    assert len(cuts) > 20
    for at, word in cuts:
        shutil.copy(base, state)
        with module(f"state={state}&fault=leave@{at}+{word}") as sim:
            with opened(sim) as reader:
                link, tag = linked(reader)
                with pytest.raises(TagError) as torn:
                    tags.apply(link, tags.plan_write(tag, message, passwords=passwords))
                assert torn.value.facts["tag_state"] == "unknown"
            _, epc, user, _ = stored(state)
            if any(user[:2]):
                assert any(epc == whole.epc and user == whole.user.ljust(86, b"\0") for whole in wholes), (at, word)
            assert sim.unused.wait(1)
            with opened(sim) as reader:
                link, tag = linked(reader)
                read = tags.write_and_verify(link, tag, message, passwords=passwords)
        pc, epc, user, reserved = stored(state)
        wanted = Gen2Content.from_bytes(message)
        assert (pc & ~0x0600, epc, user) == (len(epc) // 2 << 11, wanted.epc, wanted.user.ljust(86, b"\0"))
        assert Gen2Content.from_bytes(read) == Gen2Content(epc, user)
        assert reserved == passwords.reserved


@pytest.mark.parametrize("fault", ["no-answer", "checksum", "late", "refuse", "low-power"])
def test_one_failure_anywhere_in_a_write_is_overcome(tmp_path: Path, fault: str) -> None:
    base, state = tmp_path / "base.json", tmp_path / "state.json"
    before, message = CASES["other statement"]
    passwords = prepared(base, before)
    shutil.copy(base, state)
    for at, words in writes(state, message, passwords):
        shutil.copy(base, state)
        count = f"+{words // 2}" if fault == "low-power" else ""
        with module(f"state={state}&fault={fault}@{at}{count}") as sim, opened_impatient(sim) as reader:
            link, tag = linked(reader)
            read = tags.write_and_verify(link, tag, message, passwords=passwords)
            assert sim.faults_fired
        assert Gen2Content.from_bytes(read).user.rstrip(b"\0") == STATEMENT
        assert stored(state)[3] == passwords.reserved
