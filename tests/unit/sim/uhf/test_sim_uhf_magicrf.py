"""The M100/R200 emulator: its frames, its Select, its refusals, and the time it models."""

import json
from collections.abc import Callable

import pytest

from dpptag.sim.uhf.faults import FaultSchedule, HostCommands, parse_fault
from dpptag.sim.uhf.field import Conditions, Field
from dpptag.sim.uhf.magicrf import Magicrf
from dpptag.sim.uhf.magicrf_codes import (
    FAILURE_US,
    LOCK_US,
    READ_US,
    READ_WORD_US,
    ROUND_US,
    SETTLE_US,
    WRITE_US,
    WRITE_WORD_US,
)
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.tag import Gen2Chip
from tests.vectors import vector_path

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
TID = bytes.fromhex("E2801105 2000 112233445566")
PASSWORD = bytes.fromhex("0000FFFF")
NOTHING_SELECTED = bytes(4)
SELECT_TID = bytes.fromhex("02 00000000 60 00") + TID


def chip(password: bytes = bytes(4), tid: bytes = TID) -> Gen2Chip:
    made = Gen2Chip(MODELS["Monza-4QT"], tid, EPC)
    made.reserved[4:] = password
    return made


class Host:
    """The emulator over its field, asked frame by frame."""

    def __init__(self, *tags: Gen2Chip, fault: str = "", coarse: bool = False, dialect: str = "m100") -> None:
        faults = FaultSchedule(parse_fault(text) for text in filter(None, fault.split(",")))
        self.tags = tags or (chip(),)
        self.field = Field(self.tags, conditions=Conditions(is_belt=False, seed=1), faults=faults)
        self.commands = HostCommands(self.field)
        self.module = Magicrf(self.field, self.commands, coarse=coarse, dialect=dialect)
        self.marks = (0xBB, 0x7E) if dialect == "m100" else (0xAA, 0xDD)

    def frame(self, kind: int, command: int, parameters: bytes) -> bytes:
        body = bytes((kind, command)) + len(parameters).to_bytes(2, "big") + parameters
        return bytes((self.marks[0],)) + body + bytes((sum(body) % 256, self.marks[1]))

    def ask(self, command: int, parameters: bytes = b"") -> list[tuple[int, bytes]]:
        """Command and parameters of each answer."""
        answers = self.module.feed(self.frame(0, command, parameters))
        assert all(answer == self.frame(answer[1], answer[2], answer[5:-2]) for answer in answers)
        return [(answer[2], answer[5:-2]) for answer in answers]

    def took(self, act: Callable[[], object]) -> int:
        before = self.module.simulated_us
        act()
        return self.module.simulated_us - before


def write(word: int, data: bytes, password: bytes = bytes(4), bank: int = 3) -> bytes:
    return password + bytes((bank,)) + word.to_bytes(2, "big") + (len(data) // 2).to_bytes(2, "big") + data


def read(bank: int, word: int, count: int, password: bytes = bytes(4)) -> bytes:
    return password + bytes((bank,)) + word.to_bytes(2, "big") + count.to_bytes(2, "big")


WHO = bytes.fromhex("0E3000") + EPC


def printed() -> dict[str, list[bytes]]:
    """The printed frames, by what they mean."""
    frames: dict[str, list[bytes]] = {}
    for entry in json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]:
        if entry["protocol"] == "m100" and entry["checksum_ok"]:
            frames.setdefault(entry["meaning"], []).append(bytes.fromhex(entry["hex"]))
    return frames


def test_printed_requests_get_the_printed_answers() -> None:
    frames = printed()
    host = Host(chip(PASSWORD))
    host.tags[0].reserved[2:4] = PASSWORD[2:]
    host.tags[0].user[:4] = bytes.fromhex("FFFF0000")  # so that the user memory indicator is set: PC 3400
    pairs = [
        ("set region 01 China 900 MHz", "set region ok"),
        ("get region", "get region: printed example"),
        ("module info 00 = hardware version", 'hardware version "M100 V1.00"'),
        ("set power 20.00 dBm", "BB01B6000100B87E"),
        ("get power", "power 07D0 = 20.00 dBm"),
        ("select: target 0, action 0, bank EPC, bit 20h, 96 bits, no truncate", "select stored"),
        ("get select parameter", "BB010B00130100000020600030751FEB705C5904E3D50D70AD7E"),
        ("write 12345678 to USER word 0", "written"),
        ("read USER word 0, 2 words, access password 0000FFFF", "read result 12345678"),
        ("set Query parameters 1020", "BB010E000100107E"),
        ("get Query parameters", "Query parameters 1020"),
        ("get channel", "channel 0"),
        ("set channel 1", "BB01AB000100AD7E"),
        ("insert 5 hop channels", "BB01A9000100AB7E"),
        ("hopping on", "BB01AD000100AF7E"),
        ("carrier on", "BB01B0000100B27E"),
        ("get demodulator parameters", "mixer 03, IF 06, threshold 01B0"),
        ("set demodulator parameters", "BB01F0000100F27E"),
        ("stop multiple inventory", "stopped"),
        ("NXP EAS alarm", "error 1D no EAS answer"),
        ("lock: LD 020080 = mask 080, action 080 (access password, pwd-write bit)", "locked"),
        ("kill with kill password 0000FFFF", "killed"),
        ("single inventory", "error 15 no tag"),
        ("set baud 19200 (00C0 = 192 x 100); no reply", ""),
    ]
    for request, meaning in pairs:
        expected = frames[meaning][0] if meaning in frames else bytes.fromhex(meaning)
        answers = host.module.feed(frames[request][0])
        assert b"".join(answers) == expected, request
    assert host.module.baud == 19_200


def test_the_printed_notification_of_a_round() -> None:
    tag = chip()
    tag.user[0] = 1
    (notification,) = Host(tag).module.feed(printed()["single inventory"][0])
    assert notification.hex().upper() == "BB02220011C9340030751FEB705C5904E3D50D703A76EF7E"


def test_frames_are_found_in_noise_and_in_any_pieces() -> None:
    host = Host()
    frame = host.frame(0, 0x08, b"")
    stream = b"\x7e\xbb\xbb\x00\x01" + frame + b"\xbb\x00\x49\xff\xff" + frame[:-2] + b"\x00\x7e" + frame
    answers = [answer for octet in stream for answer in host.module.feed(bytes((octet,)))]
    assert answers == [host.frame(1, 0x08, b"\x01")] * 2
    assert Host().module.feed(stream) == answers


def test_a_checksum_that_looks_like_the_end_byte_does_not_end_a_frame() -> None:
    host = Host()
    parameters = write(0, b"\x7e\x7e")
    assert host.ask(0x49, parameters) == [(0x49, WHO + b"\0")]
    assert host.tags[0].user[:2] == b"\x7e\x7e"


def test_the_r200_differs_in_its_marks_and_its_answer_to_the_mode() -> None:
    host = Host(dialect="r200")
    assert host.module.feed(b"\xbb\x00\x08\x00\x00\x08\x7e") == []
    assert host.ask(0x12, b"\x01") == [(0x12, b"\0")]
    assert Host().ask(0x12, b"\x01") == [(0x0C, b"\0")]


def test_select_is_kept_and_sent_as_the_mode_says() -> None:
    others = chip(tid=TID[:-1] + b"\x67"), chip(tid=TID[:-1] + b"\x68")
    host = Host(*others, chip())
    assert host.ask(0x0C, SELECT_TID) == [(0x0C, b"\0")]
    assert len(host.ask(0x22)) == 3  # mode 02: not before rounds
    assert {host.ask(0x39, read(2, 0, 6))[0][1][-12:] for _ in range(3)} == {TID}
    host.ask(0x12, b"\x00")
    assert len(host.ask(0x22)) == 1
    host.ask(0x12, b"\x01")
    assert len({host.ask(0x39, read(2, 0, 6))[0][1][-12:] for _ in range(20)}) == 3
    host.ask(0x0C, b"\x12" + SELECT_TID[1:])  # action 4: those that do not match
    host.ask(0x12, b"\x00")
    assert len(host.ask(0x22)) == 2


def test_a_select_by_an_epc_that_was_changed_finds_nothing() -> None:
    host = Host()
    host.ask(0x0C, bytes.fromhex("01 00000020 60 00") + EPC)
    assert host.ask(0x49, write(1, b"\x10\x00\x30\x39", bank=1)) == [(0x49, WHO + b"\0")]
    assert host.ask(0x39, read(2, 0, 6)) == [(0xFF, b"\x09")]
    host.ask(0x0C, SELECT_TID)
    assert host.ask(0x39, read(1, 1, 3)) == [(0x39, bytes.fromhex("06 1000 3039 1FEB 1000 3039 1FEB"))]


@pytest.mark.parametrize(
    ("command", "parameters", "answer"),
    [
        (0x49, write(0, bytes(66)), b"\x17"),
        (0x49, write(0, b""), b"\x17"),
        (0x49, write(0, b"\1\2")[:-1], b"\x17"),
        (0x39, read(3, 0, 0), b"\x17"),
        (0x39, read(3, 31, 2), b"\xa3" + WHO),
        (0x49, write(31, bytes(4)), b"\xb3" + WHO),
        (0x49, write(0, b"\1\2", bank=2), b"\xb4" + WHO),
        (0x49, write(0, b"\1\2", b"\0\0\0\1"), b"\x16"),
        (0x39, read(3, 0, 1, b"\0\0\0\1"), b"\x16"),
        (0x65, b"\0\0\0\1", b"\xd0" + WHO),
        (0x82, bytes(4) + b"\x10\0\0", b"\x17"),
        (0x82, bytes(4) + b"\x00\x10\x00", b"\xc4" + WHO),  # opens the TID, which is locked for ever
        (0xD3, bytes(4) + bytes.fromhex("00 03 0000 02"), b"\xe3" + WHO),
        (0x07, b"\x09", b"\x17"),
        (0x99, b"", b"\x17"),
    ],
)
def test_refusals(command: int, parameters: bytes, answer: bytes) -> None:
    host = Host()
    before = host.tags[0].record()
    assert host.ask(command, parameters) == [(0xFF, answer)]
    assert host.tags[0].record()["locks"] == before["locks"]


def test_silence_has_a_code_for_each_command() -> None:
    host = Host()
    host.ask(0x0C, SELECT_TID[:-1] + b"\x00")
    asked = [(0x39, read(3, 0, 1)), (0x49, write(0, b"\1\2")), (0x65, PASSWORD), (0x82, bytes(7))]
    asked.append((0xD3, bytes(4) + bytes.fromhex("00 03 0000 01")))
    assert [host.ask(*each) for each in asked] == [[(0xFF, bytes((code,)))] for code in (9, 0x10, 0x12, 0x13, 0x14)]


def test_a_coarse_module_says_only_that_a_write_failed() -> None:
    host = Host(coarse=True)
    assert host.ask(0x49, write(0, b"\1\2", bank=2)) == [(0xFF, b"\x10")]
    assert host.ask(0x39, read(3, 32, 1)) == [(0xFF, b"\xa3" + WHO)]


def test_permalocked_blocks_are_told_and_their_locking_is_answered_by_another_command() -> None:
    host = Host()
    assert host.ask(0xD3, bytes(4) + bytes.fromhex("01 03 0000 01 4000")) == [(0xD4, WHO + b"\0")]
    assert host.ask(0xD3, bytes(4) + bytes.fromhex("00 03 0000 01")) == [(0xD3, WHO + bytes.fromhex("01 4000"))]


def test_a_series_of_rounds_and_a_sleep() -> None:
    host = Host()
    assert len(host.ask(0x27, b"\x22\x00\x03")) == 3
    host.ask(0x0C, SELECT_TID)
    assert host.ask(0x17) == [(0x17, b"\0")]
    assert host.ask(0x08) == []  # its first byte woke the module
    assert host.ask(0x08) == [(0x08, b"\x01")]
    assert host.ask(0x0B) == [(0x0B, bytes(7))]


def test_the_modelled_time_of_each_step() -> None:
    host = Host()
    assert host.took(lambda: host.ask(0x08)) == 0
    assert host.took(lambda: host.ask(0x22)) == ROUND_US
    assert host.took(lambda: host.ask(0x0C, SELECT_TID)) == SETTLE_US
    assert host.took(lambda: host.ask(0x39, read(2, 0, 6))) == READ_US + 6 * READ_WORD_US
    assert host.took(lambda: host.ask(0x49, write(0, bytes(64)))) == WRITE_US + 32 * WRITE_WORD_US
    assert host.took(lambda: host.ask(0x82, bytes(4) + b"\x00\x0c\x03")) == LOCK_US
    assert host.took(lambda: host.ask(0x49, write(0, b"\1\2"))) == FAILURE_US
    assert (ROUND_US, SETTLE_US, READ_US, READ_WORD_US) == (25_000, 20_000, 35_000, 1_200)
    assert (WRITE_US, WRITE_WORD_US, LOCK_US) == (37_000, 10_000, 60_000)
    assert 33_000 <= FAILURE_US <= 160_000


def test_faults_of_a_frame() -> None:
    host = Host(fault="no-answer@1,late@2,garbage@4,checksum@5,short@6")
    region = host.frame(1, 0x08, b"\x01")

    def fed() -> list[bytes]:
        return host.module.feed(host.frame(0, 0x08, b""))

    assert fed() == []
    assert fed() == []
    assert fed() == [region, region]
    assert fed() == [bytes.fromhex("00A55A1337C33C81")]
    assert fed() == [region[:-2] + bytes((region[-2] ^ 1,)) + region[-1:]]
    assert fed() == [region[: len(region) // 2]]
    assert fed() == [region]


def test_a_pulled_tag_is_away_for_its_rounds_or_until_the_client_has_gone() -> None:
    host = Host(fault="pull@2+1,pull@5")
    codes = [host.ask(0x22)[0][0] for _ in range(6)]
    assert codes == [0x22, 0xFF, 0x22, 0x22, 0xFF, 0xFF]
    host.commands.client_gone()
    assert host.ask(0x22)[0][0] == 0x22


def test_a_tag_that_leaves_in_a_write_is_the_silence_of_a_write() -> None:
    host = Host(fault="leave@1+1")
    assert host.ask(0x49, write(0, b"\1\2\3\4")) == [(0xFF, b"\x10")]
    assert host.tags[0].user[:4] == b"\1\2\0\0"
    assert host.ask(0x22) == [(0xFF, b"\x15")]
