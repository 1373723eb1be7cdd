"""CRC_A against the examples of ISO/IEC 14443-3 annex B."""

import pytest

from dpptag.devices.crc_a import crc_a, without_crc_a


@pytest.mark.parametrize(("data", "check"), [("0000", "A01E"), ("1234", "26CF")])
def test_the_examples_of_the_standard(data: str, check: str) -> None:
    assert crc_a(bytes.fromhex(data)) == bytes.fromhex(check)


def test_a_frame_gives_its_data_only_with_the_right_check_bytes() -> None:
    assert without_crc_a(bytes.fromhex("123426CF")) == b"\x12\x34"
    for frame in ("123426CE", "26CF", "0A", ""):
        assert without_crc_a(bytes.fromhex(frame)) is None
