"""What the traffic log of an nfcpy reader hides of a secret command."""

from __future__ import annotations

import itertools

import pytest

from dpptag.devices.crc_a import crc_a
from dpptag.devices.nfcpy import NfcpyReader
from dpptag.devices.nfcpy.traffic import LOG, Traffic
from dpptag.devices.raw_port import Hidden
from dpptag.errors import DeviceProtocolError
from dpptag.logs import TRAFFIC
from dpptag.sim import SimulatedReader, start


def logged(caplog: pytest.LogCaptureFixture, frame: bytes, tag_frame: bytes, hidden: Hidden) -> str:
    traffic = Traffic()
    traffic.hide(tag_frame, hidden)
    with caplog.at_level(TRAFFIC, logger=LOG.name):
        traffic.sent(frame)
    return caplog.records[-1].getMessage().lower().replace(" ", "")


def test_the_check_bytes_of_a_secret_page_are_masked_too(caplog: pytest.LogCaptureFixture) -> None:
    """The RC-S380 gets CRC_A from the host: two unknown bytes (a PACK) would be read from it at once."""
    tag_frame = bytes.fromhex("A22CBEEF0000")
    found = [
        pair
        for pair in itertools.product(range(256), repeat=2)
        if crc_a(b"\xa2\x2c" + bytes(pair) + bytes(2)) == crc_a(tag_frame)
    ]
    assert found == [(0xBE, 0xEF)]
    frame = bytes.fromhex("0000FFFFFF0C00F4D6042C01") + tag_frame + crc_a(tag_frame) + b"\x5d\0"
    text = logged(caplog, frame, tag_frame, Hidden(2, 6))
    assert text.startswith(">0000ffffff0c00f4d6042c01a22c")
    assert "beef" not in text
    assert crc_a(tag_frame).hex() not in text
    assert "5d00" not in text


def test_a_frame_that_does_not_hold_the_tag_s_is_masked_whole(caplog: pytest.LogCaptureFixture) -> None:
    assert "beef" not in logged(caplog, bytes.fromhex("BEEF00"), bytes.fromhex("A22CBEEF0000"), Hidden(2, 6))


def test_a_reader_that_acknowledges_without_end_does_not_hang_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with start() as simulator, NfcpyReader(simulator.path) as reader:
        link = reader.sense()
        assert link is not None
        original = SimulatedReader._send

        def flood(sim: SimulatedReader, data: bytes) -> None:
            original(sim, bytes.fromhex("0000FF00FF00") * 200)

        monkeypatch.setattr(SimulatedReader, "_send", flood)
        with pytest.raises(DeviceProtocolError):
            link.reselect()
        monkeypatch.setattr(SimulatedReader, "_send", original)
        link = reader.sense()
        assert link is not None
