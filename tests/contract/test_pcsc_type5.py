"""Type 5 tags through pyscard, pcscd and vpcd: the only readers that reach them are PC/SC readers."""

import pytest

from dpptag import tags
from dpptag.devices.pcsc_driver import PcscReader
from dpptag.errors import TagRefused
from dpptag.links.nfc import Technology, Type5Link
from dpptag.tags import Lock, Protection
from tests.pcsc_rig import PcscRig, pcsc_rig
from tests.unit.tags.type5_link import Keys

MESSAGE = bytes.fromhex("D1010F5504") + b"example.com/01"
OTHER = bytes.fromhex("D1010F5504") + b"example.com/02"
CHIPS = {
    "SLIX": "E004011001020304",
    "SLIX2": "E004010801020304",
    "ST25TV02K": "E002230102030405",
    "ST25DV04K": "E002240102030405",
}
LOCK, PASSWORD = Protection(lock=Lock.PERMANENT), Protection(password=True)
BOTH = Protection(password=True, lock=Lock.PERMANENT)


@pytest.fixture
def rig() -> PcscRig:
    return pcsc_rig()


def sensed(reader: PcscReader) -> Type5Link:
    link = reader.sense()
    assert link is not None
    assert link.technology is Technology.TYPE5
    return link


def one(kind: str) -> str:
    return f"type={kind}&uid={CHIPS[kind]}"


@pytest.mark.parametrize("reader_class", ["acr1552u", "omnikey"])
@pytest.mark.parametrize("kind", CHIPS)
def test_a_blank_is_formatted_written_verified_and_rewritten(rig: PcscRig, kind: str, reader_class: str) -> None:
    with PcscReader(rig.setup("--class", reader_class, one(kind))) as reader:
        link = sensed(reader)
        assert link.uid.hex().upper() == CHIPS[kind]
        assert link.passes_commands is (reader_class == "acr1552u")
        tag = tags.identify(link)
        assert tag.chip_name == kind
        assert tags.write_and_verify(link, tag, MESSAGE, allow_format=True) == MESSAGE
        plan = tags.plan_write(tags.identify(link), OTHER)
        assert [step.at for step in plan.steps] == [1, 6, 1]
        tags.apply(link, plan)
        assert tags.read_back(link, tag, OTHER) == OTHER


@pytest.mark.parametrize(
    ("kind", "protection"), [("SLIX", LOCK), ("SLIX2", BOTH), ("ST25TV02K", LOCK), ("ST25DV04K", PASSWORD)]
)
def test_a_tag_is_protected_and_takes_no_other_message(rig: PcscRig, kind: str, protection: Protection) -> None:
    with PcscReader(rig.setup("--class", "acr1552u", one(kind))) as reader:
        link = sensed(reader)
        tags.write_and_verify(link, tags.identify(link), MESSAGE, allow_format=True)
        for _again in range(2):
            plan = tags.plan_protection(tags.identify(link), protection, Keys())
            tags.protect(link, plan, Keys())
        tag = tags.identify(link)
        assert tag.ndef == MESSAGE
        with pytest.raises(TagRefused):
            tags.plan_write(tag, OTHER)


def test_a_reader_without_commands_locks_nothing(rig: PcscRig) -> None:
    with PcscReader(rig.setup("--class", "omnikey", one("SLIX"))) as reader:
        link = sensed(reader)
        tags.write_and_verify(link, tags.identify(link), MESSAGE, allow_format=True)
        with pytest.raises(TagRefused) as caught:
            tags.plan_protection(tags.identify(link), LOCK)
        assert caught.value.code == "reader-commands"
