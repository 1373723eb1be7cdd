"""What a simulated Gen2 chip holds, and whether a reader in the field would call it genuine: past our own code.

The statement is parsed and its signature rebuilt here from docs/tag-format.md alone, the passwords are derived by the
text of NXP AN10922. Only what a Higgs-9 with a ``minimal`` statement and a digest of 16 bytes needs is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256

from dpptag.sim.uhf.tag import Gen2Chip

KIND: Final = "Higgs-9"
USER_BYTES: Final = 84
"""Of the 86 of the bank: DSFID, head, day, digest, signature."""

WORD: Final = 2
_HEAD: Final = 0b0110_0000  # 0b01dkkkkk with d set (tag-format.md 2.2)
_USER, _TID, _EPC, _ACCESS, _KILL = range(0, 10, 2)  # places in the bits of Lock (Gen2 6.3.2.12.3.5)
AREAS: Final = {"user": _USER, "epc": _EPC, "access": _ACCESS, "kill": _KILL}
NOTHING_LOCKED: Final = 0b11 << _TID  # as it leaves the factory


@dataclass(frozen=True)
class Memory:
    """The cells of one chip; ``pc_epc`` from StoredPC on, ``locks`` two bits an area."""

    tid: bytes
    reserved: bytes
    pc_epc: bytes
    user: bytes
    locks: int

    @classmethod
    def of_chip(cls, chip: Gen2Chip) -> Self:
        return cls(chip.tid, bytes(chip.reserved), bytes(chip.epc_memory), bytes(chip.user), chip.locks)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self:
        """From the simulator's state file."""
        octets = (bytes.fromhex(record[name]) for name in ("tid", "reserved", "pc_epc", "user"))
        return cls(*octets, record["locks"])

    @property
    def epc(self) -> bytes:
        """As long as StoredPC says (bits 10h-14h)."""
        return self.pc_epc[2 : 2 + WORD * (self.pc_epc[0] >> 3)]

    @property
    def banks(self) -> tuple[bytes, bytes]:
        return self.pc_epc, self.user

    @property
    def is_torn(self) -> bool:
        return not any(self.user[:WORD])

    @property
    def content(self) -> bytes:
        """EPC and statement as the ledger keeps them: CBOR ``[epc, user]``."""
        return b"\x82" + _bytes(self.epc) + _bytes(self.user[:USER_BYTES])

    def locked(self) -> Mapping[str, int]:
        """The two bits of every area that a job may lock."""
        return {area: self.locks >> at & 0b11 for area, at in AREAS.items()}


def is_genuine(memory: Memory, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether the bank holds a statement of ``key`` over this EPC and this chip (tag-format.md 1 to 3 and 5)."""
    user = memory.user
    if user[0] != 0 or user[1] & 0b1110_0000 != _HEAD or any(user[USER_BYTES:]) or not memory.epc:
        return False
    day, digest, signature = int.from_bytes(user[2:4], "big"), user[4:20], user[20:USER_BYTES]
    protected = bytes.fromhex("A2 01 26 04 41") + bytes((user[1] & 0b11111,))
    aad = b"\x83" + _text("dpptag/1") + _bytes(memory.epc) + _bytes(memory.tid)
    payload = b"\x82" + _head(0, day) + _bytes(digest)
    signed = b"\x84" + _text("Signature1") + _bytes(protected) + _bytes(aad) + _bytes(payload)
    half = len(signature) // 2
    numbers = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    try:
        key.verify(utils.encode_dss_signature(*numbers), signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def passwords(master: bytes, tid: bytes) -> bytes:
    """Kill and access password as they stand in the reserved bank: AN10922 is CMAC over 01h, purpose and chip number
    where these have 16 to 31 bytes; of the key the first four bytes that are not zero."""
    found = b""
    for purpose in (b"gen2-kill", b"gen2-access"):
        mac = CMAC(AES(master))
        mac.update(b"\x01" + purpose.ljust(16, b"\0") + tid)
        key = mac.finalize()
        found += next(key[at : at + 4] for at in range(0, 16, 4) if any(key[at : at + 4]))
    return found


def _head(major: int, value: int) -> bytes:
    """RFC 8949, 3: the shortest form."""
    for size, info in ((0, None), (1, 24), (2, 25)):
        if info is None and value < 24:
            return bytes((major << 5 | value,))
        if info is not None and value < 1 << 8 * size:
            return bytes((major << 5 | info,)) + value.to_bytes(size, "big")
    raise ValueError(value)


def _bytes(value: bytes) -> bytes:
    return _head(2, len(value)) + value


def _text(value: str) -> bytes:
    return _head(3, len(value)) + value.encode()
