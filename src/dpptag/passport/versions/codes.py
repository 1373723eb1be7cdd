"""Code lists that the schemas only point at: countries (ISO 3166-1 alpha-2) and units (UNECE Recommendation 20).

The list of countries is complete. That of units holds what products are measured in; whatever else looks like a code of
the recommendation, two or three capital letters or digits, is taken for one, and other texts are doubted.
"""

from __future__ import annotations

import re
from typing import Final

_ISO_3166_1: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO
JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR
MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO
RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV
TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES: Final = frozenset(_ISO_3166_1.split())
_OTHER_COUNTRIES: Final = {
    "UK": "the United Kingdom is GB",
    "EL": "Greece is GR",
    "EU": "the European Union is no country; give the country itself",
    "XK": "Kosovo has no code in ISO 3166-1; XK is one that users agree on",
}
_ALPHA_3: Final = re.compile(r"[A-Z]{3}").fullmatch

# Mass, length, area, volume, time; counts and ratios; energy, power, electricity, light; temperature, pressure, force,
# sound, speed, density.
_REC_20: Final = """
KGM GRM MGM TNE DTN LBR ONZ STN MTR CMT MMT DMT KMT INH FOT YRD SMI MTK CMK MMK HAR MTQ CMQ MMQ DMQ LTR MLT CLT HLT
GLL SEC MIN HUR DAY WEE MON ANN
C62 H87 EA PR SET DZN P1 NIL NMP 59 61
JOU KJO 3B KWH WHR MWH GWH WTT KWT MAW D46 KVA VLT KVT 2Z AMP 4K AMH OHM FAR HTZ KHZ MHZ A86 LUM LUX CDL
CEL KEL FAH PAL KPA MPA BAR NEW NU 2N MTS KMH KMQ 23
"""
UNITS: Final = frozenset(_REC_20.split())
_LIKE_A_UNIT: Final = re.compile(r"[A-Z0-9]{2,3}").fullmatch
_MEANT_UNITS: Final = {
    "kg": "KGM",
    "KG": "KGM",
    "g": "GRM",
    "mg": "MGM",
    "t": "TNE",
    "m": "MTR",
    "cm": "CMT",
    "CM": "CMT",
    "mm": "MMT",
    "MM": "MMT",
    "km": "KMT",
    "l": "LTR",
    "L": "LTR",
    "ml": "MLT",
    "m2": "MTK",
    "m3": "MTQ",
    "%": "P1",
    "pcs": "H87",
    "PCS": "H87",
    "PCE": "H87",
    "piece": "H87",
    "W": "WTT",
    "kW": "KWT",
    "kWh": "KWH",
    "Wh": "WHR",
    "V": "VLT",
    "A": "AMP",
    "Ah": "AMH",
    "Hz": "HTZ",
    "J": "JOU",
    "N": "NEW",
    "Pa": "PAL",
    "°C": "CEL",
    "h": "HUR",
    "s": "SEC",
}


def country_doubt(code: str) -> str | None:
    """Why this is no country code, with what may be meant; None if it is one."""
    if code in COUNTRIES:
        return None
    known = _OTHER_COUNTRIES.get(code)
    if known is not None:
        return known
    if code.upper() in COUNTRIES:
        return f"write it {code.upper()}"
    if _ALPHA_3(code):
        return "three letters are ISO 3166-1 alpha-3; give the two letters of alpha-2"
    return "give the two capital letters of ISO 3166-1 alpha-2, such as DE"


def unit_doubt(code: str) -> str | None:
    """Why this is no unit code, with what may be meant; None if it is one or looks like one."""
    if code in UNITS:
        return None
    meant = _MEANT_UNITS.get(code)
    if meant is not None:
        return f"{meant} is the code of this unit"
    if _LIKE_A_UNIT(code):
        return None
    if code.upper() in UNITS:
        return f"write it {code.upper()}"
    return "give the common code of UNECE Recommendation 20, such as KGM, MTR, KWH or C62"
