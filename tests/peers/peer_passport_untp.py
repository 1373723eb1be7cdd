"""dppvalidator 0.5.1 judges passports; runs in .venv-peers. JSON job on stdin, JSON list on stdout.

``{"documents": [DOCUMENT]}`` -> ``[[CODE, PATH]]`` each: the errors, then a list of the same of its warnings. Whatever
reaches for the network ends the process.
"""

import json
import logging
import sys

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")


def no_network(event, args):
    if event in NETWORK:
        raise SystemExit(f"reaches for the network: {event} {args}")


sys.addaudithook(no_network)
logging.disable(logging.CRITICAL)

from dppvalidator.validators import ValidationEngine  # noqa: E402  what it imports is watched, too


def main():
    engine = ValidationEngine(load_plugins=False)

    def judged(document):
        result = engine.validate(document)
        errors = [[error.code, error.path] for error in result.errors]
        assert result.valid is not bool(errors)
        return errors, [[warning.code, warning.path] for warning in result.warnings]

    json.dump([judged(document) for document in json.load(sys.stdin)["documents"]], sys.stdout)


main()
