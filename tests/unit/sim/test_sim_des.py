"""Plain-Python DES: a known answer, and `cryptography` as judge over random input."""

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given
from hypothesis import strategies as st

from dpptag.sim.des import decrypt_block, encrypt_block

EIGHT = st.binary(min_size=8, max_size=8)


def test_the_answer_that_textbooks_print() -> None:
    key, plain = bytes.fromhex("133457799BBCDFF1"), bytes.fromhex("0123456789ABCDEF")
    assert encrypt_block(key, plain).hex().upper() == "85E813540F0AB405"


@given(EIGHT, EIGHT)
def test_it_agrees_with_cryptography_and_comes_back(key: bytes, plain: bytes) -> None:
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    cipher = encrypt_block(key, plain)
    assert cipher == encryptor.update(plain) + encryptor.finalize()
    assert decrypt_block(key, cipher) == plain


@pytest.mark.parametrize(("key", "block"), [(7, 8), (8, 9)])
def test_lengths_that_do_not_fit_are_refused(key: int, block: int) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        encrypt_block(bytes(key), bytes(block))
