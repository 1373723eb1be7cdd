"""The pydantic validator of each version, built when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from dpptag.passport.versions import Version

_MODELS: Final = {
    Version.V0_3_0: ("v0_3_0", "Product"),
    Version.V0_3_10: ("v0_3_10", "Passport"),
    Version.V0_4_0: ("v0_4", "Passport"),
    Version.V0_4_1: ("v0_4", "Passport041"),
    Version.V0_4_2: ("v0_4", "Passport042"),
    Version.V0_5_0: ("v0_4", "Passport050"),
    Version.V0_6_0: ("v0_6", "Passport"),
    Version.V0_6_1: ("v0_6", "Passport061"),
    Version.V0_7_0: ("v0_7", "Passport"),
}


@cache
def first_faults(version: Version) -> SchemaValidator:
    """Stops in each list at the first wrong entry: its errors are bounded by the schema, not by the document.

    Give it ``Breaches`` as its context, or a breach of format in one entry hides the faults of the next.
    """
    return SchemaValidator(_stopping(_adapter(version).core_schema))


@cache
def all_faults(version: Version) -> TypeAdapter[Any]:
    """Goes on to the end of every list. For documents whose lists are known to be short."""
    return _adapter(version)


@cache
def _adapter(version: Version) -> TypeAdapter[Any]:
    module, name = _MODELS[version]
    return TypeAdapter(getattr(import_module(f"dpptag.passport.versions.{module}"), name))


def _stopping(part: Any) -> Any:
    """The same core schema with every list made to fail fast."""
    if isinstance(part, dict):
        changed = {name: _stopping(value) for name, value in part.items()}
        if changed.get("type") == "list":
            changed["fail_fast"] = True
        return changed
    if isinstance(part, (list, tuple)):
        return type(part)(_stopping(value) for value in part)
    return part
