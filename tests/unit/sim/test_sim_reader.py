"""The simulated reader's port: framing faults, speed, sleep, and clients that come and go."""

import contextlib
import os
import select
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpptag.errors import UsageError
from dpptag.sim import SimulatedReader, start

ACK = bytes.fromhex("0000FF00FF00")
NACK = bytes.fromhex("0000FFFF0000")
WAKE = bytes.fromhex("5555") + bytes(14)
GET_FIRMWARE_VERSION = bytes.fromhex("0000FF02FED4022A00")
FIRMWARE = bytes.fromhex("0000FF06FAD50332010607E800")
SAM = bytes.fromhex("0000FF05FBD4140100001700")
SAM_DONE = bytes.fromhex("0000FF02FED5151600")


@contextlib.contextmanager
def opened(sim: SimulatedReader, speed: int = termios.B115200) -> Iterator[int]:
    port = os.open(sim.path, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(port)
        set_speed(port, speed)
        yield port
    finally:
        os.close(port)


def set_speed(port: int, speed: int) -> None:
    mode = termios.tcgetattr(port)
    mode[4] = mode[5] = speed
    termios.tcsetattr(port, termios.TCSANOW, mode)


def heard(port: int, length: int) -> bytes:
    """So many bytes; the limit only ends a test that has failed."""
    got = b""
    while len(got) < length and select.select([port], [], [], 10)[0]:
        got += os.read(port, length - len(got))
    return got


def test_a_command_is_acknowledged_and_answered() -> None:
    with start() as sim, opened(sim) as port:
        os.write(port, WAKE + GET_FIRMWARE_VERSION)
        assert heard(port, 19) == ACK + FIRMWARE
        assert sim.host_commands == 1


def test_a_sleeping_chip_hears_nothing_without_a_wake_up() -> None:
    with start() as sim, opened(sim) as port:
        os.write(port, GET_FIRMWARE_VERSION)
        os.write(port, WAKE + SAM)
        assert heard(port, 15) == ACK + SAM_DONE
        assert sim.host_commands == 1


@pytest.mark.parametrize("broken", ["0000FF02FFD4022A00", "0000FF02FED4022B00"], ids=["LCS", "DCS"])
def test_a_frame_with_a_wrong_checksum_is_not_answered(broken: str) -> None:
    with start() as sim, opened(sim) as port:
        os.write(port, WAKE + bytes.fromhex(broken) + WAKE + SAM)
        assert heard(port, 15) == ACK + SAM_DONE


def test_an_unknown_command_is_answered_by_the_error_frame() -> None:
    with start() as sim, opened(sim) as port:
        os.write(port, WAKE + bytes.fromhex("0000FF02FED4999300"))
        assert heard(port, 14) == ACK + bytes.fromhex("0000FF01FF7F8100")


def test_a_nack_makes_the_chip_send_its_last_answer_again() -> None:
    with start() as sim, opened(sim) as port:
        os.write(port, WAKE + GET_FIRMWARE_VERSION)
        heard(port, 19)
        os.write(port, NACK)
        assert heard(port, 13) == FIRMWARE
        assert sim.host_commands == 1


def test_bytes_at_another_speed_are_lost() -> None:
    with start() as sim, opened(sim, termios.B921600) as port:
        os.write(port, WAKE + GET_FIRMWARE_VERSION)
        os.write(port, b"\x00")
        while select.select([sim._master], [], [], 0)[0]:
            pass
        set_speed(port, termios.B115200)
        os.write(port, WAKE + SAM)
        assert heard(port, 15) == ACK + SAM_DONE


def test_a_new_speed_is_in_force_after_the_hosts_ack() -> None:
    with start() as sim, opened(sim) as port:
        os.write(port, WAKE + bytes.fromhex("0000FF03FDD410071500"))
        assert heard(port, 15) == ACK + bytes.fromhex("0000FF02FED5111A00")
        assert sim.chip.baud == 115200
        os.write(port, ACK)
        set_speed(port, termios.B921600)
        os.write(port, WAKE + GET_FIRMWARE_VERSION)
        assert heard(port, 19) == ACK + FIRMWARE
        assert sim.chip.baud == 921600


def test_a_half_sent_command_dies_with_its_client() -> None:
    with start() as sim:
        with opened(sim) as port:
            os.write(port, WAKE + bytes.fromhex("0000FF14ECD44201"))
            while not sim._frames._buffer:
                pass
        assert sim.unused.wait(10)
        with opened(sim) as port:
            os.write(port, WAKE + GET_FIRMWARE_VERSION)
            assert heard(port, 19) == ACK + FIRMWARE


def test_a_pulled_tag_is_back_once_the_port_was_closed() -> None:
    poll = bytes.fromhex("0000FF04FCD44A0100E100")
    one_try = bytes.fromhex("0000FF06FAD43205010001F300")
    with start("fault=pull@1") as sim:
        with opened(sim) as port:
            os.write(port, WAKE + one_try)
            heard(port, 15)
            os.write(port, poll)
            assert heard(port, 16) == ACK + bytes.fromhex("0000FF03FDD54B00E000")
        assert sim.unused.wait(10)
        with opened(sim) as port:
            os.write(port, poll)
            assert heard(port, 17)[13:15] == b"\x01\x01"


def test_a_hold_ends_when_the_client_is_gone() -> None:
    events: list[dict[str, object]] = []
    with start("fault=hold-after@1", events.append) as sim:
        with opened(sim) as port:
            os.write(port, WAKE + GET_FIRMWARE_VERSION)
            assert sim.held.wait(10)
        assert sim.unused.wait(10)
        assert not sim.held.is_set()
        with opened(sim) as port:
            os.write(port, WAKE + SAM)
            assert heard(port, 15) == ACK + SAM_DONE
    assert events == [{"fired": "hold-after@1", "host_command": 1}, {"held": 1}, {"released": 1}]


def test_the_wire_costs_simulated_time_and_no_real_one() -> None:
    with start() as sim, opened(sim) as port:
        os.write(port, WAKE + GET_FIRMWARE_VERSION)
        heard(port, 19)
        assert sim.simulated_us == (16 + 9) * 10 * 1_000_000 // 115200 + 19 * 10 * 1_000_000 // 115200


def test_closing_removes_the_path_and_may_be_repeated() -> None:
    sim = start()
    assert Path(sim.path).exists()
    sim.close()
    sim.close()
    assert not Path(sim.path).exists()


def test_a_bad_query_starts_nothing() -> None:
    with pytest.raises(UsageError):
        start("fault=boom@1")
