"""Type 2 tags through pyscard, pcscd and vpcd, in the three ways that readers pass tag commands."""

import contextlib
import os
import subprocess
import sys

import pytest

from dpptag import tags
from dpptag.devices import open_nfc, parse_device_path
from dpptag.devices.pcsc_driver import PcscReader, list_readers
from dpptag.devices.pcsc_links import Dialect, PcscType2Link
from dpptag.devices.profiles import NfcProfile, profile_by_pcsc_name
from dpptag.errors import (
    DeviceBusy,
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    DeviceProtocolError,
    TagError,
    TagLost,
    TagNak,
    TagRefused,
    TagSwapped,
)
from dpptag.links.nfc import Technology, Type2Link
from dpptag.logs import TRAFFIC
from tests.pcsc_rig import ONE_TAG, SOURCE, UID, PcscRig, pcsc_rig

MESSAGE = bytes.fromhex("D10116550469642E6578616D706C652E636F6D2F70617373706F")[:26]
OTHER = "uid=04A1B2C3D4E5F6,04665544332211"
CLASSES = {"acr122u": Dialect.DIRECT, "acr1552u": Dialect.TRANSPARENT, "acr1252u": Dialect.TRANSPARENT}


@pytest.fixture
def rig() -> PcscRig:
    return pcsc_rig()


def sensed(reader: PcscReader) -> Type2Link:
    link = reader.sense()
    assert link is not None
    assert link.technology is Technology.TYPE2
    return link


@pytest.mark.parametrize("reader_class", CLASSES)
def test_a_message_is_written_and_verified(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        assert reader.dialect is CLASSES[reader_class]
        assert link.uid == UID
        tag = tags.identify(link)
        assert tag.chip_name == "NTAG213"
        assert tags.write_and_verify(link, tag, MESSAGE) == MESSAGE


@pytest.mark.parametrize(
    ("reader_class", "wanted"),
    [("acr122u", 20), ("acr1552u", 23), ("acr1252u", 32)],
)
def test_apdus_of_write_and_verify_are_counted(rig: PcscRig, reader_class: str, wanted: int) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        tag = tags.identify(link)
        before = rig.apdus()
        tags.write_and_verify(link, tag, MESSAGE)
        assert rig.apdus() - before == wanted


def test_a_reader_that_passes_no_commands_says_so(rig: PcscRig) -> None:
    name = rig.setup("--class", "omnikey", ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        assert not link.passes_commands
        assert link.get_version() is None
        assert link.read_signature() is None
        link.write(10, b"\x01\x02\x03\x04")
        assert link.read(10)[:4] == b"\x01\x02\x03\x04"
        with pytest.raises(TagRefused):
            link.authenticate(b"\xff\xff\xff\xff")


@pytest.mark.parametrize("reader_class", [*CLASSES, "omnikey"])
def test_a_write_called_failed_although_it_was_made_is_decided_by_content(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG, "--fault", "deny@1")
    with PcscReader(name) as reader:
        link = sensed(reader)
        link.write(10, b"\x01\x02\x03\x04")
        assert rig.event("fired")["fired"] == "deny@1"
        assert link.read(10)[:4] == b"\x01\x02\x03\x04"


@pytest.mark.parametrize("reader_class", [*CLASSES, "omnikey"])
def test_a_refused_write_is_a_nak(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        with pytest.raises(TagNak):
            link.write(0x30, b"\x01\x02\x03\x04")
        link.reselect()
        assert link.read(0)[:3] == UID[:3]


@pytest.mark.parametrize("reader_class", CLASSES)
def test_the_password_is_proved_by_its_pack(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        assert link.authenticate(b"\xff\xff\xff\xff") == b"\x00\x00"
        with pytest.raises(TagNak):
            link.authenticate(b"\x00\x00\x00\x01")


def test_a_reader_of_16_byte_writes_is_refused_untouched(rig: PcscRig) -> None:
    name = rig.setup("--class", "blocks16", ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        with pytest.raises(TagRefused) as caught:
            link.write(10, b"\x01\x02\x03\x04")
        assert caught.value.code == "reader-write-length"
        assert link.read(10)[:4] == bytes(4)


# Tags come and go


def test_no_tag_is_none(rig: PcscRig) -> None:
    name = rig.setup(ONE_TAG)
    with PcscReader(name) as reader:
        rig.remove()
        assert reader.sense() is None


def test_a_tag_pulled_in_the_middle_of_a_write_is_lost_and_found_again(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        tag = tags.identify(link)
        rig.command(tag="remove")
        with pytest.raises(TagLost):
            tags.write_and_verify(link, tag, MESSAGE)
        rig.until(name, present=False)
        rig.insert()
        with pytest.raises(TagLost):
            link.read(4)
        again = sensed(reader)
        assert tags.write_and_verify(again, tags.identify(again), MESSAGE) == MESSAGE


def test_a_tag_torn_away_leaves_the_old_link_dead(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr1552u", ONE_TAG, "--fault", "tear@1")
    with PcscReader(name) as reader:
        link = sensed(reader)
        with pytest.raises(TagLost):
            link.write(10, b"\x01\x02\x03\x04")
        assert rig.event("fired")["fired"] == "tear@1"


def test_another_tag_in_its_place_is_told_at_reselect(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", OTHER)
    with PcscReader(name) as reader:
        link = sensed(reader)
        rig.swap()
        with pytest.raises((TagSwapped, TagLost)):
            link.reselect()
        other = sensed(reader)
        assert other.uid.hex() == "04665544332211"
        with pytest.raises(TagSwapped):
            link.read(4)


# Service and readers


def test_a_service_killed_in_the_middle_of_a_job_is_found_again(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        tag = tags.identify(link)
        rig.command(service="stop")
        with pytest.raises(TagLost) as caught:
            tags.write_and_verify(link, tag, MESSAGE)
        assert caught.value.code == "pcsc-service-restarted"
        with pytest.raises(DeviceLost) as gone:
            reader.sense()
        assert gone.value.code == "pcsc-service"
        rig.command(service="start")
        rig.until(name, present=True)
        again = sensed(reader)
        assert tags.write_and_verify(again, tags.identify(again), MESSAGE) == MESSAGE


def test_an_unplugged_reader_is_lost(rig: PcscRig) -> None:
    name = rig.setup(ONE_TAG)
    with PcscReader(name) as reader:
        sensed(reader)
        rig.command(plugged=False, service="restart")
        with pytest.raises(DeviceLost):
            reader.sense()
    rig.command(plugged=True, service="restart")


def test_a_second_client_is_told_that_the_reader_is_busy(rig: PcscRig) -> None:
    name = rig.setup(ONE_TAG)
    with PcscReader(name) as first, PcscReader(name) as second:
        sensed(first)
        with pytest.raises(DeviceBusy):
            second.sense()
        assert sensed(first).read(0)[:3] == UID[:3]


def test_a_context_is_renewed_after_so_many_tags(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", ONE_TAG)
    with PcscReader(name, tags_per_context=1) as reader:
        sensed(reader)
        before = reader._context
        rig.remove()
        assert reader.sense() is None
        rig.insert()
        assert sensed(reader).uid == UID
        assert reader._context != before


def test_names_are_listed_where_none_or_several_fit(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", "--slots", "2", ONE_TAG)
    assert name in list_readers()
    with pytest.raises(DeviceNotFound) as ambiguous:
        PcscReader("ACS ACR122U")
    assert ambiguous.value.code == "device-ambiguous"
    assert ambiguous.value.action is not None
    assert name in ambiguous.value.action
    with pytest.raises(DeviceNotFound) as absent:
        PcscReader("Some other reader")
    assert absent.value.action is not None
    assert name in absent.value.action


def test_an_acr122u_blinks_and_others_cannot(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", ONE_TAG)
    with PcscReader(name) as reader:
        sensed(reader)
        assert reader.signal()
        assert reader._firmware == "ACR122U215"
    name = rig.setup("--class", "omnikey", ONE_TAG)
    with PcscReader(name) as reader:
        sensed(reader)
        assert not reader.signal()


# The families' own steps, on every class


class _Keys:
    """Derives the same secrets for every chip."""

    def key(self, uid: bytes, purpose: str) -> bytes:
        return bytes(range(1, 17))

    def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
        return "test"


@pytest.mark.parametrize("reader_class", [*CLASSES, "omnikey"])
def test_a_permanent_lock_is_proved(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        tags.write_and_verify(link, tags.identify(link), MESSAGE)
        plan = tags.plan_protection(tags.identify(link), tags.Protection(lock=tags.Lock.PERMANENT))
        tags.protect(link, plan)
        assert not tags.identify(link).writable


@pytest.mark.parametrize("reader_class", CLASSES)
def test_a_password_is_set_and_proved(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with PcscReader(name) as reader:
        link = sensed(reader)
        tags.write_and_verify(link, tags.identify(link), MESSAGE)
        plan = tags.plan_protection(tags.identify(link), tags.Protection(password=True), _Keys())
        tags.protect(link, plan, _Keys())
        link.reselect()
        with pytest.raises(TagNak):
            link.write(10, b"\x01\x02\x03\x04")


def _profile(fast_read_pages: int) -> NfcProfile:
    return profile_by_pcsc_name("any reader").model_copy(update={"fast_read_pages": fast_read_pages})


def test_a_trusted_reader_verifies_by_one_fast_read(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", ONE_TAG)
    with PcscReader(name, profile=_profile(60)) as reader:
        link = sensed(reader)
        tag = tags.identify(link)
        tags.apply(link, tags.plan_write(tag, MESSAGE))
        before = rig.apdus()
        assert tags.read_back(link, tag, MESSAGE) == MESSAGE
        assert rig.apdus() - before == 2  # the chip number after power off and on, and all pages at once


def test_bytes_that_a_reader_repeats_are_refused(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr1552u", ONE_TAG, "--fault", "duplicate@1")
    with PcscReader(name, profile=_profile(60)) as reader:
        link = sensed(reader)
        with pytest.raises(DeviceProtocolError) as caught:
            link.fast_read(4, 20)
        assert caught.value.code == "tag-answer-length"


def test_a_path_opens_the_reader_of_this_name(rig: PcscRig) -> None:
    name = rig.setup("--class", "acr122u", ONE_TAG)
    with open_nfc(parse_device_path(f"pcsc:{name}")) as reader:
        link = reader.sense()
        assert link is not None
        assert link.uid == UID
        assert reader.info.path == f"pcsc:{name}"
        assert reader.info.firmware == "ACR122U215"


# What a faulty reader answers


@pytest.mark.parametrize("reader_class", [*CLASSES, "omnikey"])
@pytest.mark.parametrize("fault", ["garbage", "short", "no-answer"])
@pytest.mark.parametrize("at", [2, 9])
def test_an_answer_that_is_none_is_an_error_and_the_tag_can_be_written_afterwards(
    rig: PcscRig, reader_class: str, fault: str, at: int
) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG, "--fault", f"{fault}@{at}")
    with PcscReader(name) as reader:
        with contextlib.suppress(TagError, DeviceError):
            link = reader.sense()
            if link is not None:
                tags.write_and_verify(link, tags.identify(link), MESSAGE)
        assert rig.event("fired")["fired"] == f"{fault}@{at}"
        if fault == "no-answer":
            rig.until(name, present=False)
        rig.until(name, present=True)
        again = sensed(reader)
        assert tags.write_and_verify(again, tags.identify(again), MESSAGE) == MESSAGE


@pytest.mark.parametrize("reader_class", CLASSES)
def test_no_password_is_in_the_traffic_log(rig: PcscRig, reader_class: str, caplog: pytest.LogCaptureFixture) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    with caplog.at_level(TRAFFIC), PcscReader(name) as reader:
        link = sensed(reader)
        assert isinstance(link, PcscType2Link)
        link.write(43, b"\x5a\xc3\x96\x7e", secret=True)
        link.reselect()
        link.authenticate(b"\x5a\xc3\x96\x7e")
    assert "> ff" in caplog.text
    assert "5ac3967e" not in caplog.text


_CLIENT = """
import sys
from dpptag import tags
from dpptag.devices.pcsc_driver import PcscReader

with PcscReader(sys.argv[1]) as reader:
    link = reader.sense()
    tags.write_and_verify(link, tags.identify(link), bytes.fromhex(sys.argv[2]))
"""


@pytest.mark.parametrize("hold", ["hold", "hold-after"])
@pytest.mark.parametrize("at", [19, 22, 25])
def test_a_client_killed_between_two_writes_leaves_a_tag_that_another_finishes(
    rig: PcscRig, hold: str, at: int
) -> None:
    name = rig.setup("--class", "acr122u", ONE_TAG, "--fault", f"{hold}@{at}")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen([sys.executable, "-c", _CLIENT, name, MESSAGE.hex()], env=environment) as client:
        rig.event("held")
        client.kill()
    rig.command(release=True)
    rig.event("released")
    rig.until(name, present=False)
    rig.until(name, present=True)
    with PcscReader(name) as reader:
        link = sensed(reader)
        tag = tags.identify(link)
        assert tag.ndef == b""
        assert tags.write_and_verify(link, tag, MESSAGE) == MESSAGE
