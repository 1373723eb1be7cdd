"""Plain-Python AES: the standards' own examples, and `cryptography` as judge over random input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.sim.aes import cbc_decrypt, cbc_encrypt, cmac, decrypt_block, encrypt_block, pad, unpad
from tests.unit.sim.ev2_host import aes_cbc, aes_cmac

RFC4493_KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
RFC4493_MESSAGE = bytes.fromhex(
    "6BC1BEE22E409F96E93D7E117393172A AE2D8A571E03AC9C9EB76FAC45AF8E51"
    "30C81C46A35CE411E5FBC1191A0A52EF F69F2445DF4F9B17AD2B417BE66C3710"
)
KEY = st.binary(min_size=16, max_size=16)


def test_fips_197_appendix_c1() -> None:
    key, plain = bytes(range(16)), bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    cipher = bytes.fromhex("69C4E0D86A7B0430D8CDB78070B4C55A")
    assert encrypt_block(key, plain) == cipher
    assert decrypt_block(key, cipher) == plain


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "BB1D6929E95937287FA37D129B756746"),
        (16, "070A16B46B4D4144F79BDD9DD04A287C"),
        (40, "DFA66747DE9AE63030CA32611497C827"),
        (64, "51F0BEBF7E3B9D92FC49741779363CFE"),
    ],
)
def test_rfc_4493_section_4(length: int, expected: str) -> None:
    assert cmac(RFC4493_KEY, RFC4493_MESSAGE[:length]) == bytes.fromhex(expected)


@given(KEY, st.binary(max_size=80))
def test_cmac_agrees_with_cryptography(key: bytes, message: bytes) -> None:
    assert cmac(key, message) == aes_cmac(key, message)


@given(KEY, st.binary(min_size=16, max_size=16), st.integers(0, 4), st.data())
def test_cbc_agrees_with_cryptography_and_comes_back(key: bytes, iv: bytes, blocks: int, data: st.DataObject) -> None:
    plain = data.draw(st.binary(min_size=16 * blocks, max_size=16 * blocks))
    cipher = cbc_encrypt(key, plain, iv)
    assert cipher == aes_cbc(key, plain, iv)
    assert cbc_decrypt(key, cipher, iv) == plain


@given(st.binary(max_size=40))
def test_padding_is_taken_off_again(data: bytes) -> None:
    assert len(pad(data)) % 16 == 0
    assert len(data) < len(pad(data)) <= len(data) + 16
    assert unpad(pad(data)) == data


@pytest.mark.parametrize("text", ["", "00" * 16, "01" * 16, "80" + "00" * 16])
def test_what_is_not_padding_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="padded"):
        unpad(bytes.fromhex(text))


@pytest.mark.parametrize(
    "call", [lambda: encrypt_block(bytes(15), bytes(16)), lambda: cbc_encrypt(bytes(16), bytes(5))]
)
def test_lengths_that_do_not_fit_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        call()  # type: ignore[operator]
