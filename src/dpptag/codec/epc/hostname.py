"""The custom host name of ``++`` EPC schemes (TDS 2.3 section 14.5.16, tables A and B1-B4)."""

from __future__ import annotations

import re
from typing import Final

from dpptag.codec.epc.bits import BitReader, read_code40
from dpptag.errors import LinkError

# Table A: one 7-bit unit for a frequent sequence. All other units from 0100001 on are their ASCII character.
SEQUENCES: Final = {
    0b0011110: "qr.",
    0b0011111: "www.",
    0b0100000: "id.",
    0b1011011: ".com",
    0b1011100: ".org",
    0b1011101: ".net",
    0b1011110: ".int",
    0b1100000: ".edu",
    0b1111011: ".gov",
    0b1111100: ".mil",
    0b1111101: ".biz",
    0b1111110: ".eco",
    0b1111111: ".med",
}

# Tables B1-B4: first unit 0..3, second unit the place in the row. The standard prints prefix 0000000 beside two rows of
# B3 and 0000010 in the caption of B4 (errata): the tables are 0000010 and 0000011.
DOMAINS: Final[tuple[str, ...]] = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo bq br bs "
    "bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg "
    "eh er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn "
    "hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li",
    "lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne "
    "nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb "
    "sc sd se sg sh si sk sl sm sn sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv "
    "tw tz ua ug us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw",
    "com.au net.au org.au co.at com.bd co.bd com.br net.br co.nz com.ng com.pk co.in com.in co.il co.jp co.za "
    "co.kr com.es com.lk co.th co.tt com.tt com.tr biz.tr com.ua co.uk co.zm com.zm com.cn org.cn net.cn gov.cn",
    "tech",
)

# What a host may be after decoding. The 7-bit table also has / ? % and others, which would let a tag write the path.
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]+)?")
LONGEST: Final = 63


def read_hostname(bits: BitReader) -> str:
    """Method bit, 6-bit length, data. Kept as encoded: Code 40 gives upper case. Raises LinkError."""
    optimised = bits.take(1)
    length = bits.take(6)
    host = _read_units(bits, length) if optimised else read_code40(bits, length)
    return checked_hostname(host)


def checked_hostname(host: str) -> str:
    """``host``, or LinkError where no link could have it: letters, digits, ``-``, ``.``, perhaps a port; 63 in all."""
    if len(host) > LONGEST or _HOST.fullmatch(host) is None:
        raise LinkError(f"{host!r} is no host name", code="epc-hostname", host=host)
    return host


def _read_units(bits: BitReader, length: int) -> str:
    """``length`` counts 7-bit units; a sequence from tables B takes two."""
    parts: list[str] = []
    left = length
    while left:
        left -= 1
        unit = bits.take(7)
        if unit in SEQUENCES:
            parts.append(SEQUENCES[unit])
        elif unit < len(DOMAINS):
            names = DOMAINS[unit].split()
            if not left:
                raise LinkError("the host name ends inside a two-unit sequence", code="epc-hostname")
            left -= 1
            place = bits.take(7)
            if place >= len(names):
                raise LinkError(f"host name unit {unit}-{place} is reserved", code="epc-reserved", got=place)
            parts.append("." + names[place])
        elif unit <= 0x20 or unit in (0x24, 0x40):
            raise LinkError(f"host name unit {unit:07b} is reserved", code="epc-reserved", got=unit)
        else:
            parts.append(chr(unit))
    return "".join(parts)
