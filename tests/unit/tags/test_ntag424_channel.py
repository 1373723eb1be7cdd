"""EV2 secure messaging against the printed examples of AN12196 (rev 2.0 table numbers), and its refusals."""

from __future__ import annotations

import pytest

from dpptag.errors import TagLost, TagNak, TagRefused
from dpptag.sim.ntag424 import Ntag424
from dpptag.tags.ntag424_channel import Ev2Channel, Ev2Session, Mode, authenticate, padded, session_keys, unpadded
from dpptag.tags.ntag424_protect import change_key_data
from dpptag.tags.ntag424_settings import parse_settings, sdm_block
from dpptag.tags.type4_apdu import select_application
from tests.unit.tags.apdu_link import ApduChipLink

ZERO = bytes(16)
UID = bytes.fromhex("04112233445566")
ENC, MAC = "1309C877509E5A215007FF0ED19CA564", "4C6626F5E72EA694202139295C7A7FC7"
TI = bytes.fromhex("9D00C4DF")
SETTINGS = bytes.fromhex("4000E0C1F121200000430000430000")

# key 0 and key 3 by AuthenticateEV2First (tables 14, 19), key 0 by NonFirst (table 23): RndA, RndB, ENC, MAC
SESSIONS = [
    ("13C5DB8A5930439FC3DEF9A4C675360F", "B9E2FC789B64BF237CCCAA20EC7E6E48", ENC, MAC),
    (
        "B98F4C50CF1C2E084FD150E33992B048",
        "91517975190DCEA6104948EFA3085C1B",
        "7A93D6571E4B180FCA6AC90C9A7488D4",
        "FC4AF159B62E549B5812394CAB1918CC",
    ),
    (
        "60BE759EDA560250AC57CDDC11743CF6",
        "6924E8D09722659A2E7DEC68E66312B8",
        "4CF3CB41A22583A61E89B158D252FC53",
        "5529860B2FC5FB6154B7F28361D30BF9",
    ),
]

# Commands and answers of the two printed authentications
TABLE_14 = [
    ("9071000002000000", "A04C124213C186F22399D33AC2A3021591AF"),
    (
        "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00",
        "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100",
    ),
]
TABLE_18 = ("905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400", "57BFF87B1241E93D9100")
TABLE_19 = [
    ("9071000002030000", "B875CEB0E66A6C5CD00898DC371F92D191AF"),
    (
        "90AF000020FF0306E47DFBC50087C4D8A78E88E62DE1E8BE457AA477C707E2F0874916A8B100",
        "0CC9A8094A8EEA683ECAAC5C7BF20584206D0608D477110FC6B3D5D3F65C3A6A9100",
    ),
]


class Script(ApduChipLink):
    """Answers exactly the printed commands, in order."""

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        super().__init__(Ntag424(UID))
        self.exchanges = list(exchanges)

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        wanted, answer = self.exchanges.pop(0)
        assert apdu.hex().upper() == wanted
        return bytes.fromhex(answer)


def session(counter: int) -> Ev2Session:
    return Ev2Session(TI, bytes.fromhex(ENC), bytes.fromhex(MAC), counter)


def selected() -> ApduChipLink:
    link = ApduChipLink(Ntag424(UID))
    select_application(link)
    return link


@pytest.mark.parametrize(("rnd_a", "rnd_b", "enc", "mac"), SESSIONS)
def test_session_keys_are_those_of_an12196(rnd_a: str, rnd_b: str, enc: str, mac: str) -> None:
    keys = session_keys(ZERO, bytes.fromhex(rnd_a), bytes.fromhex(rnd_b))
    assert [key.hex().upper() for key in keys] == [enc, mac]


def test_table_14_and_18_an_authentication_and_the_change_of_file_settings_in_it_byte_for_byte() -> None:
    link = Script(*TABLE_14, ("9051000000", "9100"), TABLE_18)
    channel = authenticate(link, 0, ZERO, lambda _count: bytes.fromhex(SESSIONS[0][0]))
    channel.send("a plain command, which is counted too", 0x51, b"", mode=Mode.PLAIN)
    assert channel.send("the settings", 0x5F, b"\x02", SETTINGS) == b""
    assert not link.exchanges


def test_table_19_an_authentication_with_key_3_byte_for_byte() -> None:
    link = Script(*TABLE_19)
    authenticate(link, 3, ZERO, lambda _count: bytes.fromhex(SESSIONS[1][0]))
    assert not link.exchanges


def test_a_command_with_a_mac_is_that_of_an12196_and_so_is_its_answer() -> None:
    """GetFileSettings of file 2 (rev 1.8 section 5.3)."""
    ev2 = Ev2Session(bytes.fromhex("7A21085E"), ZERO, bytes.fromhex("8248134A386E86EB7FAF54A52E536CB6"))
    assert ev2.command(0xF5, b"\x02", b"", Mode.MAC).hex().upper() == "026597A457C8CD442C"
    answer = "0040EEEE000100D1FE001F00004400004400002000006A00002A474282E7A47986"
    plain = ev2.answer(bytes.fromhex(answer), Mode.MAC)
    assert plain.hex().upper() == answer[:-16]
    assert parse_settings(plain).size == 256


@pytest.mark.parametrize("bit", range(0, 64, 7))
def test_an_answer_with_a_flipped_bit_is_no_answer(bit: int) -> None:
    ev2 = session(2)
    answer = bytearray.fromhex(TABLE_18[1][:-4])
    answer[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="MAC"):
        ev2.answer(bytes(answer), Mode.FULL)


def test_the_key_data_of_another_key_has_both_keys_mixed_and_the_printed_crc() -> None:
    """AN12196: F3847D62.. for key 2, zero before; version 01."""
    new = bytes.fromhex("F3847D627727ED3BC9C4CC050489B966")
    assert change_key_data(new, 1, ZERO) == new + b"\x01" + bytes.fromhex("789DFADC")
    old = bytes(range(16))
    assert change_key_data(new, 1, old)[:16] == bytes(a ^ b for a, b in zip(new, old, strict=True))


def test_tables_24_to_26_the_cc_written_plain_and_two_keys_changed_in_one_session_byte_for_byte() -> None:
    """The session of table 23, its command counter at 1. The change of its own key is answered without a MAC."""
    tables = [
        ("908D000019010E0000120000FF0506E1050080828300000000000000000000", "9100"),
        (
            "90C4000029022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E600",
            "203BB55D1089D5879100",
        ),
        (
            "90C400002900C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED643200",
            "9100",
        ),
    ]
    link = Script(*tables)
    _, _, enc, mac = SESSIONS[2]
    ev2 = Ev2Session(bytes.fromhex("7614281A"), bytes.fromhex(enc), bytes.fromhex(mac), 1)
    channel = Ev2Channel(link, ev2)
    cc = bytes.fromhex("FF0506E10500808283000000000000000000")
    channel.send("the CC", 0x8D, bytes.fromhex("010E0000120000"), cc, mode=Mode.PLAIN)
    key2 = change_key_data(bytes.fromhex("F3847D627727ED3BC9C4CC050489B966"), 1, ZERO)
    channel.send("key 2", 0xC4, b"\x02", key2)
    key0 = change_key_data(bytes.fromhex("5004BF991F408672B1EF00F08F9E8647"), 1, None)
    channel.send("key 0", 0xC4, b"\x00", key0, ends=True)
    assert not link.exchanges


def test_the_key_data_of_the_sessions_own_key_is_key_and_version() -> None:
    assert change_key_data(bytes(range(16)), 1, None) == bytes(range(16)) + b"\x01"


@pytest.mark.parametrize("length", [0, 1, 14, 15, 16, 17, 31, 32])
def test_padding_goes_back(length: int) -> None:
    data = bytes(range(1, length + 1))
    whole = padded(data)
    assert len(whole) % 16 == 0
    assert len(whole) > length
    assert unpadded(whole) == data


@pytest.mark.parametrize("data", [bytes(16), b"\x80" + bytes(16), b"\1" * 16])
def test_what_is_no_padding_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="padding"):
        unpadded(data)


def test_the_sdm_block_is_that_of_the_printed_example_but_for_its_rights() -> None:
    block = sdm_block(meta_key=2, file_key=1, picc_at=0x20, mac_at=0x43)
    assert block == SETTINGS[3:4] + bytes.fromhex("FF21") + SETTINGS[6:]


def test_a_wrong_key_is_tried_once_and_counted_once() -> None:
    link = selected()
    with pytest.raises(TagRefused) as caught:
        authenticate(link, 0, b"\1" * 16)
    assert (caught.value.code, caught.value.facts["sw"], caught.value.facts["key"]) == ("tag-wrong-key", "91ae", 0)
    assert link.count(0x71) == 1
    assert isinstance(link.chip, Ntag424)
    assert link.chip.keys[0].failed == 1


def test_a_chip_in_its_delay_and_a_closed_key_have_codes_of_their_own() -> None:
    for sw, code in (("91AD", "tag-key-delay"), ("919D", "tag-key-closed")):
        with pytest.raises(TagRefused) as caught:
            authenticate(Script(("9071000002000000", sw)), 0, ZERO)
        assert caught.value.code == code
    with pytest.raises(TagNak) as nak:
        authenticate(Script(("9071000002000000", "9140")), 0, ZERO)
    assert nak.value.facts["sw"] == "9140"


def test_a_chip_that_does_not_prove_its_key_is_refused() -> None:
    """The printed answer to another RndA than ours."""
    script = Script(TABLE_14[0])
    real = script.transceive

    def transceive(apdu: bytes, *, secret: bool = False) -> bytes:
        return real(apdu, secret=secret) if apdu[1] == 0x71 else bytes.fromhex(TABLE_14[1][1])

    script.transceive = transceive  # type: ignore[method-assign]
    with pytest.raises(TagRefused) as caught:
        authenticate(script, 0, ZERO, lambda _count: bytes(16))
    assert caught.value.code == "tag-chip-false"


def test_what_is_encrypted_is_kept_out_of_the_log() -> None:
    link = selected()
    channel = authenticate(link, 0, ZERO)
    channel.send("a key", 0xC4, b"\x01", change_key_data(b"\1" * 16, 1, ZERO))
    assert [apdu[1] for apdu in link.secret] == [0xAF, 0xC4]


def test_a_session_shows_no_key() -> None:
    assert ENC not in repr(session(0)).upper()
    assert MAC not in repr(session(0)).upper()


def test_a_damaged_answer_leaves_open_what_the_chip_did() -> None:
    link = Script(("90F5000009026597A457C8CD442C00", "0000000000000000009100"))
    ev2 = Ev2Session(bytes.fromhex("7A21085E"), ZERO, bytes.fromhex("8248134A386E86EB7FAF54A52E536CB6"))
    with pytest.raises(TagLost):
        Ev2Channel(link, ev2).send("the settings", 0xF5, b"\x02", mode=Mode.MAC)


def test_settings_of_every_mirror_tell_their_places() -> None:
    """Plain mirrors, encrypted file data and a counter limit (table 69); the printed example of a GetFileSettings."""
    plain = "0040E0EE000100" + "E1" + "FEEF" + "100000" + "200000" + "ffff00"
    assert parse_settings(bytes.fromhex(plain)).mirrors == (range(16, 30), range(32, 38))
    enc = "0040E0EE000100" + "D1" + "FF12" + "240000" + "480000" + "480000" + "200000" + "6C0000"
    assert parse_settings(bytes.fromhex(enc)).mirrors == (range(36, 68), range(72, 104), range(108, 124))
    printed = parse_settings(bytes.fromhex("0040EEEE000100D1FE001F00004400004400002000006A0000"))
    assert printed.mirrors == (range(0x1F, 0x3F), range(0x44, 0x64), range(0x6A, 0x7A))


@pytest.mark.parametrize(
    "block", ["", "0140EEEE000100", "0040EEEE000100", "0000EEEE000100C1FF12", "0040EEEE000100C1FF12"]
)
def test_settings_that_do_not_fit_their_options_are_refused(block: str) -> None:
    with pytest.raises(ValueError, match="settings"):
        parse_settings(bytes.fromhex(block))
