"""EPC and user bank as one value."""

import pytest

from dpptag.codec.gen2_content import Gen2Content
from dpptag.errors import CborError, LayoutError

EPC = bytes.fromhex("3034d11e5ec9380000003039")


def test_the_content_is_cbor_of_epc_and_user_bank() -> None:
    assert Gen2Content(EPC, b"\x00\x60").to_bytes() == b"\x82\x4c" + EPC + b"\x42\x00\x60"
    assert Gen2Content.from_bytes(b"\x82\x4c" + EPC + b"\x40") == Gen2Content(EPC, b"")


def test_the_largest_content_reads_back() -> None:
    largest = Gen2Content(bytes(62), bytes(range(256)) * 32)
    assert Gen2Content.from_bytes(largest.to_bytes()) == largest


@pytest.mark.parametrize(("epc", "user"), [(b"", b""), (EPC[:3], b""), (bytes(64), b""), (EPC, b"\0")])
def test_half_words_and_epcs_that_no_pc_can_count_are_refused(epc: bytes, user: bytes) -> None:
    with pytest.raises(LayoutError):
        Gen2Content(epc, user)


@pytest.mark.parametrize("data", ["81420000", "824c" + EPC.hex() + "f6", "8342000042000042 0000", "a0"])
def test_what_is_no_content_is_refused(data: str) -> None:
    with pytest.raises(LayoutError):
        Gen2Content.from_bytes(bytes.fromhex(data))


def test_bytes_behind_the_content_are_refused() -> None:
    with pytest.raises(CborError):
        Gen2Content.from_bytes(Gen2Content(EPC, b"").to_bytes() + b"\0")
