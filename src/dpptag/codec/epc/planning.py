"""Which EPC scheme carries a serial exactly and fits the chip: pure arithmetic (TDS 2.3 section 14.6.1).

What is wished decides first: a host name takes SGTIN++, a date DSGTIN+, both DSGTIN++. With neither, the scheme that
fills the fewest words is taken of SGTIN-96 (only for a number below 2^38 without leading zeros), SGTIN-198 (both only
where the length of the company prefix was given) and SGTIN+. On a tie the one that stands first in this list: more
readers know it. An EPC below six words counts as six, for no chip in our table has a smaller bank; otherwise serial 9
of a job would be an SGTIN+ and serial 10 an SGTIN-96.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from dpptag.codec.epc.encoding import (
    EPC_LIMIT_BITS,
    PARTITIONED,
    SCHEMES,
    SERIAL_LIMIT_96,
    XPC_LIMIT_BITS,
    EncodedEpc,
    check_date,
    check_gtin,
    check_serial,
    is_sgtin96_serial,
    measure_epc,
)
from dpptag.codec.epc.sgtin import PARTITIONS, Sgtin
from dpptag.errors import LinkError, PlanError

_TIE_ORDER: Final = ("SGTIN-96", "SGTIN-198", "SGTIN+")
_SMALLEST_BANK_WORDS: Final = 6
_PREFIX_DIGITS: Final = frozenset(row[1] for row in PARTITIONS)


@dataclass(frozen=True, slots=True)
class PlannedEpc:
    """``epc``: whole words for the bank from word 2 on; ``bits`` before the zero fill; ``spare`` bits stay free."""

    scheme: str
    epc: bytes
    bits: int
    words: int
    spare: int

    @property
    def pc(self) -> int:
        """The StoredPC that goes before it: its length in words, no toggle, no attribute bits (TDS 9.3)."""
        return self.words << 11


@dataclass(frozen=True, slots=True)
class _Wish:
    gtin14: str
    serial: str
    prefix_digits: int | None
    filter: int
    hostname: str | None
    date: tuple[str, str] | None
    room: int

    def encoded(self, scheme: str) -> EncodedEpc:
        prefix = None
        if scheme in PARTITIONED and self.prefix_digits is not None:
            prefix = self.gtin14[1 : 1 + self.prefix_digits]
        value = Sgtin(
            scheme,
            self.filter,
            self.gtin14,
            self.serial,
            company_prefix=prefix,
            hostname=self.hostname if scheme.endswith("++") else None,
            date=self.date if scheme.startswith("D") else None,
        )
        return measure_epc(value)


def plan_epc(
    gtin14: str,
    serial: str,
    *,
    company_prefix_digits: int | None = None,
    filter: int = 1,
    hostname: str | None = None,
    date: tuple[str, str] | None = None,
    epc_bits: int,
    scheme: str | None = None,
    xpc: bool = False,
) -> PlannedEpc:
    """The smallest EPC that carries GTIN, serial, ``hostname`` and ``date`` (AI, YYMMDD) in a bank of ``epc_bits``.

    ``company_prefix_digits`` comes from the owner of the GTIN and is never guessed: another length is another EPC.
    ``hostname`` None wants none. ``scheme`` asks for one scheme. ``xpc``: the chip keeps XPC_W1 behind 464 bits of EPC.
    Raises LinkError for a value that is wrong by itself. Raises PlanError: ``epc-scheme`` where ``scheme`` is unknown
    or does not carry what is asked, ``company-prefix-digits``, ``epc-too-long`` with the missing bits.
    """
    check_gtin(gtin14)
    check_serial(serial)
    if date is not None:
        check_date(date)
    if hostname is not None:
        _check_new_hostname(hostname)
    if company_prefix_digits is not None and company_prefix_digits not in _PREFIX_DIGITS:
        raise PlanError(
            f"a company prefix has 6 to 12 digits, not {company_prefix_digits}",
            code="company-prefix-digits",
            got=company_prefix_digits,
        )
    room = min(epc_bits, XPC_LIMIT_BITS if xpc else EPC_LIMIT_BITS)
    wish = _Wish(gtin14, serial, company_prefix_digits, filter, hostname, date, room)
    if scheme is not None:
        _check_scheme(wish, scheme)
    schemes = (scheme,) if scheme is not None else _candidates(wish)
    planned = _smallest(wish, schemes)
    if planned.spare < 0:
        raise _too_long(wish, planned, schemes)
    return planned


def _candidates(wish: _Wish) -> tuple[str, ...]:
    if wish.date is not None or wish.hostname is not None:
        return (("D" if wish.date is not None else "") + "SGTIN+" + ("+" if wish.hostname is not None else ""),)
    if wish.prefix_digits is None:
        return ("SGTIN+",)
    return _TIE_ORDER if is_sgtin96_serial(wish.serial) else _TIE_ORDER[1:]


def _smallest(wish: _Wish, schemes: tuple[str, ...]) -> PlannedEpc:
    """The smallest of ``schemes``, in the room or beyond it (``spare`` below zero)."""
    planned = []
    for scheme in schemes:
        encoded = wish.encoded(scheme)
        words = len(encoded.epc) // 2
        planned.append(PlannedEpc(scheme, encoded.epc, encoded.bits, words, wish.room - 16 * words))
    fitting = [epc for epc in planned if epc.spare >= 0]
    return min(fitting or planned, key=lambda epc: max(epc.words, _SMALLEST_BANK_WORDS) if fitting else epc.words)


def _check_new_hostname(hostname: str) -> None:
    """Stricter than reading: a host that a link may be written under, in letters of either case."""
    from dpptag.codec.digital_link import build

    if "/" in hostname:
        raise LinkError(
            f"{hostname!r} is more than a host name: an EPC has no place for a path",
            code="epc-hostname",
            action="give the host alone",
            host=hostname,
        )
    build(hostname, {"01": "00000000000000"})


def _check_scheme(wish: _Wish, scheme: str) -> None:
    """Raises PlanError where ``scheme`` cannot say what is wished, or would need what was not given."""
    if scheme not in SCHEMES:
        raise PlanError(
            f"{scheme!r} is no EPC scheme that is written here",
            code="epc-scheme",
            action=f"take one of {', '.join(SCHEMES)}",
            scheme=scheme,
        )
    for name, given, carried in (
        ("host name", wish.hostname is not None, scheme.endswith("++")),
        ("date", wish.date is not None, scheme.startswith("D")),
    ):
        if given != carried:
            says = "does not carry the" if given else "needs a"
            action = f"take {', '.join(_candidates(wish))}" if given else f"give a {name}, or take another scheme"
            raise PlanError(f"{scheme} {says} {name}", code="epc-scheme", action=action, scheme=scheme)
    if scheme in PARTITIONED and wish.prefix_digits is None:
        raise PlanError(
            f"{scheme} needs the length of the company prefix, which no GTIN tells",
            code="company-prefix-digits",
            action="give the number of its digits, 6 to 12, as GS1 assigned it; SGTIN+ does without",
            scheme=scheme,
        )
    if scheme == "SGTIN-96" and not is_sgtin96_serial(wish.serial):
        raise PlanError(
            f"SGTIN-96 does not carry serial {wish.serial!r} exactly: it takes numbers up to {SERIAL_LIMIT_96 - 1} "
            "without leading zeros",
            code="epc-scheme",
            action="take SGTIN-198 or SGTIN+",
            scheme=scheme,
            serial=wish.serial,
        )


def _too_long(wish: _Wish, planned: PlannedEpc, schemes: tuple[str, ...]) -> PlanError:
    wanted = 16 * planned.words
    ways = []
    if wanted <= EPC_LIMIT_BITS:
        ways.append(f"take a chip with an EPC bank of {wanted} bits")
    if (shorter := _fitting_length(wish, schemes)) is not None:
        ways.append(f"shorten the serial to {shorter} characters")
    if (other := _smallest(wish, _candidates(wish))).spare >= 0:
        ways.append(f"take {other.scheme}")
    if wish.hostname is not None:
        bare = replace(wish, hostname=None)
        if (other := _smallest(bare, _candidates(bare))).spare >= 0:
            ways.append(f"leave the host name out: {other.scheme} fits, its link is then under id.gs1.org")
    if wish.date is not None:
        undated = replace(wish, date=None)
        if (other := _smallest(undated, _candidates(undated))).spare >= 0:
            ways.append(f"leave the date out: {other.scheme} fits")
    if wish.prefix_digits is None and wish.hostname is None and wish.date is None:
        known = replace(wish, prefix_digits=min(_PREFIX_DIGITS))  # any length does: all take the same room
        if (other := _smallest(known, _candidates(known))).spare >= 0:
            ways.append(f"give the number of digits of the company prefix: {other.scheme} fits")
    return PlanError(
        f"the chip has room for an EPC of {wish.room} bits, {planned.scheme} takes {wanted}",
        code="epc-too-long",
        action="; or ".join(ways) or None,
        scheme=planned.scheme,
        missing_bits=-planned.spare,
        wanted_bits=wanted,
        epc_bits=wish.room,
    )


def _fitting_length(wish: _Wish, schemes: tuple[str, ...]) -> int | None:
    """How many characters of this serial would fit in one of ``schemes``; None where even one is too many."""
    variable = [scheme for scheme in schemes if scheme not in PARTITIONED]
    for length in range(len(wish.serial) - 1, 0, -1):
        shorter = replace(wish, serial=wish.serial[:length])
        if any(8 * len(shorter.encoded(scheme).epc) <= wish.room for scheme in variable):
            return length
    return None
