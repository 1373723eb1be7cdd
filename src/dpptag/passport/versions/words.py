"""What pydantic found, in words for those who issue passports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from dpptag.passport.faults import Findings, json_path, shown
from dpptag.passport.versions import VCDM_2, Version
from dpptag.passport.versions.basic import is_time
from dpptag.passport.versions.names import RENAMED, VCDM_1

_FORMATS: Final = {
    "format-uri": ("no URI", "give a whole address or identifier, such as https://... or did:web:..."),
    "format-date": ("no date", "write year, month and day, such as 2026-04-25"),
    "format-time": ("no time of RFC 3339", "write it with its zone, such as 2026-04-25T12:00:00Z"),
    "format-naive-time": ("a time without a zone", "append Z for UTC, or the offset, such as +02:00"),
}
_HOST_AND_KEY: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/").match
_KINDS: Final = {
    "string_type": "text in quotes",
    "list_type": "a list in square brackets",
    "dict_type": "an object in braces",
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_unicode": "text that UTF-8 can hold; this has half a surrogate pair",
    "recursion_loop": "nested less deeply",
}


def tell(error: Mapping[str, Any], version: Version, findings: Findings) -> None:
    """Add one error of pydantic's list to the findings."""
    kind: str = error["type"]
    steps: tuple[str | int, ...] = error["loc"]
    value: object = error["input"]
    name = str(steps[-1]) if steps else "the document"
    path = json_path(steps)
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind in _FORMATS:
        text, hint = _FORMATS[kind]
        if kind == "format-uri" and isinstance(value, str) and _HOST_AND_KEY(value):
            hint = f"the scheme is missing: write https:// before {shown(value)}"
        findings.forbidden(path, kind, f"{shown(value)} is {text}", hint)
    elif kind == "missing":
        findings.error(path, "missing", f"the member {shown(name)} is missing", _hint_for_missing(name, value, version))
    elif kind == "extra_forbidden":
        text = f"UNTP {version} knows no member {shown(name)} here"
        findings.error(
            path, "unknown-member", text, renamed_hint(name, version) or "take it out, or see how it is spelt"
        )
    elif value is None:
        findings.error(path, "null", "null is not allowed", "leave the member out where there is nothing to say")
    elif kind in ("contexts-exactly", "contexts-first", "contexts-twice"):
        findings.error(path, "context", *_contexts(kind, value, context))
    elif "@context" in steps:
        hint = "have the added terms published, or take them out; an inline context is allowed nowhere in UNTP"
        findings.error(path, "context", f"every entry of @context must be an address, not {shown(value)}", hint)
    elif kind in ("names-exactly", "names-missing"):
        whole = "must be exactly" if kind == "names-exactly" else "must also name"
        findings.error(path, "type", f"the list of types {whole} {context['wanted']}")
    elif kind == "literal_error":
        findings.error(path, "code", f"{shown(value)} is none of {context['expected']}", _nearest(value, context))
    elif kind in ("greater_than_equal", "less_than_equal"):
        findings.error(path, "range", *_range(value, name))
    elif kind == "needs-metric":
        findings.error(path, "missing", "a measure is given without the metric that it measures", 'add "metric"')
    elif kind == "time-pattern":
        naive = isinstance(value, str) and is_time(value + "Z")
        hint = _FORMATS["format-naive-time" if naive else "format-time"][1]
        findings.error(path, "naive-time" if naive else "time", f"{shown(value)} is no time with a zone", hint)
    else:
        wanted = _KINDS.get(kind, f"what UNTP {version} wants here ({kind})")
        findings.error(path, "wrong-type", f"{shown(value)} must be {wanted}", _hint_for_type(kind, name, value))


def renamed_hint(name: str, version: Version) -> str | None:
    """What this version calls it, where another version has the name."""
    if name in VCDM_1:
        return f"a name of the W3C data model 1.1; version 2.0 calls it {VCDM_1[name]}"
    now = RENAMED[version].get(name)
    return f"UNTP {version} says this under {shown(now)}" if now else None


def _hint_for_missing(name: str, holder: object, version: Version) -> str | None:
    """The same under another name, if it stands there."""
    if not isinstance(holder, dict):
        return None
    for old, new in (*RENAMED[version].items(), *VCDM_1.items()):
        if new == name and old in holder:
            return f"{shown(old)} stands there: UNTP {version} calls it {shown(name)}"
    return None


def _contexts(kind: str, value: object, context: Mapping[str, Any]) -> tuple[str, str | None]:
    if kind == "contexts-twice":
        return "a context stands there twice", None
    first = value[0] if isinstance(value, list) and value else None
    if first != VCDM_2:
        old = isinstance(first, str) and "2018/credentials" in first
        hint = "this is the context of the W3C data model 1.1; have the passport issued with 2.0" if old else None
        return f"the first context must be {VCDM_2}, not {shown(first)}", hint
    return f"the contexts must be exactly {context['wanted']}", "this version allows no further context"


def _nearest(value: object, context: Mapping[str, Any]) -> str | None:
    if not isinstance(value, str):
        return None
    codes: list[str] = re.findall(r"'([^']*)'", context["expected"])
    nearest = next((code for code in codes if code.lower() == value.strip().lower()), None)
    return f"write it {nearest}" if nearest else None


def _range(value: object, name: str) -> tuple[str, str | None]:
    if name == "statusListIndex":
        return f"{shown(value)} is no place in a list: it is counted from 0", None
    percent = isinstance(value, (int, float)) and 1 < value <= 100
    return f"{shown(value)} must lie between 0 and 1", f"{value} percent is {value / 100:g}" if percent else None  # type: ignore[operator]


def _hint_for_type(kind: str, name: str, value: object) -> str | None:
    if name == "statusListIndex":
        return "UNTP 0.7.0 wants a number here, though the W3C status list itself wants text"
    if isinstance(value, str) and kind == "bool_type" and value.strip().lower() in ("true", "false"):
        return f"write {value.strip().lower()} without quotes: any text in quotes would count as true for some readers"
    if isinstance(value, str) and kind in ("float_type", "int_type") and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return f"write {shown(value)[1:-1]} without quotes"
    if kind == "string_type" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'write it in quotes, "{shown(value)}": an identifier may have leading zeros'
    if kind == "dict_type" and "ountry" in name and isinstance(value, str):
        return f'write {{"countryCode": {shown(value)}}}'
    if kind == "list_type":
        return "put it in square brackets, also where there is only one"
    return None
