"""Writes an SGTIN into an EPC bank, in the scheme that it names (TDS 2.3 section 14.6.1).

What is written reads back to the same value, leading zeros of the serial included. :func:`planning.plan_epc` chooses
the scheme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.codec.check_digit import gtin14 as checked_gtin
from dpptag.codec.check_digit import is_digits
from dpptag.codec.epc.bit_writing import BitWriter, write_alphanumeric, write_decimal, write_seven_bit
from dpptag.codec.epc.bits import cset82
from dpptag.codec.epc.hostname_writing import write_hostname
from dpptag.codec.epc.sgtin import DATE_AIS, PARTITIONS, SGTIN198_CHARACTERS, Sgtin
from dpptag.errors import LinkError

SCHEMES: Final = {
    "SGTIN-96": 0x30,
    "SGTIN-198": 0x36,
    "SGTIN+": 0xF7,
    "SGTIN++": 0xFD,
    "DSGTIN+": 0xFB,
    "DSGTIN++": 0xFC,
}
"""Scheme -> header (TDS table 14-1)."""

PARTITIONED: Final = frozenset(("SGTIN-96", "SGTIN-198"))
"""Schemes that divide the GTIN at its company prefix, whose length they need."""

SERIAL_LIMIT_96: Final = 1 << 38
LONGEST_SERIAL: Final = 20
EPC_LIMIT_BITS: Final = 496
"""StoredPC counts at most 31 words (TDS 9.3)."""
XPC_LIMIT_BITS: Final = 464
"""The same on a chip with XPC_W1, which stands at 210h of the bank (TDS 9.3)."""

_PARTITION_OF: Final = {row[1]: number for number, row in enumerate(PARTITIONS)}


@dataclass(frozen=True, slots=True)
class EncodedEpc:
    """``epc``: whole words for the bank from word 2 on. ``bits``: its length before the zero fill."""

    epc: bytes
    bits: int


def encode_epc(value: Sgtin) -> EncodedEpc:
    """Write ``value`` in its scheme.

    Raises LinkError: ``epc-scheme`` for a scheme that is not written here or a part that it does not carry,
    ``epc-filter``, ``epc-company-prefix``, ``epc-serial`` (SGTIN-96 takes a number without leading zeros),
    ``epc-hostname``, ``epc-aidc-unsupported``, ``epc-length`` beyond 496 bits, and the codes of Digital Link values for
    a wrong GTIN, serial or date.
    """
    encoded = measure_epc(value)
    if encoded.bits > EPC_LIMIT_BITS:
        raise LinkError(
            f"an EPC has at most {EPC_LIMIT_BITS} bits, not {encoded.bits}",
            code="epc-length",
            wanted=EPC_LIMIT_BITS,
            got=encoded.bits,
        )
    return encoded


def measure_epc(value: Sgtin) -> EncodedEpc:
    """As :func:`encode_epc`, of any length: to tell how much too long an EPC would be."""
    header = SCHEMES.get(value.scheme)
    if header is None:
        raise LinkError(f"{value.scheme!r} is no scheme that is written here", code="epc-scheme", scheme=value.scheme)
    if not 0 <= value.filter <= 7:
        raise LinkError(f"a filter value is 0 to 7, not {value.filter}", code="epc-filter", got=value.filter)
    check_gtin(value.gtin14)
    check_serial(value.serial)
    _check_parts(value)
    bits = BitWriter()
    bits.put(header, 8)
    if value.scheme in PARTITIONED:
        bits.put(value.filter, 3)
        _put_partitioned(bits, value)
    else:
        bits.put(bool(value.aidc), 1)
        bits.put(value.filter, 3)
        _put_plus(bits, value)
    return EncodedEpc(bits.words(), bits.bits)


def check_gtin(gtin14: str) -> None:
    """Raises LinkError for anything but 14 digits with their check digit."""
    if checked_gtin(gtin14) != gtin14:
        raise LinkError(
            f"a GTIN has 14 digits here, not {len(gtin14)}",
            code="gtin-short",
            action=f"pad it with zeros on the left: {gtin14.rjust(14, '0')}",
            got=len(gtin14),
        )


def check_serial(serial: str) -> None:
    """Raises LinkError for anything but 1 to 20 characters of GS1 set 82."""
    if not 1 <= len(serial) <= LONGEST_SERIAL:
        raise LinkError(
            f"a serial has 1 to {LONGEST_SERIAL} characters, not {len(serial)}", code="length", ai="21", got=len(serial)
        )
    cset82(serial)


def is_sgtin96_serial(serial: str) -> bool:
    """Whether SGTIN-96 carries ``serial`` exactly: a number below 2^38 without leading zeros (TDS 14.6.1)."""
    return is_digits(serial) and str(int(serial)) == serial and int(serial) < SERIAL_LIMIT_96


def check_date(date: tuple[str, str]) -> None:
    """Raises LinkError for an AI that no date type stands for, or no such day by the rule of that AI."""
    from dpptag.codec.gs1_ai import check_value, rule_for

    ai, day = date
    rule = rule_for(ai) if ai in DATE_AIS else None
    if rule is None:
        raise LinkError(
            f"AI {ai} is no date of DSGTIN+",
            code="epc-date-type",
            action=f"one of {', '.join(DATE_AIS)}",
            ai=ai,
        )
    if len(day) != 6:
        raise LinkError(f"a date is YYMMDD, not {day!r}", code="date", ai=ai)
    check_value(rule, day)


def _check_parts(value: Sgtin) -> None:
    scheme = value.scheme
    for name, part, wanted in (
        ("a company prefix", value.company_prefix, scheme in PARTITIONED),
        ("a host name", value.hostname, scheme.endswith("++")),
        ("a date", value.date, scheme.startswith("D")),
    ):
        if (part is not None) != wanted:
            says = "needs" if wanted else "does not carry"
            raise LinkError(f"{scheme} {says} {name}", code="epc-scheme", scheme=scheme)
    if value.aidc and scheme in PARTITIONED:
        raise LinkError(f"{scheme} does not carry +AIDC data", code="epc-scheme", scheme=scheme)


def _put_partitioned(bits: BitWriter, value: Sgtin) -> None:
    """Partition, company prefix, indicator with item reference, serial."""
    prefix, gtin = value.company_prefix, value.gtin14
    partition = _PARTITION_OF.get(len(prefix)) if prefix is not None else None
    if prefix is None or partition is None or prefix != gtin[1 : 1 + len(prefix)]:
        raise LinkError(
            f"{prefix!r} is no company prefix of GTIN {gtin}: 6 to 12 digits from its second digit on",
            code="epc-company-prefix",
            company_prefix=prefix,
            gtin=gtin,
        )
    prefix_bits, digits, item_bits, _ = PARTITIONS[partition]
    bits.put(partition, 3)
    bits.put(int(prefix), prefix_bits)
    bits.put(int(gtin[0] + gtin[1 + digits : -1]), item_bits)
    if value.scheme == "SGTIN-198":
        write_seven_bit(bits, value.serial.ljust(SGTIN198_CHARACTERS, "\0"))
        return
    if not is_sgtin96_serial(value.serial):
        raise LinkError(
            f"SGTIN-96 takes a serial that is a number up to {SERIAL_LIMIT_96 - 1} without leading zeros",
            code="epc-serial",
            action="take SGTIN+ or SGTIN-198",
            serial=value.serial,
        )
    bits.put(int(value.serial), 38)


def _put_plus(bits: BitWriter, value: Sgtin) -> None:
    """Date, GTIN, serial, host name, +AIDC data: each where the scheme has it."""
    if value.date is not None:
        check_date(value.date)
        bits.put(DATE_AIS.index(value.date[0]), 4)
        _put_date(bits, value.date[1])
    write_decimal(bits, value.gtin14)
    write_alphanumeric(bits, value.serial, LONGEST_SERIAL)
    if value.hostname is not None:
        write_hostname(bits, value.hostname)
    if len(dict(value.attributes)) < len(value.attributes):
        raise LinkError("an AI stands twice in what the EPC is to carry", code="duplicate-ai")
    for ai, data in value.aidc:
        if ai != "10" and ai not in DATE_AIS[:5]:
            raise LinkError(f"AI {ai} behind the EPC is not supported", code="epc-aidc-unsupported", ai=ai)
        write_decimal(bits, ai)
        if ai == "10":
            write_alphanumeric(bits, data, LONGEST_SERIAL)
        else:
            check_date((ai, data))
            _put_date(bits, data)


def _put_date(bits: BitWriter, day: str) -> None:
    for at, width in ((0, 7), (2, 4), (4, 5)):
        bits.put(int(day[at : at + 2]), width)
