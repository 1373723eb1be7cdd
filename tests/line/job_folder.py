"""A job folder as an engineer would have it: job file, rows, passports, key."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from dpptag.crypto import PrivateKey

EXAMPLES = Path(__file__).parents[2] / "examples"
GTIN = "09520123456788"
HOST = "https://id.example.com"


def passport_bytes(uri: str, serial: str) -> bytes:
    """The example passport of a battery, made out to another serial."""
    document = json.loads((EXAMPLES / "passports" / "laptop-battery.json").read_bytes())
    product = document["credentialSubject"]["product"]
    product |= {"id": uri, "serialNumber": serial, "registeredId": f"{GTIN}.21.{serial}"}
    product.pop("batchNumber", None)
    return json.dumps(document).encode()


def uri_of(serial: str) -> str:
    return f"{HOST}/01/{GTIN}/21/{serial}"


def job_text(**changes: str) -> str:
    """The job file; ``section__key="value"`` replaces or adds a line, with the value in TOML; empty drops it."""
    values = {
        "job__name": '"battery"',
        "job__rows": '"rows.csv"',
        "job__link": f'"{HOST}"',
        "job__passport": '"passports/{serial}.json"',
        "statement__level": '"minimal"',
        "statement__digest": "16",
        "signing__key": '"issuer.key"',
        "signing__slot": "1",
        "chips__allowed": '["NTAG213", "NTAG215"]',
    } | changes
    lines: list[str] = []
    section = ""
    for name, value in sorted(values.items()):
        head, _, key = name.partition("__")
        if head != section:
            lines.append(f"[{head}]")
            section = head
        if value:
            lines.append(f"{key} = {value}")
    return "\n".join(lines) + "\n"


class JobFolder:
    """Serials ``SN1`` to ``SNn``, each with its passport; anything may be changed before the job is read."""

    def __init__(self, path: Path, count: int = 3) -> None:
        self.path = path
        self.job = path / "job.toml"
        self.key = PrivateKey.generate()
        self.serials = [f"SN{number}" for number in range(1, count + 1)]
        (path / "passports").mkdir(parents=True)
        (path / "issuer.key").write_bytes(self.key.pkcs8(None))
        for serial in self.serials:
            self.write_passport(serial)
        self.write_rows([["gtin", "serial"], *([GTIN, serial] for serial in self.serials)])
        self.write_job()

    def write_passport(self, serial: str, uri: str | None = None) -> None:
        (self.path / "passports" / f"{serial}.json").write_bytes(passport_bytes(uri or uri_of(serial), serial))

    def write_rows(self, rows: list[list[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        (self.path / "rows.csv").write_text(text.getvalue(), newline="")

    def write_job(self, **changes: str) -> None:
        self.job.write_text(job_text(**changes))
