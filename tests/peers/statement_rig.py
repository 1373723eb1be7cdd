"""Every level and digest width as the command line signs them, for tests with software that is not ours."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from dpptag.cli import cli

URI = "https://id.example.com/01/09520123456788/21/12345"
UID = "04112233445566"
OTHER_UID = "04112233445567"
EPC = "3066C4409047E140075BCD15"  # TDS 2.3 annex E: (01)09506000134352(21)123456789
TID = "e280689020000123456789ab"  # XTID header 2000h: a serial of 48 bits, words 3 to 5
OTHER_TID = "e280689020000123456789ac"
DAY = "2026-11-21"

NFC = (("minimal", 0), ("minimal", 16), ("compact", 0), ("compact", 16), ("compact", 32), ("full", 32))
UHF = (("bare", 0), *NFC)


@dataclass(frozen=True)
class Signed:
    """One carrier content, as written and as its verifier rebuilt it."""

    name: str
    content: bytes
    verdict: str
    cose_sign1: bytes
    external_aad: bytes
    other_chip_aad: bytes
    key: str


class Rig:
    """Keys, trust bundle and a passport in one folder, all made by the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passport = folder / "passport.json"
        self.passport.write_bytes(b'{"passport":"as issued"}')
        self.run("keys", "new", "--out", folder / "issuer.key", "--unsafe-plain")
        self.run("trust", "init", "--out", folder / "trust")
        self.run(
            *("trust", "add-issuer", "--dir", folder / "trust", "--name", "Example"),
            *("--scope", "gcp:9520123", "--scope", "gcp:9506000", "--key", folder / "issuer.pub", "--slot", "1"),
            "--allow-bare",
        )
        self.run("trust", "sign", "--dir", folder / "trust", "--expires", "2149-06-06")

    def run(self, *arguments: object, accept: tuple[int, ...] = (0,)) -> str:
        """Standard output of one command; its exit code must be one of ``accept``."""
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        assert int(result.return_value or 0) in accept, result.output
        return result.stdout

    def sign(self, carrier: tuple[str, str], chip: str, level: str, width: int) -> Path:
        """``carrier``: ("--uri", URI) or ("--epc", hex)."""
        out = self.folder / f"{carrier[0][2:]}-{level}-{width}"
        self.run(
            *("sign", *carrier, "--chip", chip, "--passport", self.passport, "--digest", width, "--level", level),
            *("--key", self.folder / "issuer.key", "--slot", "1", "--out", out, "--on", DAY),
        )
        return out

    def verify(self, carrier: tuple[object, ...], chip: str, accept: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Verdict and, under ``export``, what ``--export`` wrote."""
        export = self.folder / "export.json"
        export.unlink(missing_ok=True)
        told = self.run(
            *("verify", *carrier, "--chip", chip, "--trust", self.folder / "trust" / "issuers.cose"),
            *("--root", self.folder / "trust" / "root.pub", "--export", export, "--json"),
            accept=accept,
        )
        verdict: dict[str, Any] = json.loads(told)
        return {**verdict, "export": json.loads(export.read_bytes()) if export.exists() else None}

    def all_signed(self) -> Iterator[Signed]:
        """6 on NFC, 7 on UHF."""
        for level, width in NFC:
            file = self.sign(("--uri", URI), UID, level, width)
            yield self._signed(f"NFC {level} {width}", file, ("--ndef", file), UID, OTHER_UID)
        for level, width in UHF:
            file = self.sign(("--epc", EPC), TID, level, width)
            yield self._signed(f"UHF {level} {width}", file, ("--epc", EPC, "--user", file), TID, OTHER_TID)

    def _signed(self, name: str, file: Path, carrier: tuple[object, ...], chip: str, other: str) -> Signed:
        good, bad = self.verify(carrier, chip), self.verify(carrier, other, accept=(5,))
        assert bad["verdict"] == "forged"
        export = good["export"]
        other_aad = bytes.fromhex(export["external_aad"]).replace(bytes.fromhex(chip), bytes.fromhex(other))
        return Signed(
            name=name,
            content=file.read_bytes(),
            verdict=good["verdict"],
            cose_sign1=bytes.fromhex(export["cose_sign1"]),
            external_aad=bytes.fromhex(export["external_aad"]),
            other_chip_aad=other_aad,
            key=export["key"],
        )
