"""fido2 verifies COSE_Sign1 messages; runs in .venv-peers. Jobs and answers as in peer_cwt.py, ``verify`` alone.

fido2 has COSE keys, their algorithms and CBOR, but no COSE messages: the Sig_structure is built here, with its encoder,
and tag 18 is taken off here, because its decoder knows no tags. It makes no signatures.
"""

import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fido2 import cbor
from fido2.cose import CoseKey


def verify(job):
    data = bytes.fromhex(job["cose_sign1"])
    assert data[:1] == b"\xd2"
    protected, unprotected, payload, signature = cbor.decode(data[1:])
    assert unprotected == {}
    algorithm = cbor.decode(protected)[1]
    key = CoseKey.for_alg(algorithm).from_cryptography_key(load_pem_public_key(job["key"].encode()))
    to_be_signed = cbor.encode(["Signature1", protected, bytes.fromhex(job["external_aad"]), payload])
    try:
        key.verify(to_be_signed, der(signature))
    except InvalidSignature as exc:
        return f"refused: {type(exc).__name__}"
    return "accepted"


def der(signature):
    # WebAuthn carries ECDSA signatures in DER, and so does fido2; COSE carries r || s
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    assert len(signature) == 64
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def main():
    json.dump([verify(job) for job in json.load(sys.stdin)["verify"]], sys.stdout)


main()
