"""AES through the one door: the published examples of NIST and RFC 4493."""

from __future__ import annotations

import pytest

from dpptag.crypto import (
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    aes_cmac,
    aes_encrypt_block,
    is_same,
    passphrase_key,
    seal,
    unseal,
)
from dpptag.errors import KeyFileError

KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


def test_a_block_is_encrypted_as_sp_800_38a_f_1_1_says() -> None:
    assert aes_encrypt_block(KEY, PLAIN[:16]).hex() == "3ad77bb40d7a3660a89ecaf32466ef97"


def test_cbc_is_that_of_sp_800_38a_f_2_1_and_goes_back() -> None:
    iv = bytes(range(16))
    sealed = aes_cbc_encrypt(KEY, iv, PLAIN)
    assert sealed.hex().startswith("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
    assert aes_cbc_decrypt(KEY, iv, sealed) == PLAIN


@pytest.mark.parametrize(
    ("length", "mac"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_the_cmac_is_that_of_rfc_4493(length: int, mac: str) -> None:
    assert aes_cmac(KEY, PLAIN[:length]).hex() == mac


@pytest.mark.parametrize("key", [b"", KEY[:15], KEY + b"\0", KEY * 2])
def test_only_aes_128_keys_are_taken(key: bytes) -> None:
    with pytest.raises(ValueError, match="AES-128"):
        aes_encrypt_block(key, bytes(16))
    with pytest.raises(ValueError, match="AES-128"):
        aes_cmac(key, b"")


def test_same_is_same_and_other_is_other() -> None:
    assert is_same(b"abc", b"abc")
    assert not is_same(b"abc", b"abd")
    assert not is_same(b"abc", b"abcd")


def test_scrypt_gives_the_key_of_its_own_passphrase_and_salt() -> None:
    # RFC 7914 section 12, third example; it has 64 bytes, of which these are the first half
    key = passphrase_key(b"pleaseletmein", b"SodiumChloride", 14)
    assert key.hex() == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"


def test_a_seal_opens_under_its_own_key_and_header_alone() -> None:
    key, nonce = bytes(range(32)), bytes(12)
    box = seal(key, nonce, b"sixteen bytes ok", b"header")
    assert unseal(key, nonce, box, b"header") == b"sixteen bytes ok"
    for other in ((key[::-1], nonce, box, b"header"), (key, nonce, box, b"Header"), (key, nonce, box[::-1], b"header")):
        with pytest.raises(KeyFileError) as caught:
            unseal(*other)
        assert caught.value.code == "key-passphrase-wrong"
