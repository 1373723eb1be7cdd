"""The serial port of a UHF module, on pseudo-terminals: bounded, exclusive, and never a late answer for the next."""

import contextlib
import os
import pty
import tty
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dpptag import logs
from dpptag.devices.ports import PortLock
from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.framing import Frame, Framing
from dpptag.devices.uhf.port import SILENT, Barrier, Hidden, UhfPort
from dpptag.errors import DeviceBusy, DeviceLost, DeviceNotFound, DeviceProtocolError, TagLost
from tests.unit.devices.uhf.scripted_module import ScriptedModule, Turn

FRAMING = Framing(load_uhf_profile("uhf-m100").framing)
SECONDS = 10.0  # where an answer comes
SILENCE = 0.02  # where none does


def ask(command: int, data: bytes = b"") -> bytes:
    return FRAMING.build(Frame(command, data))


def said(command: int, data: bytes = b"", kind: int = 1) -> bytes:
    return FRAMING.build(Frame(command, data, kind=kind), answer=True)


def is_answer(command: int) -> Callable[[Frame], bool]:
    return lambda frame: frame.kind == 1 and frame.command == command


@contextlib.contextmanager
def port_to(turns: Sequence[Turn], *, barrier: float | None = None) -> Iterator[UhfPort]:
    with ScriptedModule(turns) as module:
        port = UhfPort(module.path, FRAMING, baud=115200)
        if barrier is not None:
            port.barrier = Barrier(FRAMING.request(0x08), is_answer(0x08), barrier)
        try:
            yield port
        finally:
            port.close()


def test_an_answer_is_the_frame_that_was_asked_for() -> None:
    with port_to([(ask(0x08), b"\x00\xbb" + said(0x22, kind=2) + said(0x08, b"\x01"))]) as port:
        assert port.ask(FRAMING.request(0x08), is_answer(0x08), SECONDS).data == b"\x01"
        assert port.skipped == 2


def test_a_question_is_asked_again_as_often_as_allowed() -> None:
    with port_to([(ask(0x08), b""), (ask(0x08), said(0x08, b"\x01"))]) as port:
        assert port.ask(FRAMING.request(0x08), is_answer(0x08), 0.5, attempts=2).data == b"\x01"


def test_silence_is_a_lost_device_or_a_lost_tag() -> None:
    with port_to([(ask(0x08), b""), (ask(0x39), said(0x39)[:-1])]) as port:
        with pytest.raises(DeviceLost) as lost:
            port.ask(FRAMING.request(0x08), is_answer(0x08), SILENCE)
        assert lost.value.code == SILENT
        with pytest.raises(TagLost) as unknown:
            port.ask_tag(FRAMING.request(0x39), is_answer(0x39), SILENCE)
        assert unknown.value.facts["answered"] is False


def test_a_late_answer_never_answers_the_next_question() -> None:
    late, right = said(0x39, b"late"), said(0x39, b"right")
    turns = [(ask(0x39), b""), (ask(0x08), late + said(0x08)), (ask(0x39), right)]
    with port_to(turns, barrier=SECONDS) as port:
        with pytest.raises(TagLost):
            port.ask_tag(FRAMING.request(0x39), is_answer(0x39), SILENCE)
        assert port.ask_tag(FRAMING.request(0x39), is_answer(0x39), SECONDS).data == b"right"


def test_the_answer_to_an_interrupted_question_never_answers_the_next_one() -> None:
    def interrupted(frame: Frame) -> bool:
        raise KeyboardInterrupt

    late, right = said(0x39, b"late"), said(0x39, b"right")
    turns = [(ask(0x39), said(0x15)), (ask(0x08), late + said(0x08)), (ask(0x39), right)]
    with port_to(turns, barrier=SECONDS) as port:
        with pytest.raises(KeyboardInterrupt):
            port.ask_tag(FRAMING.request(0x39), interrupted, SECONDS)
        assert port.ask_tag(FRAMING.request(0x39), is_answer(0x39), SECONDS).data == b"right"


def test_a_module_that_passes_no_barrier_is_lost_and_hears_nothing_more() -> None:
    with port_to([(ask(0x49), b""), (ask(0x08), b""), (ask(0x08), b"")], barrier=SILENCE) as port:
        with pytest.raises(TagLost):
            port.ask_tag(FRAMING.request(0x49), is_answer(0x49), SILENCE)
        with pytest.raises(DeviceLost):
            port.ask_tag(FRAMING.request(0x49), is_answer(0x49), SILENCE)


def test_what_came_unasked_is_dropped_before_a_command_or_kept_on_demand() -> None:
    notice, end = said(0x22, b"tag", kind=2), said(0x12)
    heard: list[Frame] = []
    turns = [(ask(0x22), notice + notice), (ask(0x12), notice + end), (ask(0x08), said(0x08))]
    with port_to(turns) as port:
        port.send(FRAMING.request(0x22))
        heard.append(port.receive(lambda frame: frame.kind == 2, SECONDS))
        port.send(FRAMING.request(0x12), keep=True)
        port.receive(is_answer(0x12), SECONDS, aside=heard.append)
        assert [frame.data for frame in heard] == [b"tag"] * 3
        assert port.ask(FRAMING.request(0x08), is_answer(0x08), SECONDS).data == b""


def test_an_inventory_ends_with_its_last_frame_and_is_repeated_when_a_frame_was_damaged() -> None:
    tag, damaged, last = said(0x89, b"tag"), said(0x89, b"tag")[:-2] + b"\x00\x7e", said(0x89, b"end")
    with port_to([(ask(0x89), tag + damaged + last), (ask(0x89), tag + tag + last)]) as port:
        frames = port.ask_many(
            FRAMING.request(0x89), is_answer(0x89), lambda frame: frame.data == b"end", SECONDS, attempts=2
        )
    assert [frame.data for frame in frames] == [b"tag", b"tag", b"end"]


def test_an_inventory_that_stays_damaged_is_refused() -> None:
    with (
        port_to([(ask(0x89), b"\x11" + said(0x89, b"end"))] * 2) as port,
        pytest.raises(DeviceProtocolError, match="damaged"),
    ):
        port.ask_many(FRAMING.request(0x89), is_answer(0x89), lambda _frame: True, SECONDS, attempts=2)


def test_the_traffic_log_shows_frames_but_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logs.TRAFFIC, "dpptag.devices.uhf")
    request, answer = ask(0x39, b"\xa1\xb2\xc3\xd4\x03"), said(0x39, b"\xde\xad")
    with port_to([(request, answer), (ask(0x08), said(0x08))]) as port:
        port.ask(
            FRAMING.request(0x39, b"\xa1\xb2\xc3\xd4\x03"),
            is_answer(0x39),
            SECONDS,
            hidden=Hidden(((0, 4),), answer=True),
        )
        port.ask(FRAMING.request(0x08), is_answer(0x08), SECONDS)
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert "> bb00390005********03****" in text
    assert "> bb00080000087e" in text
    assert "< bb010800000" in text
    assert "a1b2" not in text
    assert "dead" not in text


def test_the_late_answer_of_a_secret_question_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logs.TRAFFIC, "dpptag.devices.uhf")
    turns = [(ask(0x39), b""), (ask(0x08), said(0x39, b"\xde\xad") + said(0x08)), (ask(0x08), said(0x08))]
    with port_to(turns, barrier=SECONDS) as port:
        with pytest.raises(TagLost):
            port.ask_tag(FRAMING.request(0x39), is_answer(0x39), SILENCE, hidden=Hidden(answer=True))
        port.ask(FRAMING.request(0x08), is_answer(0x08), SECONDS)
    assert "dead" not in "\n".join(record.getMessage() for record in caplog.records)


def test_a_port_has_one_owner() -> None:
    with port_to([]) as port:
        with pytest.raises(DeviceBusy) as busy:
            UhfPort(port.node, FRAMING, baud=115200)
        assert busy.value.facts["holder"] == os.getpid()
        port.close()
        UhfPort(port.node, FRAMING, baud=115200).close()


def test_a_port_held_by_another_driver_is_busy() -> None:
    with port_to([]) as port:
        port.close()
        with PortLock(port.node), pytest.raises(DeviceBusy):
            UhfPort(port.node, FRAMING, baud=115200)


def test_a_node_that_is_not_there_or_no_serial_port_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(DeviceNotFound):
            UhfPort(str(tmp_path / name), FRAMING, baud=115200)


def test_a_port_that_vanishes_is_lost_and_closes_all_the_same() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = UhfPort(os.ttyname(slave), FRAMING, baud=115200)
    os.close(slave)
    os.close(master)
    with pytest.raises(DeviceLost, match="is gone") as lost:
        port.ask(FRAMING.request(0x08), is_answer(0x08), SECONDS)
    assert lost.value.code != SILENT
    port.close()
    port.close()
    with pytest.raises(DeviceLost, match="closed"):
        port.ask(FRAMING.request(0x08), is_answer(0x08), SECONDS)


def test_settling_times_pass_through_the_wait_that_was_handed_in() -> None:
    waits: list[float] = []
    with ScriptedModule([(ask(0x08), said(0x08))]) as module:
        port = UhfPort(module.path, FRAMING, baud=115200, gap=0.5, wait=waits.append)
        port.ask(FRAMING.request(0x08), is_answer(0x08), SECONDS)
        port.pause(0.02)
        port.close()
    assert waits == [0.5, 0.02]


def test_a_speed_that_no_port_has_is_refused() -> None:
    master, slave = pty.openpty()
    with pytest.raises(DeviceLost, match="-5 baud"):
        UhfPort(os.ttyname(slave), FRAMING, baud=-5)
    os.close(slave)
    os.close(master)
