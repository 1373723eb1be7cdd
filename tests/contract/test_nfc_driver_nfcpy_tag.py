"""nfcpy's own tag classes on the simulated chip: the same chip set driver, another reader of the tag."""

from typing import Any

import nfc
import nfc.clf
import nfc.tag
import pytest

from dpptag.devices.nfcpy import NfcpyReader
from tests.sim_fixtures import ONE_TAG, UID, connected

URI_RECORD = bytes.fromhex("D1010F5504") + b"example.com/01"


def nfcpy_tag(reader: NfcpyReader) -> Any:
    frontend = nfc.ContactlessFrontend()
    frontend.device = reader.port.device
    return nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("106A")))


@pytest.mark.parametrize(
    ("kind", "product", "capacity"),
    [("NTAG213", "NXP NTAG213", 137), ("NTAG215", "NXP NTAG215", 492), ("NTAG216", "NXP NTAG216", 868)],
)
def test_nfcpy_knows_the_chip_and_we_read_what_it_writes(kind: str, product: str, capacity: int) -> None:
    with connected(f"{ONE_TAG}&type={kind}") as (_, reader):
        tag = nfcpy_tag(reader)
        assert (tag.product, tag.identifier, tag.ndef.capacity) == (product, UID, capacity)
        tag.ndef.octets = URI_RECORD
        assert not tag.ndef.has_changed
        link = reader.sense()
        assert link is not None
        assert URI_RECORD in link.fast_read(4, 39)


def test_nfcpy_reads_what_we_write() -> None:
    with connected() as (_, reader):
        link = reader.sense()
        assert link is not None
        tlv = bytes((0x03, len(URI_RECORD))) + URI_RECORD + b"\xfe" + bytes(3)
        for page, at in enumerate(range(0, len(tlv) - 3, 4), 4):
            link.write(page, tlv[at : at + 4].ljust(4, b"\x00"))
        assert nfcpy_tag(reader).ndef.octets == URI_RECORD


def test_the_same_job_costs_nfcpy_more_than_four_times_our_host_commands() -> None:
    """126 bytes written and read back, every page new; detection left out on both sides."""
    message = bytes.fromhex("D1017A5504") + bytes(range(1, 122))
    with connected() as (sim, reader):
        tag = nfcpy_tag(reader)
        assert tag.ndef.length == 0
        before = sim.host_commands
        tag.ndef.octets = message
        assert not tag.ndef.has_changed
        theirs = sim.host_commands - before
    with connected() as (sim, reader):
        link = reader.sense()
        assert link is not None
        before = sim.host_commands
        for page in (4, *range(5, 37), 4):
            link.write(page, bytes((0x03, 0x7E, 0xD1, page)))
        link.reselect()
        link.fast_read(4, 36)
        ours = sim.host_commands - before
    assert (theirs, ours) == (208, 38)
