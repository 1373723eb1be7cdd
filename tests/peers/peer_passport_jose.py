"""joserfc verifies or makes JWS compact serialisations; runs in .venv-peers. JSON job on stdin, JSON list on stdout.

``{"verify": [{"token", "key"}]}`` -> ``[HEADER, PAYLOAD]`` or ``"refused: EXCEPTION"`` each.
``{"sign": [{"header", "payload", "key"}]}`` -> the token each. Keys are PEM.
"""

import json
import sys

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey


def verify(job):
    try:
        found = jws.deserialize_compact(job["token"], ECKey.import_key(job["key"]), algorithms=["ES256"])
        return found.headers(), found.payload.decode()
    except (JoseError, ValueError) as exc:  # ValueError: what is no base64url or UTF-8
        return f"refused: {type(exc).__name__}"


def sign(job):
    return jws.serialize_compact(job["header"], job["payload"], ECKey.import_key(job["key"]), algorithms=["ES256"])


def main():
    jobs = json.load(sys.stdin)
    json.dump([verify(job) for job in jobs.get("verify", ())] + [sign(job) for job in jobs.get("sign", ())], sys.stdout)


main()
