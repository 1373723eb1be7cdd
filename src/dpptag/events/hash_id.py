"""The event hash id: CBV 2.0 section 8.9.2, for the plain subset of EPCIS that dpptag writes.

All five event types, extensions, ``ilmd``; not sensor data, whose rules implementations read differently. Where the
standard's prose and its reference implementation part, the reference vectors decide: ``destinationList``, ``ilmd``
and ``sourceList`` follow ``bizTransactionList`` in alphabetical order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from dpptag.errors import InputError
from dpptag.events.gs1_uri import canonical_identifier

_CBV: Final = "https://ref.gs1.org/cbv/"
_CBV_URNS: Final = {"bizstep": "BizStep-", "disp": "Disp-", "btt": "BTT-", "sdt": "SDT-", "er": "ER-"}

_NOT_HASHED: Final = frozenset({"type", "eventID", "recordTime", "errorDeclaration", "@context", "rdfs:comment"})
"""Left out by the standard; ``type`` stands first under the name ``eventType``."""

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def event_hash_id(event: Mapping[str, object], namespaces: Mapping[str, str]) -> str:
    """``ni:///sha-256;<64 hex>?ver=CBV2.0``. Arguments and errors as :func:`pre_hash`."""
    digest = hashlib.sha256(pre_hash(event, namespaces).encode()).hexdigest()
    return f"ni:///sha-256;{digest}?ver=CBV2.0"


def pre_hash(event: Mapping[str, object], namespaces: Mapping[str, str]) -> str:
    """The string that is hashed, without separators.

    ``event`` is the parsed JSON of one event; ``namespaces`` maps its extension prefixes to namespace URIs.
    Raises InputError for a field outside the subset, an undeclared prefix, or a time that is none.
    """
    known = {"type", *(name for name, _ in _ORDER), *_NOT_HASHED}
    parts = [f"eventType={_text(event.get('type'), 'type')}"]
    parts += [_FORMS[form](name, event[name], namespaces) for name, form in _ORDER if name in event]
    parts += sorted(
        part for name, value in event.items() if name not in known for part in _extension(name, value, namespaces)
    )
    return "".join(parts)


def canonical_value(value: object) -> str:
    """A leaf as it enters the hash: identifiers made canonical, numbers without idle zeros, booleans refused."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(
            f"an event value must be text or a number, not {type(value).__name__}", code="event-value-type"
        )
    text = repr(value) if isinstance(value, float) else str(value).strip()
    if _NUMBER.fullmatch(text):
        return format(Decimal(text).normalize() + 0, "f")  # + 0 turns -0 into 0
    return canonical_identifier(text)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} of an event must be text", code="event-field-type", field=name)
    return value


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InputError(f"{name} of an event must be an object", code="event-field-type", field=name)
    return value


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else (value,)


def _plain(name: str, value: object, _: Mapping[str, str]) -> str:
    return f"{name}={canonical_value(value)}"


def _offset(name: str, value: object, _: Mapping[str, str]) -> str:
    return f"{name}={_text(value, name)}"  # as given: the zone of the place, not of the instant


def _time(name: str, value: object, _: Mapping[str, str]) -> str:
    """UTC, three decimals, rounded half up (the reference vector TimeStampRoundOff)."""
    match = _TIME.fullmatch(_text(value, name))
    try:
        if match is None:
            raise ValueError("not a date-time with a zone")
        instant = datetime.fromisoformat(match[1] + match[3]).astimezone(UTC)
        millis = int(Decimal(f"0.{match[2] or 0}") * 1000 + Decimal("0.5"))
        instant += timedelta(milliseconds=millis)
    except (ValueError, OverflowError) as exc:
        raise InputError(f"{name} {str(value)[:60]!r}: {exc}", code="event-time") from exc
    return f"{name}={instant.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _term(name: str, value: object, kind: str, namespaces: Mapping[str, str]) -> str:
    """A CBV word as its web URI; another vocabulary's URI stays, its CURIE is expanded."""
    text = _text(value, name)
    for short, stem in _CBV_URNS.items():
        text = text.replace(f"urn:epcglobal:cbv:{short}:", _CBV + stem)
    prefix, colon, rest = text.partition(":")
    if not colon:
        return f"{_CBV}{kind}-{text}"
    return namespaces[prefix] + rest if prefix in namespaces else text


def _biz_step(name: str, value: object, namespaces: Mapping[str, str]) -> str:
    return f"{name}={_term(name, value, 'BizStep', namespaces)}"


def _disposition(name: str, value: object, namespaces: Mapping[str, str]) -> str:
    return f"{name}={_term(name, value, 'Disp', namespaces)}"


def _persistent(name: str, value: object, namespaces: Mapping[str, str]) -> str:
    fields = _mapping(value, name)
    return name + "".join(
        part
        for key in ("set", "unset")
        if key in fields
        for part in sorted(f"{key}={_term(name, word, 'Disp', namespaces)}" for word in _listed(fields[key]))
    )


def _epcs(name: str, value: object, _: Mapping[str, str]) -> str:
    return name + "".join(sorted(f"epc={canonical_value(epc)}" for epc in _listed(value)))


def _quantities(name: str, value: object, _: Mapping[str, str]) -> str:
    elements = []
    for element in _listed(value):
        fields = _mapping(element, name)
        cells = (f"{key}={canonical_value(fields[key])}" for key in ("epcClass", "quantity", "uom") if key in fields)
        elements.append("quantityElement" + "".join(cells))
    return name + "".join(sorted(elements))


def _place(name: str, value: object, namespaces: Mapping[str, str]) -> str:
    fields = _mapping(value, name)
    extensions = sorted(
        part for key, cell in fields.items() if key != "id" for part in _extension(key, cell, namespaces)
    )
    return f"{name}id={canonical_value(fields.get('id'))}" + "".join(extensions)


def _typed(name: str, value: object, namespaces: Mapping[str, str]) -> str:
    """bizTransactionList, sourceList, destinationList: the type first, then the value."""
    kind, key = ("BTT", "bizTransaction") if name == "bizTransactionList" else ("SDT", name.removesuffix("List"))
    elements = []
    for element in _listed(value):
        fields = _mapping(element, name)
        stem = f"type={_term(name, fields['type'], kind, namespaces)}" if "type" in fields else ""
        elements.append(f"{stem}{key}={canonical_value(fields.get(key))}")
    return name + "".join(sorted(elements))


def _ilmd(name: str, value: object, namespaces: Mapping[str, str]) -> str:
    fields = _mapping(value, name)
    return name + "".join(sorted(part for key, cell in fields.items() for part in _extension(key, cell, namespaces)))


def _extension(name: str, value: object, namespaces: Mapping[str, str]) -> list[str]:
    """``{namespace}name=value``; a list repeats its name, an object holds its sorted fields."""
    prefix, colon, local = name.partition(":")
    if not colon or prefix not in namespaces:
        raise InputError(
            f"the field {name[:60]!r} is outside the hashed subset or has no declared prefix", code="event-field"
        )
    qualified = f"{{{namespaces[prefix]}}}{local}"
    parts = []
    for item in _listed(value):
        if isinstance(item, Mapping):
            inner = sorted(part for key, cell in item.items() for part in _extension(key, cell, namespaces))
            parts.append(qualified + "".join(inner))
        else:
            parts.append(f"{qualified}={canonical_value(item)}")
    return sorted(parts)


_FORMS: Final = {
    "time": _time, "offset": _offset, "plain": _plain, "epcs": _epcs, "quantities": _quantities, "step": _biz_step,
    "disposition": _disposition, "persistent": _persistent, "place": _place, "typed": _typed, "ilmd": _ilmd,
}  # fmt: skip

_ORDER: Final = (
    ("eventTime", "time"),
    ("eventTimeZoneOffset", "offset"),
    ("certificationInfo", "plain"),
    ("parentID", "plain"),
    ("epcList", "epcs"),
    ("inputEPCList", "epcs"),
    ("childEPCs", "epcs"),
    ("quantityList", "quantities"),
    ("childQuantityList", "quantities"),
    ("inputQuantityList", "quantities"),
    ("outputEPCList", "epcs"),
    ("outputQuantityList", "quantities"),
    ("action", "plain"),
    ("transformationID", "plain"),
    ("bizStep", "step"),
    ("disposition", "disposition"),
    ("persistentDisposition", "persistent"),
    ("readPoint", "place"),
    ("bizLocation", "place"),
    ("bizTransactionList", "typed"),
    ("destinationList", "typed"),
    ("ilmd", "ilmd"),
    ("sourceList", "typed"),
)
"""CBV 2.0 table 8-1, as far as we go, with the form of each field."""
