"""No bytes of a host end a simulated module: whatever comes is answered in whole frames, or not at all."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.sim.uhf.a0 import A0
from dpptag.sim.uhf.field import Conditions, Field
from dpptag.sim.uhf.mercury import Mercury
from dpptag.sim.uhf.mercury_frames import crc as mercury_crc
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.reader18 import Reader18
from dpptag.sim.uhf.reader18 import crc as reader_crc
from dpptag.sim.uhf.tag import Gen2Chip

Module = Mercury | A0 | Reader18


def field() -> Field:
    kinds = [MODELS[name] for name in ("Monza-4QT", "UCODE-7xm", "Higgs-3", "Monza-R6")]
    return Field(
        [Gen2Chip(kind, kind.fixed_tid + bytes(kind.tid_bytes - len(kind.fixed_tid))) for kind in kinds],
        conditions=Conditions(is_belt=False),
    )


def mercury() -> Mercury:
    module = Mercury(field())
    module.region = 8
    return module


MODULES: dict[str, Callable[[], Module]] = {
    "mercury": mercury,
    "a0": lambda: A0(field()),
    "uhfreader18": lambda: Reader18(field()),
    "uhfreader288": lambda: Reader18(field(), variant="uhfreader288"),
}


def framed(module: Module, command: int, data: bytes) -> bytes:
    if isinstance(module, Mercury):
        body = bytes((len(data), command)) + data
        return b"\xff" + body + mercury_crc(body)
    if isinstance(module, A0):
        frame = bytes((0xA0, len(data) + 3, 0xFF, command)) + data
        return frame + bytes((-sum(frame) & 0xFF,))
    frame = bytes((len(data) + 4, 0xFF, command)) + data
    return frame + reader_crc(frame)


def is_whole(module: Module, frame: bytes) -> bool:
    if isinstance(module, Mercury):
        return len(frame) == frame[1] + 7 and mercury_crc(frame[1:-2]) == frame[-2:]
    if isinstance(module, A0):
        return len(frame) == frame[1] + 2 and sum(frame) & 0xFF == 0
    return len(frame) == frame[0] + 1 and reader_crc(frame[:-2]) == frame[-2:]


COMMANDS = {
    "mercury": [0x22, 0x23, 0x24, 0x25, 0x26, 0x28, 0x29, 0x2D, 0x2E, 0x61, 0x62, 0x6A, 0x6B, 0x91, 0x92, 0x9A, 0x9B],
    "a0": [0x66, 0x67, 0x74, 0x76, 0x78, 0x7E, 0x81, 0x82, 0x83, 0x84, 0x85, 0x8A, 0x8B, 0x90, 0x94],
    "uhfreader18": [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0F, 0x10, 0x22, 0x28, 0x2F, 0x35],
    "uhfreader288": [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0F, 0x10, 0x22, 0x28, 0x2F, 0x76],
}
# Small numbers are what commands are made of: banks, words, counts, options.
octets = st.lists(st.one_of(st.integers(0, 6), st.integers(0, 255)), max_size=40).map(bytes)


@pytest.mark.parametrize("family", MODULES)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_command_is_answered_in_whole_frames(family: str, data: st.DataObject) -> None:
    module = MODULES[family]()
    for command, content in data.draw(st.lists(st.tuples(st.sampled_from(COMMANDS[family]), octets), max_size=6)):
        answers = module.feed(framed(module, command, content))
        assert answers
        assert all(is_whole(module, answer) for answer in answers)


@pytest.mark.parametrize("family", MODULES)
@settings(max_examples=50, deadline=None)
@given(pieces=st.lists(st.binary(max_size=40), max_size=8))
def test_garbage_leaves_a_module_that_answers_once_the_host_has_come_anew(family: str, pieces: list[bytes]) -> None:
    module = MODULES[family]()
    for piece in pieces:
        assert all(is_whole(module, answer) for answer in module.feed(piece))
    module.reset()
    version = {"mercury": 0x03, "a0": 0x72}.get(family, 0x21)
    (answer,) = module.feed(framed(module, version, b""))
    assert is_whole(module, answer)
