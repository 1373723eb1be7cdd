"""The block protocol of ISO/IEC 14443-4, the card's side, rule by rule (7.5.4). Frames are without CRC."""

from typing import Any

import pytest

from dpptag.sim.chip import ApduChip, Tearable, Wakeable
from dpptag.sim.iso_dep import IsoDepChip
from tests.unit.sim.ev2_host import UID, selected


class Echo(IsoDepChip):
    """Answers the command turned round; ``executed`` keeps all commands. FSC 32 keeps frames short."""

    def __init__(self, uid: bytes, ats: str = "0572007002") -> None:
        self.answer_to_select = bytes.fromhex(ats)  # FSCI 2, TA 00, TB 70, TC 02 (CID)
        self.executed: list[bytes] = []
        self.sessions = 0
        super().__init__(uid)

    @property
    def kind(self) -> str:
        return "ECHO"

    @property
    def ats(self) -> bytes:
        return self.answer_to_select

    def respond(self, command: bytes) -> bytes:
        self.executed.append(command)
        return command[::-1]

    def deactivated(self) -> None:
        self.sessions += 1

    def record(self) -> dict[str, Any]:
        return {}


def send(chip: IsoDepChip, text: str) -> str | None:
    answer = chip.exchange(bytes.fromhex(text))
    assert answer is None or isinstance(answer, bytes)
    return None if answer is None else answer.hex().upper()


def activated(rats: str = "E080", ats: str = "0572007002") -> Echo:
    chip = selected(Echo(UID, ats))
    assert send(chip, rats) == ats
    return chip


def test_it_is_an_apdu_chip_whose_writes_can_be_torn() -> None:
    chip = Echo(UID)
    assert isinstance(chip, ApduChip)
    assert isinstance(chip, Tearable)
    assert isinstance(chip, Wakeable)
    assert (chip.atqa, chip.sak, len(chip.uid)) == (0x0344, 0x20, 7)


@pytest.mark.parametrize("size", [4, 10])
def test_only_a_uid_of_7_bytes_is_taken(size: int) -> None:
    with pytest.raises(ValueError, match="7 bytes"):
        Echo(bytes(size))


@pytest.mark.parametrize("frame", ["020102", "C2", "B2", "D011", "E08F", "E0", "E08000", "3000"])
def test_before_rats_anything_else_is_met_with_silence_and_ends_the_selection(frame: str) -> None:
    chip = selected(Echo(UID))
    assert send(chip, frame) is None
    assert send(chip, "E080") is None
    assert chip.select()
    assert send(chip, "E080") == "0572007002"


def test_hlta_before_rats_halts_until_the_field_was_off() -> None:
    chip = selected(Echo(UID))
    assert send(chip, "5000") is None
    assert not chip.select()
    assert send(selected(chip), "E080") == "0572007002"


def test_wupa_wakes_a_halted_card_and_none_in_the_protocol() -> None:
    chip = activated()
    assert not chip.wake()
    assert send(chip, "C2") == "C2"
    assert chip.wake()
    assert send(chip, "E080") == "0572007002"


def test_without_power_or_selection_there_is_silence() -> None:
    chip = Echo(UID)
    assert not chip.select()
    assert send(chip, "E080") is None
    chip.power(True)
    assert send(chip, "E080") is None


def test_a_card_in_the_protocol_answers_neither_reqa_nor_a_second_rats() -> None:
    chip = activated()
    assert not chip.select()
    assert send(chip, "E080") is None
    assert send(chip, "02AABB") == "02BBAA"


def test_block_numbers_follow_rule_d_whatever_the_reader_sends() -> None:
    chip = activated()
    assert send(chip, "02AABB") == "02BBAA"
    assert send(chip, "03CC") == "03CC"
    # The reader repeats an I-block where R(NAK) was due: executed again, under the next number.
    assert send(chip, "03CC") == "02CC"
    assert chip.executed == [b"\xaa\xbb", b"\xcc", b"\xcc"]


def test_r_nak_and_r_ack_with_the_cards_number_bring_the_last_block_again() -> None:
    chip = activated()
    assert send(chip, "02AABB") == "02BBAA"
    assert send(chip, "B2") == "02BBAA"
    assert send(chip, "A2") == "02BBAA"
    assert chip.executed == [b"\xaa\xbb"]


def test_r_nak_with_the_other_number_is_acknowledged_by_rule_12() -> None:
    chip = activated()
    assert send(chip, "B2") == "A3"  # the check that a card is still there
    assert send(chip, "02AA") == "02AA"
    assert send(chip, "B3") == "A2"
    assert send(chip, "B2") == "02AA"


def test_r_ack_out_of_place_is_met_with_silence() -> None:
    chip = activated()
    assert send(chip, "02AA") == "02AA"
    assert send(chip, "A3") is None


def test_the_readers_chain_is_acknowledged_and_executed_once() -> None:
    chip = activated()
    assert send(chip, "120102") == "A2"
    assert send(chip, "B2") == "A2"
    assert send(chip, "130304") == "A3"
    assert send(chip, "0205") == "020504030201"
    assert chip.executed == [bytes(range(1, 6))]


def test_the_cards_chain_keeps_to_fsd_and_goes_on_by_r_ack() -> None:
    chip = activated("E000")  # FSD 16: 13 bytes of data in a block
    data = bytes(range(27))
    back = data[::-1].hex().upper()
    assert send(chip, "02" + data.hex()) == "12" + back[:26]
    assert send(chip, "A3") == "13" + back[26:52]
    assert send(chip, "B3") == "13" + back[26:52]
    assert send(chip, "A3") == "13" + back[26:52]
    assert send(chip, "A2") == "02" + back[52:]
    assert send(chip, "03FF") == "03FF"


def test_an_i_block_in_the_middle_of_the_cards_chain_is_met_with_silence() -> None:
    chip = activated("E000")
    assert send(chip, "02" + "11" * 20) == "12" + "11" * 13
    assert send(chip, "03FF") is None
    assert send(chip, "A3") == "03" + "11" * 7


def test_a_frame_longer_than_fsc_is_met_with_silence() -> None:
    chip = activated()
    assert send(chip, "02" + "00" * 30) is None  # 31 bytes and CRC are 33
    assert send(chip, "02" + "00" * 29) == "02" + "00" * 29
    assert send(chip, "") is None


@pytest.mark.parametrize(
    ("fsdi", "longest"), [(0, 16), (1, 24), (2, 32), (3, 40), (4, 48), (5, 64), (6, 96), (7, 128), (8, 256), (12, 256)]
)
def test_fsdi_limits_the_cards_frames(fsdi: int, longest: int) -> None:
    chip = selected(Echo(UID, "0278"))  # FSC 256
    send(chip, f"E0{fsdi:X}0")
    for number in (0, 1):
        assert send(chip, f"{0x12 | number:02X}" + "00" * 250) == f"A{2 | number}"
    answer = chip.exchange(b"\x02" + bytes(10))
    assert isinstance(answer, bytes)
    assert len(answer) + 2 == longest
    assert answer[0] == 0x12


def test_blocks_for_another_cid_are_not_ours() -> None:
    chip = activated("E085")
    assert send(chip, "02AA") is None
    assert send(chip, "0A04AA") is None
    assert send(chip, "0A05AA") == "0A05AA"
    assert send(chip, "BA04") is None
    assert send(chip, "BA05") == "0A05AA"
    assert send(chip, "C2") is None
    assert send(chip, "CA05") == "CA05"


def test_with_cid_0_blocks_with_and_without_cid_are_answered_alike() -> None:
    chip = activated()
    assert send(chip, "0A00AA") == "0A00AA"
    assert send(chip, "03BB") == "03BB"


def test_a_card_that_announces_no_cid_ignores_blocks_with_one() -> None:
    chip = activated(ats="0572007000")
    assert send(chip, "0A00AA") is None
    assert send(chip, "02AA") == "02AA"


@pytest.mark.parametrize("frame", ["0600AA", "06AA", "F201", "F2", "22AA", "C201", "A2AA", "FF", "40"])
def test_what_no_rule_allows_is_met_with_silence(frame: str) -> None:
    assert send(activated(), frame) is None


@pytest.mark.parametrize(
    ("ats", "pps", "answer"),
    [
        ("0572007002", "D01100", "D0"),
        ("0572007002", "D001", "D0"),
        ("0572007002", "D01101", None),  # 212 kbit/s is not offered
        ("0572777002", "D01105", "D0"),
        ("0572777002", "D0110A", "D0"),
        ("0572F77002", "D01101", None),  # TA bit 8: the same rate both ways alone
        ("0572777002", "D11100", None),
        ("0572777002", "D011", None),
        ("0572777002", "D0110000", None),
    ],
)
def test_pps_is_answered_where_the_ats_offers_it(ats: str, pps: str, answer: str | None) -> None:
    chip = activated(ats=ats)
    assert send(chip, pps) == answer
    assert send(chip, "02AA") == "02AA"


def test_pps_after_the_first_block_is_met_with_silence() -> None:
    chip = activated()
    assert send(chip, "02AA") == "02AA"
    assert send(chip, "D01100") is None


def test_deselect_halts_and_ends_the_session() -> None:
    chip = activated()
    sessions = chip.sessions
    assert send(chip, "C2") == "C2"
    assert chip.sessions == sessions + 1
    assert send(chip, "02AA") is None
    assert not chip.select()
    assert send(selected(chip), "E080") == "0572007002"
    assert send(chip, "02AA") == "02AA"


def test_waiting_time_extensions_on_order_come_before_the_answer() -> None:
    chip = activated()
    chip.extensions, chip.extension_multiplier = 2, 5
    assert send(chip, "02AABB") == "F205"
    assert send(chip, "B2") == "F205"
    assert send(chip, "F204") is None
    assert send(chip, "F205") == "F205"
    assert send(chip, "F205") == "02BBAA"
    assert chip.executed == [b"\xaa\xbb"]
    assert send(chip, "03CC") == "03CC"


def test_an_empty_block_is_answered_by_an_empty_block_and_executes_nothing() -> None:
    chip = activated()
    assert send(chip, "02") == "02"
    assert chip.executed == []


def test_a_reader_with_its_own_block_protocol_hands_apdus_over_whole() -> None:
    chip = Echo(UID)
    assert chip.apdu(b"\x01\x02") is None
    chip.power(True)
    assert chip.apdu(b"\x01\x02") is None
    assert chip.select()
    assert chip.apdu(b"\x01\x02") == b"\x02\x01"
    chip.power(False)
    assert chip.apdu(b"\x01\x02") is None
