"""Any UNTP passport to the internal one.

The version is recognised by its context alone (``versions``); each then has its reader: 0.3.0 (``read_0_3_0``), 0.3.10
to 0.6.1 (``read_0_6``, one reader with a table of the names that changed) and 0.7.0 (``read_0_7``). What a reader
cannot take is kept in ``Passport.unknown``. Nothing is validated here: a passport with faults is read as far as it
goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dpptag.codec.digital_link import parse
from dpptag.errors import LinkError
from dpptag.passport.internal import Granularity, Material, Note, Passport
from dpptag.passport.read_0_3_0 import read_0_3_0
from dpptag.passport.read_0_6 import NAMES, read_0_6
from dpptag.passport.read_0_7 import read_0_7
from dpptag.passport.read_cursor import Cursor, Ledger
from dpptag.passport.scorecards import lifted
from dpptag.passport.versions import Version, recognise

if TYPE_CHECKING:
    from dpptag.passport.document import Document, JsonObject

_PERCENT_SUM: Final = 100
_PERCENT_TOLERANCE: Final = 1


def read_internal(document: Document) -> Passport:
    """A view of the passport, whatever its version; the signature covers the document's bytes, never this.

    Raises PassportError with the codes of ``versions.recognise``: ``unknown-version``, ``not-a-passport``,
    ``enveloped``.
    """
    return read_credential(document.credential)


def read_credential(credential: JsonObject) -> Passport:
    """As ``read_internal``, from the credential object itself."""
    version = recognise(credential)
    ledger = Ledger()
    root = Cursor(credential, "$", ledger)
    if version is Version.V0_3_0:
        passport = read_0_3_0(root)
    elif version is Version.V0_7_0:
        passport = read_0_7(root)
    else:
        passport = read_0_6(root, NAMES[version])
    root.close()
    passport = replace(_fractions(passport, ledger), unknown=tuple(ledger.unknown))
    if version is Version.V0_7_0:
        passport = lifted(passport)
    _naive_times(passport, ledger)
    return replace(passport, granularity=_granularity(passport, ledger), notes=tuple(ledger.notes))


def _granularity(passport: Passport, ledger: Ledger) -> Granularity:
    """As stated; else derived from the Digital Link, which names what it identifies, else from the numbers given."""
    if not passport.granularity.derived:
        return passport.granularity
    product = passport.product
    try:
        level = parse(product.id or "").granularity
        source = "from its Digital Link"
    except LinkError:
        level = "item" if product.serial else "batch" if product.batch else "model"
        source = "from its serial and batch number"
    ledger.notes.append(Note(product.at, f"the passport states no granularity; {level} is derived {source}"))
    return Granularity(level, derived=True)


def _fractions(passport: Passport, ledger: Ledger) -> Passport:
    """Mass fractions that are plainly percent become fractions; a list that is in doubt stays as stated.

    The 0.3.0 text wants a sum of 100, 0.6.0 means 0 to 1, 0.7.0 enforces it. Plain is: the list sums to 100 ± 1 and
    some value is above 1.
    """
    stated = [material.mass_fraction for material in passport.materials if material.mass_fraction is not None]
    if not any(value > 1 for value in stated):
        return passport
    if passport.version == Version.V0_7_0 or abs(sum(stated) - _PERCENT_SUM) > _PERCENT_TOLERANCE:
        text = "a mass fraction is above 1, but the list does not sum to 100: kept as stated"
        ledger.notes.append(Note(passport.product.at, text))
        return passport
    ledger.notes.append(Note(passport.product.at, "the mass fractions are percent; a hundredth of each is shown"))
    return replace(passport, materials=tuple(_from_percent(material) for material in passport.materials))


def _from_percent(material: Material) -> Material:
    if material.mass_fraction is None:
        return material
    return replace(material, mass_fraction=material.mass_fraction / 100, mass_percent=material.mass_fraction)


def _naive_times(passport: Passport, ledger: Ledger) -> None:
    for name, text in (("validFrom", passport.valid_from), ("validUntil", passport.valid_until)):
        if text is not None and not has_zone(text):
            ledger.notes.append(Note(f"$.{name}", f"{text[:40]!r} has no time zone, so its hour is not known"))


def has_zone(time: str) -> bool:
    """Whether an ISO 8601 time ends in ``Z`` or an offset; UNTP up to 0.5.0 has times that do not."""
    _date, separator, clock = time.upper().partition("T")
    return bool(separator) and (clock.endswith("Z") or "+" in clock or "-" in clock)
