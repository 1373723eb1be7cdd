"""pycose verifies or makes COSE_Sign1 messages; runs in .venv-peers. Jobs and answers as in peer_cwt.py.

pycose knows ES256 and EdDSA, not the fully specified ESP256 (-9) and Ed25519 (-19) of RFC 9864.
"""

import json
import sys

from pycose.algorithms import CoseAlgorithm
from pycose.headers import Algorithm
from pycose.keys import CoseKey
from pycose.messages import Sign1Message


def value(item):
    if isinstance(item, dict):
        return bytes.fromhex(item["hex"])
    return {label: value(entry) for label, entry in item} if isinstance(item, list) else item


def verify(job):
    message = Sign1Message.decode(bytes.fromhex(job["cose_sign1"]))
    message.external_aad = bytes.fromhex(job["external_aad"])
    message.key = CoseKey.from_pem_public_key(job["key"])
    return "accepted" if message.verify_signature() else "refused: False"


def sign(job):
    header = value(job["protected"])
    header = {Algorithm: CoseAlgorithm.from_id(header[1]), **{label: header[label] for label in header if label != 1}}
    message = Sign1Message(
        phdr=header, payload=bytes.fromhex(job["payload"]), external_aad=bytes.fromhex(job["external_aad"])
    )
    message.key = CoseKey.from_pem_private_key(job["key"])
    return message.encode().hex()


def main():
    jobs = json.load(sys.stdin)
    json.dump([verify(job) for job in jobs.get("verify", ())] + [sign(job) for job in jobs.get("sign", ())], sys.stdout)


main()
