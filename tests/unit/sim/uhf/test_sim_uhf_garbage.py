"""Damaged frames and garbage against every emulator's own frame parser: nothing is done that no whole frame asked for,
and what is done does not depend on the pieces in which it came.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.sim.uhf.server import EMULATORS
from tests.unit.sim.uhf.emulators import Emulated, emulated, framed, is_request, write_request

FAMILIES = list(EMULATORS)


def damaged(frame: bytes) -> Iterator[bytes]:
    """One bit turned, one byte lost, one byte too many: everywhere."""
    for at in range(8 * len(frame)):
        yield frame[: at // 8] + bytes((frame[at // 8] ^ 1 << at % 8,)) + frame[at // 8 + 1 :]
    for at in range(len(frame)):
        yield frame[:at] + frame[at + 1 :]
    for at in range(len(frame) + 1):
        for more in (0x00, 0xFF, 0x7E, frame[0]):
            yield frame[:at] + bytes((more,)) + frame[at:]


def holds_a_request(family: str, stream: bytes) -> bool:
    """Somewhere in it, whole and with its check."""
    return any(
        is_request(family, stream[start:stop])
        for start in range(len(stream))
        for stop in range(start + 5, len(stream) + 1)
    )


def said_to(family: str, pieces: list[bytes]) -> tuple[Emulated, list[bytes]]:
    module = emulated(family)
    return module, [answer for piece in pieces for answer in module.emulator.feed(piece)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_damaged_write_is_not_done(family: str) -> None:
    request = write_request(family, b"\xa0\xbb\x7e\xff")
    module, answers = said_to(family, [request])
    assert module.tag.user[:4] == b"\xa0\xbb\x7e\xff", "the frame does not say what this test is about"
    assert len(answers) == module.host_commands == 1
    for bad in damaged(request):
        module, _ = said_to(family, [bad])
        if not holds_a_request(family, bad):
            assert module.commands_done == 0, bad.hex()
            assert not any(module.tag.user), bad.hex()


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_done_does_not_depend_on_the_pieces(family: str, data: st.DataObject) -> None:
    """Whole requests among noise; at once, byte by byte and cut anywhere."""
    octets = st.lists(st.sampled_from(b"\x00\x01\x03\x04\x05\x06\xbb\xaa\xa0\x7e\xdd\xff"), max_size=12).map(bytes)
    request = st.tuples(st.sampled_from([0x03, 0x21, 0x22, 0x72, 0x08, 0x63]), octets).map(
        lambda pair: framed(family, *pair)
    )
    stream = b"".join(data.draw(st.lists(request | octets, max_size=5)))
    cut = data.draw(st.integers(0, len(stream)))
    at_once, answers = said_to(family, [stream])
    for pieces in ([stream[:cut], stream[cut:]], [bytes((octet,)) for octet in stream]):
        again, said = said_to(family, pieces)
        assert said == answers
        assert again.host_commands == at_once.host_commands


@pytest.mark.parametrize("family", FAMILIES)
def test_endless_noise_takes_no_memory(family: str) -> None:
    module = emulated(family)
    for octet in (0x00, 0x01, 0xBB, 0xAA, 0xA0, 0xFF, 0x7E):
        for _ in range(16):
            module.emulator.feed(bytes((octet,)) * 512)
        assert module.waiting <= 2048
