"""EPCIS 2.0 events: what happened to an item in the field, frozen once with its hash id.

Two kinds so far, numbered as in the project's event set: 6 ``repair`` and 9 ``recycle``. A recycling is a
TransformationEvent, because the item ends and materials begin: an ObjectEvent could not say what came out, and the
schema has neither a bizStep ``recycling`` nor a disposition ``recycled``. Another kind is one dataclass and one row
of :data:`KINDS`.

Body bytes are made once by :func:`freeze` and never again: transport and stores carry them unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, unique
from typing import Final, Protocol

from dpptag.errors import InputError
from dpptag.events.hash_id import event_hash_id
from dpptag.events.wording import BizStep, Disposition, check_code, check_identifier, check_text

NAMESPACE: Final = "urn:uuid:5939fbd6-18a7-463a-91fc-3879dc53c534#"
PREFIX: Final = "dpt"
NAMESPACES: Final = {PREFIX: NAMESPACE}
CONTEXT: Final = ("https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", NAMESPACES)

_METHOD: Final = re.compile(r"R(?:[1-9]|1[0-3])")
_DISPOSAL: Final = re.compile(r"D(?:[1-9]|1[0-5])")
_WASTE: Final = re.compile(r"(?:0[1-9]|1\d|20) \d\d \d\d\*?")

Fields = dict[str, object]


@unique
class RepairOutcome(Enum):
    """``repair_status`` of the Open Repair Data Standard, its ``Unknown`` left out: the technician knows."""

    FIXED = "Fixed"
    REPAIRABLE = "Repairable"
    END_OF_LIFE = "End of life"


_AFTER_REPAIR: Final = {
    RepairOutcome.FIXED: Disposition.AVAILABLE,
    RepairOutcome.REPAIRABLE: Disposition.DAMAGED,
    RepairOutcome.END_OF_LIFE: Disposition.UNAVAILABLE,
}
"""Only a fixed item is available again: the other outcomes must not say so."""


class Event(Protocol):
    """One kind of event before it is frozen; ``at`` is an aware time in the zone of the place."""

    @property
    def at(self) -> datetime: ...

    @property
    def read_point(self) -> str: ...

    @property
    def biz_location(self) -> str | None: ...

    def own_fields(self) -> Fields:
        """The fields that make this kind, checked. Raises InputError."""
        ...


@dataclass(frozen=True, slots=True)
class Repair:
    """Event 6: an item was worked upon; ``OBSERVE``, because a repair keeps the identifier.

    ``items`` and ``parts_replaced`` are canonical Digital Links; ``read_point`` names the device and so keeps two equal
    repairs in the same millisecond apart; ``rma`` is the URI of the repair order.
    """

    items: tuple[str, ...]
    at: datetime
    read_point: str
    fault_code: str
    outcome: RepairOutcome
    fault_text: str | None = None
    parts_replaced: tuple[str, ...] = ()
    biz_location: str | None = None
    rma: str | None = None

    def own_fields(self) -> Fields:
        repair: Fields = {"dpt:faultCode": check_text("fault code", self.fault_code, 80)}
        if self.fault_text is not None:
            repair["dpt:faultText"] = check_text("fault text", self.fault_text, 500)
        repair["dpt:outcome"] = self.outcome.value
        if self.parts_replaced:
            repair["dpt:partsReplaced"] = [check_identifier("replaced part", part) for part in self.parts_replaced]
        fields: Fields = {
            "type": "ObjectEvent",
            "epcList": _items(self.items),
            "action": "OBSERVE",
            "bizStep": BizStep.REPAIRING,
            "disposition": _AFTER_REPAIR[self.outcome],
            "dpt:repair": repair,
        }
        if self.outcome is RepairOutcome.FIXED:
            fields["persistentDisposition"] = {
                "unset": [Disposition.NEEDS_REPLACEMENT],
                "set": [Disposition.AVAILABLE],
            }
        if self.rma is not None:
            rma = check_identifier("repair order", self.rma)
            fields["bizTransactionList"] = [{"type": "rma", "bizTransaction": rma}]
        return fields


@dataclass(frozen=True, slots=True)
class Output:
    """A material that a recycling yields: its class (GTIN, with a lot if there is one) and its weight in kilograms."""

    epc_class: str
    kilograms: Decimal | None = None

    def element(self) -> Fields:
        """A quantityElement. Raises InputError."""
        element: Fields = {"epcClass": check_identifier("output material", self.epc_class)}
        if self.kilograms is not None:
            element |= {"quantity": _quantity(self.kilograms), "uom": "KGM"}
        return element


@dataclass(frozen=True, slots=True)
class Recycling:
    """Event 9: the items are consumed, materials come out.

    ``method`` R1-R13 and ``final_disposal`` D1-D15 are the operations of Directive 2008/98/EC, annexes II and I;
    ``waste_code`` is an entry of the List of Waste (2000/532/EC) as printed, ``16 02 14`` or ``16 02 13*``.
    At least one output: the schema asks for inputs and outputs where there is no transformationID.
    """

    items: tuple[str, ...]
    at: datetime
    read_point: str
    method: str
    outputs: tuple[Output, ...]
    final_disposal: str | None = None
    waste_code: str | None = None
    biz_location: str | None = None

    def own_fields(self) -> Fields:
        if not self.outputs:
            raise InputError(
                "a recycling names at least one output material",
                code="event-outputs-empty",
                action="give the class of what came out: --output https://id.gs1.org/01/GTIN/10/LOT=KILOGRAMS",
            )
        recycling: Fields = {"dpt:method": check_code("recycling method", self.method, _METHOD, "R1 to R13")}
        if self.final_disposal is not None:
            code = check_code("final disposal", self.final_disposal, _DISPOSAL, "D1 to D15")
            recycling["dpt:finalDisposal"] = code
        if self.waste_code is not None:
            code = check_code("waste code", self.waste_code, _WASTE, "six digits in pairs, as in 16 02 14 or 16 02 13*")
            recycling["dpt:wasteCode"] = code
        return {
            "type": "TransformationEvent",
            "inputEPCList": _items(self.items),
            "outputQuantityList": [output.element() for output in self.outputs],
            "bizStep": BizStep.DESTROYING,
            "disposition": Disposition.ACTIVE,  # of the outputs (EPCIS 2.0 section 7.4.6)
            "dpt:recycling": recycling,
        }


KINDS: Final[dict[str, type[Repair] | type[Recycling]]] = {"repair": Repair, "recycle": Recycling}
"""The event kinds by their name on the command line."""


@dataclass(frozen=True, slots=True)
class FrozenEvent:
    """An event as it will stay: compact UTF-8 JSON without ``@context``, its id inside."""

    body: bytes
    event_id: str
    at: datetime
    is_error_declaration: bool = False
    corrective_ids: tuple[str, ...] = ()

    @classmethod
    def from_body(cls, body: bytes) -> FrozenEvent:
        """Read the key fields back from the bytes of an event. Raises InputError."""
        try:
            event = json.loads(body)
            declaration = event.get("errorDeclaration")
            corrective = () if declaration is None else tuple(declaration.get("correctiveEventIDs", ()))
            event_id, at = event["eventID"], datetime.fromisoformat(event["eventTime"])
            if not isinstance(event_id, str) or not all(isinstance(item, str) for item in corrective):
                raise TypeError("an event id is text")
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise InputError(f"not the body of an event: {exc}", code="event-body") from exc
        return cls(body, event_id, at, declaration is not None, corrective)

    @property
    def key(self) -> tuple[str, bool, tuple[str, ...]]:
        """What makes it one and the same event: a declaration shares the id of the event that it voids."""
        return self.event_id, self.is_error_declaration, self.corrective_ids


def freeze(event: Event) -> FrozenEvent:
    """Check ``event``, compute its hash id once, fix its bytes. Raises InputError."""
    fields = event.own_fields()
    fields |= _when(event.at)
    fields["readPoint"] = {"id": check_identifier("read point", event.read_point)}
    if event.biz_location is not None:
        fields["bizLocation"] = {"id": check_identifier("location", event.biz_location)}
    _refuse_own_words(fields)
    return _frozen(fields, event_hash_id(fields, NAMESPACES))


def declare_error(
    wrong: FrozenEvent, *, at: datetime, reason: str, corrective: tuple[FrozenEvent, ...] = ()
) -> FrozenEvent:
    """Event 11: all fields of ``wrong`` unchanged, its id too, and the declaration that it is void.

    ``reason`` is ``incorrect_data`` or ``did_not_occur``. Raises InputError.
    """
    if wrong.is_error_declaration:
        raise InputError("an error declaration cannot be declared wrong", code="event-declared-twice")
    if reason not in ("incorrect_data", "did_not_occur"):
        raise InputError(f"unknown reason {reason[:40]!r}", code="event-error-reason")
    declaration: Fields = {"declarationTime": _when(at)["eventTime"], "reason": reason}
    if corrective:
        declaration["correctiveEventIDs"] = [event.event_id for event in corrective]
    fields = json.loads(wrong.body)
    event_id = fields.pop("eventID")
    return _frozen(fields | {"errorDeclaration": declaration}, event_id)


def document(bodies: tuple[bytes, ...] | list[bytes], created: datetime) -> bytes:
    """An EPCISDocument round frozen bodies, one a line, each byte for byte as it was frozen."""
    head = json.dumps(
        {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": _when(created)["eventTime"],
        },
        separators=(",", ":"),
    ).encode()
    return head[:-1] + b',"epcisBody":{"eventList":[\n' + b",\n".join(bodies) + b"\n]}}\n"


def _frozen(fields: Mapping[str, object], event_id: str) -> FrozenEvent:
    body = json.dumps({**fields, "eventID": event_id}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return FrozenEvent.from_body(body.encode())


def _items(items: tuple[str, ...]) -> list[str]:
    if not items:
        raise InputError("an event is about at least one item", code="event-items-empty")
    if len(set(items)) != len(items):
        raise InputError("an item is named twice", code="event-items-twice")
    return [check_identifier("item", item) for item in items]


def _when(at: datetime) -> Fields:
    """Local time with three decimals, and the zone field derived from it, so that the two cannot differ."""
    offset = at.utcoffset()
    if offset is None:
        raise InputError("an event time needs its offset from UTC", code="event-time-naive")
    if offset % timedelta(minutes=1) or abs(offset) > timedelta(hours=14):
        raise InputError(f"the offset {offset} is none that EPCIS can write", code="event-time-offset")
    if not (1970 <= at.year <= 9998 and at.astimezone(UTC).year >= 1970):  # the first: year 1 has no UTC
        raise InputError(f"the event time {at.isoformat()} cannot be right", code="event-time-range")
    text = at.isoformat(timespec="milliseconds")  # cuts, never rounds up into the next second
    return {"eventTime": text, "eventTimeZoneOffset": text[-6:]}


def _quantity(kilograms: Decimal) -> int | float:
    """At most four decimals and twelve digits: beyond, JSON numbers come out differently between tools."""
    if not kilograms.is_finite() or not 0 < kilograms < 100_000_000 or kilograms != round(kilograms, 4):
        raise InputError(
            f"{kilograms} kg is no weight: above 0, below 100 000 000, at most four decimals", code="event-quantity"
        )
    return int(kilograms) if kilograms == kilograms.to_integral_value() else float(kilograms)


def _refuse_own_words(fields: Fields) -> None:
    """An extension value that equals a vocabulary word of its own event is expanded to a URI by the reference tool."""
    words = {fields["bizStep"], fields["disposition"], "rma", Disposition.NEEDS_REPLACEMENT}
    for name in ("dpt:repair", "dpt:recycling"):
        extension = fields.get(name)
        for key, value in extension.items() if isinstance(extension, dict) else ():
            if isinstance(value, str) and value in words:
                raise InputError(
                    f"{key} must not be the word {value!r}, which this event already uses as a term",
                    code="event-value-ambiguous",
                    action="say it in more than this one word",
                )
