"""A production line as it stands in a factory: job with trust data, ledger, reader; every command its own process.

What the tags and the ledger hold is read past our own code: the simulator's state file and the ledger's SQL.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpptag.crypto import PrivateKey
from dpptag.model.statement import SECONDS_A_DAY
from dpptag.model.verdict import Report
from dpptag.sim import start
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey, sign_bundle
from dpptag.trust.scopes import parse_scope
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import judge_nfc
from tests.line.job_folder import JobFolder

PAGE = 4
FIRST_PAGE = 4
LAST_AREA_PAGE = 39
"""Of an NTAG213: 144 bytes of data area."""


def today() -> int:
    return int(time.time()) // SECONDS_A_DAY


@dataclass(frozen=True)
class TagMemory:
    uid: str
    pages: tuple[bytes, ...]

    @property
    def message(self) -> bytes | None:
        """The NDEF message of the data area, walked by the letter of the Type 2 Tag specification; None for none."""
        area = b"".join(self.pages[FIRST_PAGE : LAST_AREA_PAGE + 1])
        at = 0
        while at < len(area) and area[at] != 0xFE:
            if area[at] == 0x00:
                at += 1
                continue
            length, body = area[at + 1], at + 2
            if length == 0xFF:
                length, body = int.from_bytes(area[at + 2 : at + 4], "big"), at + 4
            if area[at] == 0x03:
                return area[body : body + length] or None
            at = body + length
        return None


@dataclass(frozen=True)
class LedgerCopy:
    """The tables of a ledger, read from a copy: the next process finds the files as the killed one left them."""

    rows: tuple[Mapping[str, Any], ...]
    transitions: tuple[Mapping[str, Any], ...]
    revocations: tuple[Mapping[str, Any], ...]

    def steps(self, row_id: int) -> list[str]:
        """The states that a row went through, notes left out."""
        return [
            one["to_state"]
            for one in self.transitions
            if one["row_id"] == row_id and one["from_state"] != one["to_state"]
        ]


class Factory:
    """Job, key and trust data of many cases. ``judge`` is the verifier of a reader in the field."""

    def __init__(self, path: Path, rows: int = 3) -> None:
        self.path = path
        self.folder = JobFolder(path / "job", rows)
        self.job = str(self.folder.job)
        root = PrivateKey.generate()
        issuer = Issuer("Fjordcell", (parse_scope("gcp:9520123"),), (IssuerKey(1, self.folder.key.public_key),))
        bundle = sign_bundle(Bundle(today() - 1, today() + 30, (issuer,)), root)
        (path / "job" / "root.pub").write_text(root.public_key.pem())
        (path / "job" / "issuers.cose").write_bytes(bundle)
        self.folder.write_job(trust__bundle='"issuers.cose"', trust__root='"root.pub"', chips__allowed='["NTAG213"]')
        self._trust = TrustStore.load(bundle, root.public_key)
        self._blank = path / "blank.json"
        start(f"state={self._blank}&tags=NTAG213*{rows}&seed=7").close()
        self._cases = 0

    def case(self) -> Case:
        """A fresh ledger and the same blank tags."""
        self._cases += 1
        case = Case(self.path / f"case-{self._cases}")
        case.home.mkdir(parents=True)
        shutil.copy(self._blank, case.state)
        return case

    def blank_tags(self) -> dict[str, TagMemory]:
        return {tag.uid: tag for tag in _tags(self._blank)}

    def judge(self, tag: TagMemory) -> Report:
        return judge_nfc(tag.message or b"", bytes.fromhex(tag.uid), self._trust, today())[0]


class Case:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = path / "home"
        self.state = path / "tags.json"

    def tags(self) -> dict[str, TagMemory]:
        return {tag.uid: tag for tag in _tags(self.state)}

    def ledger(self) -> LedgerCopy:
        """Empty tables where the process did not come to make them."""
        copy = self.path / "looked-at"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in ("ledger.sqlite3", "ledger.sqlite3-wal"):
            if (self.home / name).exists():
                shutil.copy(self.home / name, copy / name)
        connection = sqlite3.connect(copy / "ledger.sqlite3")
        connection.row_factory = sqlite3.Row
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            known = {found["name"] for found in connection.execute("SELECT name FROM sqlite_schema")}
            return LedgerCopy(
                *(
                    tuple(map(dict, connection.execute(f"SELECT * FROM {table} ORDER BY id"))) if table in known else ()
                    for table in ("rows", "transitions", "revocations")
                )
            )
        finally:
            connection.close()


def _tags(state: Path) -> Iterator[TagMemory]:
    for tag in json.loads(state.read_text())["tags"]:
        yield TagMemory(tag["uid"], tuple(bytes.fromhex(page) for page in tag["pages"]))
