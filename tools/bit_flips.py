"""Flip every single bit of signed tags, read each image the ordinary way, judge it, and print what became of it.

    PYTHONPATH=src:. .venv/bin/python tools/bit_flips.py

NFC: the image goes through ``tags.identify`` (GET_VERSION, configuration, FAST_READ, UID check bytes, TLV walk) and
``trust.verification.judge_nfc``. What is flipped:

- the NDEF TLV: type byte, length byte or bytes, and the whole message: URI record, header of the statement record,
  statement;
- the chip number as another chip would have it: its 7 bytes, with check bytes that fit, in anticollision and memory;
- the 9 bytes of pages 0 to 2 that hold the UID and its check bytes, while the chip still answers with the true UID.

Left out, because neither signed nor read as content: the terminator TLV and the zeros behind the message (the length
says where the message ends; a reader stops there), the internal byte and lock bytes of page 2, the capability
container, and the configuration pages. They say how the memory may be used, not what the issuer said.

One kind of flip leaves a tag genuine, on ``full`` alone: bit 5 of a letter in the record type ``application/cose``.
Media types have no case (RFC 2045 section 5.1), so that the flipped type says the same.

UHF: the EPC bank from word 2, the whole user bank with DSFID and fill, and the TID up to the end of its serial, through
``trust.verification.judge_uhf``. Nothing of these is left out.

The trust data holds two scopes that cover the tag's link, its company prefix and its host, so that a link which is no
GS1 key any more still finds the issuer and is judged by the signature.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Never

from dpptag.codec.layout import statement_record
from dpptag.codec.ndef import encode_record
from dpptag.codec.statement import encode_statement
from dpptag.crypto import sha256
from dpptag.errors import TagRefused
from dpptag.links import Technology
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import Level, Statement
from dpptag.model.verdict import Verdict
from dpptag.tags import identify
from dpptag.tags.tlv import build_area
from dpptag.tags.type2_memory import ChipType, chip_by_name
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey
from dpptag.trust.scopes import parse_scope
from dpptag.trust.signing import carrier_content, sign_statement
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import judge_nfc, judge_uhf, unreadable
from tools.published_keys import PublishedKey

URI = "https://id.example.com/01/09520123456788/21/12345"
UID = bytes.fromhex("04112233445566")
EPC = bytes.fromhex("3066C4409047E140075BCD15")  # TDS 2.3 annex E: (01)09506000134352(21)123456789
TID = bytes.fromhex("E280689020000123456789AB")
TODAY = 20778
ISSUED_AT = TODAY * 86400
PASSPORT_DIGEST = sha256(b"the passport document as issued")

NFC_IMAGES = (
    *(("NTAG213", Level.MINIMAL, 0), ("NTAG213", Level.MINIMAL, 16), ("NTAG213", Level.COMPACT, 0)),
    *(("NTAG215", Level.COMPACT, 32), ("NTAG215", Level.FULL, 32)),
)
UHF_IMAGES = ((Level.BARE, 0), (Level.MINIMAL, 0), (Level.MINIMAL, 16))

Table = Counter[tuple[str, Verdict]]
"""(part of the image, verdict) -> flips."""


@dataclass
class Sweep:
    """``survivors``: offset in the NDEF message and bit of each flip that left the tag genuine or genuine-stale."""

    name: str
    unflipped: Verdict
    content: bytes
    table: Table = field(default_factory=Counter)
    survivors: list[tuple[int, int]] = field(default_factory=list)

    @property
    def flips(self) -> int:
        return self.table.total()

    def verdicts(self) -> Counter[Verdict]:
        counts: Counter[Verdict] = Counter()
        for (_, verdict), count in self.table.items():
            counts[verdict] += count
        return counts


class ImageLink:
    """A Type2Link that reads an image and writes nothing."""

    technology: Literal[Technology.TYPE2] = Technology.TYPE2
    fast_read_pages = 60
    passes_commands = True

    def __init__(self, chip: ChipType, uid: bytes, image: bytes) -> None:
        self.uid = uid
        self._chip = chip
        self._image = image

    def get_version(self) -> bytes | None:
        return self._chip.versions[0]

    def authenticate(self, password: bytes) -> bytes:
        raise AssertionError("reading needs no password")

    def read_signature(self) -> bytes | None:
        return None

    def read(self, page: int) -> bytes:
        return (self._image + self._image)[4 * page : 4 * page + 16]

    def fast_read(self, first: int, last: int) -> bytes:
        return self._image[4 * first : 4 * last + 4]

    def write(self, page: int, data: bytes) -> Never:
        raise AssertionError("reading writes nothing")

    def reselect(self) -> None:
        pass


def trust_store(key: PublishedKey) -> TrustStore:
    """One issuer for the link's company prefix and host, and for the EPC's; bare allowed; fresh."""
    scopes = tuple(map(parse_scope, ("gcp:9520123", "gcp:9506000", "uri:https://id.example.com/")))
    issuer = Issuer("Example", scopes, (IssuerKey(1, key.public_key, allows_bare=True),))
    return TrustStore(Bundle(TODAY - 10, TODAY + 10, (issuer,)))


def sign(key: PublishedKey, identity: str | bytes, chip: bytes, level: Level, width: int) -> Statement:
    number = ChipNumber(chip)
    return sign_statement(
        *(key, 1, identity, number), level=level, digest=PASSPORT_DIGEST, digest_width=width, issued_at=ISSUED_AT
    )


def flips(data: bytes, first: int = 0, stop: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """Offset, bit and copy of ``data`` for each bit of bytes ``first`` to ``stop``."""
    for at in range(first, len(data) if stop is None else stop):
        for bit in range(8):
            yield at, bit, data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]


def uid_pages(uid: bytes) -> bytes:
    """Pages 0 and 1 and the first byte of page 2: the UID with its check bytes (ISO/IEC 14443-3)."""
    return uid[:3] + bytes((0x88 ^ uid[0] ^ uid[1] ^ uid[2],)) + uid[3:] + bytes((uid[3] ^ uid[4] ^ uid[5] ^ uid[6],))


def image_of(chip: ChipType, uid: bytes, area: bytes) -> bytes:
    """The whole memory of a chip as delivered, but for its data area."""
    head = uid_pages(uid) + bytes.fromhex("480000") + chip.cc
    body = (head + area).ljust(4 * (chip.last_user_page + 1), b"\0")
    configuration = bytes.fromhex("000000BD 040000FF 00050000 00000000 00000000")  # dynamic lock, CFG0, CFG1, PWD, PACK
    return (body + configuration).ljust(4 * chip.page_count, b"\0")


def judge_image(chip: ChipType, uid: bytes, image: bytes, trust: TrustStore) -> Verdict:
    """As ``dpptag scan`` does with a tag in the field."""
    try:
        tag = identify(ImageLink(chip, uid, image))
    except TagRefused as refusal:
        return unreadable(refusal.message, refusal.code, uid, trust, TODAY).verdict
    if tag.ndef is None:
        return unreadable(tag.content.reason, tag.content.state.value, uid, trust, TODAY).verdict
    return judge_nfc(tag.ndef, tag.uid, trust, TODAY)[0].verdict


def sweep_nfc(chip_name: str, level: Level, width: int) -> Sweep:
    """Every bit of one NFC image, as the module says."""
    key = PublishedKey("issuer")
    trust = trust_store(key)
    chip = chip_by_name(chip_name)
    assert chip is not None
    statement = sign(key, URI, UID, level, width)
    message = carrier_content(URI, statement)
    image = image_of(chip, UID, build_area(message, chip.area_bytes))
    start = image.index(message)
    stop = start + len(message)
    stored = encode_statement(statement)
    record = encode_record(statement_record(level, stored), begin=False, end=True)
    parts = [(16, "TLV header"), (start, "URI record"), (stop - len(record), "statement record header")]
    parts.append((stop - len(stored), "statement"))
    sweep = Sweep(f"{chip_name} {level.value} {width}", judge_image(chip, UID, image, trust), message)
    for at, bit, flipped in flips(image, 16, stop):
        part = next(name for first, name in reversed(parts) if at >= first)
        verdict = judge_image(chip, UID, flipped, trust)
        sweep.table[part, verdict] += 1
        if verdict in (Verdict.GENUINE, Verdict.GENUINE_STALE):
            sweep.survivors.append((at - start, bit))
    for _, _, uid in flips(UID):
        other = image_of(chip, uid, image[16 : 16 + chip.area_bytes])
        sweep.table["chip number", judge_image(chip, uid, other, trust)] += 1
    for _, _, flipped in flips(image, 0, 9):
        sweep.table["UID bytes in memory", judge_image(chip, UID, flipped, trust)] += 1
    return sweep


def sweep_uhf(level: Level, width: int) -> Sweep:
    """Every bit of the three banks of one Gen2 tag."""
    key = PublishedKey("issuer")
    trust = trust_store(key)
    bank = carrier_content(EPC, sign(key, EPC, TID, level, width))

    def judge(epc: bytes, user: bytes, tid: bytes) -> Verdict:
        return judge_uhf(epc, user, tid, trust, TODAY)[0].verdict

    sweep = Sweep(f"UHF {level.value} {width}", judge(EPC, bank, TID), bank)
    for _, _, epc in flips(EPC):
        sweep.table["EPC bank", judge(epc, bank, TID)] += 1
    for _, _, user in flips(bank):
        sweep.table["user bank", judge(EPC, user, TID)] += 1
    for _, _, tid in flips(TID):
        sweep.table["TID", judge(EPC, bank, tid)] += 1
    return sweep


def render(sweep: Sweep) -> str:
    """One image: flips by part and verdict."""
    seen = [verdict for verdict in Verdict if sweep.verdicts()[verdict]]
    lines = [f"{sweep.name}: unflipped {sweep.unflipped.value}, {sweep.flips} flips"]
    lines.append(f"  {'':24}" + "".join(f"{verdict.value:>16}" for verdict in seen))
    for part in dict.fromkeys(part for part, _ in sweep.table):
        lines.append(f"  {part:24}" + "".join(f"{sweep.table[part, verdict]:>16}" for verdict in seen))
    lines.append(f"  {'together':24}" + "".join(f"{sweep.verdicts()[verdict]:>16}" for verdict in seen))
    return "\n".join(lines)


def main() -> None:
    for image in NFC_IMAGES:
        sys.stdout.write(render(sweep_nfc(*image)) + "\n")
    for bank in UHF_IMAGES:
        sys.stdout.write(render(sweep_uhf(*bank)) + "\n")


if __name__ == "__main__":
    main()
