"""Whatever bytes a tag holds, the verifier answers with a report and nothing else."""

from hypothesis import example, given
from hypothesis import strategies as st

from dpptag.codec import cbor
from dpptag.codec.ndef import NdefRecord, encode_message
from dpptag.model.statement import Level
from dpptag.model.verdict import CheckNumber, Report, Verdict
from dpptag.trust.issuers import IssuerKey
from dpptag.trust.verification import judge_nfc, judge_uhf
from tests.unit.trust.trust_rig import ACME, DAY, EPC, NFC_SHAPES, TID, UID, URI, acme, sign_nfc, sign_uhf, trust

TRUST = trust(acme(IssuerKey(1, ACME.public_key, allows_bare=True)))
MESSAGES = [sign_nfc(level, width) for level, width in NFC_SHAPES]
BANKS = [sign_uhf(level, width) for level, width in NFC_SHAPES] + [sign_uhf(Level.BARE)]
BOMBS = [
    b"\x81" * 900,
    b"\x9b" + b"\xff" * 8,
    b"\xbb" + b"\xff" * 8,
    b"\x5b\x7f" + b"\xff" * 7,
    b"\xd2" * 900,
    b"\x84" * 900,
]


def is_whole(report: Report) -> bool:
    assert [check.number for check in report.checks] == list(CheckNumber)
    assert report.reason
    assert len(report.reason) < 1000
    return True


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A good content with some bytes replaced, cut out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        piece = draw(st.binary(max_size=6) | st.sampled_from(BOMBS))
        data[at : at + draw(st.integers(0, 8))] = piece
    return bytes(data)


uids = st.just(UID) | st.binary(max_size=16)
tids = st.just(TID) | st.binary(max_size=24) | st.binary(max_size=20).map(lambda rest: b"\xe2\x80" + rest)
epcs = st.just(EPC) | st.binary(max_size=64) | st.binary(max_size=30).map(lambda rest: b"\x30" + rest)
days = st.integers(0, 70000)


@given(st.binary(max_size=200) | mutated(MESSAGES), uids, days)
@example(b"", b"", 0)
@example(b"\xff" * 70000, UID, DAY)
@example(b"\xb5\x00\x00" + b"\x36\x00\x01x" * 16000 + b"\x56\x00\x00", UID, DAY)
def test_any_message_gets_a_report(message: bytes, uid: bytes, today: int) -> None:
    report, _found = judge_nfc(message, uid, TRUST, today)
    assert is_whole(report)


@given(epcs, st.binary(max_size=200) | mutated(BANKS), tids, days)
@example(b"", b"", b"", 0)
@example(EPC, bytes(0x20000), TID, DAY)
@example(EPC, b"\0\x84" + b"\x9b" + b"\xff" * 61, TID, DAY)
def test_any_three_banks_get_a_report(epc: bytes, bank: bytes, tid: bytes, today: int) -> None:
    report, _found = judge_uhf(epc, bank, tid, TRUST, today)
    assert is_whole(report)


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda tail: URI + tail), st.binary(max_size=120))
def test_any_uri_before_any_second_record_gets_a_report(uri: str, second: bytes) -> None:
    first = NdefRecord(1, b"U", b"", b"\0" + uri.encode("utf-8", "surrogatepass"))
    message = encode_message((first, NdefRecord(5, b"", b"", second)))
    report, _found = judge_nfc(message, UID, TRUST, DAY)
    assert is_whole(report)
    assert report.verdict not in (Verdict.GENUINE, Verdict.GENUINE_STALE)


cbor_values = st.recursive(
    st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=70) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-9, 300) | st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(st.lists(cbor_values, min_size=4, max_size=4), st.booleans(), cbor_values)
def test_any_cbor_in_the_place_of_a_statement_gets_a_report(parts: list[object], tagged: bool, header: object) -> None:
    kind = NdefRecord(2, b"application/cose", b"", b"") if tagged else NdefRecord(5, b"", b"", b"")
    for protected in (parts[0], cbor.encode(header)):
        statement = (b"\xd2" if tagged else b"") + cbor.encode([protected, *parts[1:]])
        first = NdefRecord(1, b"U", b"", b"\0" + URI.encode())
        report, _found = judge_nfc(encode_message((first, kind._replace(payload=statement))), UID, TRUST, DAY)
        assert is_whole(report)
        assert report.verdict not in (Verdict.GENUINE, Verdict.GENUINE_STALE)
