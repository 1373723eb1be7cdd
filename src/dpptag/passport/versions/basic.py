"""What the models of all versions are made of: decorators, formats, the lists of names in ``type`` and ``@context``.

The models are typed dictionaries, since a passport tells an absent member from one that is null, and allows no null.
They are meant for pydantic's strict mode. ``format`` is an annotation in JSON Schema 2020-12 and no assertion: a breach
of one is only counted where a ``Breaches`` is given as the validation context, and else an error ``format-...``.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated, Final, Literal, LiteralString, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, FailFast, Field, ValidationInfo, with_config
from pydantic_core import PydanticCustomError

from dpptag.passport.versions import CONTEXTS, VCDM_2, Version


@dataclass(slots=True)
class Breaches:
    """How many formats a document breaks."""

    of_format: int = 0


closed: Final = with_config(ConfigDict(extra="forbid"))
"""A class whose schema refuses members that it does not name."""
open_ended: Final = with_config(ConfigDict(extra="ignore"))

# RFC 3986 appendix A. Every repetition is possessive and its alternatives are disjoint: one pass, whatever the text.
_PLAIN: Final = r"A-Za-z0-9._~!$&'()*+,;=\-"
_PATH: Final = rf"(?:[{_PLAIN}:@/]++|%[0-9A-Fa-f]{{2}})*+"
_TAIL: Final = rf"(?:[{_PLAIN}:@/?]++|%[0-9A-Fa-f]{{2}})*+"
_AUTHORITY: Final = (
    rf"(?:(?:[{_PLAIN}:]++|%[0-9A-Fa-f]{{2}})*+@)?"
    rf"(?:\[([^\]]*+)\]|(?:[{_PLAIN}]++|%[0-9A-Fa-f]{{2}})*+)(?::[0-9]*+)?"
)
_URI: Final = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*+:(?://{_AUTHORITY}(?:/{_PATH})?|(?!//){_PATH})(?:\?{_TAIL})?(?:\#{_TAIL})?"
).fullmatch
_LONGEST_ADDRESS: Final = 46  # characters: one more than an IPv6 address with an IPv4 tail has
_FUTURE_ADDRESS: Final = re.compile(rf"v[0-9A-Fa-f]+\.[{_PLAIN}:]+").fullmatch
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch
# XML Schema 1.1 part 2, 3.4.28 dateTimeStamp: years before 1 and beyond 9999, 24:00:00, offsets up to 14 hours.
_STAMP: Final = re.compile(
    r"-?(?:[1-9][0-9]{3,}|0[0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:\.[0-9]+)?|24:00:00(?:\.0+)?)"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
).fullmatch


def is_uri(text: str) -> bool:
    """RFC 3986, with a scheme; an address in brackets must be one."""
    match = _URI(text)
    if match is None:
        return False
    address = match[1]
    if address is None:
        return True
    try:
        IPv6Address(address[:_LONGEST_ADDRESS])
    except AddressValueError:
        return _FUTURE_ADDRESS(address) is not None
    return "%" not in address


def is_date(text: str) -> bool:
    match = _DATE(text)
    if match is None:
        return False
    year, month, day = map(int, match.groups())
    return year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def is_time(text: str) -> bool:
    """RFC 3339 ``date-time``: the zone is compulsory; no leap seconds."""
    match = _TIME(text)
    return match is not None and is_date(match[1])


def is_naive(text: str) -> bool:
    """A time that lacks nothing but its zone."""
    return is_time(text + "Z")


def _breach(info: ValidationInfo, kind: LiteralString) -> None:
    if isinstance(info.context, Breaches):
        info.context.of_format += 1
    else:
        raise PydanticCustomError(kind, "not of its format")


def _uri(text: str, info: ValidationInfo) -> str:
    if not is_uri(text):
        _breach(info, "format-uri")
    return text


def _date(text: str, info: ValidationInfo) -> str:
    if not is_date(text):
        _breach(info, "format-date")
    return text


def _time(text: str, info: ValidationInfo) -> str:
    if not is_time(text):
        _breach(info, "format-naive-time" if is_naive(text) else "format-time")
    return text


def _stamp(text: str, info: ValidationInfo) -> str:
    if _STAMP(text) is None:
        raise PydanticCustomError("time-pattern", "no time with a zone")
    return _time(text, info)


def _integral(value: object) -> object:
    """JSON Schema counts 5.0 as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Uri = Annotated[str, AfterValidator(_uri)]
Date = Annotated[str, AfterValidator(_date)]
DateTime = Annotated[str, AfterValidator(_time)]
DateTimeStamp = Annotated[str, AfterValidator(_stamp)]
"""A pattern in the schema itself, so a time without zone is an error and no matter of format."""
Integer = Annotated[int, BeforeValidator(_integral)]
Names = Annotated[list[str], FailFast()]
"""A list of names, of which one wrong entry tells enough."""
Fraction = Annotated[float, Field(ge=0, le=1)]
_Members = TypeVar("_Members", bound=Mapping[str, object])
ConformityTopicCode = Literal[
    "environment.energy",
    "environment.emissions",
    "environment.water",
    "environment.waste",
    "environment.deforestation",
    "environment.biodiversity",
    "circularity.content",
    "circularity.design",
    "social.labour",
    "social.rights",
    "social.community",
    "social.safety",
    "governance.ethics",
    "governance.compliance",
    "governance.transparency",
]


def exactly(*names: str) -> AfterValidator:
    """The whole list, in this order (up to 0.5.0)."""
    wanted = list(names)

    def check(found: list[str]) -> list[str]:
        if found != wanted:
            raise PydanticCustomError("names-exactly", "wrong names", {"wanted": ", ".join(wanted)})
        return found

    return AfterValidator(check)


def naming(*names: str) -> AfterValidator:
    """These among others, in any order (from 0.6.0 on)."""
    wanted = list(names)

    def check(found: list[str]) -> list[str]:
        if found != wanted and not all(name in found for name in wanted):
            missing = ", ".join(name for name in wanted if name not in found)
            raise PydanticCustomError("names-missing", "names missing", {"wanted": missing})
        return found

    return AfterValidator(check)


def only_contexts(version: Version) -> AfterValidator:
    """Exactly the two contexts of a version up to 0.5.0."""
    wanted = [VCDM_2, CONTEXTS[version]]

    def check(found: list[str]) -> list[str]:
        if found != wanted:
            raise PydanticCustomError("contexts-exactly", "wrong contexts", {"wanted": ", ".join(wanted)})
        return found

    return AfterValidator(check)


def first_contexts(version: Version) -> AfterValidator:
    """The two contexts of a version from 0.6.0 on; others may follow, none twice."""
    wanted = [VCDM_2, CONTEXTS[version]]

    def check(found: list[str]) -> list[str]:
        if found[:2] != wanted:
            raise PydanticCustomError("contexts-first", "wrong contexts", {"wanted": ", ".join(wanted)})
        if len(set(found)) != len(found):
            raise PydanticCustomError("contexts-twice", "a context twice")
        return found

    return AfterValidator(check)


def measure_with_metric(performance: _Members) -> _Members:
    """0.7.0: a measure says nothing without the metric that it is of (``dependentRequired`` of the schema)."""
    if "measure" in performance and "metric" not in performance:
        raise PydanticCustomError("needs-metric", "no metric")
    return performance
