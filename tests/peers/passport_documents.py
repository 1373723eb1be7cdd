"""Passports that we make, for software that is not ours: of 0.6.1 and 0.7.0, from rows, samples and old versions."""

import functools
import json
from typing import Any

from dpptag.passport.convert import convert
from dpptag.passport.document import read_document
from dpptag.passport.make import make_passports
from dpptag.passport.read_untp import read_credential
from dpptag.passport.write_untp import write
from tests.needs import ROOT
from tests.unit.passport.clean_passports import lamp_0_6_1, lamp_0_7_0
from tests.unit.passport.internal_passports import passport_of
from tests.unit.passport.test_read_internal import SAMPLES, sample

VERSIONS = ("0.6.1", "0.7.0")
CAS_NUMBER = "12190-79-3"
Credential = dict[str, Any]

_LINK = "https://id.example.com/01/{gtin}/21/{serial}"
# What is changed in the map of the example sheet, by the kind of passport that then comes of it.
_CHANGES = {
    "item": {},
    "batch": {'level = "item"': 'level = "batch"', _LINK: "https://id.example.com/01/{gtin}/10/{batch}"},
    "model": {'level = "item"': 'level = "model"', _LINK: "https://id.example.com/01/{gtin}"},
    "hazardous": {
        'material.1.type.code = "34231"': f'material.1.type.code = "{CAS_NUMBER}"\n'
        'material.1.hazardous = "yes"\nmaterial.1.safety = "https://www.example.com/lb70/safety"'
    },
}
KINDS = tuple(_CHANGES)


@functools.cache
def from_rows(version: str, kind: str = "item") -> tuple[bytes, ...]:
    """What ``dpptag passport new`` makes of the example sheet, with another version and kind than its map says."""
    sheet = ROOT / "examples" / "sheets" / "batteries.csv"
    columns = sheet.with_suffix(".toml").read_text()
    for old, new in ({'version = "0.7.0"': f'version = "{version}"'} | _CHANGES[kind]).items():
        assert columns.count(old) == 1, old
        columns = columns.replace(old, new)
    rows = sheet.read_bytes().splitlines(keepends=True)
    if kind in ("batch", "model"):
        del rows[2:]  # the items of a batch or model have one passport together
    made = make_passports("batteries.toml", columns.encode(), sheet.name, b"".join(rows))
    return tuple(one.content for one in made)


@functools.cache
def ours(version: str) -> dict[str, Credential]:
    """By name: made of rows of each kind, and converted from every sample and example that may be."""
    found = {f"{kind} {index}": json.loads(one) for kind in KINDS for index, one in enumerate(from_rows(version, kind))}
    sources = {name: sample(name) for name in SAMPLES}
    sources |= {path.stem: json.loads(path.read_bytes()) for path in (ROOT / "examples" / "passports").glob("*.json")}
    sources["lamp"] = lamp_0_6_1() if version == "0.6.1" else lamp_0_7_0()
    for name, source in sources.items():
        if version == "0.7.0" or read_credential(source).version != "0.7.0":
            found[name] = convert(read_document(json.dumps(source).encode()), version).document
    return found


def drawn(version: str, count: int) -> dict[str, Credential]:
    """With everything that a passport can have, and any text in it; contexts of the standard's own only."""
    found = {f"drawn {seed}": write(passport_of(seed, 3 + seed % 8), version)[0] for seed in range(count)}
    return {name: {**one, "@context": one["@context"][:2]} for name, one in found.items()}
