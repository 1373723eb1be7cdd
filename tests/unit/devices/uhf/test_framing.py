"""The frame engine, with the framing of every shipped family: nothing but whole frames, from any stream of bytes."""

import functools
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.framing import Frame, FrameError, FrameReader, Framing

FAMILIES = ("uhf-m100", "uhf-r200", "uhf-m6e-nano", "uhf-a0-r2000", "uhf-uhfreader18")
HEADED = FAMILIES[:-1]


@functools.cache
def framing(name: str) -> Framing:
    return Framing(load_uhf_profile(name).framing)


@st.composite
def answers(draw: st.DrawFn, name: str) -> Frame:
    table = framing(name).table
    octet = st.integers(0, 0xFF)
    return Frame(
        command=draw(octet),
        data=draw(st.binary(max_size=40)),
        kind=draw(octet) if table.types is not None else 0,
        address=draw(octet) if table.address is not None else 0,
        status=draw(st.integers(0, (1 << 8 * table.status_bytes) - 1)) if table.status_bytes else None,
    )


def noise(name: str) -> st.SearchStrategy[bytes]:
    """Bytes at random, and bytes that look like the beginning of a frame."""
    likely = [*framing(name).header, 0x00, 0x01, 0x02, 0x05, 0x10, 0x7E, 0xDD, 0xFF]
    return st.binary(max_size=40) | st.lists(st.sampled_from(likely), max_size=40).map(bytes)


def octets_of(name: str, frame: Frame) -> bytes:
    return framing(name).build(frame, answer=True)


def heard(name: str, stream: bytes, cuts: list[int]) -> list[Frame]:
    """What a reader finds when the stream comes in pieces and ends."""
    reader = FrameReader(framing(name))
    found: list[Frame] = []
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, stop in itertools.pairwise(places):
        found += reader.feed(stream[start:stop])
    found += reader.quiet()
    assert not reader.midway
    return found


def places_of(name: str, found: list[Frame], stream: bytes) -> list[tuple[int, int]]:
    """Where the found frames lie: each one whole, in order, none over another. A frame that was not there fails."""
    at, places = 0, []
    for frame in found:
        octets = octets_of(name, frame)
        at = stream.index(octets, at)
        places.append((at, at + len(octets)))
        at += len(octets)
    return places


cuts = st.lists(st.integers(0, 400), max_size=8)


@pytest.mark.parametrize(
    ("name", "answer", "octets", "frame"),
    [
        ("uhf-m100", False, "BB00B6000207D08F7E", Frame(0xB6, b"\x07\xd0")),
        ("uhf-m100", True, "BB01E000110E300030751FEB705C5904E3D50D7000417E7E", None),  # its sum is the end byte
        ("uhf-r200", False, "AA0022000022DD", Frame(0x22)),
        ("uhf-m6e-nano", False, "FF00031D0C", Frame(0x03)),
        ("uhf-m6e-nano", True, "FF1403000014120800300000022016121301070102000000101B05", None),
        ("uhf-uhfreader18", False, "04FF211995", Frame(0x21, address=0xFF)),
        ("uhf-uhfreader18", True, "0700010101001E4B", Frame(0x01, b"\x01\x00", status=0x01)),
    ],
)
def test_printed_frames(name: str, answer: bool, octets: str, frame: Frame | None) -> None:
    parsed = framing(name).parse(bytes.fromhex(octets), answer=answer)
    assert frame is None or parsed == frame
    assert framing(name).build(parsed, answer=answer).hex().upper() == octets


def test_the_printed_a0_frame_has_another_address_than_the_broadcast() -> None:
    assert framing("uhf-a0-r2000").build(Frame(0x68, address=1)).hex() == "a0030168f4"


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=30)
@given(data=st.data())
def test_frames_come_whole_however_the_stream_is_cut(name: str, data: st.DataObject) -> None:
    frames = data.draw(st.lists(answers(name), max_size=4))
    stream = b"".join(octets_of(name, frame) for frame in frames)
    assert heard(name, stream, data.draw(cuts)) == frames
    assert heard(name, stream, list(range(len(stream)))) == frames


@pytest.mark.parametrize("name", HEADED)
@settings(max_examples=30)
@given(data=st.data())
def test_a_frame_is_found_between_garbage(name: str, data: st.DataObject) -> None:
    """Unless the garbage and a part of the frame make up a frame themselves, check and all."""
    before, frame, after = data.draw(noise(name)), data.draw(answers(name)), data.draw(noise(name))
    stream = before + octets_of(name, frame) + after
    start, stop = len(before), len(stream) - len(after)
    places = places_of(name, heard(name, stream, data.draw(cuts)), stream)
    assert any(at < stop and end > start for at, end in places)


@settings(max_examples=30)
@given(data=st.data())
def test_without_header_a_frame_is_found_behind_garbage_once_the_line_is_quiet(data: st.DataObject) -> None:
    name = "uhf-uhfreader18"
    before, frames = data.draw(noise(name)), data.draw(st.lists(answers(name), min_size=1, max_size=3))
    stream = before + b"".join(octets_of(name, frame) for frame in frames)
    places = places_of(name, heard(name, stream, data.draw(cuts)), stream)
    assert any(end > len(before) for _, end in places)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=30)
@given(data=st.data())
def test_only_whole_frames_come_out_of_garbage(name: str, data: st.DataObject) -> None:
    stream = b"".join(data.draw(st.lists(noise(name) | answers(name).map(lambda f: octets_of(name, f)), max_size=5)))
    places_of(name, heard(name, stream, data.draw(cuts)), stream)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=30)
@given(data=st.data())
def test_a_frame_with_one_wrong_bit_is_no_frame(name: str, data: st.DataObject) -> None:
    """Of the length too: a longer frame does not come, a shorter one has another check."""
    octets = bytearray(octets_of(name, data.draw(answers(name))))
    at = data.draw(st.integers(0, 8 * len(octets) - 1))
    octets[at // 8] ^= 1 << at % 8
    with pytest.raises(FrameError):
        framing(name).parse(bytes(octets))


@pytest.mark.parametrize("name", FAMILIES)
def test_endless_garbage_takes_no_memory(name: str) -> None:
    reader = FrameReader(framing(name))
    chunk = bytes(range(256)) * 16
    for _ in range(20):
        reader.feed(chunk)
        assert len(reader._buffer) <= 2 * framing(name).longest_answer


def test_a_frame_that_is_short_of_bytes_is_waited_for_and_its_inside_not_taken() -> None:
    inside = octets_of("uhf-m100", Frame(0x22, b"\x01", kind=1))
    outside = octets_of("uhf-m100", Frame(0x39, inside + b"more", kind=1))
    reader = FrameReader(framing("uhf-m100"))
    assert reader.feed(outside[:-1]) == []
    assert reader.midway
    assert reader.feed(outside[-1:]) == [Frame(0x39, inside + b"more", kind=1)]
    assert reader.skipped == 0


def test_bytes_that_were_no_frame_are_counted() -> None:
    reader = FrameReader(framing("uhf-m100"))
    frame = octets_of("uhf-m100", Frame(0x22, kind=1))
    assert reader.feed(b"\x00\x01" + frame + b"\x02") == [Frame(0x22, kind=1)]
    assert reader.skipped == 3
    reader.clear()
    assert reader.skipped == 0


def test_more_data_than_a_frame_holds_is_refused() -> None:
    with pytest.raises(FrameError):
        framing("uhf-m6e-nano").build(Frame(0x24, bytes(256)))
