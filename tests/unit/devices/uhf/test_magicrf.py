"""The M100 and R200 driver against a scripted module on a pseudo-terminal, in the frames of the protocol text."""

import contextlib
from collections.abc import Iterator

import pytest

from dpptag import logs
from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.framing import Frame, Framing
from dpptag.devices.uhf.magicrf import MagicRfModule
from dpptag.devices.uhf.module import ModuleVersion, Target
from dpptag.devices.uhf.port import UhfPort
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Wait
from dpptag.errors import DeviceError, DeviceProtocolError, TagLost, TagNak, TagSwapped, UsageError
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction
from tests.unit.devices.uhf.scripted_module import ScriptedModule, Turn

EPC, OTHER = bytes.fromhex("30751FEB705C5904E3D50D70"), bytes.fromhex("300000000000000000000001")
TID = bytes.fromhex("E2806D122000861D9D814BDC")
PASSWORD = bytes.fromhex("A1B2C3D4")
FROM_TAG = bytes((14,)) + b"\x34\x00" + EPC  # UL PC EPC
_PATIENCE = 10_000  # ms, where an answer comes: a loaded machine is slow


def impatient(profile: UhfProfile, milliseconds: int) -> UhfProfile:
    wait = Wait(ms=milliseconds, reason="a scripted module answers at once or never")
    waits = dict.fromkeys(("answer", "access", "access_word", "inventory"), wait)
    return profile.model_copy(update={"waits": profile.waits.model_copy(update=waits)})


class Bench:
    """A driver and its module; requests and answers are given as command and data."""

    def __init__(self, profile: str = "uhf-m100", patience: int = _PATIENCE) -> None:
        self.profile = impatient(load_uhf_profile(profile), patience)
        self.framing = Framing(self.profile.framing)
        self.waits: list[float] = []

    def asked(self, command: int, data: bytes = b"") -> bytes:
        return self.framing.build(Frame(command, data))

    def said(self, command: int, data: bytes = b"\0", kind: int = 1) -> bytes:
        return self.framing.build(Frame(command, data, kind=kind), answer=True)

    def turn(self, command: int, data: bytes, answer: bytes = b"\0", reply: int | None = None) -> Turn:
        return self.asked(command, data), self.said(command if reply is None else reply, answer)

    def failed(self, command: int, data: bytes, error: bytes) -> Turn:
        return self.asked(command, data), self.said(0xFF, error)

    def notice(self, epc: bytes, rssi: int = 0xC9, code: int = 0x22) -> bytes:
        return self.said(code, bytes((rssi,)) + (len(epc) // 2 << 11).to_bytes(2, "big") + epc + b"\xab\xcd", kind=2)

    @contextlib.contextmanager
    def module(self, *turns: Turn) -> Iterator[MagicRfModule]:
        with ScriptedModule(turns) as peer:
            module = MagicRfModule(UhfPort(peer.path, self.framing, baud=115200, wait=self.waits.append), self.profile)
            try:
                yield module
            finally:
                module.close()


BENCH = Bench()


def select(bench: Bench, bank: int, pointer: int, mask: bytes) -> Turn:
    """SelParam: target S0, action 0, bank; pointer in bits; length of the mask in bits; no truncation."""
    return bench.turn(0x0C, bytes((bank,)) + pointer.to_bytes(4, "big") + bytes((8 * len(mask), 0)) + mask)


def read_turn(bench: Bench, answer: bytes, bank: int = 3, words: int = 1, password: bytes = NO_PASSWORD) -> Turn:
    return bench.turn(0x39, password + bytes((bank, 0, 0, 0, words)), answer)


@pytest.mark.parametrize("profile", ["uhf-m100", "uhf-r200"])
def test_a_module_says_what_it_is(profile: str) -> None:
    bench = Bench(profile)
    turns = [bench.turn(0x03, b"\0", b"\0M100 V1.00"), bench.turn(0x03, b"\1", b"\1V2.3.5")]
    with bench.module(*turns) as module:
        assert module.identify() == ModuleVersion("M100 V1.00", "V2.3.5")


@pytest.mark.parametrize(
    "answer",
    [
        "BB0103000B004D3130302056312E30307E5A3C",  # as RED-RCP frames it: no sum, 7E, then a CRC
        "BB0103000B014D3130302056312E3030237E",  # what was not asked for
        "BB0103000B00FF3130302056312E3030D47E",  # no text
        "BB0203000100067E",  # a notice
        "BB0107000100097E",  # the answer to another command
        "AA0103000B004D3130302056312E303022DD",  # an R200
    ],
)
def test_a_look_alike_is_not_taken_for_an_m100(answer: str) -> None:
    bench = Bench(patience=300)
    with bench.module((bench.asked(0x03, b"\0"), bytes.fromhex(answer))) as module, pytest.raises(DeviceError):
        module.identify()


def test_an_empty_round_is_one_frame() -> None:
    with BENCH.module(BENCH.failed(0x22, b"", b"\x15")) as module:
        assert module.inventory() == []


def test_what_comes_before_the_mode_is_answered_belongs_to_the_round() -> None:
    """22h and 27h both announce a tag; the last one comes after the time that a round takes."""
    bench = Bench()
    turns = [
        (bench.asked(0x22), bench.notice(EPC) + bench.notice(OTHER, 0xD7, code=0x27)),
        (bench.asked(0x12, b"\1"), bench.notice(EPC) + bench.said(0x0C)),
    ]
    with bench.module(*turns) as module:
        assert [(tag.epc, tag.rssi_dbm) for tag in module.inventory()] == [(EPC, -55), (OTHER, -41), (EPC, -55)]
    assert bench.waits == [0.025]


def test_a_round_with_a_damaged_notice_is_repeated() -> None:
    damaged = bytearray(BENCH.notice(OTHER))
    damaged[8] ^= 1
    turns = [
        (BENCH.asked(0x22), BENCH.notice(EPC) + damaged),
        BENCH.turn(0x12, b"\1"),
        (BENCH.asked(0x22), BENCH.notice(EPC) + BENCH.notice(OTHER)),
        BENCH.turn(0x12, b"\1"),
    ]
    with BENCH.module(*turns) as module:
        assert [tag.epc for tag in module.inventory()] == [EPC, OTHER]


def test_busy_channels_are_tried_three_times_and_then_told() -> None:
    with BENCH.module(*[BENCH.failed(0x22, b"", b"\x20")] * 3) as module, pytest.raises(UsageError, match="occupied"):
        module.inventory()


def test_a_tag_is_chosen_by_its_tid_and_given_time_to_settle() -> None:
    bench = Bench()
    answer = FROM_TAG + b"\x12\x34"
    with bench.module(select(bench, 2, 0, TID), read_turn(bench, answer)) as module:
        module.choose(Target(EPC, TID))
        assert module.read(Bank.USER, 0, 1, NO_PASSWORD) == b"\x12\x34"
    assert bench.waits == [0.02]


def test_without_a_tid_the_epc_chooses_and_an_inventory_in_between_changes_only_the_mode() -> None:
    answer = FROM_TAG + b"\x12\x34"
    turns = [
        select(BENCH, 1, 0x20, EPC),
        (BENCH.asked(0x22), BENCH.notice(EPC)),
        BENCH.turn(0x12, b"\1"),
        BENCH.turn(0x12, b"\2"),
        read_turn(BENCH, answer),
        read_turn(BENCH, answer),
    ]
    with BENCH.module(*turns) as module:
        module.choose(Target(EPC))
        module.inventory()
        for _ in range(2):
            module.read(Bank.USER, 0, 1, NO_PASSWORD)


def test_another_epc_in_the_answer_is_another_tag() -> None:
    other = FROM_TAG[:3] + OTHER
    write = NO_PASSWORD + bytes.fromhex("03 0000 0001 5566")
    turns = [
        select(BENCH, 2, 0, TID),
        read_turn(BENCH, other + b"\x12\x34"),
        BENCH.turn(0x49, write, other + b"\0"),
        BENCH.failed(0x49, write, b"\xb4" + other),
    ]
    with BENCH.module(*turns) as module:
        module.choose(Target(EPC, TID))
        with pytest.raises(TagSwapped):
            module.read(Bank.USER, 0, 1, NO_PASSWORD)
        for was_written in (True, False):
            with pytest.raises(TagSwapped) as swapped:
                module.write(Bank.USER, 0, b"\x55\x66", NO_PASSWORD)
            assert ("changed" in str(swapped.value.action)) is was_written


NEW = bytes((14,)) + b"\x30\x00" + OTHER


@pytest.mark.parametrize("named", [FROM_TAG, NEW], ids=["by its old EPC", "by its new EPC"])
def test_after_its_epc_was_written_the_first_answer_says_what_it_is_now(named: bytes) -> None:
    """Which of the two EPCs the answer to the write names, the protocol text does not say."""
    new = NEW
    turns = [
        select(BENCH, 2, 0, TID),
        BENCH.turn(0x49, NO_PASSWORD + bytes.fromhex("01 0001 0007 3000") + OTHER, named + b"\0"),
        read_turn(BENCH, new + b"\x12\x34"),
        read_turn(BENCH, FROM_TAG + b"\x12\x34"),
    ]
    with BENCH.module(*turns) as module:
        module.choose(Target(EPC, TID))
        module.write(Bank.EPC, 1, b"\x30\x00" + OTHER, NO_PASSWORD)
        assert module.read(Bank.USER, 0, 1, NO_PASSWORD) == b"\x12\x34"
        with pytest.raises(TagSwapped):
            module.read(Bank.USER, 0, 1, NO_PASSWORD)


@pytest.mark.parametrize(
    ("word", "data"),
    [(1, "3000"), (1, "3000" + OTHER.hex()), (2, OTHER.hex())],
    ids=["StoredPC alone", "StoredPC and EPC", "EPC alone"],
)
def test_an_epc_that_was_written_is_held_to_from_the_first_answer_on(word: int, data: str) -> None:
    """Else the write that follows could be done by another tag and be taken for done by this one."""
    octets = bytes.fromhex(data)
    place = bytes((1, 0, word, 0, len(octets) // 2))
    stranger = bytes((14,)) + b"\x30\x00" + bytes(12)
    turns = [
        select(BENCH, 2, 0, TID),
        BENCH.turn(0x49, NO_PASSWORD + place + octets, FROM_TAG + b"\0"),
        BENCH.turn(0x49, NO_PASSWORD + bytes.fromhex("03 0000 0001 0000"), stranger + b"\0"),
    ]
    with BENCH.module(*turns) as module:
        module.choose(Target(EPC, TID))
        module.write(Bank.EPC, word, octets, NO_PASSWORD)
        with pytest.raises(TagSwapped):
            module.write(Bank.USER, 0, b"\0\0", NO_PASSWORD)


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        ("09", TagLost, None),
        ("10", TagLost, None),
        ("16", TagNak, "password"),
        ("B3", TagNak, "overrun"),
        ("B4", TagNak, "locked"),
        ("BB", TagNak, "low-power"),
        ("BF", TagNak, "other"),
        ("B7", TagNak, "other"),
        ("77", TagNak, "other"),
        ("17", DeviceProtocolError, None),
    ],
)
@pytest.mark.parametrize("named", [b"", FROM_TAG])
def test_errors_have_their_meaning(code: str, error: type[DeviceError], reason: str | None, named: bytes) -> None:
    write = NO_PASSWORD + bytes.fromhex("03 0000 0001 5566")
    with (
        BENCH.module(BENCH.failed(0x49, write, bytes.fromhex(code) + named)) as module,
        pytest.raises(error) as raised,
    ):
        module.write(Bank.USER, 0, b"\x55\x66", NO_PASSWORD)
    assert raised.value.facts.get("error") == reason


@pytest.mark.parametrize("answer", [b"", b"\x0e", FROM_TAG, FROM_TAG + b"\x12", b"\x0d" + FROM_TAG[1:] + b"\x12\x34"])
def test_an_answer_of_another_length_is_refused(answer: bytes) -> None:
    with BENCH.module(read_turn(BENCH, answer)) as module, pytest.raises(DeviceProtocolError):
        module.read(Bank.USER, 0, 1, NO_PASSWORD)


def test_a_lost_answer_to_a_write_is_told_and_not_repeated() -> None:
    bench = Bench(patience=20)
    write = NO_PASSWORD + bytes.fromhex("03 0000 0001 5566")
    with bench.module((bench.asked(0x49, write), b"")) as module, pytest.raises(TagLost) as lost:
        module.write(Bank.USER, 0, b"\x55\x66", NO_PASSWORD)
    assert lost.value.facts["answered"] is False


def test_a_lock_is_one_command_with_mask_and_action() -> None:
    """LD: 4 zero bits, mask, action, each kill access EPC TID user; two bits an area (Gen2 6.3.2.12.3.5).

    What can be undone touches no permalock bit.
    """
    payload = (0b10_10_11_00_11 << 10 | 0b10_10_11_00_01).to_bytes(3, "big")
    with BENCH.module(BENCH.turn(0x82, PASSWORD + payload, FROM_TAG + b"\0")) as module:
        commands = module.lock(
            {
                Area.USER: LockAction.OPEN_FOREVER,
                Area.KILL: LockAction.LOCKED,
                Area.ACCESS: LockAction.LOCKED,
                Area.EPC: LockAction.LOCKED_FOREVER,
            },
            PASSWORD,
        )
    assert commands == 1


def test_a_kill_password_of_zero_is_not_sent() -> None:
    with BENCH.module() as module, pytest.raises(TagNak):
        module.kill(NO_PASSWORD)


def test_there_is_no_block_write() -> None:
    with BENCH.module() as module:
        assert not module.offers_block_write
        with pytest.raises(TagNak, match="BlockWrite"):
            module.write(Bank.USER, 0, b"\x55\x66", NO_PASSWORD, block=True)


def test_passwords_and_secret_words_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logs.TRAFFIC, "dpptag")
    turns = [
        BENCH.turn(0x49, PASSWORD + bytes.fromhex("00 0000 0002 DEADBEEF"), FROM_TAG + b"\0"),
        BENCH.turn(0x39, PASSWORD + bytes.fromhex("00 0000 0002"), FROM_TAG + b"\xde\xad\xbe\xef"),
        BENCH.turn(0x82, PASSWORD + b"\x00\x08\x02", FROM_TAG + b"\0"),
        BENCH.turn(0x65, PASSWORD, FROM_TAG + b"\0"),
    ]
    with BENCH.module(*turns) as module:
        module.write(Bank.RESERVED, 0, b"\xde\xad\xbe\xef", PASSWORD, secret=True)
        module.read(Bank.RESERVED, 0, 2, PASSWORD, secret=True)
        module.lock({Area.USER: LockAction.LOCKED}, PASSWORD)
        module.kill(PASSWORD)
    text = caplog.text.lower()
    assert "30751feb705c5904e3d50d70" in text
    assert not [secret for secret in ("a1b2", "c3d4", "dead", "beef") if secret in text]
