"""Passwords and locks of Type 2 chips: planned, proved, finished after any stop, and never on another chip."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.chip import Nibble
from dpptag.sim.type2 import MODELS, Type2Chip
from dpptag.tags import Content, ContentState, Lock, Protection, ProtectionPlan, identify, plan_protection, protect
from dpptag.tags.type2_memory import ChipType
from tests.unit.tags.chip_link import ChipLink, area_of, chip_with, message_of
from tests.unit.tags.test_type2_tear import TEARS

MESSAGE = message_of(44)
PASSWORD = Protection(password=True)
LOCK = Protection(lock=Lock.PERMANENT)
BOTH = Protection(password=True, lock=Lock.PERMANENT)
OTHER_UID = bytes.fromhex("04AABBCCDDEEFF")

Tear = Callable[[bytes, bytes], bytes]


class Keys:
    """A master key whose derivation is a hash: these tests check what is done with a key, not how it is made."""

    def __init__(self, master: bytes = b"one") -> None:
        self._master = master

    def key(self, uid: bytes, purpose: str) -> bytes:
        return hashlib.sha256(self._master + uid + purpose.encode()).digest()[:16]

    def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
        return f"test {uid.hex()} {' '.join(purposes)}"


KEYS = Keys()


class Link(ChipLink):
    """Stops like :class:`ChipLink`, but a torn write goes through the chip: refused ones tear nothing.

    Lock pages and CC can only gain bits, whatever is torn (the silicon keeps them from more than that).
    """

    def __init__(self, chip: Type2Chip, *, swap: Type2Chip | None = None, swap_at: int = 0) -> None:
        self.fault, self.commands_left = "", 0
        super().__init__(chip)
        self.secret_pages: list[int] = []
        self.passwords_sent = 0
        self.attempts = 0
        self._swap, self._swap_at = swap, swap_at

    def write(self, page: int, data: bytes, *, secret: bool = False) -> None:
        if secret:
            self.secret_pages.append(page)
        self.attempts += 1
        if self.writes_left is not None and self.attempts > self.writes_left:
            if self.tear is not None:
                self._tear(bytes((0xA2, page)) + data, self.tear)
            self.chip.power(False)
            raise TagLost("no answer")
        self._exchange(bytes((0xA2, page)) + data)
        self.written.append(page)

    def _exchange(self, frame: bytes) -> bytes | Nibble:
        self.commands_left -= 1
        if self.fault and self.commands_left == -1:
            self.chip.power(False)
            raise TagLost("no answer") if self.fault == "silence" else TagNak(self.fault, nak=int(self.fault[-1]))
        return super()._exchange(frame)

    def _tear(self, frame: bytes, tear: Tear) -> None:
        def program(page: int, new: bytes) -> bytes:
            old = self.chip.pages[page]
            kept = tear(old, new)
            if page in (2, 3, self.chip.model.dynamic_lock):
                return bytes(a | (b & c) for a, b, c in zip(old, kept, new, strict=True))
            return kept

        before, self.chip.program = self.chip.program, program
        self.chip.exchange(frame)
        self.chip.program = before

    def authenticate(self, password: bytes) -> bytes:
        self.passwords_sent += 1
        return super().authenticate(password)

    def reselect(self) -> None:
        if self._swap is not None:
            if self._swap_at == 0:
                self.chip = self._swap
            self._swap_at -= 1
        super().reselect()


def written_chip(name: str = "NTAG213") -> Type2Chip:
    return chip_with(name, MESSAGE)


def planned(chip: Type2Chip, protection: Protection, keys: Keys | None = KEYS) -> ProtectionPlan:
    return plan_protection(identify(ChipLink(chip)), protection, keys)


def run(chip: Type2Chip, protection: Protection, keys: Keys | None = KEYS) -> Link:
    link = Link(chip)
    protect(link, plan_protection(identify(link), protection, keys), keys)
    return link


def assert_protected(chip: Type2Chip, protection: Protection) -> None:
    """By the simulated chip's own rules."""
    model = chip.model
    if protection.password:
        key = KEYS.key(chip.uid, "type2-password")
        assert chip.pages[model.cfg0 + 2] == key[:4]
        assert chip.pages[model.cfg0 + 3][:2] == key[4:6]
        assert chip.pages[model.cfg0][3] == 3
        assert not chip.pages[model.cfg0 + 1][0] & 0xC7
    if protection.lock is Lock.PERMANENT:
        assert all(chip.page_locked(page) for page in range(3, model.last_user_page + 1))
        assert chip.pages[3][3] == 0x0F
    assert not chip.pages[2][2] & 0x07  # no block-lock bit
    if model.locks is not None:
        dynamic = int.from_bytes(chip.pages[model.locks.page][:3], "little")
        assert not dynamic & ~sum(1 << bit for bit, first, _ in model.locks.page_bits if first <= model.last_user_page)


def test_plan_of_both_on_an_ntag213() -> None:
    plan = planned(written_chip(), BOTH)
    assert [(step.at, step.irreversible, step.secret) for step in plan.steps] == [
        (43, False, True),
        (44, False, True),
        (41, False, False),
        (40, True, False),
        (2, True, False),
        (3, True, False),
        (2, True, False),
    ]
    assert [step.data.hex() for step in plan.steps[2:]] == ["04000003", "ff0f0000", "0000f0ff", "e110120f", "00000800"]
    assert plan.derivation == "test 04112233445566 type2-password"
    key = KEYS.key(plan.uid, "type2-password").hex()
    for shown in (str(plan), repr(plan), repr(plan.steps)):
        assert key[:8] not in shown.lower()
        assert key[8:12] not in shown.lower().replace(plan.uid.hex(), "").replace("0" * 4, "")


WITHOUT_PASSWORD = {"NTAG-I2C-1K", "NTAG203", "ULTRALIGHT"}
UNSETTLED = {"NTAG-I2C-1K", "NTAG-I2C-PLUS-1K", "NTAG-I2C-PLUS-2K"}
OFFERED = [
    (name, protection)
    for name in sorted(MODELS)
    for protection in (PASSWORD, LOCK, BOTH)
    if not (protection.password and name in WITHOUT_PASSWORD)
    and not (protection.lock is Lock.PERMANENT and name in UNSETTLED)
]


def offered_id(value: object) -> str:
    if not isinstance(value, Protection):
        return str(value)
    return {PASSWORD: "password", LOCK: "lock", BOTH: "both"}[value]


@pytest.mark.parametrize(("name", "protection"), OFFERED, ids=offered_id)
def test_protection_is_complete_and_doing_it_again_only_proves_it(name: str, protection: Protection) -> None:
    chip = written_chip(name)
    delivered = list(chip.pages)
    link = run(chip, protection)
    assert_protected(chip, protection)
    unprotected = {2, 3, chip.model.dynamic_lock} if protection.lock is Lock.PERMANENT else set()
    if protection.password and chip.model.cfg0 is not None:
        unprotected |= {chip.model.cfg0, *chip.model.secrets}
    same = [page for page in range(chip.model.pages) if page not in unprotected]
    assert [chip.pages[page] for page in same] == [delivered[page] for page in same]
    assert area_of(chip)[: 2 + len(MESSAGE)] == bytes((3, len(MESSAGE))) + MESSAGE
    assert link.secret_pages == ([chip.model.cfg0 + 2, chip.model.cfg0 + 3] if protection.password else [])
    before = list(chip.pages)
    again = planned(chip, protection)
    assert again.steps == ()
    assert again.derivation == (link and "test 04112233445566 type2-password" if protection.password else None)
    proof = run(chip, protection)
    assert proof.written == []
    assert proof.attempts >= 1  # the write that must be refused
    assert chip.pages == before


@pytest.mark.parametrize(
    ("protection", "writes", "passwords", "frames"),
    [(PASSWORD, 3, 2, 12), (LOCK, 4, 0, 16), (BOTH, 7, 3, 25)],
    ids=["password", "lock", "both"],
)
def test_cost_on_an_ntag213(protection: Protection, writes: int, passwords: int, frames: int) -> None:
    """Frames to the chip, selections aside, with the four of identify that look at the tag again."""
    chip = written_chip()
    link = Link(chip)
    plan = plan_protection(identify(link), protection, KEYS)
    before = link.frames
    protect(link, plan, KEYS)
    assert (len(link.written), link.passwords_sent, link.frames - before) == (writes, passwords, frames)


def test_every_stop_leaves_a_complete_tag_and_the_next_run_finishes() -> None:
    """Stopped after each write, and inside each, with every kind of tear; also inside the writes that prove."""
    stops: Counter[str] = Counter()
    for name in ("NTAG213", "NTAG203", "ULTRALIGHT", "ULTRALIGHT-EV1-128", "NTAG-I2C-PLUS-1K"):
        for protection in (protection for chip_name, protection in OFFERED if chip_name == name):
            attempts = run(written_chip(name), protection).attempts
            for k in range(attempts):
                for tear in TEARS.values():
                    chip = written_chip(name)
                    area = area_of(chip)
                    link = Link(chip)
                    plan = plan_protection(identify(link), protection, KEYS)
                    link.writes_left, link.tear = k, tear
                    with pytest.raises(TagLost):
                        protect(link, plan, KEYS)
                    assert identify(ChipLink(chip)).ndef == MESSAGE
                    assert area_of(chip) == area
                    finished = run(chip, protection)
                    assert finished.passwords_sent <= 4
                    assert_protected(chip, protection)
                    assert area_of(chip) == area
                    stops[name] += 1
    print(f"{sum(stops.values())} stopped runs finished: {dict(stops)}")
    with_password = 14 * (4 + 5 + 9)
    assert stops == {
        "NTAG213": with_password,
        "NTAG203": 14 * 5,
        "ULTRALIGHT": 14 * 4,
        "ULTRALIGHT-EV1-128": with_password,
        "NTAG-I2C-PLUS-1K": 14 * 4,
    }


@pytest.mark.parametrize("protection", [PASSWORD, LOCK, BOTH], ids=["password", "lock", "both"])
@pytest.mark.parametrize("fault", ["silence", "NAK 0", "NAK 1"])
def test_a_fault_at_any_command_leaves_a_complete_tag_and_the_next_run_finishes(
    fault: str, protection: Protection
) -> None:
    fired = 0
    while True:
        chip = written_chip()
        area = area_of(chip)
        link = Link(chip)
        plan = plan_protection(identify(link), protection, KEYS)
        link.fault, link.commands_left = fault, fired
        with contextlib.suppress(TagLost, TagNak, TagRefused, TagWriteFailed):
            protect(link, plan, KEYS)
        assert area_of(chip) == area
        run(chip, protection)
        assert_protected(chip, protection)
        if link.commands_left >= 0:
            break
        fired += 1
    assert fired == {PASSWORD: 12, LOCK: 16, BOTH: 25}[protection]


def test_a_second_stop_in_the_run_that_finishes_can_be_finished_too() -> None:
    stops = 0
    for first in range(9):
        for tear in ("first byte", "noise", "erased to 0"):
            for second in range(9):
                chip = written_chip()
                for writes_left in (first, second):
                    link = Link(chip)
                    plan = plan_protection(identify(link), BOTH, KEYS)
                    link.writes_left, link.tear = writes_left, TEARS[tear]
                    try:
                        protect(link, plan, KEYS)
                    except TagLost:
                        stops += 1
                run(chip, BOTH)
                assert_protected(chip, BOTH)
    assert stops > 300


def test_another_chip_put_there_at_any_reselection_is_never_written() -> None:
    swaps = 0
    for protection in (PASSWORD, LOCK, BOTH):
        for at in range(20):
            other = chip_with("NTAG213", message_of(20, seed=5), uid=OTHER_UID)
            before = list(other.pages)
            chip = written_chip()
            link = Link(chip, swap=other, swap_at=at)
            plan = plan_protection(identify(ChipLink(chip)), protection, KEYS)
            try:
                protect(link, plan, KEYS)
            except TagSwapped:
                swaps += 1
            else:
                break
            assert other.pages == before
            run(chip, protection)
            assert_protected(chip, protection)
    assert swaps == 3 + 2 + 5


def test_a_plan_for_another_chip_touches_nothing() -> None:
    plan = planned(written_chip(), BOTH)
    other = Link(chip_with("NTAG213", MESSAGE, uid=OTHER_UID))
    with pytest.raises(TagSwapped):
        protect(other, plan, KEYS)
    assert (other.attempts, other.frames) == (0, 0)


# What is refused, with nothing written


def refusal_of(chip: Type2Chip, protection: Protection, keys: Keys | None = KEYS) -> TagRefused:
    before = list(chip.pages)
    link = Link(chip)
    tag = identify(link)
    with pytest.raises(TagRefused) as caught:
        protect(link, plan_protection(tag, protection, keys), keys)
    assert chip.pages == before
    assert caught.value.facts["tag_state"] == "untouched"
    assert caught.value.action
    return caught.value


@pytest.mark.parametrize("area", ["0300FE00", "00000000", "0305D500", "03FF"], ids=["empty", "blank", "torn", "cut"])
@pytest.mark.parametrize("protection", [PASSWORD, LOCK, BOTH], ids=["password", "lock", "both"])
def test_a_tag_without_a_whole_message_is_never_protected(area: str, protection: Protection) -> None:
    chip = chip_with("NTAG213", b"")
    chip.pages[4] = bytes.fromhex(area).ljust(4, b"\0")
    assert refusal_of(chip, protection).code == "tag-not-complete"


def test_a_message_that_was_torn_after_planning_is_not_locked() -> None:
    chip = written_chip()
    link = Link(chip)
    plan = plan_protection(identify(link), LOCK, None)
    chip.pages[4] = bytes.fromhex("0300FE00")
    with pytest.raises(TagRefused) as caught:
        protect(link, plan, None)
    assert caught.value.code == "tag-not-complete"
    assert link.attempts == 0


def test_nothing_irreversible_is_done_that_the_plan_did_not_show() -> None:
    chip = written_chip()
    chip.pages[40] = bytes.fromhex("FF0F00BD")
    link = Link(chip)
    plan = plan_protection(identify(link), LOCK, None)
    chip.pages[40] = bytes.fromhex("000000BD")  # another chip's memory under the same UID
    with pytest.raises(TagRefused) as caught:
        protect(link, plan, None)
    assert caught.value.code == "tag-changed"
    assert link.attempts == 0


def password_of_another(chip: Type2Chip, auth0: int = 4) -> Type2Chip:
    chip.pages[43], chip.pages[44] = bytes.fromhex("DEADBEEF"), bytes.fromhex("CAFE0000")
    chip.pages[41] = bytes((4, 0, 0, auth0))
    return chip


@pytest.mark.parametrize("auth0", [0, 3, 4, 40, 44])
def test_a_password_that_is_not_ours_is_tried_once(auth0: int) -> None:
    for protection in (PASSWORD, BOTH):
        chip = password_of_another(written_chip(), auth0)
        before = list(chip.pages)
        link = Link(chip)
        plan = plan_protection(identify(link), protection, KEYS)
        with pytest.raises(TagRefused) as caught:
            protect(link, plan, KEYS)
        assert (caught.value.code, link.passwords_sent, link.attempts) == ("tag-password", 1, 0)
        assert chip.pages == before


def test_a_chip_that_takes_our_password_but_answers_another_pack_is_not_ours() -> None:
    chip = written_chip()
    run(chip, PASSWORD)
    chip.pages[44] = bytes.fromhex("12340000")
    assert refusal_of(chip, BOTH).code == "tag-password"


def test_a_chip_that_counts_wrong_passwords_is_refused_before_any_is_sent() -> None:
    for access in range(1, 8):
        chip = password_of_another(written_chip())
        chip.pages[42] = bytes((access, 5, 0, 0))
        assert refusal_of(chip, BOTH).code == "tag-authlim"
        assert chip.failed_passwords == 0


def test_a_lock_alone_is_refused_behind_a_password() -> None:
    assert refusal_of(password_of_another(written_chip()), LOCK).code == "tag-password"


@pytest.mark.parametrize("name", sorted(WITHOUT_PASSWORD))
def test_a_chip_without_a_password_refuses_one_also_together_with_a_lock(name: str) -> None:
    assert refusal_of(written_chip(name), PASSWORD).code == "tag-no-password"
    assert refusal_of(written_chip(name), BOTH).code == "tag-no-password"


@pytest.mark.parametrize("name", sorted(UNSETTLED))
def test_lock_bits_that_can_be_cleared_again_are_never_set_as_a_lock(name: str) -> None:
    assert refusal_of(written_chip(name), LOCK).code == "tag-no-lock"
    assert refusal_of(written_chip(name), BOTH).code in ("tag-no-lock", "tag-no-password")


def test_sun_and_a_password_without_a_key_are_refused() -> None:
    assert refusal_of(written_chip(), Protection(sun=True)).code == "tag-no-sun"
    assert refusal_of(written_chip(), PASSWORD, None).code == "tag-no-keys"


def test_a_locked_configuration_takes_no_password() -> None:
    chip = written_chip()
    chip.pages[42] = bytes.fromhex("40050000")
    assert refusal_of(chip, PASSWORD).code == "tag-config-locked"


@pytest.mark.parametrize(
    ("static", "dynamic"),
    [
        ("0100", "000000"),
        ("0200", "000000"),
        ("F201", "000000"),
        ("0400", "000000"),
        ("0000", "000001"),
        ("0000", "010001"),
    ],
)
def test_block_lock_bits_that_freeze_pages_open_are_refused(static: str, dynamic: str) -> None:
    chip = written_chip()
    chip.pages[2] = chip.pages[2][:2] + bytes.fromhex(static)
    chip.pages[40] = bytes.fromhex(dynamic) + b"\xbd"
    assert refusal_of(chip, LOCK).code == "tag-lock-frozen"


def test_a_locked_cc_that_says_writable_is_refused() -> None:
    chip = written_chip()
    chip.pages[2] = chip.pages[2][:2] + bytes.fromhex("0800")
    assert refusal_of(chip, LOCK).code == "tag-cc-locked"


def test_a_reader_that_passes_no_password_command_sets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = written_chip()
    plan = planned(chip, PASSWORD)
    link = Link(chip)
    monkeypatch.setattr(Link, "passes_commands", property(lambda _: False))
    for act in (lambda: protect(link, plan, KEYS), lambda: plan_protection(identify(link), PASSWORD, KEYS)):
        with pytest.raises(TagRefused) as caught:
            act()
        assert caught.value.code == "tag-no-password"
    assert link.attempts == 0
    protect(link, plan_protection(identify(link), LOCK, None), None)
    assert_protected(chip, LOCK)


# Steps that do not read back


def test_a_password_cell_that_does_not_keep_its_bit_never_comes_into_force() -> None:
    for page in (43, 44):
        chip = written_chip()
        chip.program = lambda at, data, page=page: bytes((data[0] ^ 1,)) + data[1:] if at == page else data
        link = Link(chip)
        with pytest.raises(TagWriteFailed):
            protect(link, plan_protection(identify(link), BOTH, KEYS), KEYS)
        assert chip.pages[41][3] == 0xFF
        assert link.passwords_sent == 1
        chip.program = lambda _, data: data
        run(chip, BOTH)
        assert_protected(chip, BOTH)


@pytest.mark.parametrize(("page", "done"), [(40, []), (2, [40]), (3, [40, 2])])
def test_a_lock_bit_that_is_not_kept_stops_the_lock_there(page: int, done: list[int]) -> None:
    chip = written_chip()
    chip.program = lambda at, data: chip.pages[at] if at == page else data
    link = Link(chip)
    with pytest.raises(TagWriteFailed) as caught:
        protect(link, plan_protection(identify(link), LOCK, None), None)
    assert caught.value.facts["page"] == page
    assert link.written == [*done, page]


def test_a_chip_that_takes_writes_all_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for protection in (PASSWORD, LOCK):
        chip = written_chip()
        with monkeypatch.context() as patch:
            patch.setattr(Type2Chip, "_writable", lambda *_: True)
            with pytest.raises(TagWriteFailed, match="not in force"):
                run(chip, protection)
        assert identify(ChipLink(chip)).memory == area_of(written_chip())


class DecidingLink(Link):
    """Tells a refused write from a made one by reading, as PC/SC readers need that answer 6300 to both."""

    def write(self, page: int, data: bytes, *, secret: bool = False) -> None:
        try:
            super().write(page, data, secret=secret)
        except TagNak:
            self._select()
            if self.read(page)[:4] != data:
                raise


def test_a_plan_for_a_blank_tag_with_its_message_to_come_shows_the_cc_that_it_will_have() -> None:
    tag = identify(ChipLink(chip_with("ULTRALIGHT")))
    written = dataclasses.replace(tag, content=Content(ContentState.MESSAGE, MESSAGE))
    assert [step.data.hex() for step in plan_protection(written, LOCK).steps] == ["0000f0ff", "e110060f", "00000800"]


@pytest.mark.parametrize("length", [44, 142])
@pytest.mark.parametrize("protection", [PASSWORD, LOCK, BOTH], ids=["password", "lock", "both"])
def test_the_proof_holds_on_a_reader_that_decides_by_content(protection: Protection, length: int) -> None:
    chip = chip_with("NTAG213", message_of(length))
    area = area_of(chip)
    for _ in range(2):
        link = DecidingLink(chip)
        protect(link, plan_protection(identify(link), protection, KEYS), KEYS)
        assert_protected(chip, protection)
        assert area_of(chip) == area


@pytest.mark.parametrize("length", [44, 142])
def test_a_probe_that_is_accepted_spoils_nothing(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for protection in (PASSWORD, LOCK, BOTH):
        chip = chip_with("NTAG213", message_of(length))
        area, cc = area_of(chip), chip.pages[3]
        with monkeypatch.context() as patch:
            patch.setattr(Type2Chip, "_writable", lambda *_: True)
            with pytest.raises(TagWriteFailed, match="not in force"):
                run(chip, protection)
        assert area_of(chip) == area
        assert chip.pages[3][:3] == cc[:3]


def test_a_damaged_command_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """NAK 1h: parity or CRC. It says neither that a write is refused nor that a password is wrong."""
    chip = written_chip()
    run(chip, BOTH)

    def damaged(*_: object, **__: object) -> bytes:
        raise TagNak("NAK 1", nak=1)

    for command in ("write", "authenticate"):
        with monkeypatch.context() as patch:
            patch.setattr(Link, command, damaged)
            with pytest.raises(TagNak):
                run(chip, BOTH)


def test_no_secret_in_logs_or_errors(caplog: pytest.LogCaptureFixture) -> None:
    key = KEYS.key(bytes.fromhex("04112233445566"), "type2-password").hex()
    with caplog.at_level(logging.NOTSET):
        chip = written_chip()
        run(chip, BOTH)
        chip = written_chip()
        chip.program = lambda at, data: bytes(4) if at == 43 else data
        with pytest.raises(TagWriteFailed) as caught:
            run(chip, PASSWORD)
    error = caught.value
    for shown in (caplog.text, str(error), repr(error), repr(error.facts), repr(error.__cause__)):
        assert key[:8] not in shown.lower()


def test_prot_is_cleared_before_auth0_so_that_reading_stays_free() -> None:
    chip = written_chip()
    chip.pages[42] = bytes.fromhex("80050000")
    assert [step.at for step in planned(chip, PASSWORD).steps] == [43, 44, 42, 41]
    run(chip, PASSWORD)
    assert_protected(chip, PASSWORD)
    assert chip.pages[42] == bytes.fromhex("00050000")


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(MODELS)),
    static=st.integers(0, 0xFFFF),
    dynamic=st.integers(0, 0xFFFFFF),
    block_locks=st.booleans(),
)
def test_whatever_is_locked_already_it_ends_all_locked_or_is_refused_untouched(
    name: str, static: int, dynamic: int, block_locks: bool
) -> None:
    chip = chip_with(name, message_of(30))
    tag = identify(ChipLink(chip))
    if not block_locks:
        static &= 0xFFF8
        dynamic &= lock_mask(tag.chip)
    chip.pages[2] = chip.pages[2][:2] + static.to_bytes(2, "little")
    if tag.chip.dynamic_lock is not None:
        page = tag.chip.dynamic_lock.page
        chip.pages[page] = (dynamic & chip.model.locks.mask).to_bytes(3, "little") + chip.pages[page][3:]
    before = list(chip.pages)
    link = Link(chip)
    plan, refused = None, ""
    try:
        plan = plan_protection(identify(link), LOCK, None)
    except TagRefused as error:
        refused = error.code
    if plan is None:
        assert chip.pages == before
        assert block_locks or refused in ("tag-cc-locked", "tag-no-lock")
        return
    protect(link, plan, None)
    assert all(chip.page_locked(page) for page in range(3, tag.chip.last_user_page + 1))
    assert all(step.irreversible for step in plan.steps)
    untouched = [page for page in range(len(before)) if page not in {2, 3, *(step.at for step in plan.steps)}]
    assert [chip.pages[page] for page in untouched] == [before[page] for page in untouched]


def lock_mask(chip: ChipType) -> int:
    return chip.dynamic_lock.mask if chip.dynamic_lock is not None else 0
