"""NXP's native commands in ISO/IEC 7816-4 wrapping (CLA 90h) over files with access rights: NTAG 424 DNA and DESFire.

Section and table numbers are those of the NT4H2421Gx data sheet, rev 3.0. Strict where a reader could be careless: P1
and P2 must be 00h, Le must be there, and every error ends the authentication (9.1.9).
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dpptag.sim.aes import BLOCK, cbc_decrypt, cbc_encrypt, xor
from dpptag.sim.ev2 import Mode, NativeStatus, Session, session_keys
from dpptag.sim.iso_dep import IsoDepChip
from dpptag.sim.native_memory import Application, DataFile, Key
from dpptag.sim.type4 import Apdu, Status, StatusError, status_bytes

Random = Callable[[int], bytes]

ADDITIONAL_FRAME: Final = 0xAF
_WRITE_DATA: Final = frozenset({0x3D, 0x8D})

# AN12196 section 7.4: a delay from 50 failures in a row on. Its length is not modelled in time: so many authentications
# are refused after each further failure.
_DELAY_FROM: Final = 50
_REFUSED_IN_DELAY: Final = 3


@dataclass(slots=True)
class _Challenge:
    key_number: int
    rnd_b: bytes
    first: bool
    capabilities: bytes


@dataclass(slots=True)
class _Parts:
    """Answer parts still to be fetched by AFh; ``whole`` is what the MAC at the end covers, ``mac`` that MAC."""

    parts: list[bytes] = field(default_factory=list)
    mac: bytes = b""


class NativeChip(IsoDepChip):
    """Commands common to the families. ``random`` makes challenges, transaction identifiers and SDM padding.

    ``application`` is the one selected, None at PICC level (the master file).
    """

    def __init__(self, uid: bytes, *, random: Random = secrets.token_bytes) -> None:
        self.random = random
        self.applications: list[Application] = []
        self.application: Application | None = None
        self.session: Session | None = None
        self.signature = bytes(56)
        self.failure_limit: int | None = 1000
        self.failure_decrement = 10
        self._file: DataFile | None = None
        self._challenge: _Challenge | None = None
        self._parts: _Parts | None = None
        self._written: bytes | None = None
        self._reading: tuple[int, int] | None = None
        self._padding = b""
        self.success = NativeStatus.OK
        """The status of the command at hand where it succeeds."""
        super().__init__(uid)

    # What a family adds

    knows_ev2: bool = True

    def version_parts(self) -> list[bytes]:
        raise NotImplementedError

    def native_commands(self) -> dict[int, Callable[[bytes], bytes]]:
        """By command code; given the data field, returning that of the answer."""
        raise NotImplementedError

    def frame_of(self, ins: int) -> int | None:
        """Longest data field of one frame of a command whose data goes in parts (AFh); None: it goes whole."""
        return None

    def iso_command(self, apdu: Apdu) -> bytes:
        """A command of CLA 00h."""
        raise NotImplementedError

    # Commands

    def deactivated(self) -> None:
        self.application = None
        self.session = None
        self._file = None
        self.abandon()
        self._reading = None

    def respond(self, command: bytes) -> bytes:
        cla = command[0] if command else 0x00
        if cla == 0x90:
            return self._native(command)
        try:
            if self.in_progress():
                self.abandon()
                raise StatusError(Status.CONDITIONS)
            apdu = Apdu.from_bytes(command)
            if apdu.cla != 0x00:
                raise StatusError(Status.UNKNOWN_CLA)
            return self.iso_command(apdu) + status_bytes(Status.OK)
        except StatusError as refusal:
            self.session = None
            return status_bytes(refusal.status)

    def _native(self, command: bytes) -> bytes:
        try:
            try:
                apdu = Apdu.from_bytes(command)
            except StatusError:
                raise StatusError(NativeStatus.LENGTH) from None
            if apdu.expected is None:
                raise StatusError(NativeStatus.LENGTH)
            if apdu.p1 or apdu.p2:
                raise StatusError(NativeStatus.PARAMETER)
            if apdu.ins != 0xAD:
                self._reading = None
            return self._dispatched(apdu.ins, apdu.data)
        except StatusError as refusal:
            self.session = None
            self.abandon()
            return status_bytes(refusal.status)

    def _dispatched(self, ins: int, body: bytes) -> bytes:
        self.success = NativeStatus.OK
        if ins == ADDITIONAL_FRAME:
            return self.continued(body)
        if self.in_progress():
            raise StatusError(NativeStatus.COMMAND_ABORTED)
        if ins in (0x71, 0x77) and self.knows_ev2:
            return self._challenged(ins, body)
        frame = self.frame_of(ins)
        if frame is not None and ins in _WRITE_DATA and self._waits_for_more(body):
            self._written = bytes((ins,)) + body
            return status_bytes(NativeStatus.ADDITIONAL_FRAME)
        commands = self.native_commands()
        if ins not in commands:
            raise StatusError(NativeStatus.ILLEGAL_COMMAND)
        return self._in_parts(commands[ins](body), frame)

    def abandon(self) -> None:
        """Forget what waits for its next frame."""
        self._challenge = self._parts = self._written = None

    def in_progress(self) -> bool:
        """Whether an authentication, an answer or a write in parts waits for its next frame."""
        return self._challenge is not None or self._parts is not None or self._written is not None

    def _waits_for_more(self, body: bytes) -> bool:
        """Whether a plain WriteData has less data than it announces: the rest then comes by AFh."""
        plain = self.session is None or self.session.plain
        return plain and 7 <= len(body) < 7 + int.from_bytes(body[4:7], "little")

    def _in_parts(self, answer: bytes, size: int | None) -> bytes:
        """The whole answer, or its first part."""
        if self._parts is not None:
            return self._next_part()
        if size is not None and len(answer) > size:
            self._parts = _Parts([answer[start : start + size] for start in range(0, len(answer), size)])
            return self._next_part()
        return answer + status_bytes(self.success)

    def answer_in_parts(self, parts: list[bytes]) -> None:
        """The answer of the command at hand, part by part; a MAC goes with the last."""
        whole = b"".join(parts)
        self._parts = _Parts(parts, self.closed(whole, Mode.MAC)[len(whole) :])

    def _next_part(self) -> bytes:
        assert self._parts is not None
        part = self._parts.parts.pop(0)
        if self._parts.parts:
            return part + status_bytes(NativeStatus.ADDITIONAL_FRAME)
        mac, self._parts = self._parts.mac, None
        return part + mac + status_bytes(NativeStatus.OK)

    def continued(self, body: bytes) -> bytes:
        if self._challenge is not None:
            challenge, self._challenge = self._challenge, None
            return self._authenticated(challenge, body)
        if self._written is not None and body:
            written, self._written = self._written, None
            return self._dispatched(written[0], written[1:] + body)
        if self._parts is None:
            raise StatusError(NativeStatus.COMMAND_ABORTED)
        if body:
            raise StatusError(NativeStatus.LENGTH)
        return self._next_part()

    def opened(self, ins: int, body: bytes, header: int, mode: Mode) -> bytes:
        """The command in plain; without an authentication it is taken as it comes."""
        return body if self.session is None else self.session.open(ins, body, header, mode)

    def closed(self, data: bytes, mode: Mode) -> bytes:
        return data if self.session is None else self.session.close(data, mode)

    def need_session(self) -> Session:
        if self.session is None:
            raise StatusError(NativeStatus.AUTHENTICATION)
        return self.session

    # Authentication (9.1.5, 9.1.6, 10.4)

    def authentication_keys(self) -> list[Key]:
        return [] if self.application is None else self.application.keys

    def _challenged(self, ins: int, body: bytes) -> bytes:
        first = ins == 0x71
        if not body or (first and (len(body) < 2 or len(body) != 2 + body[1])) or (not first and len(body) != 1):
            raise StatusError(NativeStatus.LENGTH)
        keys = self.authentication_keys()
        number = body[0]
        if number & 0xC0:
            raise StatusError(NativeStatus.PARAMETER)
        if number >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        if not first:
            if self.session is None:
                raise StatusError(NativeStatus.PERMISSION_DENIED)
        else:
            self.session = None
        key = keys[number]
        if self.failure_limit is not None and key.failed >= self.failure_limit:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        if key.refusals:
            key.refusals -= 1
            self.changes += 1
            raise StatusError(NativeStatus.AUTHENTICATION_DELAY)
        rnd_b = self.random(BLOCK)
        self._challenge = _Challenge(number, rnd_b, first, (body[2:] + bytes(6))[:6])
        return cbc_encrypt(key.value, rnd_b) + status_bytes(NativeStatus.ADDITIONAL_FRAME)

    def _authenticated(self, challenge: _Challenge, body: bytes) -> bytes:
        if len(body) != 2 * BLOCK:
            raise StatusError(NativeStatus.LENGTH)
        key = self.authentication_keys()[challenge.key_number]
        plain = cbc_decrypt(key.value, body)
        rnd_a, rotated = plain[:BLOCK], plain[BLOCK:]
        if rotated != challenge.rnd_b[1:] + challenge.rnd_b[:1]:
            self._count_failure(key)
            raise StatusError(NativeStatus.AUTHENTICATION)
        if key.failed or key.failed_in_row:
            key.failed = max(0, key.failed - self.failure_decrement)
            key.failed_in_row = key.refusals = 0
            self.changes += 1
        enc_key, mac_key = session_keys(key.value, rnd_a, challenge.rnd_b)
        answer = rnd_a[1:] + rnd_a[:1]
        if challenge.first:
            transaction, counter = self.random(4), 0
            answer = transaction + answer + self.capabilities() + challenge.capabilities
        else:
            previous = self.need_session()
            transaction, counter = previous.transaction, previous.counter
        self.session = Session(challenge.key_number, transaction, enc_key, mac_key, counter)
        return cbc_encrypt(key.value, answer) + status_bytes(NativeStatus.OK)

    def capabilities(self) -> bytes:
        """PDcap2: 6 bytes."""
        return bytes(6)

    def _count_failure(self, key: Key) -> None:
        if self.failure_limit is not None:
            key.failed += 1
        key.failed_in_row = min(key.failed_in_row + 1, 255)
        if key.failed_in_row >= _DELAY_FROM:
            key.refusals = _REFUSED_IN_DELAY
        self.changes += 1

    # Commands that both families know

    def get_version(self, body: bytes) -> bytes:
        """60h: three parts; authenticated, one MAC over all three comes with the last (table 22, note 1)."""
        if self.opened(0x60, body, 0, Mode.MAC):
            raise StatusError(NativeStatus.LENGTH)
        self.answer_in_parts(self.version_parts())
        return b""

    def get_card_uid(self, body: bytes) -> bytes:
        self.need_session()
        if self.opened(0x51, body, 0, Mode.FULL):
            raise StatusError(NativeStatus.LENGTH)
        return self.closed(self.uid, Mode.FULL)

    def get_key_version(self, body: bytes) -> bytes:
        header = self.opened(0x64, body, 1, Mode.MAC)
        if len(header) != 1:
            raise StatusError(NativeStatus.LENGTH)
        keys = self.authentication_keys()
        if header[0] >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        return self.closed(bytes((keys[header[0]].version,)), Mode.MAC)

    def change_key(self, body: bytes) -> bytes:
        """C4h (10.6.1). Changing the key of the session ends it: that answer carries no MAC."""
        session = self.need_session()
        if session.key_number != 0:
            raise StatusError(NativeStatus.AUTHENTICATION)
        plain = self.opened(0xC4, body, 1, Mode.FULL)
        number, data = plain[0], plain[1:]
        keys = self.authentication_keys()
        if number & 0x3F >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        if number & 0xC0:
            raise StatusError(NativeStatus.PARAMETER)
        own = number == session.key_number
        if len(data) != (17 if own else 21):
            raise StatusError(NativeStatus.LENGTH)
        value = data[:16] if own else xor(data[:16], keys[number].value)
        if not own and data[17:] != crc32(value):
            raise StatusError(NativeStatus.INTEGRITY)
        if not self.torn_before():
            keys[number] = Key(value, data[16])
            self.changes += 1
        if own:
            self.session = None
            return b""
        return self.closed(b"", Mode.FULL)


def crc32(key: bytes) -> bytes:
    """CRC-32 of ChangeKey: IEEE 802.3 without the final complement, low byte first."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")
