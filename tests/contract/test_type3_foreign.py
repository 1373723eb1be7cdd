"""FeliCa Lite-S through the simulated PN532: our driver and family, nfcpy's own tag classes, libnfc's Type 3 tool."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import nfc
import nfc.clf
import nfc.tag
import pytest

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.links import FelicaLink, Technology
from dpptag.sim import start
from dpptag.tags import Lock, Protection, identify, plan_protection, protect, write_and_verify
from tests.needs import program_path
from tests.sim_fixtures import connected

IDM = bytes.fromhex("03FE010203040506")
QUERY = "type=FELICA-LITE-S&uid=03FE010203040506"
MESSAGE = bytes.fromhex("D1010F5504") + b"example.com/01"
OTHER = bytes.fromhex("D1010F5504") + b"example.org/99"
LONG = bytes.fromhex("D101C85504") + bytes(range(32, 127)) * 2 + bytes(range(32, 41))


def felica(reader: NfcpyReader) -> FelicaLink:
    link = reader.sense()
    assert link is not None
    assert link.technology is Technology.TYPE3
    return link


def nfcpy_tag(reader: NfcpyReader) -> Any:
    frontend = nfc.ContactlessFrontend()
    frontend.device = reader.port.device
    target = nfc.clf.RemoteTarget("212F")
    target.sensf_req = bytes.fromhex("0012FC0100")
    return nfc.tag.activate(frontend, frontend.sense(target))


@pytest.mark.parametrize("message", [MESSAGE, LONG], ids=["short", "long"])
def test_nfcpy_reads_what_we_write_and_we_read_what_it_writes(message: bytes) -> None:
    with connected(QUERY) as (_, reader):
        link = felica(reader)
        assert write_and_verify(link, identify(link), message) == message
        tag = nfcpy_tag(reader)
        assert (tag.product, tag.identifier) == ("FeliCa Lite-S (RC-S966)", IDM)
        assert (tag.ndef.octets, tag.ndef.capacity, tag.ndef.is_writeable) == (message, 208, True)
        tag.ndef.octets = OTHER
        assert identify(felica(reader)).ndef == OTHER


def test_nfcpy_formats_a_blank_that_we_then_take_as_empty() -> None:
    with connected(QUERY.replace("LITE-S", "LITE-S-BLANK")) as (_, reader):
        frontend = nfc.ContactlessFrontend()
        frontend.device = reader.port.device
        target = nfc.clf.RemoteTarget("212F")
        target.sensf_req = bytes.fromhex("00FFFF0100")
        assert nfc.tag.activate(frontend, frontend.sense(target)).format()
        link = felica(reader)
        link.reselect()
        assert identify(link).ndef == b""
        assert write_and_verify(link, identify(link), MESSAGE) == MESSAGE


def test_a_blank_that_we_format_is_an_ndef_tag_to_nfcpy() -> None:
    with connected(QUERY.replace("LITE-S", "LITE-S-BLANK")) as (_, reader):
        link = felica(reader)
        assert write_and_verify(link, identify(link), MESSAGE, allow_format=True) == MESSAGE
        assert nfcpy_tag(reader).ndef.octets == MESSAGE


def test_a_locked_tag_is_read_only_to_nfcpy() -> None:
    with connected(QUERY) as (_, reader):
        link = felica(reader)
        write_and_verify(link, identify(link), MESSAGE)
        protect(link, plan_protection(identify(link), Protection(lock=Lock.PERMANENT)))
        tag = nfcpy_tag(reader)
        assert (tag.ndef.octets, tag.ndef.is_writeable) == (MESSAGE, False)


def test_libnfc_reads_the_message_that_we_wrote(tmp_path: Path) -> None:
    """It writes whole blocks, and (a fault of its own) what stands behind them in its memory."""
    program = program_path("nfc-read-forum-tag3", package="libnfc-examples")
    found = tmp_path / "message.ndef"
    with start(QUERY) as sim:
        with NfcpyReader(sim.path, simulated=True) as reader:
            link = felica(reader)
            write_and_verify(link, identify(link), MESSAGE)
        ended = subprocess.run(
            [program, "-o", str(found)],
            env={**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{sim.path}", "LIBNFC_AUTO_SCAN": "false"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert found.read_bytes()[: len(MESSAGE)] == MESSAGE
