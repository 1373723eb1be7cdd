"""What the demo works with: a trust root, two companies, passports of 25 items, a job. All made anew in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dpptag.crypto import PrivateKey, write_secret_file
from dpptag.errors import InputError, UsageError
from dpptag.trust import authority
from dpptag.trust.store import TrustStore

_MARK: Final = ".dpptag-demo"
SLOT: Final = 1
TRUST_DAYS: Final = 30
TAGS: Final = (("NTAG213", 9), ("NTAG215", 8), ("NTAG216", 8))
UHF_TAGS: Final = (("UCODE-7xm", 5), ("Higgs-9", 5))
_TEMPLATES: Final = (
    ("laptop-battery.json", "LB70A0001", "LB70A1{:03}", "09520123456788"),
    ("phone.json", "FP3000417", "FP3100{:03}", "09520123456825"),
)


@dataclass(frozen=True, slots=True)
class Scene:
    folder: Path
    job: Path
    uhf_job: Path
    trust: TrustStore
    issuer: PrivateKey
    rival: PrivateKey
    expires: int


def find_examples() -> Path:
    """The folder of our example passports: beside the package's modules in a wheel, at the root in a clone."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "examples", package.parents[1] / "examples"):
        if folder.is_dir():
            return folder / "passports"
    raise InputError("this installation has no example passports", code="examples", action="install dpptag again")


def fresh_folder(folder: Path) -> None:
    """An empty folder of ours. Raises UsageError where something of yours stands there, InputError."""
    try:
        if folder.exists() or folder.is_symlink():
            if not folder.is_dir() or folder.is_symlink():
                raise UsageError(f"{folder} is no folder", code="demo-folder", action="give another --out")
            if any(folder.iterdir()) and not (folder / _MARK).exists():
                raise UsageError(f"{folder} holds other files", code="demo-folder", action="give another --out")
            for entry in folder.iterdir():  # what is in it, not itself: it may be where somebody stands
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).touch()
    except OSError as exc:
        raise InputError(f"cannot use {folder}: {exc.strerror}", code="demo-folder", path=str(folder)) from exc


def build_scene(folder: Path, today: int) -> Scene:
    """Keys, trust bundle, passports, rows and job file below ``folder``."""
    trust_folder = folder / "trust"
    root_public = authority.create_root(trust_folder, None)
    issuer, rival = PrivateKey.generate(), PrivateKey.generate()
    write_secret_file(folder / "issuer.key", issuer.pkcs8(None))
    for name, scope, key in (("Example Batteries", "gcp:9520123", issuer), ("Rival Cells", "gcp:401234", rival)):
        authority.add_issuer(trust_folder, name, [scope], authority.KeyEntry(key.public_key, SLOT))
    root = authority.load_root(trust_folder, None)
    expires = today + TRUST_DAYS
    bundle = authority.make_bundle(trust_folder, root, today, expires)
    (folder / "passports").mkdir()
    nfc, uhf = (sum(count for _, count in tags) for tags in (TAGS, UHF_TAGS))
    _write_passports(folder, range(1, nfc + 1), "rows.csv")
    _write_passports(folder, range(nfc + 1, nfc + uhf + 1), "rows-uhf.csv")
    job, uhf_job = folder / "job.toml", folder / "job-uhf.toml"
    job.write_text(_JOB.format(slot=SLOT), encoding="utf-8")
    uhf_job.write_text(_UHF_JOB.format(slot=SLOT), encoding="utf-8")
    return Scene(folder, job, uhf_job, TrustStore.load(bundle, root_public), issuer, rival, expires)


_JOB: Final = """[job]
name = "demo"
rows = "rows.csv"
link = "https://id.example.com"

[statement]
level = "minimal"
digest = 16

[signing]
key = "issuer.key"
slot = {slot}

[trust]
bundle = "trust/issuers.cose"
root = "trust/root.pub"

[chips]
allowed = ["NTAG213", "NTAG215", "NTAG216"]
"""


_UHF_JOB: Final = """[job]
name = "demo-uhf"
rows = "rows-uhf.csv"

[statement]
level = "minimal"
digest = 16

[signing]
key = "issuer.key"
slot = {slot}

[trust]
bundle = "trust/issuers.cose"
root = "trust/root.pub"

[chips]
allowed = ["UCODE-7xm", "Higgs-9"]

[epc]
company_prefix_digits = 7
"""


def _write_passports(folder: Path, numbers: Iterable[int], rows: str) -> None:
    """One passport an item: our examples with another serial in every place where it stands."""
    examples = find_examples()
    passports = folder / "passports"
    lines = ["gtin,serial,passport"]
    for number in numbers:
        name, old, pattern, gtin = _TEMPLATES[number % len(_TEMPLATES)]
        serial = pattern.format(number)
        document = (examples / name).read_bytes().replace(old.encode(), serial.encode())
        (passports / f"{serial}.json").write_bytes(document)
        lines.append(f"{gtin},{serial},passports/{serial}.json")
    (folder / rows).write_text("\n".join(lines) + "\n", encoding="utf-8")
