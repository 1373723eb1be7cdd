"""Host frames of the simulated PN532 (UM0701-02 section 6.2.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.sim.pn532_frames import ACK, NACK, HostCommand, HostFrames, Signal, information_frame

GET_FIRMWARE_VERSION = bytes.fromhex("0000FF02FED4022A00")


def test_a_normal_frame_is_cut_out() -> None:
    assert HostFrames().feed(GET_FIRMWARE_VERSION) == [HostCommand(b"\xd4\x02", wakes=False)]


@pytest.mark.parametrize("wake_up", ["5555000000", "00" * 10, "55" * 2 + "00" * 14])
def test_a_wake_up_before_the_frame_is_seen(wake_up: str) -> None:
    assert HostFrames().feed(bytes.fromhex(wake_up) + GET_FIRMWARE_VERSION) == [HostCommand(b"\xd4\x02", wakes=True)]


def test_ack_and_nack_are_signals() -> None:
    assert HostFrames().feed(ACK + NACK) == [Signal.ACK, Signal.NACK]


@pytest.mark.parametrize(
    "broken",
    ["0000FF02FFD4022A00", "0000FF02FED4022B00", "0000FFFFFF0002FFD4022A00", "0000FF000000"],
    ids=["LCS", "DCS", "extended LCS", "empty"],
)
def test_a_broken_frame_is_met_with_silence_and_the_next_one_is_heard(broken: str) -> None:
    frames = HostFrames()
    assert frames.feed(bytes.fromhex(broken)) == []
    assert [frame.payload for frame in frames.feed(GET_FIRMWARE_VERSION) if isinstance(frame, HostCommand)] == [
        b"\xd4\x02"
    ]


def test_a_half_sent_frame_is_forgotten_on_reset() -> None:
    frames = HostFrames()
    assert frames.feed(information_frame(bytes(200))[:100]) == []
    frames.reset()
    assert len(frames.feed(GET_FIRMWARE_VERSION)) == 1


def test_a_frame_inside_the_rest_of_a_half_sent_one_is_found() -> None:
    frames = HostFrames()
    frames.feed(information_frame(bytes(40))[:20])
    heard = [frame for _ in range(4) for frame in frames.feed(GET_FIRMWARE_VERSION)]
    assert HostCommand(b"\xd4\x02", wakes=False) in heard


@given(payload=st.binary(min_size=1, max_size=600), chunk=st.integers(1, 9))
def test_any_payload_survives_byte_by_byte_delivery(payload: bytes, chunk: int) -> None:
    frames = HostFrames()
    sent = information_frame(payload)
    heard = [frame for at in range(0, len(sent), chunk) for frame in frames.feed(sent[at : at + chunk])]
    assert heard == [HostCommand(payload, wakes=False)]


@given(noise=st.binary(max_size=80))
def test_noise_never_stops_the_parser(noise: bytes) -> None:
    frames = HostFrames()
    frames.feed(noise)
    frames.feed(bytes(300))
    assert HostCommand(b"\xd4\x02", wakes=True) in frames.feed(bytes(70_000) + GET_FIRMWARE_VERSION)
