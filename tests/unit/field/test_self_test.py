"""The self-test on a simulated reader: it gives the tag back, touches no other, and reports no serial number."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from dpptag.codec.ndef import NdefRecord, encode_message
from dpptag.devices.nfcpy.serial_pn532 import LoggedTty
from dpptag.errors import TagRefused
from dpptag.field.self_test import SelfTest, self_test
from dpptag.links import NfcReader, Technology
from dpptag.sim.chip import Chip
from dpptag.sim.population import parse_query, populate
from dpptag.tags import identify, write_and_verify
from tests.sim_fixtures import connected

MINE, OTHER = "04a1b2c3d4e5f6", "04112233445566"
STEPS = 7
"""On a Type 2 tag; the clock is read at the begin and the end of each."""


def message(text: str) -> bytes:
    return encode_message((NdefRecord(4, b"x", b"", text.encode()),))


def chip(uid: str) -> Chip:
    return populate(parse_query(f"uid={uid}"))[0][0]


def write(reader: NfcReader, octets: bytes) -> None:
    link = reader.sense()
    assert link is not None
    write_and_verify(link, identify(link), octets)


def held(reader: NfcReader) -> bytes | None:
    link = reader.sense()
    assert link is not None
    return identify(link).ndef


def report_of(reader: NfcReader, at_step: int = 0, act: Callable[[], object] = lambda: None) -> SelfTest:
    """The self-test; ``act`` happens as the step of this number (from 1) begins."""
    link = reader.sense()
    assert link is not None
    calls = 0

    def clock() -> float:
        nonlocal calls
        calls += 1
        if calls == 2 * at_step - 1:
            act()
        return 0.0

    return self_test(reader, link, clock)


def test_a_tag_gets_its_message_back() -> None:
    with connected(f"uid={MINE}") as (_, reader):
        write(reader, message("first"))
        report = report_of(reader)
        assert report.passed
        assert report.restored
        assert len(report.steps) == STEPS
        assert held(reader) == message("first")


def test_a_tag_that_was_laid_there_instead_is_never_written() -> None:
    mine, other = chip(MINE), chip(OTHER)
    with connected(f"uid={MINE}") as (sim, reader):
        sim.field.lay([other])
        write(reader, message("of somebody else"))
        sim.field.lay([mine])
        write(reader, message("first"))
        report = report_of(reader, STEPS, lambda: sim.field.lay([other]))
        assert report.restored is False
        assert not report.passed
        assert held(reader) == message("of somebody else")


def test_the_report_holds_no_chip_number_and_no_place_whatever_fails() -> None:
    mine, other = chip(MINE), chip(OTHER)
    for step in range(1, STEPS + 1):
        for tags in ([], [other]):
            with connected(f"uid={MINE}") as (sim, reader):
                sim.field.lay([mine])
                report = report_of(reader, step, lambda sim=sim, tags=tags: sim.field.lay(tags))
                text = json.dumps(report.as_dict()).lower()
                assert MINE not in text
                assert OTHER not in text
                assert sim.path not in text
                assert not report.passed


@pytest.mark.parametrize("read", range(3, 480, 53))
def test_the_tag_gets_its_message_back_after_ctrl_c_anywhere(read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a host command too, whose answer must not be taken for that to the next one."""
    with connected(f"uid={MINE}") as (_, reader):
        write(reader, message("first"))
        original, count = LoggedTty.read, 0

        def interrupted(tty: LoggedTty, timeout: int) -> bytearray | None:
            nonlocal count
            count += 1
            if count == read:
                raise KeyboardInterrupt
            return original(tty, timeout)

        link = reader.sense()
        assert link is not None
        identify(link)
        monkeypatch.setattr(LoggedTty, "read", interrupted)
        try:
            report = self_test(reader, link, lambda: 0.0)
        except KeyboardInterrupt:  # before anything was written
            assert read < 20
        else:
            assert report.interrupted
            assert report.restored in (True, None)
            assert not report.passed
        assert held(reader) == message("first")


def test_a_tag_whose_content_could_not_be_put_back_is_refused_before_any_write() -> None:
    with connected(f"uid={MINE}") as (_, reader):
        link = reader.sense()
        assert link is not None
        assert link.technology is Technology.TYPE2
        link.write(4, b"\xde\xad\xbe\xef")
        with pytest.raises(TagRefused) as caught:
            report_of(reader)
        assert caught.value.code == "self-test-content"
        link = reader.sense()
        assert link is not None
        assert link.technology is Technology.TYPE2
        assert link.read(4)[:4] == b"\xde\xad\xbe\xef"
