"""Originality signatures: every vector verifies, no flipped bit does, and "not read" is never "not original"."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from dpptag.crypto import verify_originality
from dpptag.errors import BadSignature, KeyFileError, TagLost, TagNak
from dpptag.links import Technology
from dpptag.sim.ntag424 import Ntag424
from dpptag.tags import identify
from dpptag.tags.authenticity import (
    KEYS,
    ChipFamily,
    Originality,
    Outcome,
    check_originality,
    read_originality,
)
from tests.unit.tags.chip_link import ChipLink, chip_with
from tests.vectors import vector_path

FAMILIES = {
    "Mifare Ultralight EV1": ChipFamily.ULTRALIGHT_EV1,
    "NTAG21x, NTAG 5 link, NTAG 5 boost": ChipFamily.NTAG21X,
    "Mifare Classic EV1": ChipFamily.MIFARE_CLASSIC,
    "DESFire Light": ChipFamily.DESFIRE,
    "DESFire EV2": ChipFamily.DESFIRE,
    "DESFire EV2 XL": ChipFamily.DESFIRE,
    "DESFire EV3": ChipFamily.DESFIRE,
    "Mifare Plus EV1": ChipFamily.MIFARE_PLUS,
    "NTAG413DNA, DESFire EV1": ChipFamily.NTAG413_DNA,
    "NTAG424DNA": ChipFamily.NTAG424_DNA,
    "Vivokey Spark1": ChipFamily.VIVOKEY_SPARK,
    "ICODE DNA, ICODE SLIX2": ChipFamily.NXP_TYPE5,
    "MIFARE Plus Trojka": ChipFamily.MIFARE_PLUS,
    "MIFARE Ultralight AES": ChipFamily.ULTRALIGHT_AES,
    "MIFARE Ultralight AES (Vingcard alt key)": ChipFamily.ULTRALIGHT_AES,
    "MIFARE Classic / QL88": ChipFamily.MIFARE_CLASSIC,
    "NTAG223DNA, NTAG224DNA": ChipFamily.NTAG22X_DNA,
    "ST25TA02KB TruST25 (ST) / KeyID 0x01?": ChipFamily.ST25TA,
    "ST25TN512/01K TruST25 (ST) / KeyID 0x05": ChipFamily.ST25TN,
    "ST25TV02KC TruST25 (ST) / KeyID 0x04?": ChipFamily.ST25TV,
}

NTAG_UID = bytes.fromhex("04AB87F2CA1190")
NTAG_SIGNATURE = bytes.fromhex("67B1750BCCEB1174F9A33BF20E0226551A6366939B31F949848C3C087350FA90")
NTAG424_UID = bytes.fromhex("04518DFAA96180")
NTAG424_SIGNATURE = bytes.fromhex(
    "D1940D17CFEDA4BFF80359AB975F9F6514313E8F90C1D3CAAF5941AD744A1CDF9A83F883CAFE0FE95D1939B1B7E47113993324473B785D21"
)


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(vector_path("tag_auth", name).read_text())["vectors"]
    return found


def family_and_uid(vector: dict[str, Any]) -> tuple[ChipFamily, bytes]:
    """The family, and the UID as links give it: E0h first for ISO 15693, where NXP's vectors have it last."""
    uid = bytes.fromhex(vector["uid"])
    if len(uid) == 8 and uid[-1] == 0xE0:
        return ChipFamily.NXP_TYPE5, uid[::-1]
    return FAMILIES[vector["name"]], uid


def test_all_50_signatures_of_real_chips_are_valid_under_a_key_of_their_family() -> None:
    curves: Counter[str] = Counter()
    for vector in vectors("originality_signatures.json"):
        family, uid = family_and_uid(vector)
        found = check_originality(uid, bytes.fromhex(vector["signature"]), family)
        assert found.outcome is Outcome.VALID, vector["name"]
        (key,) = [key for key in KEYS[family] if key.name == found.key]
        assert key.point == bytes.fromhex(vector["public_key"])
        assert key.curve == vector["curve"]
        assert key.hashed == (vector["hash"] == "sha256")
        curves[key.curve] += 1
    assert curves == {"secp128r1": 25, "secp192r1": 6, "secp224r1": 19}


def test_one_flipped_bit_in_uid_r_or_s_is_never_valid() -> None:
    flips = 0
    for number, vector in enumerate(vectors("originality_signatures.json")):
        family, uid = family_and_uid(vector)
        signature = bytes.fromhex(vector["signature"])
        half = 8 * len(signature) // 2
        for name, bit in (("uid", number % (8 * len(uid))), ("r", 3 * number % half), ("s", half + 5 * number % half)):
            bad_uid = flip(uid, bit) if name == "uid" else uid
            bad = signature if name == "uid" else flip(signature, bit)
            assert check_originality(bad_uid, bad, family) == Originality(Outcome.NO_KNOWN_KEY), (vector["name"], name)
            flips += 1
    assert flips == 150


def flip(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def test_ntag424_verdicts_all_15() -> None:
    verdicts: Counter[bool] = Counter()
    for vector in vectors("ntag424_originality_ev2.json"):
        point, uid = bytes.fromhex(vector["public_key"]), bytes.fromhex(vector["uid"])
        signature = bytes.fromhex(vector["signature"])
        found = check_originality(uid, signature, ChipFamily.NTAG424_DNA)
        assert (found.outcome is Outcome.VALID) == vector["valid"]
        assert point in [key.point for key in KEYS[ChipFamily.NTAG424_DNA]]
        verdicts[vector["valid"]] += 1
        if vector["valid"]:
            for bad_uid, bad in ((flip(uid, 1), signature), (uid, flip(signature, 3)), (uid, flip(signature, 300))):
                assert check_originality(bad_uid, bad, ChipFamily.NTAG424_DNA).outcome is Outcome.NO_KNOWN_KEY
    assert verdicts == {True: 6, False: 9}


@pytest.mark.parametrize("key", [key for keys in KEYS.values() for key in keys], ids=lambda key: key.name)
def test_every_point_is_on_its_curve_and_zeros_and_the_order_are_no_signature(key: Any) -> None:
    half = (len(key.point) - 1) // 2
    for r, s in ((0, 0), (0, 1), (1, 0), ((1 << 8 * half) - 1, 1)):
        with pytest.raises(BadSignature):
            verify_originality(
                key.curve,
                key.point,
                r.to_bytes(half, "big") + s.to_bytes(half, "big"),
                NTAG_UID,
                hashed=key.hashed,
            )


@pytest.mark.parametrize(("curve", "half"), [("secp128r1", 16), ("secp192r1", 24), ("secp224r1", 28)])
def test_a_point_off_its_curve_is_refused(curve: Literal["secp128r1", "secp192r1", "secp224r1"], half: int) -> None:
    with pytest.raises(KeyFileError):
        verify_originality(curve, b"\x04" + bytes(2 * half - 1) + b"\1", bytes(2 * half), NTAG_UID, hashed=False)


def test_an_answer_of_another_length_is_not_read_and_is_not_said_to_match_no_key() -> None:
    for signature in (NTAG_SIGNATURE[:-1], NTAG_SIGNATURE + b"\1", NTAG424_SIGNATURE):
        found = check_originality(NTAG_UID, signature, ChipFamily.NTAG21X)
        assert found.outcome is Outcome.NOT_READABLE
        assert f"{len(signature)} bytes" in found.reason


def test_a_key_of_another_family_does_not_speak_for_this_one() -> None:
    assert check_originality(NTAG_UID, NTAG_SIGNATURE, ChipFamily.NTAG21X).outcome is Outcome.VALID
    assert check_originality(NTAG_UID, NTAG_SIGNATURE, ChipFamily.ULTRALIGHT_EV1).outcome is Outcome.NO_KNOWN_KEY


def test_zeros_are_not_read_and_not_false() -> None:
    found = check_originality(NTAG_UID, bytes(32), ChipFamily.NTAG21X)
    assert found.outcome is Outcome.NOT_READABLE
    assert str(found).startswith("not readable (")


# From the chip


def type2(uid: bytes = NTAG_UID, signature: bytes = NTAG_SIGNATURE) -> ChipLink:
    chip = chip_with("NTAG213", uid=uid)
    chip.signature = signature
    return ChipLink(chip)


def test_the_signature_of_an_ntag213_is_read_and_valid() -> None:
    link = type2()
    found = read_originality(link, identify(link))
    assert found == Originality(Outcome.VALID, "NXP NTAG21x and NTAG 5")
    assert str(found) == "valid (NXP NTAG21x and NTAG 5)"


def test_a_signature_copied_to_another_chip_matches_no_key() -> None:
    link = type2(uid=bytes.fromhex("04112233445566"))
    assert read_originality(link, identify(link)) == Originality(Outcome.NO_KNOWN_KEY)


def test_a_chip_that_refuses_the_command_or_answers_zeros_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    link = type2(signature=bytes(32))
    assert read_originality(link, identify(link)).outcome is Outcome.NOT_READABLE
    monkeypatch.setattr(link, "read_signature", lambda: None)
    assert read_originality(link, identify(link)).outcome is Outcome.NOT_READABLE


class ApduChipLink:
    """An APDU link straight onto a simulated chip."""

    technology: Literal[Technology.TYPE4] = Technology.TYPE4
    historical_bytes = b""

    def __init__(self, chip: Ntag424) -> None:
        self._chip = chip
        self.uid = chip.uid
        chip.power(True)
        assert chip.select()

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        answer = self._chip.apdu(apdu)
        assert answer is not None
        return answer

    def reselect(self) -> None:
        raise AssertionError("a signature is read without selecting the chip anew")


SELECT_APPLICATION = bytes.fromhex("00A4040007D276000085010100")


def type4(signature: bytes) -> ApduChipLink:
    chip = Ntag424(NTAG424_UID)
    chip.signature = signature
    return ApduChipLink(chip)


def tag_named(chip_name: str) -> Any:
    """Of a tag of these technologies, nothing but the name of its chip counts here."""
    return SimpleNamespace(technology=None, chip_name=chip_name)


def test_the_signature_of_an_ntag424_is_read_and_valid() -> None:
    link = type4(NTAG424_SIGNATURE)
    assert link.transceive(SELECT_APPLICATION) == bytes.fromhex("9000")
    found = read_originality(link, tag_named("NTAG 424 DNA"))
    assert found == Originality(Outcome.VALID, "NXP NTAG 424 DNA")
    assert read_originality(type4(flip(NTAG424_SIGNATURE, 7)), tag_named("NTAG424")).outcome is Outcome.NO_KNOWN_KEY
    assert read_originality(type4(bytes(56)), tag_named("NTAG 424 DNA")).outcome is Outcome.NOT_READABLE


def test_a_type_4_chip_that_has_no_such_command_is_not_supported_and_one_that_refuses_it_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link = type4(NTAG424_SIGNATURE)
    monkeypatch.setattr(link, "transceive", lambda apdu: bytes.fromhex("91AE"))
    found = read_originality(link, tag_named("NTAG 424 DNA"))
    assert found == Originality(Outcome.NOT_READABLE, reason="the chip answered 91AE")
    monkeypatch.setattr(link, "transceive", None)
    found = read_originality(link, tag_named("ST25TA02KB"))
    assert (found.outcome, "knows no command" in found.reason) == (Outcome.NOT_READABLE, True)


class Type5CommandLink:
    """Gives one answer to the one custom command of NXP."""

    technology: Literal[Technology.TYPE5] = Technology.TYPE5

    def __init__(self, uid: bytes, signature: bytes | None, *, passes_commands: bool = True) -> None:
        self.uid = uid
        self.passes_commands = passes_commands
        self._signature = signature

    def command(self, code: int, parameters: bytes = b"", *, option: bool = False, secret: bool = False) -> bytes:
        assert (code, parameters, option) == (0xBD, b"\x04", False)
        if self._signature is None:
            raise TagNak("error 01h", error=1)
        return self._signature

    def read(self, block: int, count: int = 1) -> bytes:
        raise AssertionError("no block holds the signature")

    def write(self, block: int, data: bytes) -> None:
        raise AssertionError("nothing is written")

    def reselect(self) -> None:
        raise AssertionError("a signature is read without selecting the chip anew")


def test_the_signatures_of_nxp_type_5_chips_are_valid_in_either_byte_order() -> None:
    checked = 0
    for vector in vectors("originality_signatures.json"):
        family, uid = family_and_uid(vector)
        if family is not ChipFamily.NXP_TYPE5:
            continue
        signature = bytes.fromhex(vector["signature"])
        for on_air in (signature, signature[::-1]):
            found = read_originality(Type5CommandLink(uid, on_air), tag_named("ICODE SLIX2"))
            assert found.outcome is Outcome.VALID
            assert found.key == (
                "NXP NTAG21x and NTAG 5" if "NTAG" in vector["name"] else "NXP ICODE DNA and ICODE SLIX2"
            )
        assert (
            read_originality(Type5CommandLink(uid, flip(signature, 9)), tag_named("x")).outcome is Outcome.NO_KNOWN_KEY
        )
        checked += 1
    assert checked == 5


def test_type_5_chips_and_readers_without_the_command() -> None:
    icode, st = bytes.fromhex("E00401180012AB34"), bytes.fromhex("E00208000A227AAA")
    assert read_originality(Type5CommandLink(icode, None), tag_named("SLIX")).outcome is Outcome.UNSUPPORTED
    assert read_originality(Type5CommandLink(st, None), tag_named("ST25TV")).outcome is Outcome.NOT_READABLE
    blocks_only = Type5CommandLink(icode, None, passes_commands=False)
    assert read_originality(blocks_only, tag_named("SLIX2")).outcome is Outcome.NOT_READABLE


def test_a_type_5_chip_that_is_silent_or_fails_at_the_command_is_not_read_and_a_tag_that_has_gone_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link = Type5CommandLink(bytes.fromhex("E00401180012AB34"), None)

    def answering(error: Exception) -> Callable[..., bytes]:
        def command(*_: object, **__: object) -> bytes:
            raise error

        return command

    selected = []
    monkeypatch.setattr(link, "command", answering(TagLost("no answer")))
    monkeypatch.setattr(link, "reselect", lambda: selected.append(True))
    assert read_originality(link, tag_named("SLIX")).outcome is Outcome.NOT_READABLE
    assert selected == [True], "the chip still stands there"
    monkeypatch.setattr(link, "reselect", answering(TagLost("no tag")))
    with pytest.raises(TagLost):
        read_originality(link, tag_named("SLIX"))
    monkeypatch.setattr(link, "command", answering(TagNak("error 13h", error=0x13)))
    assert read_originality(link, tag_named("SLIX2")).outcome is Outcome.NOT_READABLE


def test_a_reader_that_passes_read_and_write_alone_reads_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    link = type2()
    tag = identify(link)
    monkeypatch.setattr(ChipLink, "passes_commands", property(lambda _: False))
    assert read_originality(link, tag).outcome is Outcome.NOT_READABLE


def test_ecdsa_is_not_imported_before_a_signature_is_checked() -> None:
    code = "import sys, dpptag.tags.authenticity, dpptag.crypto; sys.exit('ecdsa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
