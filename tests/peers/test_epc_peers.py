"""EPC codecs that are not ours: epcpy 0.1.8 and pyepc 0.5.0 write and read 20,000 random items as we do.

Neither knows a ``+`` or ``++`` scheme. What they do wrong has a name here, and is told from what they do right exactly,
so that a release that mends it, or breaks more, shows up. epcpy's ``hex()`` also wants scheme and filter named.
"""

import functools
import random
import re

from dpptag.codec.check_digit import check_digit
from dpptag.codec.epc import Sgtin, decode_epc, encode_epc, urn_tag
from dpptag.codec.gs1_content import CSET82
from tests.needs import peer_package
from tests.peers.ask import ask

PAIRS = 20_000


def epcpy_refuses(serial: str) -> bool:
    """EPCPY-ESCAPE: it knows escapes of two decimal digits (``" % &``), and takes what begins with another one, such as
    %2F, for one long hex number: refused where anything stands behind."""
    return any(len(part) > 1 and part[0] in "/<>?" for part in re.split('["%&]', serial))


def as_pyepc_writes(epc: bytes) -> str:
    """PYEPC-LAST-DIGIT: it writes an SGTIN-198 as 50 digits, the last of which is the last two bits as a number."""
    digits = epc.hex().upper()
    return digits if len(epc) == 12 else digits[:49] + f"{int(digits[49], 16) >> 2:X}"


def as_pyepc_escapes(item: Sgtin) -> str | None:
    """PYEPC-RAW-URI: it escapes nothing in the serial of a URI."""
    uri = urn_tag(item)
    return uri and re.sub("%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), uri)


@functools.cache
def items() -> tuple[tuple[Sgtin, bytes], ...]:
    """Items, with the EPC that we write for each: of every company prefix length, filter value and serial length."""
    rng = random.Random("epc peers")  # the same items in every run
    letters = sorted(CSET82)
    made = []
    for number in range(PAIRS):
        digits = f"{rng.randrange(10**13):013d}"
        prefix = digits[1 : rng.randint(7, 13)]
        if number % 4:
            scheme, serial = "SGTIN-96", str(rng.randrange(1 << rng.randint(1, 38)))
        else:
            scheme, serial = "SGTIN-198", "".join(rng.choices(letters, k=rng.randint(1, 20)))
        item = Sgtin(scheme, rng.randrange(8), digits + check_digit(digits), serial, prefix)
        made.append((item, encode_epc(item).epc))
    return tuple(made)


def job(library: str) -> dict[str, object]:
    rows = [
        (item.gtin14, item.serial, len(item.company_prefix or ""), item.filter, item.scheme.lower(), epc.hex().upper())
        for item, epc in items()
    ]
    return {"library": library, "items": rows}


def read_as(item: Sgtin) -> str:
    return f"(01){item.gtin14}(21){item.serial}"


def test_epcpy_writes_and_reads_20000_items_as_we_do() -> None:
    peer_package("epcpy")
    answers = ask("epc", job("epcpy"))
    assert len(answers) == PAIRS
    for (item, epc), answer in zip(items(), answers, strict=True):
        if epcpy_refuses(item.serial):
            assert answer is None
        else:
            assert answer == [epc.hex().upper(), urn_tag(item), read_as(item)]
            assert decode_epc(bytes.fromhex(answer[0])) == item


def test_pyepc_writes_and_reads_20000_items_as_we_do() -> None:
    peer_package("pyepc")
    answers = ask("epc", job("pyepc"))
    assert len(answers) == PAIRS
    for (item, epc), answer in zip(items(), answers, strict=True):
        assert answer == [as_pyepc_writes(epc), as_pyepc_escapes(item), read_as(item)]
