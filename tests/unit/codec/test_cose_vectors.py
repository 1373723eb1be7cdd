"""COSE_Sign1 against the sets of cose-wg, gluecose and go-cose (their README says what each case must give).

Parsing, Sig_structure and verification are the product's; only the keys are read from the vectors' JSON here.
"""

import base64
import json
from pathlib import Path
from typing import Any

import cbor2
import pytest

from dpptag.codec import cbor, statement
from dpptag.codec.cose import Algorithm, Header, parse_sign1, sig_structure
from dpptag.crypto import PublicKey
from dpptag.errors import BadSignature, CoseError, LayoutError
from tests.vectors import vector_path

COSE_WG = {
    "CWT/A_3": "valid",
    "RFC8152/Appendix_C_2_1": "valid",
    "countersign1/signed1-01": "refused",  # labels 9 and 7 in this order: not deterministic; valid once in order
    "ecdsa-examples/ecdsa-sig-01": "valid",
    "ecdsa-examples/ecdsa-sig-02": "unsupported",  # ES384
    "ecdsa-examples/ecdsa-sig-03": "unsupported",  # ES512
    "ecdsa-examples/ecdsa-sig-04": "unsupported",  # ES512 with a P-256 key: valid COSE, outside our profile
    "eddsa-examples/eddsa-sig-01": "valid",
    "eddsa-examples/eddsa-sig-02": "unsupported",  # EdDSA, but over Ed448
    "sign1-tests/sign-fail-01": "refused",  # tag 998
    "sign1-tests/sign-fail-02": "invalid",  # payload changed
    "sign1-tests/sign-fail-03": "unsupported",  # alg changed to -999
    "sign1-tests/sign-fail-04": "unsupported",  # alg changed to a text
    "sign1-tests/sign-fail-06": "invalid",  # protected attribute added
    "sign1-tests/sign-fail-07": "invalid",  # protected attribute removed
    "sign1-tests/sign-pass-01": "valid",  # alg in the unprotected bucket: good COSE, refused on a tag
    "sign1-tests/sign-pass-02": "valid",  # external AAD
    "sign1-tests/sign-pass-03": "valid",  # untagged
}
_OTHER_COSE_WG = 48
_SUPPORTED_CURVES = ("P-256", "Ed25519")


def cases(*folder: str) -> dict[str, dict[str, Any]]:
    root = vector_path("cose", *folder)
    return {str(path.relative_to(root).with_suffix("")): _json(path) for path in sorted(root.rglob("*.json"))}


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text())
    return value


def public_key(jwk: dict[str, str]) -> PublicKey | None:
    """None for a curve or key type that the product has not."""
    match jwk.get("crv"):
        case "P-256":
            return PublicKey.from_point("P-256", _coordinate(jwk, "x") + _coordinate(jwk, "y"))
        case "Ed25519":
            return PublicKey.from_point("Ed25519", _coordinate(jwk, "x"))
    return None


def _coordinate(jwk: dict[str, str], name: str) -> bytes:
    if f"{name}_hex" in jwk:
        return bytes.fromhex(jwk[f"{name}_hex"])
    return base64.urlsafe_b64decode(jwk[name] + "==")


def outcome(message: bytes, jwk: dict[str, str], external_aad: bytes) -> str:
    try:
        sign1 = parse_sign1(message, max_size=4096, max_depth=8)
    except CoseError:
        return "refused"
    algorithm, key = sign1.header(Header.ALG), public_key(jwk)
    if not isinstance(algorithm, int) or key is None or not key.supports(algorithm):
        return "unsupported"
    try:
        key.verify(sign1.signature, sign1.to_be_signed(external_aad))
    except BadSignature:
        return "invalid"
    return "valid"


def cose_wg_outcome(case: dict[str, Any]) -> str:
    sign0 = case["input"]["sign0"]
    return outcome(bytes.fromhex(case["output"]["cbor"]), sign0["key"], bytes.fromhex(sign0.get("external", "")))


def test_cose_wg_gives_what_each_case_must() -> None:
    found = {name: cose_wg_outcome(case) for name, case in cases("cose-wg").items() if "sign0" in case["input"]}
    assert found == COSE_WG
    assert len(found) == 18


def test_the_countersigned_case_is_valid_once_its_unsigned_map_is_in_order() -> None:
    case = cases("cose-wg")["countersign1/signed1-01"]
    parts = cbor2.loads(bytes.fromhex(case["output"]["cbor"])[1:])
    message = b"\xd2" + cbor.encode(parts)
    assert outcome(message, case["input"]["sign0"]["key"], b"") == "valid"


def test_no_case_that_cose_wg_fails_is_valid() -> None:
    failing = [case for case in cases("cose-wg").values() if "sign0" in case["input"] and case.get("fail")]
    assert len(failing) == 6
    assert "valid" not in map(cose_wg_outcome, failing)


def test_cose_wg_names_the_same_bytes_to_sign() -> None:
    compared = 0
    for name, case in cases("cose-wg").items():
        wanted = case.get("intermediates", {}).get("ToBeSign_hex")
        if "sign0" not in case["input"] or COSE_WG[name] != "valid" or not wanted:
            continue
        sign1 = parse_sign1(bytes.fromhex(case["output"]["cbor"]), max_depth=8)
        external = bytes.fromhex(case["input"]["sign0"].get("external", ""))
        assert sign1.to_be_signed(external).hex() == wanted.lower(), name
        compared += 1
    assert compared == 7


def test_other_cose_structures_are_not_a_cose_sign1() -> None:
    others = [case for case in cases("cose-wg").values() if "sign0" not in case["input"]]
    assert len(others) == _OTHER_COSE_WG
    for case in others:
        with pytest.raises(CoseError):
            parse_sign1(bytes.fromhex(case["output"]["cbor"]), max_size=4096, max_depth=8)


def glue_outcome(case: dict[str, Any]) -> str:
    part = case.get("sign1::verify") or case["sign1::sign"]
    message = (part.get("taggedCOSESign1") or part["expectedOutput"])["cborHex"]
    return outcome(bytes.fromhex(message), case["key"], bytes.fromhex(part.get("external", "")))


def glue_expected(name: str, case: dict[str, Any]) -> str:
    if "negative" in name:
        return "refused"
    if name == "go-cose/testdata/sign1-sign-0000":
        # Its key is not the key of its expected output: a vector for signing only. The one exception of 32.
        return "invalid"
    return "valid" if case["alg"] == "ES256" else "unsupported"


def glue_cases() -> dict[str, dict[str, Any]]:
    found = {f"gluecose/{name}": case for name, case in cases("gluecose").items()}
    found |= {f"go-cose/{name}": case for name, case in cases("go-cose").items()}
    assert len(found) == 32
    return found


def test_gluecose_and_go_cose_give_what_each_case_must() -> None:
    found = glue_cases()
    assert {name: glue_outcome(case) for name, case in found.items()} == {
        name: glue_expected(name, case) for name, case in found.items()
    }


def test_gluecose_and_go_cose_outcomes_are_counted() -> None:
    outcomes = [glue_outcome(case) for case in glue_cases().values()]
    assert {name: outcomes.count(name) for name in sorted(set(outcomes))} == {
        "invalid": 1,
        "refused": 4,
        "unsupported": 20,
        "valid": 7,
    }


def test_gluecose_and_go_cose_name_the_same_bytes_to_sign() -> None:
    """For every algorithm, also those that are not verified here."""
    compared = 0
    for name, case in glue_cases().items():
        part = case.get("sign1::sign")
        if part is None:
            continue
        sign1 = parse_sign1(bytes.fromhex(part["expectedOutput"]["cborHex"]), max_size=4096)
        assert sign1.to_be_signed(bytes.fromhex(part.get("external", ""))).hex() == part["tbsHex"]["cborHex"], name
        compared += 1
    assert compared == 14


def test_an_unprotected_alg_is_refused_on_a_tag() -> None:
    case = cases("cose-wg")["sign1-tests/sign-pass-01"]
    with pytest.raises(LayoutError) as refusal:
        statement.parse_statement(bytes.fromhex(case["output"]["cbor"]))
    assert refusal.value.code == "statement-labels"


def test_an_empty_protected_map_counts_as_the_empty_string() -> None:
    assert sig_structure(b"\xa0", b"", b"x") == sig_structure(b"", b"", b"x")


def test_a_missing_and_an_empty_payload_differ() -> None:
    message = "8443a10126a0{}40"
    assert parse_sign1(bytes.fromhex(message.format("f6"))).payload is None
    assert parse_sign1(bytes.fromhex(message.format("40"))).payload == b""


def test_a_detached_payload_is_needed_to_verify() -> None:
    sign1 = parse_sign1(bytes.fromhex("8443a10126a0f640"))
    with pytest.raises(CoseError) as refusal:
        sign1.to_be_signed()
    assert refusal.value.code == "cose-payload"


def test_two_payloads_are_refused() -> None:
    sign1 = parse_sign1(bytes.fromhex("8443a10126a04178" + "40"))
    with pytest.raises(CoseError) as refusal:
        sign1.to_be_signed(detached_payload=b"x")
    assert refusal.value.code == "cose-payload"


REFUSED = {
    "8343a10126a0f6": "cose-shape",  # three parts
    "8543a10126a0f64040": "cose-shape",  # five parts
    "a0": "cose-shape",
    "8463613126a0f640": "cose-shape",  # protected is text
    "8443a1012680f640": "cose-shape",  # unprotected is an array
    "8443a10126a0f6f6": "cose-shape",  # no signature
    "8443a10126a06040": "cose-shape",  # payload is text
    "844101a0f640": "cose-header",  # protected holds a number
    "8443a10126a10126f640": "cose-header-twice",
    "8446a20126028101a0f640": "cose-crit",
    "8443a10126a1028101f640": "cose-crit",
    "8445a201260126a0f640": "cose-cbor",  # alg twice
    "8442a101a0f640": "cose-cbor",  # protected cut short
    "d2d28443a10126a0f640": "cose-cbor",  # tagged twice
    "d83dd28443a10126a0f640": "cose-cbor",  # CWT tag before it: never on a tag
    "d28443a10126a0f64000": "cose-cbor",  # a byte behind it
    "d2": "cose-cbor",
    "": "cose-cbor",
}


@pytest.mark.parametrize(("message", "code"), REFUSED.items())
def test_a_malformed_cose_sign1_is_refused_by_code(message: str, code: str) -> None:
    with pytest.raises(CoseError) as refusal:
        parse_sign1(bytes.fromhex(message))
    assert refusal.value.code == code


def test_the_four_algorithms_have_their_registered_numbers() -> None:
    assert {algorithm.name: int(algorithm) for algorithm in Algorithm} == {
        "ES256": -7,
        "EDDSA": -8,
        "ESP256": -9,
        "ED25519": -19,
    }
