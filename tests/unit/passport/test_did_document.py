"""A did:web snapshot: which keys are taken from it, and which are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dpptag.crypto import PublicKey
from dpptag.errors import PassportError
from dpptag.passport.did_document import read_did_document
from dpptag.passport.sealing import base64url, jwk_thumbprint
from tests.unit.trust.trust_rig import ACME, EDWARDS_PUBLIC

DID = "did:web:id.example.com"

RFC7638_ED25519 = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
"""RFC 8037 appendix A.3: the thumbprint of the key of appendix A.2."""


def jwk(key: PublicKey) -> dict[str, str]:
    if key.kind == "Ed25519":
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.point).decode()}
    x, y = (base64url(part).decode() for part in (key.point[:32], key.point[32:]))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def document(*methods: dict[str, Any], **changes: Any) -> bytes:
    value = {
        "id": DID,
        "verificationMethod": list(methods),
        "assertionMethod": [method["id"] for method in methods],
    }
    return json.dumps(value | changes).encode()


def method(name: str, key: dict[str, str]) -> dict[str, Any]:
    return {"id": name, "type": "JsonWebKey", "controller": DID, "publicKeyJwk": key}


def test_the_keys_that_may_make_assertions_are_taken_by_their_absolute_names() -> None:
    found = read_did_document(
        document(method("#key-1", jwk(ACME.public_key)), method(f"{DID}#key-2", jwk(EDWARDS_PUBLIC)))
    )
    assert found.did == DID
    assert [(key.name, key.key) for key in found.keys] == [
        (f"{DID}#key-1", ACME.public_key),
        (f"{DID}#key-2", EDWARDS_PUBLIC),
    ]


def test_a_key_for_another_purpose_is_not_taken() -> None:
    data = document(
        method("#a", jwk(ACME.public_key)), method("#b", jwk(EDWARDS_PUBLIC)), assertionMethod=["#a", "#gone"]
    )
    found = read_did_document(data)
    assert [key.key for key in found.keys] == [ACME.public_key]
    assert found.left_out == ("#gone: no such verification method",)


def test_a_key_named_twice_is_taken_once_and_a_key_of_another_did_never() -> None:
    mine, other = method("#a", jwk(ACME.public_key)), "did:web:other.example"
    foreign = method(f"{other}#b", jwk(EDWARDS_PUBLIC))
    controlled = method("#c", jwk(EDWARDS_PUBLIC)) | {"controller": other}
    names = ["#a", f"{DID}#a", "#a", f"{other}#b", "#c"]
    found = read_did_document(document(mine, foreign, controlled, assertionMethod=names))
    assert [key.key for key in found.keys] == [ACME.public_key]
    assert len(found.left_out) == 2
    assert all("another DID" in said for said in found.left_out)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "did:web:ID.example.com"},
        {"id": None},
        {"assertionMethod": []},
        {"assertionMethod": "#a"},
        {"assertionMethod": ["#a"] * 33},
        {"verificationMethod": [method("#a", {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})]},
        {"verificationMethod": [method("#a", {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43})]},
        {"verificationMethod": [method("#a", {"kty": "EC", "crv": "P-384", "x": "A" * 43})]},
        {"verificationMethod": [method("#a", jwk(ACME.public_key) | {"d": "A" * 43})]},
        {"verificationMethod": [{"id": "#a", "publicKeyMultibase": "zDna"}]},
    ],
)
def test_what_has_no_key_that_is_known_here_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PassportError):
        read_did_document(document(method("#a", jwk(ACME.public_key)), **changes))


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    key = PublicKey.from_point(
        "Ed25519", bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    )
    assert jwk_thumbprint(key) == RFC7638_ED25519
