"""PyLD expands passports; runs in .venv-peers. JSON job on stdin, JSON list on stdout.

``{"contexts": {URL: FILE}, "documents": [DOCUMENT]}`` -> the expanded form of each, or ``"refused: CODE"``. The loader
serves the contexts and nothing else.
"""

import json
import sys
from pathlib import Path

from pyld import jsonld


def main():
    job = json.load(sys.stdin)
    contexts = {url: json.loads(Path(file).read_text()) for url, file in job["contexts"].items()}

    def load(url, options):
        if url not in contexts:
            raise jsonld.JsonLdError(f"no such context here: {url}", "jsonld.LoadDocumentError", code="not-here")
        return {"contextUrl": None, "documentUrl": url, "contentType": "application/ld+json", "document": contexts[url]}

    def expanded(document):
        try:
            return jsonld.expand(document, {"documentLoader": load})
        except jsonld.JsonLdError as exc:
            return f"refused: {exc}"[:300]

    json.dump([expanded(document) for document in job["documents"]], sys.stdout)


main()
