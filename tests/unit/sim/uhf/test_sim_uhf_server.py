"""The simulated UHF module's port: speed, pieces, clients that come and go, and ports that are lost."""

import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpptag.errors import UsageError
from dpptag.sim import start_uhf
from dpptag.sim.uhf import EMULATORS

SOURCE = Path(__file__).resolve().parents[4] / "src"
GET_REGION = bytes.fromhex("BB00080000087E")
REGION = bytes.fromhex("BB01080001010B7E")
ROUND = bytes.fromhex("BB00220000227E")
TO_19200 = bytes.fromhex("BB0011000200C0D37E")
ONE = "tags=UCODE-7xm&seed=1"


@contextlib.contextmanager
def opened(path: str, speed: int = termios.B115200) -> Iterator[int]:
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
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


def asked(port: int, question: bytes, length: int) -> bytes:
    os.write(port, question)
    return heard(port, length)


def write_user(word: int, data: bytes) -> bytes:
    parameters = bytes(4) + b"\x03" + word.to_bytes(2, "big") + (len(data) // 2).to_bytes(2, "big") + data
    body = b"\x00\x49" + len(parameters).to_bytes(2, "big") + parameters
    return b"\xbb" + body + bytes((sum(body) % 256, 0x7E))


def test_a_question_is_answered_and_its_time_on_the_wire_counted() -> None:
    with start_uhf("m100", ONE) as sim, opened(sim.path) as port:
        assert asked(port, GET_REGION, len(REGION)) == REGION
        assert sim.host_commands == 1
        assert (
            sim.simulated_us
            == sim.wire_us
            == sum(len(part) * 10_000_000 // 1152 // 100 for part in (GET_REGION, REGION))
        )


def test_bytes_at_another_speed_are_lost() -> None:
    with start_uhf("m100", ONE) as sim:
        with opened(sim.path) as port:
            asked(port, GET_REGION, len(REGION))
            set_speed(port, termios.B9600)
            os.write(port, GET_REGION)
        assert sim.unused.wait(10)
        with opened(sim.path) as port:
            assert asked(port, GET_REGION, len(REGION)) == REGION
        assert sim.host_commands == 2


def test_the_speed_changes_on_command_without_an_answer() -> None:
    with start_uhf("m100", ONE) as sim, opened(sim.path) as port:
        os.write(port, TO_19200)
        while sim.module.baud != 19_200:
            os.sched_yield()
        set_speed(port, termios.B19200)
        assert asked(port, GET_REGION, len(REGION)) == REGION


def test_an_answer_in_pieces_is_the_same_answer() -> None:
    with start_uhf("m100", ONE) as sim, opened(sim.path) as port:
        expected = asked(port, ROUND, 24)
    with start_uhf("m100", f"{ONE}&split=5") as sim, opened(sim.path) as port:
        os.write(port, ROUND)
        select.select([port], [], [], 10)
        piece = os.read(port, 24)
        assert len(piece) < 24
        assert piece + heard(port, 24 - len(piece)) == expected


def test_a_reopened_port_forgets_half_a_frame_and_keeps_the_module() -> None:
    with start_uhf("m100", ONE) as sim:
        with opened(sim.path) as port:
            asked(port, bytes.fromhex("BB00070001030B7E"), 8)
            os.write(port, b"\xbb\x00\x49\x00\x40")
        assert sim.unused.wait(10)
        with opened(sim.path) as port:
            assert asked(port, GET_REGION, len(REGION)) == bytes.fromhex("BB01080001030D7E")


def has_hung_up(port: int) -> bool:
    """Linux says so by no bytes, or by EIO while it is still at it."""
    try:
        return os.read(port, 10) == b""
    except OSError as error:
        return error.errno == errno.EIO


@pytest.mark.parametrize(("fault", "kept"), [("port-lost@1", ""), ("port-lost@1+1", "cafe")])
def test_a_lost_port_hangs_up_and_is_back_at_another_path(fault: str, kept: str) -> None:
    lost: list[dict[str, object]] = []
    with start_uhf("m100", f"{ONE}&fault={fault}", lost.append) as sim:
        path = sim.path
        with opened(path) as port:
            os.write(port, write_user(0, b"\xca\xfe"))
            select.select([port], [], [], 10)
            assert has_hung_up(port)
            assert sim.path != path
        assert sim.field.tags[0].user.rstrip(b"\0").hex() == kept
        with opened(sim.path) as port:
            assert asked(port, GET_REGION, len(REGION)) == REGION
    assert lost == [{"fired": fault, "host_command": 1}, {"lost": 1, "path": sim.path}]


@pytest.mark.parametrize(("fault", "kept"), [("hold@1", ""), ("hold-after@1", "cafe")])
def test_a_hold_lasts_until_the_client_has_gone(fault: str, kept: str) -> None:
    events: list[dict[str, object]] = []
    with start_uhf("m100", f"{ONE}&fault={fault}", events.append) as sim:
        with opened(sim.path) as port:
            os.write(port, write_user(0, b"\xca\xfe"))
            assert sim.held.wait(10)
            os.write(port, GET_REGION)
        assert sim.unused.wait(10)
        assert sim.field.tags[0].user.rstrip(b"\0").hex() == kept
        with opened(sim.path) as port:
            assert asked(port, GET_REGION, len(REGION)) == REGION
    assert events[1:] == [{"held": 1}, {"released": 1}]


def test_a_change_is_in_the_state_file_before_its_answer_and_survives_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "uhf.json"
    command = [sys.executable, "-m", "dpptag.sim", "uhf", "r200", ONE, "--state", str(state)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"}
    ) as process:
        assert process.stdout is not None
        greeting = json.loads(process.stdout.readline())
        with opened(greeting["path"]) as port:
            frame = b"\xaa" + write_user(0, b"\xca\xfe")[1:-1] + b"\xdd"
            assert asked(port, frame, 23)[2] == 0x49
            process.send_signal(signal.SIGKILL)
    with start_uhf("m100", f"state={state}") as sim:
        assert [tag.tid.hex() for tag in sim.field.tags] == greeting["tags"]
        assert sim.field.tags[0].user[:2] == b"\xca\xfe"


def test_a_host_that_does_not_read_a_thousand_answers_stops_nothing() -> None:
    with start_uhf("m100", "tags=UCODE-7xm*1000&mode=field") as sim:
        with opened(sim.path) as port:
            os.write(port, ROUND)
            while not sim.host_commands:
                os.sched_yield()
        assert sim.unused.wait(10)
        with opened(sim.path) as port:
            assert len(asked(port, ROUND, 24_000)) == 24_000
            os.write(port, ROUND)
            while sim.host_commands < 3:
                os.sched_yield()
            sim.close()


def test_every_family_has_its_emulator() -> None:
    for family in EMULATORS:
        with start_uhf(family) as sim:
            assert sim.module.feed(b"") == []
            assert sim.module.baud >= 9_600
            sim.module.reset()
    with pytest.raises(UsageError):
        start_uhf("llrp")
