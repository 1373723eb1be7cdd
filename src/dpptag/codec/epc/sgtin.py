"""SGTIN in an EPC bank: SGTIN-96, SGTIN-198, SGTIN+, SGTIN++, DSGTIN+ and DSGTIN++ (TDS 2.3 section 14.6.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from dpptag.codec.check_digit import check_digit
from dpptag.codec.digital_link import CANONICAL_HOST, DigitalLink, parse
from dpptag.codec.epc.bits import BitReader, cset82, read_alphanumeric, read_decimal
from dpptag.codec.epc.hostname import read_hostname
from dpptag.errors import LinkError

# TDS table 14-2, by partition: bits and digits of the company prefix, bits and digits of indicator and item reference
PARTITIONS: Final = (
    (40, 12, 4, 1),
    (37, 11, 7, 2),
    (34, 10, 10, 3),
    (30, 9, 14, 4),
    (27, 8, 17, 5),
    (24, 7, 20, 6),
    (20, 6, 24, 7),
)
SGTIN198_CHARACTERS: Final = 20
_AIDC_DATES: Final = ("11", "13", "15", "16", "17")
DATE_AIS: Final = ("11", "13", "15", "16", "17", "7006", "7007")
"""AI of the prioritised date by its date type, 0 to 6: production, packaging, best before, sell by, expiry, first
freezing, harvest (a single day)."""


@dataclass(frozen=True, slots=True)
class Sgtin:
    """A serialised GTIN as one EPC says it. Two EPCs name the same item if ``gtin14`` and ``serial`` are equal."""

    scheme: str
    """``SGTIN-96``, ``SGTIN-198``, ``SGTIN+``, ``SGTIN++``, ``DSGTIN+`` or ``DSGTIN++``."""
    filter: int
    """0-7 (TDS table 10-1); no part of the identity."""
    gtin14: str
    serial: str
    company_prefix: str | None = None
    """Only SGTIN-96 and SGTIN-198 tell how long it is."""
    hostname: str | None = None
    """Only SGTIN++ and DSGTIN++; as encoded, which may be in upper case."""
    aidc: tuple[tuple[str, str], ...] = ()
    """AI and value of the +AIDC data behind the EPC, in their order (TDS 15.3)."""
    date: tuple[str, str] | None = None
    """AI and YYMMDD; only DSGTIN+ and DSGTIN++. Day 00 is the whole month."""
    bits: int | None = field(default=None, compare=False)
    """Length in the bank before the zero fill, where it was decoded from one."""

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """AI and value of all that is not GTIN and serial: the date, then the +AIDC data."""
        return self.aidc if self.date is None else (self.date, *self.aidc)

    @property
    def ais(self) -> dict[str, str]:
        """AI -> value, date and +AIDC data included."""
        return {"01": self.gtin14, "21": self.serial, **dict(self.attributes)}

    @property
    def digital_link(self) -> str:
        """The Digital Link of this EPC, under its own host name in lower case, else under id.gs1.org."""
        data = dict(self.attributes)
        lot = (("10", data.pop("10")),) if "10" in data else ()
        host = (self.hostname or CANONICAL_HOST).lower()
        link = DigitalLink("01", self.gtin14, (*lot, ("21", self.serial)), tuple(data.items()), host, "")
        return link.uri

    @property
    def gs1_digits(self) -> str:
        """The 13 digits of the GTIN from the company prefix on, for finding the issuer by prefix."""
        return self.gtin14[1:]


def decode_sgtin96(data: bytes) -> Sgtin:
    """30h: 6 words. The serial is a number without leading zeros."""
    bits = _fixed_length(data, 96)
    scheme_filter, prefix, gtin = _partitioned(bits)
    return Sgtin("SGTIN-96", scheme_filter, gtin, str(bits.take(38)), company_prefix=prefix, bits=96)


def decode_sgtin198(data: bytes) -> Sgtin:
    """36h: 13 words with 10 bits of zero fill. The serial is 20 7-bit characters, ended by the first zero one."""
    bits = _fixed_length(data, 198)
    scheme_filter, prefix, gtin = _partitioned(bits)
    padded = "".join(chr(bits.take(7)) for _ in range(SGTIN198_CHARACTERS))
    serial = padded.rstrip("\0")
    if not serial or "\0" in serial:
        raise LinkError("the serial is empty or goes on after its end", code="epc-characters", scheme="SGTIN-198")
    _check_fill(bits)
    return Sgtin("SGTIN-198", scheme_filter, gtin, cset82(serial), company_prefix=prefix, bits=198)


def decode_sgtin_plus(data: bytes) -> Sgtin:
    """F7h: +AIDC toggle, filter, GTIN in BCD with its check digit, serial."""
    return _decode_plus("SGTIN+", data)


def decode_sgtin_plus_plus(data: bytes) -> Sgtin:
    """FDh: as SGTIN+, with the host name after the serial."""
    return _decode_plus("SGTIN++", data)


def decode_dsgtin_plus(data: bytes) -> Sgtin:
    """FBh: as SGTIN+, with a date before the GTIN."""
    return _decode_plus("DSGTIN+", data)


def decode_dsgtin_plus_plus(data: bytes) -> Sgtin:
    """FCh: as DSGTIN+, with the host name after the serial."""
    return _decode_plus("DSGTIN++", data)


def _fixed_length(data: bytes, bits: int) -> BitReader:
    octets = 2 * -(-bits // 16)
    if len(data) != octets:
        raise LinkError(
            f"this EPC has {octets // 2} words, not {len(data) // 2}",
            code="epc-length",
            action="read as many words as StoredPC says",
            wanted=octets,
            got=len(data),
        )
    return BitReader(data)


def _partitioned(bits: BitReader) -> tuple[int, str, str]:
    """Header, filter, partition, company prefix and item reference: the filter, the prefix and the GTIN-14."""
    head = bits.take(8 + 3 + 3)
    scheme_filter, partition = head >> 3 & 7, head & 7
    if partition >= len(PARTITIONS):
        raise LinkError("partition 7 is reserved", code="epc-partition", got=partition)
    prefix_bits, prefix_digits, item_bits, item_digits = PARTITIONS[partition]
    prefix, item = divmod(bits.take(prefix_bits + item_bits), 1 << item_bits)
    if prefix >= 10**prefix_digits or item >= 10**item_digits:
        raise LinkError(
            "company prefix or item reference has more digits than its partition allows",
            code="epc-range",
            partition=partition,
            company_prefix=prefix,
            item_reference=item,
        )
    company_prefix, reference = f"{prefix:0{prefix_digits}d}", f"{item:0{item_digits}d}"
    digits = reference[0] + company_prefix + reference[1:]
    return scheme_filter, company_prefix, digits + check_digit(digits)


def _decode_plus(scheme: str, data: bytes) -> Sgtin:
    bits = BitReader(data)
    bits.take(8)
    toggle, scheme_filter = bool(bits.take(1)), bits.take(3)
    date = _typed_date(bits) if scheme.startswith("D") else None
    gtin = read_decimal(bits, 14)
    wanted = check_digit(gtin[:-1])
    if gtin[-1] != wanted:
        raise LinkError(f"wrong check digit in GTIN {gtin}", code="check-digit", ai="01", wanted=wanted, got=gtin[-1])
    serial = read_alphanumeric(bits, 20)
    hostname = read_hostname(bits) if scheme.endswith("++") else None
    aidc = _aidc(bits, toggle)
    if date is not None and date[0] in dict(aidc):
        raise LinkError(f"AI {date[0]} stands twice in the EPC", code="duplicate-ai", ai=date[0])
    sgtin = Sgtin(scheme, scheme_filter, gtin, serial, None, hostname, aidc, date, bits.taken)
    if sgtin.attributes:
        parse(sgtin.digital_link)  # holds dates and +AIDC data to the rules of their AIs, as a link would be
    return sgtin


def _typed_date(bits: BitReader) -> tuple[str, str]:
    """Date type and date of DSGTIN+ (TDS 14.6.1.4)."""
    kind = bits.take(4)
    if kind >= len(DATE_AIS):
        raise LinkError(f"date type {kind} is reserved", code="epc-reserved", got=kind)
    return DATE_AIS[kind], _date(bits)


def _date(bits: BitReader) -> str:
    """Year, month and day in 7, 4 and 5 bits as YYMMDD; whether there is such a day is the rule of its AI."""
    year, month, day = bits.take(7), bits.take(4), bits.take(5)
    if year > 99:
        raise LinkError(f"year {year} of a date has more than two digits", code="date", got=year)
    return f"{year:02d}{month:02d}{day:02d}"


def _aidc(bits: BitReader, toggle: bool) -> tuple[tuple[str, str], ...]:
    """The +AIDC data (TDS 15.3), then the zero fill to a whole word.

    Batch and the dates of table F are read. Where another AI begins, its length is not known, so that nothing behind it
    can be: refused. No terminator is printed; data end where the rest is zero, as a key 00 (SSCC) is none of an item.
    """
    found: list[tuple[str, str]] = []
    while toggle and not bits.rest_is_zero:
        ai = read_decimal(bits, 2)
        if ai in dict(found):
            raise LinkError(f"AI {ai} stands twice behind the EPC", code="duplicate-ai", ai=ai)
        if ai == "10":
            found.append((ai, read_alphanumeric(bits, 20)))
        elif ai in _AIDC_DATES:
            found.append((ai, _date(bits)))
        else:
            raise LinkError(f"AI {ai} behind the EPC is not supported", code="epc-aidc-unsupported", ai=ai)
    if toggle and not found:
        raise LinkError("the EPC announces +AIDC data and has none", code="epc-truncated")
    _check_fill(bits)
    return tuple(found)


def _check_fill(bits: BitReader) -> None:
    if bits.left >= 16 or not bits.rest_is_zero:
        raise LinkError(
            "after the EPC come bits that are not the zero fill of its last word",
            code="epc-fill",
            action="read as many words as StoredPC says",
            bits=bits.left,
        )
