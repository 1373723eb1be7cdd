"""The A0 driver against a module that says what the protocol text prints, over a pseudo-terminal."""

import contextlib
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag import logs
from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.a0 import A0Module
from dpptag.devices.uhf.framing import Framing
from dpptag.devices.uhf.module import ModuleVersion, Target
from dpptag.devices.uhf.port import UhfPort
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Wait
from dpptag.errors import (
    DeviceLost,
    DeviceProtocolError,
    DpptagError,
    TagLost,
    TagNak,
    TagRefused,
    TagSwapped,
    UsageError,
)
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction
from tests.unit.devices.uhf.scripted_module import ScriptedModule, Turn

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
PC_EPC_CRC = bytes.fromhex("3400") + EPC + bytes.fromhex("3A76")  # printed, M100 protocol
OTHER = bytes.fromhex("0800 1234")
OTHER_CRC = bytes.fromhex("ED3A")
PASSWORD = bytes.fromhex("A1B2C3D4")
DONE = 0x10

_WAIT = Wait(ms=250, reason="a scripted module answers at once or never")
_PROFILE = load_uhf_profile("uhf-a0-r2000")
_WAITS = dict.fromkeys(("answer", "access", "access_word", "inventory"), _WAIT)
PROFILE = _PROFILE.model_copy(update={"waits": _PROFILE.waits.model_copy(update=_WAITS)})


def frame(command: int, data: bytes | str = b"", *, address: int = 1) -> bytes:
    """An answer of the module with address 1. LEN counts what follows it; the frame sums to 0."""
    octets = data if isinstance(data, bytes) else bytes.fromhex(data)
    head = bytes([0xA0, len(octets) + 3, address, command]) + octets
    return head + bytes([-sum(head) & 0xFF])


def asked(command: int, data: bytes | str = b"") -> bytes:
    return frame(command, data, address=0xFF)


def tagged(last: int, data: bytes = b"", *, body: bytes = PC_EPC_CRC, count: int = 1) -> bytes:
    return count.to_bytes(2, "big") + bytes([len(body + data)]) + body + data + bytes([last, 0x00, 1])


def chosen(epc: bytes = EPC) -> Turn:
    return asked(0x85, b"\0" + bytes([len(epc)]) + epc), frame(0x85, "10")


@contextlib.contextmanager
def module(*turns: Turn, profile: UhfProfile = PROFILE) -> Iterator[A0Module]:
    with ScriptedModule(turns) as peer:
        driver = A0Module(UhfPort(peer.path, Framing(profile.framing), baud=115200), profile)
        try:
            yield driver
        finally:
            driver.close()


def test_frames_here_are_as_printed() -> None:
    assert frame(0x68, address=1) == bytes.fromhex("A003 01 68 F4")


IDENTIFIED: tuple[Turn, Turn] = (
    (asked(0x72), frame(0x72, "01 09")),
    (asked(0x74, "00"), frame(0x74, "10")),
)


def test_the_version_identifies_the_board_and_antenna_1_is_chosen() -> None:
    with module(*IDENTIFIED) as driver:
        assert driver.identify() == ModuleVersion(model=PROFILE.title, firmware="1.9")


def test_a_board_that_knows_no_antennas_is_driven_all_the_same() -> None:
    with module(IDENTIFIED[0], (asked(0x74, "00"), frame(0x74, "11"))) as driver:
        assert driver.identify().firmware == "1.9"


def test_another_kind_of_version_is_another_protocol() -> None:
    with module((asked(0x72), frame(0x72, "4D 31 30 30"))) as driver, pytest.raises(DeviceProtocolError):
        driver.identify()


def test_a_silent_board_is_lost() -> None:
    with module((asked(0x72), b"")) as driver, pytest.raises(DeviceLost):
        driver.identify()


def test_the_state_names_region_power_and_temperature() -> None:
    told = (asked(0x79), frame(0x79, "04 3C 04 0D35A4")), (asked(0x7B), frame(0x7B, "01 2A"))
    with module((asked(0x77), frame(0x77, "1E")), told[1], told[0]) as driver:
        state = driver.state()
    assert (state.region, state.read_power_cdbm, state.write_power_cdbm, state.temperature_c) == ("EU", 3000, 3000, 42)


def test_a_power_that_differs_by_antenna_is_none() -> None:
    told = (asked(0x79), frame(0x79, "02 00 06")), (asked(0x7B), frame(0x7B, "11"))
    with module((asked(0x77), frame(0x77, "1E 1E 14 1E")), told[1], told[0]) as driver:
        state = driver.state()
    assert (state.region, state.read_power_cdbm, state.temperature_c) == (None, None, None)


def test_power_is_set_until_power_off_and_never_in_flash() -> None:
    with module((asked(0x66, "14"), frame(0x66, "10"))) as driver:
        driver.set_power(2000)


def test_a_region_goes_to_flash_only_where_it_differs() -> None:
    eu = "04 3C 04 0D35A4"
    turns = [
        (asked(0x79), frame(0x79, "02 00 06")),
        (asked(0x78, eu), frame(0x78, "10")),
        (asked(0x79), frame(0x79, eu)),
    ]
    with module(*turns) as driver:
        driver.set_region("EU")
        driver.set_region("EU")


def test_a_region_that_the_board_refuses_is_no_tag_s_fault() -> None:
    turns = [(asked(0x79), frame(0x79, "02 00 06")), (asked(0x78, "01 08 3A"), frame(0x78, "49"))]
    with module(*turns) as driver, pytest.raises(UsageError):
        driver.set_region("US")
    with module((asked(0x66, "14"), frame(0x66, "11"))) as driver, pytest.raises(DeviceProtocolError):
        driver.set_power(2000)


def test_a_round_tells_every_reply_with_antenna_and_rssi() -> None:
    seen = frame(0x89, bytes([6 << 2 | 1]) + PC_EPC_CRC[:-2] + bytes([70]))
    again = frame(0x89, b"\0" + OTHER + bytes([60]))
    end = frame(0x89, "00 0040 00000002")
    with module((asked(0x89, "01"), seen + again + end)) as driver:
        first, second = driver.inventory()
    assert (first.epc, first.pc, first.rssi_dbm, first.antenna) == (EPC, 0x3400, -59, 2)
    assert first.frequency_khz is None, "nobody asked which region the channel numbers belong to"
    assert (second.epc, second.antenna) == (OTHER[2:], 1)


def test_frequencies_are_told_once_the_region_is_known() -> None:
    seen = frame(0x89, bytes([3 << 2]) + PC_EPC_CRC[:-2] + bytes([70])) + frame(0x89, "00 0040 00000001")
    with module((asked(0x79), frame(0x79, "04 3C 04 0D35A4")), (asked(0x89, "01"), seen)) as driver:
        driver.set_region("EU")
        assert driver.inventory()[0].frequency_khz == 867_500


def test_a_session_of_the_profile_is_asked_for() -> None:
    profile = PROFILE.model_copy(update={"inventory": PROFILE.inventory.model_copy(update={"session": 2})})
    seen = frame(0x8B, b"\0" + OTHER + b"\x3c") + frame(0x8B, "00 0040 00000001")
    with module((asked(0x8B, "02 00 01"), seen), profile=profile) as driver:
        assert len(driver.inventory()) == 1


@pytest.mark.parametrize("answer", [frame(0x89, "00 0000 00000000"), frame(0x89, "36")])
def test_an_empty_round_is_empty(answer: bytes) -> None:
    with module((asked(0x89, "01"), answer)) as driver:
        assert driver.inventory() == []


def test_a_missing_antenna_is_no_empty_field() -> None:
    with module((asked(0x89, "01"), frame(0x89, "22"))) as driver, pytest.raises(DeviceProtocolError) as refused:
        driver.inventory()
    assert refused.value.code == "module-hardware"


def test_a_round_with_a_damaged_frame_is_held_again() -> None:
    seen = frame(0x89, b"\0" + OTHER + b"\x3c")
    end = frame(0x89, "00 0040 00000001")
    damaged = seen[:-1] + bytes([seen[-1] ^ 1])
    with module((asked(0x89, "01"), damaged + end), (asked(0x89, "01"), seen + end)) as driver:
        assert len(driver.inventory()) == 1


def test_a_read_gives_the_words_of_the_chosen_tag() -> None:
    tid = bytes.fromhex("E28011902000 747F1B5F0D31")
    turn = asked(0x81, "02 00 06 00000000"), frame(0x81, tagged(12, tid))
    with module(chosen(), turn) as driver:
        driver.choose(Target(EPC))
        assert driver.read(Bank.TID, 0, 6, NO_PASSWORD) == tid


def test_an_answer_of_another_tag_is_never_believed() -> None:
    body = OTHER + OTHER_CRC
    read = asked(0x81, "03 00 01 00000000"), frame(0x81, tagged(2, b"\1\2", body=body))
    write = asked(0x82, "00000000 03 00 01 0102"), frame(0x82, tagged(DONE, body=body))
    with module(chosen(), read, write) as driver:
        driver.choose(Target(EPC))
        with pytest.raises(TagSwapped) as swapped:
            driver.read(Bank.USER, 0, 1, NO_PASSWORD)
        assert swapped.value.facts == {"wanted": EPC.hex(), "got": "1234"}
        assert "changed" not in str(swapped.value.action)
        with pytest.raises(TagSwapped) as swapped:
            driver.write(Bank.USER, 0, b"\1\2", NO_PASSWORD)
        assert "changed" in str(swapped.value.action)


def test_without_a_choice_any_tag_may_answer() -> None:
    read = asked(0x81, "03 00 01 00000000"), frame(0x81, tagged(2, b"\1\2"))
    with module((asked(0x85, "01 00"), frame(0x85, "10")), read) as driver:
        driver.choose(None)
        assert driver.read(Bank.USER, 0, 1, NO_PASSWORD) == b"\1\2"


def test_two_tags_with_one_epc_are_refused_and_their_answers_dropped() -> None:
    both = frame(0x81, tagged(2, b"\1\2", count=2)) + frame(0x81, tagged(2, b"\3\4", count=2))
    one = frame(0x81, tagged(2, b"\5\6"))
    read = asked(0x81, "03 00 01 00000000")
    with module(chosen(), (read, both), (read, one)) as driver:
        driver.choose(Target(EPC))
        with pytest.raises(TagRefused) as refused:
            driver.read(Bank.USER, 0, 1, NO_PASSWORD)
        assert (refused.value.code, refused.value.facts["count"]) == ("several-tags", 2)
        assert driver.read(Bank.USER, 0, 1, NO_PASSWORD) == b"\5\6"


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        pytest.param("33", TagNak, "write-failed", id="short form"),
        pytest.param(tagged(0x33).hex(), TagNak, "write-failed", id="tag form"),
        pytest.param("40", TagNak, "password", id="access password"),
        pytest.param("36", TagLost, None, id="no tag"),
        pytest.param(tagged(0x37).hex(), TagLost, None, id="heard, not reached"),
        pytest.param("42", DeviceProtocolError, None, id="too many words"),
        pytest.param("10", DeviceProtocolError, None, id="done, but by no tag"),
        pytest.param(tagged(2, b"\1\2").hex(), DeviceProtocolError, None, id="data for a write"),
        pytest.param("", DeviceProtocolError, None, id="nothing"),
    ],
)
def test_a_write_fails_with_its_reason(answer: str, error: type[DpptagError], reason: str | None) -> None:
    with module(chosen(), (asked(0x82, "A1B2C3D4 03 02 01 0102"), frame(0x82, answer))) as driver:
        driver.choose(Target(EPC))
        with pytest.raises(error) as failed:
            driver.write(Bank.USER, 2, b"\1\2", PASSWORD)
    assert failed.value.facts.get("error") == reason


@pytest.mark.parametrize("answer", [tagged(4, bytes(4)), tagged(DONE), b"\x10"])
def test_a_read_believes_nothing_but_the_words_asked_for(answer: bytes) -> None:
    read = asked(0x81, "03 00 01 00000000"), frame(0x81, answer)
    with module(chosen(), read) as driver:
        driver.choose(Target(EPC))
        with pytest.raises(DeviceProtocolError):
            driver.read(Bank.USER, 0, 1, NO_PASSWORD)


def test_writes_locks_and_kill_have_the_printed_layout() -> None:
    done = tagged(DONE)
    turns = [
        chosen(),
        (asked(0x82, b"\0\0\0\0\1\1\7\x30\0" + EPC), frame(0x82, done)),
        (asked(0x94, "00000000 03 02 02 01020304"), frame(0x94, done)),
        (asked(0x83, "A1B2C3D4 01 01"), frame(0x83, done)),
        (asked(0x83, "A1B2C3D4 05 03"), frame(0x83, done)),
        (asked(0x84, "A1B2C3D4"), frame(0x84, done)),
    ]
    with module(*turns) as driver:
        driver.choose(Target(EPC))
        driver.write(Bank.EPC, 1, b"\x30\0" + EPC, NO_PASSWORD)
        driver.write(Bank.USER, 2, b"\1\2\3\4", NO_PASSWORD, block=True)
        assert driver.lock({Area.USER: LockAction.LOCKED, Area.KILL: LockAction.LOCKED_FOREVER}, PASSWORD) == 2
        driver.kill(PASSWORD)


def test_a_lost_answer_is_never_taken_for_the_next() -> None:
    read = asked(0x81, "03 00 01 00000000")
    late = frame(0x81, tagged(2, b"\xde\xad"))
    turns = [
        *IDENTIFIED,
        chosen(),
        (read, b""),
        (asked(0x72), late + frame(0x72, "01 09")),
        (read, frame(0x81, tagged(2, b"\1\2"))),
    ]
    with module(*turns) as driver:
        driver.identify()
        driver.choose(Target(EPC))
        with pytest.raises(TagLost) as lost:
            driver.read(Bank.USER, 0, 1, NO_PASSWORD)
        assert lost.value.facts["answered"] is False
        assert driver.read(Bank.USER, 0, 1, NO_PASSWORD) == b"\1\2"


def test_no_word_behind_the_pointer_is_asked_for() -> None:
    with module() as driver, pytest.raises(TagRefused) as refused:
        driver.read(Bank.USER, 250, 8, NO_PASSWORD)
    assert refused.value.code == "beyond-word-pointer"


def test_passwords_are_not_in_the_traffic_log(caplog: pytest.LogCaptureFixture) -> None:
    done = tagged(DONE)
    turns = [
        (asked(0x82, "A1B2C3D4 00 02 02 A1B2C3D4"), frame(0x82, done)),
        (asked(0x81, "00 02 02 A1B2C3D4"), frame(0x81, tagged(4, PASSWORD))),
        (asked(0x83, "A1B2C3D4 04 03"), frame(0x83, done)),
        (asked(0x84, "A1B2C3D4"), frame(0x84, done)),
    ]
    with caplog.at_level(logs.TRAFFIC, logger="dpptag"), module(*turns) as driver:
        driver.write(Bank.RESERVED, 2, PASSWORD, PASSWORD, secret=True)
        assert driver.read(Bank.RESERVED, 2, 2, PASSWORD, secret=True) == PASSWORD
        driver.lock({Area.ACCESS: LockAction.LOCKED_FOREVER}, PASSWORD)
        driver.kill(PASSWORD)
    assert len(caplog.records) >= 8
    assert PASSWORD.hex() not in caplog.text.lower()
    assert logging.getLogger("dpptag").getEffectiveLevel() > logs.TRAFFIC


@settings(max_examples=60, deadline=None)
@given(
    answer=st.one_of(
        st.binary(max_size=40),
        st.builds(
            lambda data, last, count: tagged(last, data, count=count),
            st.binary(max_size=4),
            st.integers(0, 255),
            st.integers(0, 1),
        ),
    )
)
def test_whatever_a_whole_frame_says_a_read_gives_two_words_or_an_error(answer: bytes) -> None:
    with module((asked(0x81, "03 00 02 00000000"), frame(0x81, answer))) as driver:
        try:
            words = driver.read(Bank.USER, 0, 2, NO_PASSWORD)
        except (DeviceProtocolError, TagLost, TagNak, UsageError):
            return
    assert len(words) == 4
    assert words in answer


def test_the_profile_says_how_long_an_epc_may_be_and_how_long_a_choice_settles() -> None:
    settle = Wait(ms=20, reason="a test")
    selection = PROFILE.selection.model_copy(update={"mask_bits": 96, "settle": settle})
    waited: list[float] = []
    with ScriptedModule([chosen()]) as peer:
        port = UhfPort(peer.path, Framing(PROFILE.framing), baud=115200, wait=waited.append)
        driver = A0Module(port, PROFILE.model_copy(update={"selection": selection}))
        try:
            driver.choose(Target(EPC))
            assert waited == [0.02]
            with pytest.raises(TagRefused) as refused:
                driver.choose(Target(EPC + b"\1\2"))
        finally:
            driver.close()
    assert (refused.value.code, refused.value.facts["most"]) == ("epc-too-long", 6)
