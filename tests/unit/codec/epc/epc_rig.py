"""EPC banks bit by bit, written without the encoder under test, and the shared vectors."""

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from dpptag.codec.check_digit import check_digit
from dpptag.codec.epc import decode_epc
from dpptag.errors import LinkError
from tests.vectors import vector_path

SCHEMES = ("SGTIN-96", "SGTIN-198", "SGTIN+", "SGTIN++", "DSGTIN+", "DSGTIN++")
CSET82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
GTIN = "09520123456788"

gtins = st.text(alphabet="0123456789", min_size=13, max_size=13).map(lambda digits: digits + check_digit(digits))
serials = st.one_of(
    *(
        st.text(alphabet=alphabet, min_size=1, max_size=20)
        for alphabet in ("0123456789", "0123456789ABCDEF", "0123456789abcdef", "AZaz09-_", "AZ09-.:", CSET82)
    )
)
dates = st.tuples(
    st.sampled_from(["11", "13", "15", "16", "17", "7006", "7007"]),
    st.dates().map(lambda day: day.strftime("%y%m%d")),
)


def epc_vectors(part: str) -> list[dict[str, Any]]:
    """``vectors`` or ``hostname_vectors`` of the shared file."""
    found: list[dict[str, Any]] = json.loads(vector_path("epc", "epc_vectors.json").read_text(encoding="utf-8"))[part]
    return found


def bank(vector: dict[str, Any]) -> bytes:
    """The EPC of a vector, zero filled to its words: some sources print less."""
    return bytes.fromhex(vector["hex"].ljust(4 * vector["words"], "0"))


def words(bits: str) -> bytes:
    """A bit string as whole 16-bit words, zero filled."""
    bits += "0" * (-len(bits) % 16)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def field(value: int, width: int) -> str:
    assert value < 1 << width
    return f"{value:0{width}b}"


def bcd(digits: str) -> str:
    return "".join(field(int(digit), 4) for digit in digits)


def seven_bit(text: str) -> str:
    return "".join(field(ord(char), 7) for char in text)


def plus(serial: str, *, gtin: str = GTIN, header: int = 0xF7, toggle: str = "0", date: str = "") -> str:
    return field(header, 8) + toggle + field(1, 3) + date + bcd(gtin) + serial


def refusal(data: bytes) -> str:
    with pytest.raises(LinkError) as refused:
        decode_epc(data)
    return refused.value.code
