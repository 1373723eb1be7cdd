"""What the texts of the standard ask for and its schemas let pass, and the defects that samples are known for.

Sources: the UNTP specification page (requirements DPP-01 to DPP-13), the descriptions in the schemas, the W3C
Verifiable Credentials Data Model 2.0, GS1 Digital Link. One walk over the document, each member once.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Final

from dpptag.codec.check_digit import has_check_digit
from dpptag.codec.digital_link import DigitalLink, parse
from dpptag.errors import LinkError
from dpptag.passport.digests import from_hex, from_multibase
from dpptag.passport.document import JsonObject
from dpptag.passport.faults import Findings, json_path, shown
from dpptag.passport.versions import Version, recognised_by
from dpptag.passport.versions.basic import is_time
from dpptag.passport.versions.codes import country_doubt, unit_doubt
from dpptag.passport.versions.names import RENAMED, VCDM_1
from dpptag.passport.versions.words import renamed_hint

_FREE: Final = frozenset({"characteristics", "proof", "@context"})
"""Members whose content belongs to an industry or to another standard."""
_HOLDERS: Final = (dict, list)
_GTIN_RUN: Final = re.compile(r"[0-9]{8,14}(?![0-9])").match

# A value, the place that holds it, and the step from there; the root is held by none. Only a place with a fault is ever
# spelt out.
Place = tuple[object, "Place | None", str | int]
Check = Callable[[object, JsonObject, Place, Findings, Version], None]


def examine(credential: JsonObject, version: Version, findings: Findings) -> None:
    """Add what these rules find to ``findings``. Takes any JSON object, also one that breaks its schema."""
    if recognised_by(version) == "shape":
        text = "taken for UNTP 0.3.0 by its member names: this version has no context that would say so"
        findings.doubt("$", "by-shape", text)
    else:
        _envelope(credential, version, findings)
    _product(credential, version, findings)
    checks = _checks(version)
    queue: deque[Place] = deque([(credential, None, "")])
    while queue:
        place = queue.popleft()
        here = place[0]
        if isinstance(here, dict):
            for name, member in here.items():
                if name in checks:
                    checks[name](member, here, (member, place, name), findings, version)
                if isinstance(member, _HOLDERS) and name not in _FREE:
                    queue.append((member, place, name))
        elif isinstance(here, list):
            queue.extend((one, place, at) for at, one in enumerate(here) if isinstance(one, _HOLDERS))


def spelt(place: Place) -> str:
    steps: list[str | int] = []
    holder = place[1]
    while holder is not None:
        steps.append(place[2])
        place, holder = holder, holder[1]
    return json_path(reversed(steps))


# --- the envelope -----------------------------------------------------------------------------------------------------


def _envelope(credential: JsonObject, version: Version, findings: Findings) -> None:
    for name in ("type", "credentialSubject"):  # VCDM 2.0 sections 4.5 and 4.8
        if name not in credential:
            text = f"the member {shown(name)} is missing, which every verifiable credential must have"
            findings.forbidden(f"$.{name}", "missing-by-standard", text)
    for name, now in VCDM_1.items():
        if name in credential and not findings.has(f"$.{name}"):
            text = f"{shown(name)} is a name of the W3C data model 1.1 and means nothing in 2.0"
            findings.forbidden(f"$.{name}", "vcdm-1", text, f"write {now}")
    contexts = credential.get("@context")
    if isinstance(contexts, list) and not findings.has("$['@context']"):
        for at, context in enumerate(contexts[2:], 2):
            if isinstance(context, str):
                text = f"the further context {shown(context)} is never fetched: its terms are kept, not understood"
                findings.doubt(f"$['@context'][{at}]", "further-context", text)
    _validity(credential, findings)
    issuer = credential.get("issuer")
    identity = issuer.get("id") if isinstance(issuer, dict) else None
    if isinstance(identity, str) and not identity.startswith("did:") and not findings.has("$.issuer.id"):
        hint = "give the issuer's DID, such as did:web:example.com; other identifiers have a list of their own"
        findings.forbidden("$.issuer.id", "issuer-no-did", f"the issuer {shown(identity)} is no DID", hint)
    _status(credential.get("credentialStatus"), version, findings)


def _validity(credential: JsonObject, findings: Findings) -> None:
    start, end = (_moment(credential.get(name)) for name in ("validFrom", "validUntil"))
    if start is not None and end is not None and end < start:
        findings.forbidden("$.validUntil", "validity", "the passport ends before it begins to be valid")


def _moment(value: object) -> datetime | None:
    """None for what is no time, or none that this calendar holds."""
    if not isinstance(value, str) or not is_time(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _status(status: object, version: Version, findings: Findings) -> None:
    if version is Version.V0_7_0:  # its schema asks for a number, against the W3C; a text is told as its fault
        return
    for at, entry in enumerate(status if isinstance(status, list) else [status]):
        index = entry.get("statusListIndex") if isinstance(entry, dict) else None
        if isinstance(index, (int, float)):
            path = "$.credentialStatus" + (f"[{at}]" if isinstance(status, list) else "") + ".statusListIndex"
            text = f"{shown(index)} is a number, and the W3C status list wants text"
            findings.forbidden(path, "status-index", text, f'write "{shown(index)}"')
            return


# --- the product and its identity -------------------------------------------------------------------------------------


def _product(credential: JsonObject, version: Version, findings: Findings) -> None:
    """DPP-01: the stated level, the numbers and the Digital Link say the same."""
    subject: object = credential if version is Version.V0_3_0 else credential.get("credentialSubject")
    product, at = subject, "$" if version is Version.V0_3_0 else "$.credentialSubject"
    level_name, level_holder, level_at = "granularityLevel", subject, at
    if version in (Version.V0_6_0, Version.V0_6_1):
        product, at = (subject.get("product") if isinstance(subject, dict) else None), at + ".product"
        if product is None and isinstance(subject, dict):
            findings.forbidden(at, "missing-by-standard", "the passport names no product")
    serial_name = "serialNumber"
    if version is Version.V0_7_0:
        level_name, serial_name = "idGranularity", "itemNumber"
    if not isinstance(product, dict):
        return
    level = level_holder.get(level_name) if isinstance(level_holder, dict) else None
    identity, serial, batch = (product.get(name) for name in ("id", serial_name, "batchNumber"))
    _registered(product, at, findings)
    link = _link(identity, f"{at}.id", findings) if isinstance(identity, str) else None
    if link is not None:
        _agree(f"{at}.{serial_name}", "serial", serial, link.serial, findings)
        _agree(f"{at}.batchNumber", "batch", batch, link.batch, findings)
        if isinstance(level, str) and level in ("item", "batch", "model") and level != link.granularity:
            hint = "an item's link has /21/ and its serial, a batch's /10/ and its batch, a model's neither"
            text = f"the passport is for one {level}, its product id names one {link.granularity}"
            findings.forbidden(f"{level_at}.{level_name}", "granularity", text, hint)
    needs_serial = link is None or link.key_ai in ("01", "8006", "8010")  # other keys name one thing by themselves
    if level == "item" and serial is None and needs_serial and (link is None or link.serial is None):
        text = "a passport of one item must give its serial number"
        findings.forbidden(f"{at}.{serial_name}", "serial-missing", text, f"add {shown(serial_name)}")
    if level == "batch" and batch is None and needs_serial and (link is None or link.batch is None):
        text = "a passport of one batch must give its batch number"
        findings.forbidden(f"{at}.batchNumber", "batch-missing", text, 'add "batchNumber"')


def _link(identity: str, path: str, findings: Findings) -> DigitalLink | None:
    """A GS1 Digital Link; None for an address without a GS1 key, or for one told as wrong."""
    if not identity.lower().startswith(("http://", "https://")):
        return None
    try:
        return parse(identity)
    except LinkError as wrong:
        if wrong.code not in ("no-key", "no-path") and not findings.has(path):
            code = "gtin-check-digit" if wrong.code == "check-digit" else "digital-link"
            text = f"a wrong GS1 Digital Link, {shown(identity)}: {wrong.message}"
            findings.forbidden(path, code, text, wrong.action)
    return None


def _agree(path: str, what: str, stated: object, linked: str | None, findings: Findings) -> None:
    if isinstance(stated, str) and linked is not None and stated != linked:
        text = f"the passport states the {what} {shown(stated)}, its product id {shown(linked)}"
        findings.forbidden(path, f"{what}-mismatch", text)


def _registered(product: JsonObject, at: str, findings: Findings) -> None:
    """A GTIN registered in a scheme of GS1 has a check digit."""
    number, scheme = product.get("registeredId"), product.get("idScheme")
    named = " ".join(str(value) for value in scheme.values()) if isinstance(scheme, dict) else str(scheme)
    if not isinstance(number, str) or not re.search("gs1|gtin", named[:400], re.IGNORECASE):
        return
    match = _GTIN_RUN(number)
    if match is not None and len(match[0]) in (8, 12, 13, 14) and not has_check_digit(match[0]):
        hint = "compare the number with the product master data"
        findings.doubt(f"{at}.registeredId", "gtin-check-digit", f"wrong check digit in GTIN {match[0]}", hint)


# --- members wherever they stand --------------------------------------------------------------------------------------


@cache
def _checks(version: Version) -> dict[str, Check]:
    table: dict[str, Check] = dict.fromkeys(RENAMED[version], _renamed)
    table |= dict.fromkeys(("unit", "declaredUnit"), _unit)
    table |= dict.fromkeys(_COUNTRIES, _country)
    table |= dict.fromkeys(("materialsProvenance", "materialProvenance", "materialUsed"), _materials)
    table |= dict.fromkeys(_SHARES, _share)
    table |= {"hashDigest": _hash, "digestMultibase": _multibase, "hazardous": _hazardous}
    return table


_COUNTRIES: Final = (
    "countryCode",
    "countryOfProduction",
    "originCountry",
    "jurisdictionCountry",
    "countryOfOperation",
    "registrationCOuntry",
)
_FRACTIONS: Final = (Version.V0_6_0, Version.V0_6_1, Version.V0_7_0)
# utilityFactor is above 1 for whatever outlives the average, and has no place here.
_SHARES: Final = (
    "recycledMassFraction",
    "recycledAmount",
    "recyclableContent",
    "recycledContent",
    "recyecledContent",
    "materialCircularityIndicator",
    "primarySourcedRatio",
    "verifiedRatio",
    "accuracy",
)


def _renamed(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    path = spelt(place)
    if not findings.has(path):
        name = str(place[2])
        text = f"{shown(name)} is a name of another version, and is not understood in UNTP {version}"
        findings.doubt(path, "other-version", text, renamed_hint(name, version))


def _unit(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    doubt = unit_doubt(member) if isinstance(member, str) else None
    if doubt is not None:
        findings.doubt(spelt(place), "unit", f"{shown(member)} is no unit code of UNECE Recommendation 20", doubt)


def _country(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    doubt = country_doubt(member) if isinstance(member, str) else None
    if doubt is not None:
        findings.doubt(spelt(place), "country", f"{shown(member)} is no country code of ISO 3166-1", doubt)


def _share(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    if isinstance(member, (int, float)) and not 0 <= member <= 1 and not findings.has(spelt(place)):
        hint = f"{member} percent is {member / 100:g}" if 1 < member <= 100 else None
        findings.doubt(spelt(place), "share", f"{shown(member)} is a share, and those lie between 0 and 1", hint)


def _materials(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    """Fractions add up to 1. The texts up to 0.5.0 say 100, or 50, or a fraction, so percent is allowed there."""
    if not isinstance(member, list):
        return
    found = [one.get("massFraction") if isinstance(one, dict) else None for one in member]
    shares = [one for one in found if isinstance(one, (int, float)) and not isinstance(one, bool)]
    if not shares:
        return
    total = sum(shares)
    percent = max(shares) > 1
    if percent and abs(total - 100) <= 1:
        if version in _FRACTIONS:
            hint = "divide each by 100"
            findings.doubt(spelt(place), "mass-percent", "the mass fractions are percent and should be fractions", hint)
        return
    complete = len(shares) == len(found)
    if percent or total > 1.01 or (complete and total < 0.99) or min(shares) < 0:
        text = f"the mass fractions add up to {total:g}, which is neither 1 nor 100 percent"
        findings.doubt(spelt(place), "mass-fractions", text, "state every material once, with its share of the whole")


def _hash(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    method = holder.get("hashMethod")
    if not isinstance(member, str):
        return
    if method is None:
        findings.doubt(spelt(place), "digest", "no hashMethod says how this digest was made", 'add "hashMethod"')
    elif method in ("SHA-1", "SHA-256") and from_hex(str(method), member) is None:
        digits = 40 if method == "SHA-1" else 64
        text = f"{shown(member)} is no {method} digest, which has {digits} hex digits"
        findings.forbidden(spelt(place), "digest", text, "compute the digest anew over the linked file")
    elif method == "SHA-1":
        findings.doubt(spelt(place), "weak-digest", "a SHA-1 digest proves nothing any more", "give SHA-256")


def _multibase(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    digest = from_multibase(member) if isinstance(member, str) else None
    if isinstance(member, str) and digest is None:
        text = f"{shown(member)} is no SHA-256 multihash in multibase"
        findings.forbidden(spelt(place), "digest", text, "compute the digest anew over the linked file")
    elif digest is not None and digest.algorithm == "SHA-1":
        findings.doubt(spelt(place), "weak-digest", "a SHA-1 digest proves nothing any more", "give SHA-256")


def _hazardous(member: object, holder: JsonObject, place: Place, findings: Findings, version: Version) -> None:
    if member is True and version is not Version.V0_3_0 and "materialSafetyInformation" not in holder:
        text = "a hazardous material must link to its safety information"
        findings.forbidden(spelt(place), "safety-information", text, 'add "materialSafetyInformation"')
