"""nfcpy's own tag classes, which share no line with our families: they read what we wrote and write what we read, on
the serial PN532 and on every USB reader that nfcpy drives."""

from typing import Any

import nfc
import nfc.clf
import nfc.tag
import pytest

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.tags import identify, write_and_verify
from tests.sim_fixtures import connected
from tests.usb_rig import usb_rig

MESSAGE = bytes.fromhex("D101175504") + b"id.example.com/01/0952"
OTHER = bytes.fromhex("D101175504") + b"id.example.org/01/9999"
LONG = bytes.fromhex("C1010000010055") + b"\x04" + bytes(range(48, 123)) * 3 + bytes(range(48, 78))

TYPE2 = {
    "NTAG210": ("NXP NTAG210", 46),
    "NTAG212": ("NXP NTAG212", 126),
    "NTAG203": ("NXP NTAG203", 142),
    "ULTRALIGHT-EV1-48": ("Mifare Ultralight EV1 (MF0UL11)", 46),
    "ULTRALIGHT-EV1-128": ("Mifare Ultralight EV1 (MF0UL21)", 126),
    "NTAG-I2C-1K": ("NTAG I2C 1K (NT3H1101)", 868),
}
"""By kind nfcpy's name for it, and the longest message that it sees room for once we have formatted it."""

TYPE4 = {"NTAG424": 254, "ST25TA02K": 254, "DESFIRE-EV1": 2046, "DESFIRE-EV2": 2046, "DESFIRE-EV3": 2046}


def nfcpy_tag(reader: NfcpyReader) -> Any:
    frontend = nfc.ContactlessFrontend()
    frontend.device = reader.port.device
    return nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("106A")))


def ours(reader: NfcpyReader, message: bytes | None = None) -> bytes | None:
    """The message on the tag, after writing one where it is given."""
    link = reader.sense()
    assert link is not None
    if message is not None:
        write_and_verify(link, identify(link), message, allow_format=True)
    link.reselect()
    return identify(link).ndef


@pytest.mark.parametrize("kind", TYPE2)
def test_nfcpy_and_we_take_turns_on_a_type_2_chip(kind: str) -> None:
    with connected(f"tags={kind}") as (_, reader):
        assert ours(reader, MESSAGE) == MESSAGE
        tag = nfcpy_tag(reader)
        assert (tag.product, tag.ndef.capacity, tag.ndef.octets) == (*TYPE2[kind], MESSAGE)
        tag.ndef.octets = OTHER
        assert ours(reader) == OTHER


@pytest.mark.parametrize("kind", TYPE4)
def test_nfcpy_and_we_take_turns_on_a_type_4_chip(kind: str) -> None:
    message = LONG if TYPE4[kind] > len(LONG) else LONG[:3] + bytes.fromhex("0000F655") + LONG[7:253]
    with connected(f"tags={kind}") as (_, reader):
        assert ours(reader, message) == message
        tag = nfcpy_tag(reader)
        assert tag.type == "Type4Tag"
        assert (tag.ndef.capacity, tag.ndef.is_writeable, tag.ndef.octets) == (TYPE4[kind], True, message)
        tag.ndef.octets = OTHER
        assert not tag.ndef.has_changed
        assert ours(reader) == OTHER
        nfcpy_tag(reader).ndef.octets = message
        assert ours(reader) == message


USB = {"acr122u": "usb:072f:2200", "pn533": "usb:04cc:2533", "rcs380": "usb:054c:06c1"}


@pytest.mark.parametrize("kind", ["NTAG213", "FELICA-LITE-S", "NTAG424"])
@pytest.mark.parametrize("model", USB)
def test_nfcpy_and_we_take_turns_on_a_usb_reader(model: str, kind: str) -> None:
    with usb_rig(f"{model}?tags={kind}") as rig:
        found = rig.call("tests.usb_turns:with_nfcpy", path=USB[model], ours=MESSAGE.hex(), theirs=OTHER.hex())
    assert found == [MESSAGE.hex(), OTHER.hex()]
