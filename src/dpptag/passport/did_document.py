"""A did:web document at hand: whose it is, and the keys with which its subject signs credentials.

did:web has no history: the snapshot says what the keys are, not since when or until when. The trust data that takes
them over keeps their slots and periods.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Final

from dpptag.crypto import PublicKey
from dpptag.errors import KeyFileError, PassportError
from dpptag.passport.document import JsonObject, parse_object
from dpptag.trust.scopes import is_did

DOCUMENT_LIMIT: Final = 256 * 1024
_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_KEYS: Final = 32


@dataclass(frozen=True, slots=True)
class DidKey:
    """``name`` is the verification method's id."""

    name: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class DidDocument:
    """``left_out`` tells which verification methods are not taken, and why."""

    did: str
    keys: tuple[DidKey, ...]
    left_out: tuple[str, ...]


def read_did_document(data: bytes) -> DidDocument:
    """The DID's own keys that may make assertions, each once (DID Core 1.0 sections 5.2, 5.3.2).

    Taken are JSON Web Keys of P-256 or Ed25519.
    Raises PassportError for what is no DID document, or has no such key.
    """
    if len(data) > DOCUMENT_LIMIT:
        raise PassportError(f"a DID document of more than {DOCUMENT_LIMIT} bytes", code="too-large")
    document = parse_object(data, "the DID document")
    did = document.get("id")
    if not isinstance(did, str) or not is_did(did):
        raise PassportError("the document has no plain DID as its id", code="did-document")
    methods = {
        _absolute(did, one["id"]): one
        for one in _objects(document, "verificationMethod")
        if isinstance(one.get("id"), str)
    }
    keys: list[DidKey] = []
    left_out: list[str] = []
    for entry in _list(document, "assertionMethod"):
        name = entry.get("id") if isinstance(entry, dict) else entry
        method = entry if isinstance(entry, dict) else methods.get(_absolute(did, name))
        shown = str(name)[:120]
        if method is None:
            left_out.append(f"{shown}: no such verification method")
            continue
        try:
            key = DidKey(_own_name(did, name, method), _key(method))
            if key.key not in {one.key for one in keys}:
                keys.append(key)
        except (KeyFileError, PassportError) as exc:
            left_out.append(f"{shown}: {exc.message}")
    if not keys:
        reason = "; ".join(left_out) or "it names no assertionMethod"
        raise PassportError(f"the DID document has no key that is taken: {reason}", code="did-keys")
    return DidDocument(did, tuple(keys), tuple(left_out))


def _absolute(did: str, name: object) -> str:
    text = name if isinstance(name, str) else ""
    return did + text if text.startswith("#") else text


def _own_name(did: str, name: object, method: JsonObject) -> str:
    """Absolute. Raises PassportError for a key of another DID: whose it is, its own document must say."""
    found = _absolute(did, name)
    if found.partition("#")[0] != did or method.get("controller", did) != did:
        raise PassportError("it belongs to another DID, or is controlled by one", code="did-keys")
    return found


def _list(document: JsonObject, name: str) -> list[object]:
    value = document.get(name, [])
    if not isinstance(value, list) or len(value) > _MOST_KEYS:
        raise PassportError(f"{name} is no list of at most {_MOST_KEYS}", code="did-document")
    return value


def _objects(document: JsonObject, name: str) -> list[JsonObject]:
    return [one for one in _list(document, name) if isinstance(one, dict)]


def _key(method: JsonObject) -> PublicKey:
    jwk = method.get("publicKeyJwk")
    if not isinstance(jwk, dict):
        raise PassportError("it is given in another form than publicKeyJwk", code="did-keys")
    if "d" in jwk:
        raise PassportError("it holds a PRIVATE key: whoever made it has lost that key", code="did-private")
    kind = (jwk.get("kty"), jwk.get("crv"))
    if kind == ("EC", "P-256"):
        return PublicKey.from_point("P-256", _coordinate(jwk, "x") + _coordinate(jwk, "y"))
    if kind == ("OKP", "Ed25519"):
        return PublicKey.from_point("Ed25519", _coordinate(jwk, "x"))
    raise PassportError(f"a key of kind {str(kind)[:60]}", code="did-keys")


def _coordinate(jwk: JsonObject, name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or _COORDINATE.fullmatch(text) is None:
        raise PassportError(f"{name} is no 32 bytes in base64url", code="did-keys")
    return urlsafe_b64decode(text + "=")
