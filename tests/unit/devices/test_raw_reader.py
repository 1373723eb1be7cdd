"""What the reader makes of what its port finds: a scripted port stands for chip sets that tell more than ours do."""

from collections.abc import Sequence

import pytest

from dpptag.devices.raw_port import CollisionError, FelicaTarget, Hidden, TypeATarget, UnansweredError
from dpptag.devices.raw_reader import RawReader
from dpptag.errors import DeviceLost, TagLost, TagRefused
from dpptag.links.nfc import DeviceInfo, Technology

UID = bytes.fromhex("04A1B2C3D4E5F6")
PMM = bytes.fromhex("00F1000000014300")
INFO = DeviceInfo("test", "test", "test", "test", simulated=True)


class Port:
    """``polls``: what each poll gives, in order, and nothing afterwards; ``calls`` is what was asked."""

    name = "test"
    firmware = "test"
    frame_size = 256
    poll_lead_seconds = 0.001

    def __init__(
        self, *polls: TypeATarget | FelicaTarget | Exception | None, answers: Sequence[bytes | int] = ()
    ) -> None:
        self.polls = list(polls)
        self.answers = list(answers)
        self.calls: list[str] = []

    def _next(self) -> TypeATarget | FelicaTarget | None:
        found = self.polls.pop(0) if self.polls else None
        if isinstance(found, Exception):
            raise found
        return found

    def poll_a(self) -> TypeATarget | None:
        self.calls.append("A")
        found = self._next()
        assert not isinstance(found, FelicaTarget)
        return found

    def poll_f(self, system_code: int) -> FelicaTarget | None:
        self.calls.append(f"F{system_code:04X}")
        found = self._next()
        assert not isinstance(found, TypeATarget)
        return found

    def exchange(self, frame: bytes, waiting_time: float, hidden: Hidden | None = None) -> bytes:
        self.calls.append(frame.hex())
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            raise UnansweredError(answer, silent=answer == 1)
        return answer

    def field_off(self) -> None:
        self.calls.append("off")

    def signal(self) -> bool:
        return False

    def close(self) -> None:
        self.calls.append("close")


def reader_on(port: Port) -> RawReader:
    return RawReader(port, INFO, wait=lambda _seconds: None)


def felica(head: int, system_code: int | None) -> FelicaTarget:
    return FelicaTarget(bytes((head,)) + bytes(7), PMM, system_code)


def test_several_tags_at_once_are_refused() -> None:
    port = Port(CollisionError())
    with pytest.raises(TagRefused) as caught:
        reader_on(port).sense()
    assert caught.value.code == "tag-collision"


@pytest.mark.parametrize(("sak", "peer"), [(0x08, False), (0x18, False), (0x40, True)])
def test_a_chip_of_no_type_of_ours_is_refused_with_its_sak(sak: int, peer: bool) -> None:
    with pytest.raises(TagRefused) as caught:
        reader_on(Port(TypeATarget(UID, sak))).sense()
    assert (caught.value.facts["sak"], "phone" in caught.value.message) == (f"{sak:02X}", peer)


def test_a_felica_tag_is_looked_for_only_where_no_type_a_tag_answers() -> None:
    port = Port(TypeATarget(UID, 0x00))
    reader_on(port).sense()
    assert port.calls == ["A"]


def test_a_felica_tag_that_names_the_ndef_system_is_polled_once() -> None:
    port = Port(None, felica(0x02, 0x12FC))
    link = reader_on(port).sense()
    assert link is not None
    assert link.technology is Technology.TYPE3
    assert (link.system_code, port.calls) == (0x12FC, ["A", "FFFFF"])


def test_a_felica_tag_of_several_systems_is_taken_under_its_number_in_the_ndef_system() -> None:
    port = Port(None, felica(0x02, 0x8008), felica(0x12, 0x12FC))
    link = reader_on(port).sense()
    assert link is not None
    assert (link.uid[0], port.calls) == (0x12, ["A", "FFFFF", "F12FC"])


def test_a_felica_tag_without_ndef_system_is_selected_again_under_its_own() -> None:
    port = Port(None, felica(0x02, 0x88B4), None, felica(0x02, 0x88B4))
    link = reader_on(port).sense()
    assert link is not None
    assert link.technology is Technology.TYPE3
    assert link.system_code == 0x88B4


def test_a_felica_tag_that_goes_between_two_polls_was_not_there() -> None:
    assert reader_on(Port(None, felica(0x02, 0x88B4))).sense() is None


@pytest.mark.parametrize(("status", "code"), [(1, "tag-lost"), (2, "tag-lost")])
def test_silence_and_noise_are_told_apart_in_the_facts(status: int, code: str) -> None:
    link = reader_on(Port(TypeATarget(UID, 0x00), answers=[status])).sense()
    assert link is not None
    assert link.technology is Technology.TYPE2
    with pytest.raises(TagLost) as caught:
        link.read(4)
    assert (caught.value.code, caught.value.facts["silent"]) == (code, status == 1)


def test_a_tag_is_without_field_for_5_ms_the_poll_that_is_on_its_way_included() -> None:
    port, waits = Port(TypeATarget(UID, 0x00), TypeATarget(UID, 0x00)), list[float]()
    link = RawReader(port, INFO, wait=waits.append).sense()
    assert link is not None
    link.reselect()
    assert port.calls == ["A", "off", "A"]
    assert waits == [pytest.approx(0.005 - port.poll_lead_seconds)]


def test_a_closed_reader_is_lost_and_closes_once() -> None:
    port = Port()
    reader = reader_on(port)
    reader.close()
    reader.close()
    assert port.calls == ["close"]
    with pytest.raises(DeviceLost):
        reader.sense()
