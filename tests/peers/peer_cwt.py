"""python-cwt verifies or makes COSE_Sign1 messages; runs in .venv-peers. JSON job on stdin, JSON list on stdout.

``{"verify": [{"cose_sign1", "external_aad", "key"}]}`` -> ``"accepted"`` or ``"refused: EXCEPTION"`` each.
``{"sign": [{"protected", "payload", "external_aad", "key", "alg"}]}`` -> the message in hex each. ``protected`` is a
list of [label, value], a byte string as ``{"hex": ...}``; keys are PEM.
"""

import json
import sys

import cbor2
import cwt
import cwt.exceptions


def value(item):
    if isinstance(item, dict):
        return bytes.fromhex(item["hex"])
    return {label: value(entry) for label, entry in item} if isinstance(item, list) else item


def verify(job):
    message, aad = bytes.fromhex(job["cose_sign1"]), bytes.fromhex(job["external_aad"])
    # python-cwt tries only keys that bear the message's kid. The one key at hand is given whatever kid stands there, so
    # that an edited kid, too, is refused by the signature and by nothing before it.
    kid = cbor2.loads(cbor2.loads(message).value[0])[4]
    key = cwt.COSEKey.from_pem(job["key"], alg="ES256", kid=kid)
    try:
        cwt.COSE.new().decode(message, key, external_aad=aad)
    except cwt.exceptions.VerifyError as exc:
        return f"refused: {type(exc).__name__}"
    return "accepted"


def sign(job):
    key = cwt.COSEKey.from_pem(job["key"], alg=job["alg"])
    message = cwt.COSE.new().encode_and_sign(
        bytes.fromhex(job["payload"]),
        key,
        protected=value(job["protected"]),
        external_aad=bytes.fromhex(job["external_aad"]),
    )
    return message.hex()


def main():
    jobs = json.load(sys.stdin)
    json.dump([verify(job) for job in jobs.get("verify", ())] + [sign(job) for job in jobs.get("sign", ())], sys.stdout)


main()
