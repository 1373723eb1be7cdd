"""Keys of single chips from one master key."""

from __future__ import annotations

import hashlib
import json

import pytest

from dpptag.crypto import aes_cmac
from dpptag.tags.key_derivation import DerivedKeys, diversification_input, diversify
from tests.vectors import vector_path

MASTER = bytes.fromhex("00112233445566778899aabbccddeeff")
UID = bytes.fromhex("04782e21801d80")


def test_every_an10922_vector_comes_out() -> None:
    cases = json.loads(vector_path("tag_auth", "an10922_aes128.json").read_text())["cases"]
    for case in cases:
        master, data = bytes.fromhex(case["master_key"]), bytes.fromhex(case["m"])
        derived = diversify(master, data)
        assert derived.hex() == case["diversified"], case["name"]
        assert (derived == aes_cmac(master, b"\x01" + data)) is case["same"], case["name"]
    assert len(cases) == 6


def test_an_input_of_this_project_is_purpose_padded_to_16_bytes_then_the_uid() -> None:
    assert diversification_input(UID, "ntag424-key0") == b"ntag424-key0\0\0\0\0" + UID
    assert diversification_input(b"", "ntag424-meta") == b"ntag424-meta\0\0\0\0"


@pytest.mark.parametrize("uid", [b"", UID, bytes(8), bytes(10)])
def test_a_key_of_this_project_is_plain_cmac_so_any_library_can_make_it(uid: bytes) -> None:
    data = diversification_input(uid, "abcdefghijklmno")
    assert DerivedKeys(MASTER).key(uid, "abcdefghijklmno") == aes_cmac(MASTER, b"\x01" + data)


def test_chip_and_purpose_each_change_the_key() -> None:
    keys = DerivedKeys(MASTER)
    made = {keys.key(uid, purpose) for uid in (b"", UID, UID[::-1]) for purpose in ("a", "b", "a-b", "ab")}
    assert len(made) == 12
    assert keys.key(UID, "a") == DerivedKeys(MASTER).key(UID, "a")


@pytest.mark.parametrize("purpose", ["", "Upper", "sixteen-letters-", "with space", "umlaut-ä", "zero\0"])
def test_a_purpose_that_could_be_taken_for_another_is_refused(purpose: str) -> None:
    with pytest.raises(ValueError, match="purpose"):
        diversification_input(UID, purpose)


@pytest.mark.parametrize("length", [12, 14])
def test_a_tid_stands_in_the_input_as_it_is_while_there_is_room(length: int) -> None:
    tid = bytes(range(1, length + 1))
    assert diversification_input(tid, "gen2-access") == b"gen2-access\0\0\0\0\0" + tid


def test_a_longer_tid_is_hashed_and_the_derivation_says_so() -> None:
    tid = bytes(range(1, 17))
    short = hashlib.sha256(tid).digest()[:15]
    assert diversification_input(tid, "gen2-kill") == b"gen2-kill".ljust(16, b"\0") + short
    text = DerivedKeys(MASTER).derivation(tid, ("gen2-kill",))
    assert "first 15 bytes of SHA-256(UID)" in text
    assert tid.hex() in text


@pytest.mark.parametrize("length", [0, 32])
def test_an10922_takes_1_to_31_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="31"):
        diversify(MASTER, bytes(length))


def test_the_derivation_says_master_rule_purposes_and_uid_and_holds_no_key() -> None:
    keys = DerivedKeys(MASTER)
    text = keys.derivation(UID, ("ntag424-key0", "ntag424-file"))
    assert "\n" not in text
    for part in ("AN10922", keys.master_id, UID.hex(), "ntag424-key0", "ntag424-file"):
        assert part in text
    for secret in (MASTER, keys.key(UID, "ntag424-key0"), keys.key(UID, "ntag424-file")):
        assert secret.hex() not in text + repr(keys) + keys.master_id
    assert "shared" in keys.derivation(b"", ("ntag424-meta",))


def test_master_keys_are_told_apart_by_their_identifier() -> None:
    assert DerivedKeys(MASTER).master_id != DerivedKeys(bytes(16)).master_id
    assert len(DerivedKeys(MASTER).master_id) == 8
