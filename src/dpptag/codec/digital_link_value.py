"""The value that a GS1 Digital Link parses to, and its canonical encoding. Codes and rules: ``digital_link``."""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_URI: Final = 2048
CANONICAL_HOST: Final = "id.gs1.org"

Pairs = tuple[tuple[str, str], ...]

_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")
_PERCENT: Final = {code: f"%{code:02X}" for code in range(128) if chr(code) not in _UNRESERVED}


class DigitalLink(NamedTuple):
    """One parsed link; values are decoded. Compare two links by ``ais``, or an item by key and qualifiers."""

    key_ai: str
    key_value: str
    qualifiers: Pairs
    attributes: Pairs
    """AIs of the query, in the order they stand there."""
    host: str
    """As written, with a port where there is one."""
    stem: str
    """The path before the key, as written: empty, or ``/`` and segments."""

    @property
    def ais(self) -> dict[str, str]:
        """AI -> value of key, qualifiers and attributes."""
        return {self.key_ai: self.key_value, **dict(self.qualifiers), **dict(self.attributes)}

    @property
    def path(self) -> str:
        """Key and qualifiers in canonical encoding, from ``/``: what names the thing, whoever answers for it."""
        pairs = ((self.key_ai, self.key_value), *self.qualifiers)
        return "".join(f"/{ai}/{percent_encode(value)}" for ai, value in pairs)

    @property
    def canonical(self) -> str:
        """``https://id.gs1.org``, the path, then attributes with those of pre-defined length first."""
        return f"https://{CANONICAL_HOST}{self.path}{_query(self.attributes)}"

    @property
    def uri(self) -> str:
        """The link in canonical encoding, under its own host and stem, always https."""
        return f"https://{self.host}{self.stem}{self.path}{_query(self.attributes)}"

    @property
    def gs1_digits(self) -> str:
        """The digits of the key from the company prefix on, for finding the issuer by prefix.

        GTIN (13 digits), ITIP (those of its GTIN) and SSCC: after the indicator or extension digit; GRAI: after its
        leading zero; any other: from the start. Ends at the first character that is no digit.
        """
        value = self.key_value
        if self.key_ai in ("01", "8006"):
            return value[1:14]
        if self.key_ai in ("00", "8003"):
            value = value[1:]
        return value[: len(value) - len(value.lstrip("0123456789"))]

    @property
    def serial(self) -> str | None:
        """The value of AI 21; for a CPID that of 8011. AI 235 is somebody else's serial and not meant."""
        return self._qualifier("8011" if self.key_ai == "8010" else "21")

    @property
    def batch(self) -> str | None:
        """The value of AI 10."""
        return self._qualifier("10")

    @property
    def granularity(self) -> str:
        """``item``, ``batch`` or ``model``: how much the link names. A place, party or shipment is an ``item``."""
        key = self.key_ai
        if key in ("01", "8006"):
            finest = {ai for ai, _value in self.qualifiers}
            return "item" if finest & {"21", "235"} else "batch" if "10" in finest else "model"
        if key == "8010":
            return "item" if self.serial else "model"
        if key in ("253", "255", "8003"):  # the serial component is the tail of the key itself
            return "item" if len(self.key_value) > (14 if key == "8003" else 13) else "model"
        return "model" if key == "8013" else "item"

    def _qualifier(self, wanted: str) -> str | None:
        return next((value for ai, value in self.qualifiers if ai == wanted), None)


def percent_encode(value: str) -> str:
    """Canonical encoding: all but letters, digits, ``-``, ``.`` and ``_`` in upper-case hex; ASCII in."""
    return value.translate(_PERCENT)


def _query(attributes: Pairs) -> str:
    if not attributes:
        return ""
    return "?" + "&".join(f"{ai}={percent_encode(value)}" for ai, value in fixed_first(attributes))


def fixed_first(attributes: Pairs) -> Pairs:
    """Attributes of pre-defined length first, otherwise in their order: the canonical order of a query."""
    from dpptag.codec.gs1_ai import rule_for

    def variable(pair: tuple[str, str]) -> bool:
        rule = rule_for(pair[0])
        return rule is None or not rule.fixed

    return tuple(sorted(attributes, key=variable))
