"""Types 3, 4 and 5 through pyscard, pcscd and vpcd."""

import pytest

from dpptag import tags
from dpptag.devices.pcsc_driver import PcscReader
from dpptag.errors import TagNak, TagRefused
from dpptag.links import TagLink, Technology, Type5Link
from tests.pcsc_rig import PcscRig, pcsc_rig

MESSAGE = bytes.fromhex("D1010D5504652E636F6D2F706173733F31")
SELECT_NDEF = bytes.fromhex("00A4040007D276000085010100")


@pytest.fixture
def rig() -> PcscRig:
    return pcsc_rig()


def sensed(reader: PcscReader) -> TagLink:
    link = reader.sense()
    assert link is not None
    return link


@pytest.mark.parametrize("reader_class", ["acr122u", "acr1552u", "omnikey"])
def test_apdus_reach_a_type_4_chip_on_every_reader(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, "tags=NTAG424")
    with PcscReader(name) as reader:
        link = sensed(reader)
        assert link.technology is Technology.TYPE4
        assert link.transceive(SELECT_NDEF) == b"\x90\x00"
        link.reselect()
        assert link.transceive(bytes.fromhex("00B0000002"))[-2:] != b"\x90\x00"


def test_a_type_4_message_is_written_and_verified(rig: PcscRig) -> None:
    name = rig.setup("tags=NTAG424")
    with PcscReader(name) as reader:
        link = sensed(reader)
        tag = tags.identify(link)
        assert tags.write_and_verify(link, tag, MESSAGE) == MESSAGE


FELICA = "FELICA-LITE-S"


@pytest.mark.parametrize("reader_class", ["acr122u", "acr1552u"])
def test_a_type_3_message_is_written_and_verified(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, f"tags={FELICA}")
    with PcscReader(name) as reader:
        link = sensed(reader)
        assert link.technology is Technology.TYPE3
        tag = tags.identify(link)
        assert tags.write_and_verify(link, tag, MESSAGE) == MESSAGE


def test_a_reader_that_passes_no_commands_refuses_felica(rig: PcscRig) -> None:
    name = rig.setup("--class", "omnikey", f"tags={FELICA}")
    with PcscReader(name) as reader, pytest.raises(TagRefused) as caught:
        reader.sense()
    assert caught.value.code == "reader-passes-no-commands"


def _type5(reader: PcscReader) -> Type5Link:
    link = sensed(reader)
    assert link.technology is Technology.TYPE5
    return link


@pytest.mark.parametrize("reader_class", ["acr1552u", "omnikey"])
@pytest.mark.parametrize("chip", ["SLIX2", "ST25TV02K"])
def test_a_type_5_message_is_written_and_verified(rig: PcscRig, reader_class: str, chip: str) -> None:
    name = rig.setup("--class", reader_class, f"tags={chip}")
    with PcscReader(name) as reader:
        link = _type5(reader)
        assert link.uid[0] == 0xE0
        assert link.passes_commands is (reader_class == "acr1552u")
        tag = tags.identify(link)
        plan = tags.plan_write(tag, MESSAGE, allow_format=True)
        tags.apply(link, plan)
        assert tags.read_back(link, tag, MESSAGE) == MESSAGE


@pytest.mark.parametrize("reader_class", ["acr1552u", "omnikey"])
def test_a_type_5_write_called_failed_although_it_was_made_is_decided_by_content(
    rig: PcscRig, reader_class: str
) -> None:
    name = rig.setup("--class", reader_class, "tags=SLIX2", "--fault", "deny@1")
    with PcscReader(name) as reader:
        link = _type5(reader)
        link.write(5, b"\x01\x02\x03\x04")
        assert rig.event("fired")["fired"] == "deny@1"
        assert link.read(5) == b"\x01\x02\x03\x04"


@pytest.mark.parametrize("reader_class", ["acr1552u", "omnikey"])
def test_reading_past_the_end_of_a_type_5_chip_is_a_nak(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, "tags=SLIX2")
    with PcscReader(name) as reader:
        link = _type5(reader)
        with pytest.raises(TagNak):
            link.read(200)


def test_commands_of_a_type_5_chip_need_a_reader_that_passes_them(rig: PcscRig) -> None:
    name = rig.setup("--class", "omnikey", "tags=SLIX2")
    with PcscReader(name) as reader, pytest.raises(TagRefused):
        _type5(reader).command(0x2B)
    name = rig.setup("--class", "acr1552u", "tags=SLIX2")
    with PcscReader(name) as reader:
        link = _type5(reader)
        assert link.command(0x2B)[1:9] == link.uid[::-1]
        assert len(link.command(0xB2, b"\x04")) == 2
