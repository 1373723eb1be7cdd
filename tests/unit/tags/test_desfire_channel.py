"""Secure messaging of DESFire EV1, the reader's side, against exchanges that a real card had.

From "DESFire EV1 Communication Examples" (sotechcllc/RFDoorLock, b57097c). The link answers as that card did, and takes
no other byte than that reader's.
"""

from __future__ import annotations

import pytest

from dpptag.errors import TagLost, TagNak, TagRefused
from dpptag.links import Technology
from dpptag.tags.desfire_channel import Ev1Channel, Ev1Session, authenticate_aes, authenticate_delivered, crc32

AES_KEY = bytes.fromhex("00102030405060708090A0B0B0A09080")
RND_A = bytes.fromhex("F44B26F5686F3A391CD38EBD10772281")
FIRST = ("AA 00", "AF B969FDFE56FD91FC9DE6F6F213B8FD1E")
TOKEN = "AF 36AAD7DF6E436BA08D18613830A70D5AD43E3D3F4A8D47541EEE623A934E4774"


class Recorded:
    """An APDU link that replays native exchanges: command code first, status first."""

    technology = Technology.TYPE4
    uid = bytes.fromhex("04063F72633480")
    historical_bytes = b"\x80"

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        self.exchanges = list(exchanges)
        self.secret: list[bool] = []

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        command, answer = (bytes.fromhex(text) for text in self.exchanges.pop(0))
        assert apdu == bytes((0x90, command[0], 0, 0, len(command) - 1)) + command[1:] + b"\0"
        self.secret.append(secret)
        return answer[1:] + b"\x91" + answer[:1]

    def reselect(self) -> None:
        raise AssertionError("not here")


def test_the_delivered_des_key_opens_a_session_whose_settings_are_enciphered() -> None:
    link = Recorded(
        ("1A 00", "AF 5D994CE085F24089"),
        ("AF 21D0AD5F2FD97454A746CC80567F1B1C", "00 913C6DED84221C41"),
    )
    authenticate_delivered(link, "a proof", lambda _: bytes.fromhex("849B36C5F8BF4A09"))
    assert not link.exchanges
    session = Ev1Session(bytes.fromhex("48EC62DE3A3CFE62"))
    session._iv = bytes.fromhex("25DD8D7731B1CFD5")  # GetKeySettings came before
    assert session.encipher(b"\x0d" + crc32(b"\x54\x0d")).hex().upper() == "27882805FC3FD49D"


def test_an_aes_key_changes_itself() -> None:
    link = Recorded(
        FIRST,
        (TOKEN, "00 800DB680BC146BD121D6578F2D2E2059"),
        ("C4 00 E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10", "00"),
    )
    authenticate_aes(link, "a proof", bytes(16), lambda _: RND_A).change_own_key("a change", 0, AES_KEY, 0x10)
    assert link.secret == [False, True, True]


def test_a_mac_runs_on_through_commands_and_answers() -> None:
    session = Ev1Session(bytes.fromhex("90F7A20191036845EC63DECD544B9931"))
    assert session.mac(bytes.fromhex("6400")).hex().upper() == "257FC538618A944A"
    assert session.mac(bytes.fromhex("1000")).hex().upper() == "8A8FA36F55CD210D"
    zeros = session.encipher(bytes(17) + crc32(bytes.fromhex("C400") + bytes(17)))
    assert zeros.hex().upper() == "635375E4919F8AF2E9E86B1C1BA55B0C0807EAF484D7A7EF6E0C3084160F5A61"


def test_a_plain_write_moves_the_vector_and_its_answer_is_checked() -> None:
    session = Ev1Session(bytes.fromhex("40E7D271626FFBD49C530E3D304F5B17"))
    for sent, answer in [("CD050011005000 00", "A75316AD1596B953"), ("6F", ""), ("F505", "")]:
        session.mac(bytes.fromhex(sent))
        got = session.mac({"6F": b"\x05", "F505": bytes.fromhex("00001100500000")}.get(sent, b"") + b"\0")
        assert not answer or got.hex().upper() == answer
    data = bytes(range(0x34))
    exchange = ("3D 05000000340000" + data.hex(), "00 765C9DAA50ECB62F")
    Ev1Channel(Recorded(exchange), session).write_plain("a write", bytes.fromhex("05000000340000"), data)
    with pytest.raises(TagLost):
        Ev1Channel(Recorded(exchange), session).write_plain("a write", bytes.fromhex("05000000340000"), data)


def test_a_wrong_key_is_tried_once() -> None:
    link = Recorded(FIRST, (TOKEN, "AE"))
    with pytest.raises(TagRefused) as caught:
        authenticate_aes(link, "a proof", bytes(16), lambda _: RND_A)
    assert caught.value.code == "tag-wrong-key"
    assert not link.exchanges


@pytest.mark.parametrize(("status", "code"), [("AE", "tag-wrong-key"), ("AD", "tag-key-delay")])
def test_a_key_that_is_refused_at_once(status: str, code: str) -> None:
    with pytest.raises(TagRefused) as caught:
        authenticate_aes(Recorded(("AA 00", status)), "a proof", bytes(16))
    assert caught.value.code == code


def test_a_chip_without_this_authentication_says_so() -> None:
    with pytest.raises(TagNak) as caught:
        authenticate_delivered(Recorded(("1A 00", "1C")), "a proof")
    assert caught.value.facts["sw"] == "911c"


def test_a_chip_that_cannot_prove_the_key_is_refused() -> None:
    with pytest.raises(TagRefused) as caught:
        authenticate_aes(Recorded(FIRST, (TOKEN, "00" + "11" * 16)), "a proof", bytes(16), lambda _: RND_A)
    assert caught.value.code == "tag-chip-false"


def test_a_challenge_of_another_length_is_no_challenge() -> None:
    with pytest.raises(TagLost):
        authenticate_aes(Recorded(("AA 00", "AF 5D994CE085F24089")), "a proof", bytes(16))
