"""SGTIN in an EPC bank: SGTIN-96, SGTIN-198, SGTIN+ and SGTIN++ (TDS 2.3 section 14.6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.codec.check_digit import check_digit
from dpptag.codec.digital_link import CANONICAL_HOST, DigitalLink, parse
from dpptag.codec.epc.bits import BitReader, cset82, read_alphanumeric, read_decimal
from dpptag.codec.epc.hostname import read_hostname
from dpptag.errors import LinkError

# TDS table 14-2, by partition: bits and digits of the company prefix, bits and digits of indicator and item reference
_PARTITIONS: Final = (
    (40, 12, 4, 1),
    (37, 11, 7, 2),
    (34, 10, 10, 3),
    (30, 9, 14, 4),
    (27, 8, 17, 5),
    (24, 7, 20, 6),
    (20, 6, 24, 7),
)
_SGTIN198_CHARACTERS: Final = 20
_DATES: Final = ("11", "13", "15", "16", "17")


@dataclass(frozen=True, slots=True)
class Sgtin:
    """A serialised GTIN as one EPC says it. Two EPCs name the same item if ``gtin14`` and ``serial`` are equal."""

    scheme: str
    """``SGTIN-96``, ``SGTIN-198``, ``SGTIN+`` or ``SGTIN++``."""
    filter: int
    """0-7 (TDS table 10-1); no part of the identity."""
    gtin14: str
    serial: str
    company_prefix: str | None = None
    """Only SGTIN-96 and SGTIN-198 tell how long it is."""
    hostname: str | None = None
    """Only SGTIN++; as encoded, which may be in upper case."""
    aidc: tuple[tuple[str, str], ...] = ()
    """AI and value of the +AIDC data behind the EPC, in their order (TDS 15.3)."""

    @property
    def ais(self) -> dict[str, str]:
        """AI -> value, +AIDC data included."""
        return {"01": self.gtin14, "21": self.serial, **dict(self.aidc)}

    @property
    def digital_link(self) -> str:
        """The Digital Link of this EPC, under its own host name in lower case, else under id.gs1.org."""
        data = dict(self.aidc)
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
    return Sgtin("SGTIN-96", scheme_filter, gtin, str(bits.take(38)), company_prefix=prefix)


def decode_sgtin198(data: bytes) -> Sgtin:
    """36h: 13 words with 10 bits of zero fill. The serial is 20 7-bit characters, ended by the first zero one."""
    bits = _fixed_length(data, 198)
    scheme_filter, prefix, gtin = _partitioned(bits)
    padded = "".join(chr(bits.take(7)) for _ in range(_SGTIN198_CHARACTERS))
    serial = padded.rstrip("\0")
    if not serial or "\0" in serial:
        raise LinkError("the serial is empty or goes on after its end", code="epc-characters", scheme="SGTIN-198")
    _check_fill(bits)
    return Sgtin("SGTIN-198", scheme_filter, gtin, cset82(serial), company_prefix=prefix)


def decode_sgtin_plus(data: bytes) -> Sgtin:
    """F7h: +AIDC toggle, filter, GTIN in BCD with its check digit, serial."""
    bits = BitReader(data)
    toggle, scheme_filter, gtin, serial = _plus(bits)
    return _checked(Sgtin("SGTIN+", scheme_filter, gtin, serial, aidc=_aidc(bits, toggle)))


def decode_sgtin_plus_plus(data: bytes) -> Sgtin:
    """FDh: as SGTIN+, with the host name after the serial."""
    bits = BitReader(data)
    toggle, scheme_filter, gtin, serial = _plus(bits)
    hostname = read_hostname(bits)
    return _checked(Sgtin("SGTIN++", scheme_filter, gtin, serial, hostname=hostname, aidc=_aidc(bits, toggle)))


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
    bits.take(8)
    scheme_filter = bits.take(3)
    partition = bits.take(3)
    if partition >= len(_PARTITIONS):
        raise LinkError("partition 7 is reserved", code="epc-partition", got=partition)
    prefix_bits, prefix_digits, item_bits, item_digits = _PARTITIONS[partition]
    prefix, item = bits.take(prefix_bits), bits.take(item_bits)
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


def _plus(bits: BitReader) -> tuple[bool, int, str, str]:
    """Header, toggle, filter, GTIN and serial: toggle, filter, GTIN-14, serial."""
    bits.take(8)
    toggle, scheme_filter = bool(bits.take(1)), bits.take(3)
    gtin = read_decimal(bits, 14)
    wanted = check_digit(gtin[:-1])
    if gtin[-1] != wanted:
        raise LinkError(f"wrong check digit in GTIN {gtin}", code="check-digit", ai="01", wanted=wanted, got=gtin[-1])
    return toggle, scheme_filter, gtin, read_alphanumeric(bits, 20)


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
        elif ai in _DATES:
            found.append((ai, f"{bits.take(7):02d}{bits.take(4):02d}{bits.take(5):02d}"))
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


def _checked(sgtin: Sgtin) -> Sgtin:
    """Hold +AIDC data to the rules of their AIs, as a link would be."""
    if sgtin.aidc:
        parse(sgtin.digital_link)
    return sgtin
