"""What 126 bytes on an NTAG213 cost on each class of reader, counted exactly.

On a tag as delivered 34 pages are written: the guard, 32 pages behind it, the header. The PN532 on a serial port is
counted in ``bench/nfc_speed.py``.
"""

from __future__ import annotations

import itertools

import pytest

from dpptag import tags
from dpptag.devices.pcsc_driver import PcscReader
from dpptag.links.nfc import Technology
from tests.pcsc_rig import ONE_TAG, PcscRig, pcsc_rig
from tests.unit.tags.chip_link import message_of
from tests.usb_rig import usb_rig

MESSAGE = message_of(126)
USB = {"acr122u": "nfc:usb:072f:2200", "pn533": "nfc:usb:04cc:2533", "rcs380": "nfc:usb:054c:06c1"}


@pytest.fixture
def rig() -> PcscRig:
    return pcsc_rig()


@pytest.mark.parametrize(
    ("reader_class", "write", "reselect", "read"),
    [("acr122u", 34, 1, 10), ("acr1552u", 34, 2, 12), ("acr1252u", 68, 2, 12), ("omnikey", 34, 1, 10)],
)
def test_apdus_of_126_bytes_through_pcsc(rig: PcscRig, reader_class: str, write: int, reselect: int, read: int) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with PcscReader(name) as reader:
        link = reader.sense()
        assert link is not None
        assert link.technology is Technology.TYPE2
        tag = tags.identify(link)
        plan = tags.plan_write(tag, MESSAGE)
        counts = [rig.apdus()]
        tags.apply(link, plan)
        counts.append(rig.apdus())
        tags.read_back(link, tag, MESSAGE)
        counts.append(rig.apdus())
        link.reselect()
        counts.append(rig.apdus())
    written, verified, selected = (after - before for before, after in itertools.pairwise(counts))
    assert (written, selected, verified - selected) == (write, reselect, read)


@pytest.mark.parametrize(("model", "each"), [("acr122u", 59), ("pn533", 41), ("rcs380", 47)])
def test_host_commands_of_an_encode_over_usb(model: str, each: int) -> None:
    """Identify, 33 page writes (the terminator's page stays as it is), field off, selection, read back.

    PN533: as the PN532, 4 + 33 + 4. RC-S380: its selection takes six commands more. ACR122U: by READ, as its profile
    does not trust FAST_READ: 9 more each time that the memory is read.
    """
    with usb_rig(f"{model}?{ONE_TAG}") as rig:
        counts = []
        for times in (2, 2, 4):  # the first encode of the first child writes the page of the terminator too
            rig.call("tests.usb_driver:encodes", path=USB[model], times=times)
            counts.append(rig.state()["host_commands"])
    two, four = counts[1] - counts[0], counts[2] - counts[1]
    assert (four - two) / 2 == each
