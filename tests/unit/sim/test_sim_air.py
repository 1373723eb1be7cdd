"""Air times: the figures of the data sheets, and what follows from the bit rates."""

import pytest

from dpptag.sim.air import PROGRAM_US, exchange_us
from dpptag.sim.chip import ACK, Rf


def test_a_page_write_takes_4930_us() -> None:
    assert exchange_us(Rf.A, bytes(6), ACK, programmed=True) == 4930


def test_a_read_of_16_bytes_takes_2070_us() -> None:
    assert exchange_us(Rf.A, bytes(2), bytes(16), programmed=False) == 2070


def test_a_refused_write_takes_no_programming_time() -> None:
    assert exchange_us(Rf.A, bytes(6), ACK, programmed=False) == 4930 - PROGRAM_US


@pytest.mark.parametrize(("rf", "us"), [(Rf.A, 5_000), (Rf.F, 5_000), (Rf.V, 20_000)])
def test_silence_takes_as_long_as_a_reader_waits(rf: Rf, us: int) -> None:
    assert exchange_us(rf, b"\x00", None, programmed=False) == us


def test_felica_at_424_kbit_takes_half_the_wire_time() -> None:
    slow, fast = (exchange_us(Rf.F, bytes(16), bytes(28), programmed=False, kbit=kbit) for kbit in (212, 424))
    assert slow - fast == pytest.approx((16 + 28 + 22) * 8000 / 424, abs=1)


def test_a_byte_of_iso_15693_takes_302_us_either_way() -> None:
    base = exchange_us(Rf.V, bytes(3), bytes(5), programmed=False)
    assert exchange_us(Rf.V, bytes(4), bytes(5), programmed=False) - base == 302
    assert exchange_us(Rf.V, bytes(3), bytes(6), programmed=False) - base == 302
