"""Bytes that each statement takes on its carrier, against the tables of the specification. Exact; prints JSON."""

from __future__ import annotations

import json

from dpptag.codec.planner import NTAG_AREAS, NfcCapacity, Wish, sample_statement, stored_size
from dpptag.codec.statement import encode_statement
from dpptag.model.statement import Level

SPECIFIED = {
    (Level.BARE, 0): 64,
    (Level.MINIMAL, 0): 67,
    (Level.MINIMAL, 16): 83,
    (Level.COMPACT, 0): 80,
    (Level.COMPACT, 16): 97,
    (Level.COMPACT, 32): 115,
}
URI = "https://id.example-company.com/01/09520123456788/10/6789/21/12345"
EPC = bytes.fromhex("3066c4409047e140075bcd15")


def main() -> None:
    wish = Wish(URI, URI)
    uhf = Wish(EPC, "https://id.gs1.org/01/09506000134352/21/123456789")
    rows = []
    for level in Level:
        for width in level.digest_widths:
            stored = len(encode_statement(sample_statement(wish, level, width)))
            message = None if level is Level.BARE else stored_size(wish, level, width)
            rows.append(
                {
                    "level": level.value,
                    "digest": width,
                    "statement_bytes": stored,
                    "specified": SPECIFIED.get((level, width)),
                    "ndef_message": message,
                    "fits": [
                        name for name, area in NTAG_AREAS.items() if message and message <= NfcCapacity(area).room
                    ],
                    "user_bank_bytes": stored_size(uhf, level, width),
                }
            )
    print(json.dumps({"bench": "stored_bytes", "uri": URI, "rows": rows}, indent=1))
    if any(row["specified"] not in (None, row["statement_bytes"]) for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
