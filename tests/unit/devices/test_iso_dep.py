"""ISO/IEC 14443-4 on the reader's side: block by block, and against a simulated chip over a lossy channel."""

import random
from collections.abc import Iterable
from typing import Any

import pytest

from dpptag.devices.iso_dep import RETRIES, Ats, Block, Exchange, IsoDep, IsoDepError, rats
from dpptag.sim.iso_dep import IsoDepChip

UNIT = 4096 / 13.56e6
LARGE = Ats(256, UNIT * 16, 0.0, b"")
SMALL = Ats(16, UNIT * 16, 0.0, b"")  # 13 bytes a block


def told(exchange: Exchange, script: list[tuple[str, str | None]]) -> bytes | None:
    """Run ``exchange`` through (block sent, answer) in hex; the response, or None where it still waits."""
    block: Block | None = next(exchange)
    for index, (sent, answer) in enumerate(script):
        assert block is not None
        assert block.frame.hex() == sent, index
        try:
            block = exchange.send(None if answer is None else bytes.fromhex(answer))
        except StopIteration as done:
            assert index == len(script) - 1
            response: bytes = done.value
            return response
    return None


def blocks_until_given_up(exchange: Exchange, answers: Iterable[bytes | None]) -> tuple[int, IsoDepError]:
    """How many blocks were sent before the tag was given up, and the error."""
    next(exchange)
    sent = 1
    try:
        for answer in answers:
            exchange.send(answer)
            sent += 1
    except IsoDepError as error:
        return sent, error
    raise AssertionError("the tag was not given up")


@pytest.mark.parametrize(
    ("ats", "size", "fwi", "sfgi", "historical"),
    [
        ("06 77 77 71 02 80", 128, 7, 1, "80"),  # NTAG 424 DNA
        ("06 75 77 81 02 80", 64, 8, 1, "80"),  # DESFire EV1
        ("05 77 80 71 02", 128, 7, 1, ""),
        ("04 68 A0 02", 256, 10, 0, ""),  # no TA(1): TB(1) comes first
        ("03 48 02", 256, 4, 0, ""),  # TC(1) alone
        ("02 05", 64, 4, 0, ""),  # T0 alone
        ("01", 32, 4, 0, ""),  # not even T0: FSCI 2
        ("03 2F F0", 256, 4, 0, ""),  # reserved FSCI and FWI
        ("05 00 AA BB CC", 16, 4, 0, "AABBCC"),
    ],
)
def test_an_ats_is_read_whatever_it_leaves_out(ats: str, size: int, fwi: int, sfgi: int, historical: str) -> None:
    found = Ats.from_bytes(bytes.fromhex(ats))
    assert found.frame_size == size
    assert found.waiting_time == pytest.approx(UNIT * 2**fwi)
    assert found.guard_time == pytest.approx(UNIT * 2**sfgi if sfgi else 0.0)
    assert found.historical.hex().upper() == historical


@pytest.mark.parametrize("ats", ["", "02", "05 77 80", "03 70 80", "02 10"])
def test_an_ats_that_ends_early_is_refused(ats: str) -> None:
    with pytest.raises(ValueError, match="ATS"):
        Ats.from_bytes(bytes.fromhex(ats))


@pytest.mark.parametrize(("size", "frame"), [(256, "e080"), (255, "e070"), (128, "e070"), (64, "e050"), (16, "e000")])
def test_rats_names_the_largest_frame_that_the_reader_takes(size: int, frame: str) -> None:
    assert rats(size).frame.hex() == frame


def test_commands_alternate_the_block_number() -> None:
    protocol = IsoDep(LARGE, 256)
    assert told(protocol.command(b"\xaa"), [("02aa", "029000")]) == b"\x90\x00"
    assert told(protocol.command(b"\xbb"), [("03bb", "039000")]) == b"\x90\x00"
    assert told(protocol.command(b"\xcc"), [("02cc", "029000")]) == b"\x90\x00"


def test_a_long_command_is_chained_and_each_link_acknowledged() -> None:
    first, second, third = "00" * 13, "11" * 13, "22" * 2
    apdu = bytes.fromhex(first + second + third)
    script = [("12" + first, "a2"), ("13" + second, "a3"), ("02" + third, "029000")]
    assert told(IsoDep(SMALL, 256).command(apdu), script) == b"\x90\x00"


def test_a_command_that_just_fits_is_not_chained() -> None:
    assert told(IsoDep(SMALL, 256).command(bytes(13)), [("02" + "00" * 13, "029000")]) == b"\x90\x00"


def test_the_readers_own_frame_size_counts_too() -> None:
    assert next(IsoDep(LARGE, 64).command(bytes(200))).frame == b"\x12" + bytes(61)


def test_a_chained_response_is_put_together() -> None:
    script = [("02aa", "12 0102"), ("a3", "13 0304"), ("a2", "02 9000")]
    assert told(IsoDep(LARGE, 256).command(b"\xaa"), script) == bytes.fromhex("010203049000")


def test_more_time_is_granted_for_the_next_answer_alone() -> None:
    exchange = IsoDep(LARGE, 256).command(b"\xaa")
    usual = next(exchange).waiting_time
    granted = exchange.send(bytes.fromhex("f203"))
    assert (granted.frame.hex(), granted.waiting_time > 2 * UNIT * 16) == ("f203", True)
    assert exchange.send(bytes.fromhex("1201")).waiting_time == usual


@pytest.mark.parametrize("request_", ["f200", "f23c", "f23f", "f2", "f20100"])
def test_a_request_for_time_that_the_standard_does_not_know_is_no_answer(request_: str) -> None:
    exchange = IsoDep(LARGE, 256).command(b"\xaa")
    assert told(exchange, [("02aa", request_), ("b2", "029000")]) == b"\x90\x00"


def test_a_tag_that_asks_for_time_for_ever_is_given_up() -> None:
    sent, error = blocks_until_given_up(IsoDep(LARGE, 256).command(b"\xaa"), [bytes.fromhex("f23b")] * 1000)
    assert (sent, error.silent) == (65, False)


def test_a_lost_answer_is_asked_for_and_the_command_is_not_sent_again() -> None:
    script = [("02aa", None), ("b2", None), ("b2", "029000")]
    assert told(IsoDep(LARGE, 256).command(b"\xaa"), script) == b"\x90\x00"


def test_a_command_is_sent_again_only_where_the_tag_says_that_it_never_came() -> None:
    script = [("02aa", None), ("b2", "a3"), ("02aa", "029000")]
    assert told(IsoDep(LARGE, 256).command(b"\xaa"), script) == b"\x90\x00"


def test_a_lost_acknowledgement_in_our_chain_is_asked_for() -> None:
    link = "00" * 13
    script = [("12" + link, None), ("b2", "a2"), ("0300", "039000")]
    assert told(IsoDep(SMALL, 256).command(bytes(14)), script) == b"\x90\x00"


def test_in_the_tags_chain_the_acknowledgement_is_repeated() -> None:
    script = [("02aa", "1201"), ("a3", None), ("a3", "039000")]
    assert told(IsoDep(LARGE, 256).command(b"\xaa"), script) == bytes.fromhex("019000")


@pytest.mark.parametrize(
    "answer",
    ["039000", "a2", "0a009000", "069000", "", "22", "c2", "b2", "ff", "e2"],
    ids=["other number", "R(ACK) of our own", "CID", "NAD", "empty", "RFU", "DESELECT", "R(NAK)", "ff", "e2"],
)
def test_a_block_that_does_not_belong_there_is_asked_again(answer: str) -> None:
    exchange = IsoDep(LARGE, 256).command(b"\xaa")
    assert told(exchange, [("02aa", answer), ("b2", "029000")]) == b"\x90\x00"


@pytest.mark.parametrize(("answer", "silent"), [(None, True), ("ff", False), ("a3", False)])
def test_a_tag_is_given_up_after_so_many_asks(answer: str | None, silent: bool) -> None:
    answers = [None if answer is None else bytes.fromhex(answer)] * 50
    sent, error = blocks_until_given_up(IsoDep(LARGE, 256).command(b"\xaa"), answers)
    assert (sent, error.silent) == (RETRIES + 1, silent)


def test_a_response_without_end_is_given_up() -> None:
    answers = (bytes((0x12 | number % 2,)) for number in range(2000))
    sent, _ = blocks_until_given_up(IsoDep(LARGE, 256).command(b"\xaa"), answers)
    assert sent < 600


@pytest.mark.parametrize(("visible", "spans"), [(None, [None, None]), (5, [6, 1]), (20, [21, 8])])
def test_what_may_be_shown_of_a_command_is_told_block_by_block(visible: int | None, spans: list[int | None]) -> None:
    exchange = IsoDep(SMALL, 256).command(bytes(26), visible=visible)
    assert [next(exchange).secret_from, exchange.send(b"\xa2").secret_from] == spans


class Counter(IsoDepChip):
    """Answers each APDU with its count and the APDU; a block of 29 bytes holds neither side's longest."""

    kind = "COUNTER"
    ats = bytes.fromhex("057280F002")
    count = 0

    def respond(self, command: bytes) -> bytes:
        self.count += 1
        return bytes((self.count & 0xFF,)) + command + b"\x90\x00"

    def deactivated(self) -> None:
        pass

    def record(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2, 0.4])
def test_over_a_lossy_channel_a_command_is_executed_once_or_its_fate_is_told(loss: float) -> None:
    """Each direction loses or damages blocks. What is answered was executed exactly once, its response whole; what is
    given up was executed once or never."""
    answered = given_up = 0
    for seed in range(120):
        chance = random.Random(seed)
        chip = Counter(bytes.fromhex("04A1B2C3D4E5F6"))
        chip.power(True)
        assert chip.select()
        assert chip.exchange(rats(32).frame) == chip.ats
        protocol = IsoDep(Ats.from_bytes(chip.ats), 32)
        for number in range(1, 6):
            apdu = chance.randbytes(chance.randrange(4, 120))
            chip.extensions = chance.choice((0, 0, 1, 3))
            try:
                response = over_the_air(chip, protocol.command(apdu), chance, loss)
            except IsoDepError:
                given_up += 1
                assert chip.count in (number - 1, number)
                break
            answered += 1
            assert (chip.count, response) == (number, bytes((number,)) + apdu + b"\x90\x00")
    assert answered > 30
    assert (given_up == 0) == (loss == 0.0)


def over_the_air(chip: Counter, exchange: Exchange, chance: random.Random, loss: float) -> bytes:
    block = next(exchange)
    while True:
        heard = chip.exchange(block.frame) if chance.random() >= loss else None
        assert heard is None or isinstance(heard, bytes)
        try:
            block = exchange.send(heard if chance.random() >= loss else None)
        except StopIteration as done:
            response: bytes = done.value
            return response


@pytest.mark.parametrize("content", [b"", bytes(250)])
def test_a_response_without_end_is_given_up_soon(content: bytes) -> None:
    """Each block may take the tag's waiting time, 5 s at the most; a short APDU has at most 258 bytes of response."""
    exchange = IsoDep(Ats.from_bytes(bytes.fromhex("067877E18002")), 256).command(bytes.fromhex("00B0000000"))
    answers = (bytes((0x12 | number % 2,)) + content for number in range(1000))
    blocks, error = blocks_until_given_up(exchange, answers)
    assert "no end" in str(error)
    assert blocks <= 34
