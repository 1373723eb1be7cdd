"""cddl-verifier holds CBOR items against a CDDL schema; runs in .venv-peers.

JSON on stdin: ``{"schema": text, "items": [[rule, hex], ...]}``; answer: a list of true or the list of errors each.
"""

import json
import sys

from cddl_verifier import Validator, schema_diagnostics


def main():
    job = json.load(sys.stdin)
    found = [str(diagnostic) for diagnostic in schema_diagnostics(job["schema"])]
    if found:
        sys.exit("the schema itself: " + "; ".join(found))
    validator = Validator(job["schema"])
    answers = []
    for rule, text in job["items"]:
        result = validator.validate(bytes.fromhex(text), rule)
        answers.append(True if result.valid else list(result.errors))
    json.dump(answers, sys.stdout)


main()
