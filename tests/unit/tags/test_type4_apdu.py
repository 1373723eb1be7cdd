"""APDUs: what a refusal, a short answer and an endless one become."""

from __future__ import annotations

import pytest

from dpptag.errors import TagLost, TagNak
from dpptag.sim.ntag424 import Ntag424
from dpptag.tags.type4_apdu import exchange, native, read_file, select_application, select_file, update_binary
from tests.unit.tags.apdu_link import ApduChipLink
from tests.unit.tags.type4_rig import UID, ntag424_link


class Answers(ApduChipLink):
    """Gives these answers, the last one for ever."""

    def __init__(self, *answers: str) -> None:
        super().__init__(Ntag424(UID))
        self.answers = [bytes.fromhex(answer) for answer in answers]

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        self.sent.append(apdu)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize("answer", ["", "90"])
def test_an_answer_without_a_status_word_is_none(answer: str) -> None:
    with pytest.raises(TagLost):
        exchange(Answers(answer), b"\x00\xb0\x00\x00\x02")


@pytest.mark.parametrize(("answer", "name"), [("6A82", "not found"), ("6982", "security"), ("6F00", "not known")])
def test_a_refusal_carries_its_status_and_its_name(answer: str, name: str) -> None:
    with pytest.raises(TagNak, match=name) as caught:
        select_file(Answers(answer), 0xE104)
    assert caught.value.facts["sw"] == answer.lower()


def test_a_short_answer_to_a_read_is_a_damaged_one() -> None:
    with pytest.raises(TagLost, match="1 bytes instead of 2"):
        read_file(Answers("009000"), 0, 2, 255)


def test_parts_are_put_together_and_an_endless_answer_is_given_up() -> None:
    link = Answers("0191AF", "0291AF", "039100")
    assert native(link, 0x60) == (b"\1\2\3", 0x9100)
    assert [apdu[1] for apdu in link.sent] == [0x60, 0xAF, 0xAF]
    endless = Answers("0191AF")
    with pytest.raises(TagLost, match="does not end"):
        native(endless, 0x60)
    assert len(endless.sent) < 12


def test_reads_and_writes_go_in_commands_of_the_size_asked_for() -> None:
    link = ntag424_link()
    select_application(link)
    select_file(link, 0xE104)
    update_binary(link, 5, b"\1\2\3\4\5")
    link.sent.clear()
    assert read_file(link, 4, 7, 3) == b"\0\1\2\3\4\5\0"
    assert [apdu.hex() for apdu in link.sent] == ["00b0000403", "00b0000703", "00b0000a01"]
