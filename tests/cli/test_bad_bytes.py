"""Whatever bytes a tag holds: one verdict, one JSON document, no traceback, no more work than the size caps allow."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cli.command_line import EPC, ITEM, TID, UID, Done, Trust, dpptag

BAD = {5: {"forged"}, 8: {"unreadable", "unsigned", "unknown-issuer"}}
BOMBS = {
    "arrays": b"\x81" * 60_000,
    "tags": b"\xd2" * 60_000,
    "indefinite": b"\x9f" * 60_000,
    "huge array": b"\x9b" + b"\xff" * 8,
    "huge bytes": b"\x5b" + b"\x7f" * 8,
    "cose of arrays": b"\x84" + b"\x81" * 60_000,
    "nested protected": b"\xd2\x84\x59\xea\x60" + b"\xa1\x01" * 30_000,
    "big number": b"\xc2\x59\xff\xf0" + b"\xff" * 0xFFF0,
    "repeats": b"\x84\x43\xa1\x01\x26" * 12_000,
}
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def message(payload: bytes, head: int = 0x45) -> bytes:
    """Our URI, then ``payload`` in a long record of TNF Unknown."""
    uri = b"\x00" + ITEM.encode()
    first = bytes((0x91, 1, len(uri))) + b"U" + uri
    return first + bytes((head, 0)) + len(payload).to_bytes(4, "big") + payload


def judged(trust: Trust, folder: Path, content: bytes) -> Done:
    (folder / "tag").write_bytes(content)
    done = dpptag("verify", "--ndef", folder / "tag", "--chip", UID, *trust.options, "--json")
    assert done.code in BAD, done.err
    assert done.json["verdict"] in BAD[done.code]
    assert done.json["reason"]
    assert "Traceback" not in done.err
    return done


def judged_bank(trust: Trust, folder: Path, epc: bytes, bank: bytes) -> None:
    (folder / "bank").write_bytes(bank)
    options = ["--epc", epc.hex(), "--user", folder / "bank", "--chip", TID]
    done = dpptag("verify", *options, *trust.options, "--json")
    assert done.code in BAD, done.err
    assert done.json["verdict"] in BAD[done.code]


@quick
@given(content=st.binary(max_size=300))
@example(content=b"")
def test_any_bytes_are_judged(trust: Trust, tmp_path: Path, content: bytes) -> None:
    judged(trust, tmp_path, content)


@quick
@given(payload=st.binary(max_size=300))
def test_any_statement_behind_a_good_link_is_judged(trust: Trust, tmp_path: Path, payload: bytes) -> None:
    judged(trust, tmp_path, message(payload))


@quick
@given(start=st.sampled_from([b"\x40", b"\x60", b"\x84", b"\xd2\x84", b"\xd8\x12"]), rest=st.binary(max_size=200))
def test_what_begins_like_a_statement_is_judged(trust: Trust, tmp_path: Path, start: bytes, rest: bytes) -> None:
    judged(trust, tmp_path, message(start + rest))


@quick
@given(epc=st.binary(max_size=40), bank=st.binary(max_size=140))
@example(epc=b"", bank=b"")
@example(epc=bytes.fromhex(EPC), bank=bytes(64))
@example(epc=bytes.fromhex(EPC), bank=b"\x01" * 64)
def test_any_banks_of_a_uhf_tag_are_judged(trust: Trust, tmp_path: Path, epc: bytes, bank: bytes) -> None:
    judged_bank(trust, tmp_path, epc, bank)


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_unreadable(trust: Trust, tmp_path: Path, bomb: str) -> None:
    assert judged(trust, tmp_path, message(BOMBS[bomb])).json["verdict"] in ("unreadable", "unsigned")
    judged(trust, tmp_path, BOMBS[bomb])
    judged_bank(trust, tmp_path, bytes.fromhex(EPC), b"\0" + BOMBS[bomb])


@pytest.mark.parametrize("size", [0x10000, 0x10001, 1 << 20])
def test_a_file_larger_than_any_tag_is_unreadable(trust: Trust, tmp_path: Path, size: int) -> None:
    judged(trust, tmp_path, message(b"\x84" * (size - len(message(b"")))))


def test_a_file_beyond_all_reason_is_not_even_read(trust: Trust, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    done = dpptag("verify", "--ndef", tmp_path / "sparse", "--chip", UID, *trust.options, "--json")
    assert (done.code, done.error["code"]) == (7, "file-size")


def test_thousands_of_records_are_counted(trust: Trust, tmp_path: Path) -> None:
    uri = b"\x00" + ITEM.encode()
    first = bytes((0x91, 1, len(uri))) + b"U" + uri
    value = judged(trust, tmp_path, first + b"\x10\x00\x00" * 15_000 + b"\x50\x00\x00").json
    assert (value["verdict"], value["extra_records"]) == ("unsigned", 15_000)


def test_thousands_of_chunks_are_one_record(trust: Trust, tmp_path: Path) -> None:
    uri = b"\x00" + ITEM.encode()
    first = bytes((0x91, 1, len(uri))) + b"U" + uri
    chunks = b"\x35\x00\x01\x84" + b"\x36\x00\x01\x84" * 15_000 + b"\x56\x00\x01\x84"
    assert judged(trust, tmp_path, first + chunks).json["verdict"] == "unreadable"


def damaged(good: bytes) -> Iterator[bytes]:
    """Every cut, and every byte turned over in one bit."""
    yield from (good[:length] for length in range(len(good)))
    for at, bit in zip(range(len(good)), itertools.cycle(range(8)), strict=False):
        yield good[:at] + bytes((good[at] ^ 1 << bit,)) + good[at + 1 :]


def test_no_cut_and_no_turned_bit_of_a_good_tag_is_genuine(trust: Trust, tmp_path: Path) -> None:
    good = trust.signed(tmp_path / "good", "--level", "compact", "--digest", "16").read_bytes()
    for content in damaged(good):
        judged(trust, tmp_path, content)
    judged(trust, tmp_path, good + b"\0")
