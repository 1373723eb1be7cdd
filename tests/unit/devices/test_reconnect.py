"""A reader that is pulled and plugged in again, on a clock that only ``wait`` moves."""

from types import TracebackType
from typing import Self

import pytest

from dpptag.devices.reconnect import Backoff, ReconnectingReader
from dpptag.errors import DeviceBusy, DeviceLost, DeviceNotFound, DpptagError, ProfileError, TagRefused
from dpptag.links.nfc import DeviceInfo, NfcLink


class Reader:
    """Sensing raises what it was told to, else finds nothing."""

    def __init__(self, number: int, error: DpptagError | None = None) -> None:
        self.info = DeviceInfo("nfc:usb:072f:2200@1-2", "test", f"opening {number}", "", simulated=True)
        self.error = error
        self.closed = False

    def sense(self) -> NfcLink | None:
        if self.error is not None:
            raise self.error
        return None

    def signal(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bench:
    """``openings``: what each opening gives, in order; ``away`` seconds nothing is plugged in."""

    def __init__(self, *openings: Reader | DpptagError, away: float = 0.0) -> None:
        self.openings = list(openings)
        self.away = away
        self.now = 100.0
        self.opened = 0
        self.waits: list[float] = []

    def open(self) -> Reader:
        self.opened += 1
        opening = self.openings.pop(0)
        if isinstance(opening, DpptagError):
            raise opening
        return opening

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def reader(self, patience: float = 10.0) -> ReconnectingReader:
        return ReconnectingReader(
            self.open,
            lambda: self.now >= 100.0 + self.away,
            backoff=Backoff(first=0.5, longest=2.0, factor=2.0, patience=patience),
            clock=lambda: self.now,
            wait=self.wait,
        )


def gone() -> DeviceLost:
    return DeviceLost("the reader is gone")


def test_a_reader_that_never_goes_is_opened_once() -> None:
    bench = Bench(Reader(1))
    with bench.reader() as reader:
        assert [reader.sense() for _ in range(3)] == [None] * 3
    assert (bench.opened, bench.waits) == (1, [])


def test_a_lost_reader_is_closed_waited_for_and_opened_again() -> None:
    first = Reader(1, gone())
    bench = Bench(first, Reader(2), away=3.0)
    reader = bench.reader()
    assert reader.sense() is None
    assert first.closed
    assert reader.info.model == "opening 2"
    assert bench.waits == [0.5, 1.0, 2.0]
    assert bench.opened == 2


@pytest.mark.parametrize("error", [DeviceNotFound("no permission yet"), DeviceBusy("a kernel module"), gone()])
def test_a_reader_that_is_not_ready_at_once_is_tried_again(error: DpptagError) -> None:
    bench = Bench(Reader(1, gone()), error, Reader(3))
    reader = bench.reader()
    assert reader.sense() is None
    assert bench.opened == 3


def test_a_reader_that_goes_again_while_it_senses_is_waited_for_again() -> None:
    second = Reader(2, gone())
    bench = Bench(Reader(1, gone()), second, Reader(3))
    assert bench.reader().sense() is None
    assert second.closed


def test_a_reader_that_stays_away_is_lost_when_patience_ends_and_found_by_a_later_sense() -> None:
    bench = Bench(Reader(1, gone()), Reader(2), away=100.0)
    reader = bench.reader(patience=10.0)
    with pytest.raises(DeviceLost, match="did not come back"):
        reader.sense()
    assert bench.now <= 110.0
    bench.now = 200.0
    assert reader.sense() is None


def test_the_last_cause_is_kept() -> None:
    bench = Bench(Reader(1, gone()), *(DeviceBusy("held") for _ in range(20)))
    with pytest.raises(DeviceLost) as caught:
        bench.reader().sense()
    assert isinstance(caught.value.__cause__, DeviceBusy)


def test_an_error_of_the_tag_is_no_reason_to_open_again() -> None:
    bench = Bench(Reader(1, TagRefused("no tag of ours")))
    reader = bench.reader()
    with pytest.raises(TagRefused):
        reader.sense()
    assert bench.opened == 1


def test_an_error_that_waiting_does_not_mend_is_let_through() -> None:
    bench = Bench(Reader(1, gone()), ProfileError("the profile was deleted"))
    with pytest.raises(ProfileError):
        bench.reader().sense()


def test_the_first_opening_is_not_waited_for() -> None:
    with pytest.raises(DeviceNotFound):
        Bench(DeviceNotFound("no reader")).reader()


def test_a_closed_one_stays_closed() -> None:
    first = Reader(1)
    bench = Bench(first)
    reader = bench.reader()
    reader.close()
    reader.close()
    assert first.closed
    assert not reader.signal()
    with pytest.raises(DeviceLost, match="closed"):
        reader.sense()
    assert bench.opened == 1
