"""Which level fits which chip: pure arithmetic, done for a whole job before its first tag (docs/tag-format.md 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dpptag.codec import statement as codec
from dpptag.codec.layout import BARE_BANK_BYTES, build_ndef, build_user_bank
from dpptag.errors import PlanError, UsageError
from dpptag.model.statement import SECONDS_A_DAY, Level, Statement

NTAG_AREAS: Final = {"NTAG213": 144, "NTAG215": 496, "NTAG216": 872}
"""Bytes of the NDEF data area by capability container (NXP NTAG213/215/216)."""


UHF_BANKS: Final = {
    "Monza-4QT": 64,
    "Higgs-9": 86,
    "UCODE-7xm": 128,
    "UCODE-7xm-plus": 256,
    "UCODE-DNA": 384,
    "Monza-X-8K": 1024,
}
"""Bytes of the user bank of chips to name as remedies, smallest first; all that can be written: dpptag.tags."""


@dataclass(frozen=True, slots=True)
class NfcCapacity:
    """An NDEF data area of ``area`` bytes: TLV header and message, the terminator where there is room."""

    area: int

    @property
    def room(self) -> int:
        """The longest message: a TLV costs 2 bytes, 4 from 255 bytes on; no terminator when the area is full."""
        short = min(self.area - 2, 254)
        return max(short, self.area - 4)


@dataclass(frozen=True, slots=True)
class MessageCapacity:
    """A chip that holds an NDEF message of ``room`` bytes, whatever it stores round it."""

    room: int


@dataclass(frozen=True, slots=True)
class UhfCapacity:
    """A user bank of ``bank`` bytes, and an EPC bank with room for ``epc`` bytes of EPC; None: it is not looked at."""

    bank: int
    epc: int | None = None

    @property
    def room(self) -> int:
        return self.bank


Capacity = NfcCapacity | MessageCapacity | UhfCapacity


@dataclass(frozen=True, slots=True)
class Placement:
    """``stored`` counts the whole carrier content (NDEF message or user bank), bytes; ``spare`` what stays free."""

    level: Level
    digest_width: int
    stored: int
    spare: int | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What has to be placed.

    ``identity`` is the URI (NFC) or the EPC bytes (UHF); ``full_uri`` what label 260 will say: the URI, or the Digital
    Link of the EPC. ``digest_width`` 0, 16 or 32 is the least that is required; ``exact`` asks for just that width.
    """

    identity: str | bytes
    full_uri: str
    digest_width: int = 0
    lowest: Level = Level.MINIMAL
    content_type: str = "application/vc"
    exact: bool = False


def check_digest_width(level: Level, width: int) -> None:
    """Raises UsageError where ``level`` cannot carry a digest of ``width`` bytes."""
    if width not in level.digest_widths:
        allowed = " or ".join(map(str, level.digest_widths))
        raise UsageError(
            f"level {level.value} carries a digest of {allowed} bytes, not {width}",
            code="digest-width",
            action=f"give --digest {level.digest_widths[-1]}, or another --level",
        )


def candidates(wish: Wish, *, nfc: bool) -> list[tuple[Level, int]]:
    """Levels and digest widths that satisfy the wish, richest first."""
    found = []
    for level in sorted(Level, key=lambda level: -level.rank):
        if level.rank < wish.lowest.rank or (nfc and level is Level.BARE):
            continue
        widths = [w for w in level.digest_widths if (w == wish.digest_width if wish.exact else w >= wish.digest_width)]
        found += [(level, width) for width in sorted(widths, reverse=True)]
    return found


def stored_size(wish: Wish, level: Level, width: int) -> int:
    """Exact bytes on the carrier, by building the content with a signature of zeros."""
    sample = sample_statement(wish, level, width)
    if isinstance(wish.identity, str):
        return len(build_ndef(wish.identity, sample))
    return len(build_user_bank(sample))


def sample_statement(wish: Wish, level: Level, width: int) -> Statement:
    """A statement of the right size with nothing true in it; never written to a tag."""
    zeros = bytes(codec.SIGNATURE_BYTES)
    digest = bytes(width) or None
    if level is Level.BARE:
        return codec.bare_statement(zeros, 0)
    if level is Level.FULL:
        issued_at = 20000 * SECONDS_A_DAY
        protected = codec.full_protected(issued_at, bytes(8), wish.content_type, wish.full_uri)
        return Statement(level, -7, None, bytes(8), 20000, digest, protected, digest or b"", zeros)
    protected, payload = codec.protected_for_slot(0), codec.claims_payload(20000, digest)
    return Statement(level, -7, 0, None, 20000, digest, protected, payload, zeros)


def plan(wish: Wish, capacity: Capacity | None) -> Placement:
    """The richest placement that fits; ``capacity`` None means unlimited. Raises PlanError naming the missing bytes."""
    nfc = isinstance(wish.identity, str)
    options = candidates(wish, nfc=nfc)
    if not options:
        raise PlanError(
            f"no level from {wish.lowest.value} up carries a digest of {wish.digest_width} bytes",
            code="no-level",
            action="ask for another digest width or a lower level",
        )
    if isinstance(capacity, UhfCapacity):
        _check_epc(wish, capacity)
    smallest: tuple[int, Level, int] | None = None
    for level, width in options:
        size = stored_size(wish, level, width)
        if level is Level.BARE:
            fits = capacity is not None and capacity.room == BARE_BANK_BYTES
        else:
            fits = capacity is None or size <= capacity.room
        if fits:
            return Placement(level, width, size, None if capacity is None else capacity.room - size)
        if level is Level.BARE and smallest is not None:
            continue  # bare wants a bank of exactly 512 bits: no number of bytes is missing
        if smallest is None or size < smallest[0]:
            smallest = (size, level, width)
    assert smallest is not None
    assert capacity is not None
    raise _does_not_fit(wish, capacity, *smallest)


def _check_epc(wish: Wish, capacity: UhfCapacity) -> None:
    """Raises PlanError where the EPC bank is too small for the identity."""
    if capacity.epc is None or not isinstance(wish.identity, bytes):
        return
    missing = len(wish.identity) - capacity.epc
    if missing > 0:
        raise PlanError(
            f"the EPC needs {len(wish.identity)} bytes and the chip has room for {capacity.epc}: {missing} are missing",
            code="epc-too-large",
            action="use a shorter serial; an EPC without a host name; or a chip with a larger EPC bank (UCODE-7xm)",
            missing=missing,
            needed=len(wish.identity),
            room=capacity.epc,
        )


def _does_not_fit(wish: Wish, capacity: Capacity, size: int, level: Level, width: int) -> PlanError:
    missing = size - capacity.room
    remedies = []
    if isinstance(wish.identity, str):
        copies = 2 if level is Level.FULL else 1  # full names the link once more, in label 260
        remedies.append(f"shorten the link (host or stem) by {-(-missing // copies)} characters")
        batch = copies * _batch_cost(wish.identity)
        if batch:
            remedies.append(f"leave out the batch (saves {batch})" + ("" if batch >= missing else ", not enough alone"))
        larger = [name for name, area in NTAG_AREAS.items() if NfcCapacity(area).room >= size]
        if larger:
            remedies.append(f"use a larger chip ({larger[0]} or up)")
    else:
        larger = [name for name, bank in UHF_BANKS.items() if bank >= size and level is not Level.BARE]
        named = f" ({larger[0]} or up)" if larger else ""
        if level is Level.BARE:
            remedies.append(f"use a chip with a user bank of exactly {BARE_BANK_BYTES * 8} bits (Monza-4QT)")
        else:
            remedies.append(f"use a chip with at least {size * 8} bits of user memory{named}")
        if capacity.room == BARE_BANK_BYTES and wish.digest_width == 0 and wish.lowest.rank > Level.BARE.rank:
            remedies.append("allow level bare, if your issuer does")
    if width or wish.lowest.rank > Level.MINIMAL.rank:
        remedies.append("allow a lower level or a shorter digest")
    return PlanError(
        f"the content needs {size} bytes ({level.value}, digest {width}) and the chip has room for {capacity.room}: "
        f"{missing} bytes are missing",
        code="too-large",
        action="; ".join(remedies),
        missing=missing,
        needed=size,
        room=capacity.room,
    )


def _batch_cost(uri: str) -> int:
    parts: Sequence[str] = uri.split("/")
    for at in range(3, len(parts) - 1):
        if parts[at] == "10":
            return len(parts[at]) + len(parts[at + 1]) + 2
    return 0
