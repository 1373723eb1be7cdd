"""The inside of a PC/SC contactless reader: pseudo-APDUs in, answers out (PC/SC part 3 rev 2.01.09 and its supplement
for contactless cards 2.02), over the same field of tags that the PN532 has.

What readers differ in is a :class:`ReaderClass`: an ACR122U hands PN532 commands through, others know the transparent
session of the supplement, the rest reads and writes storage cards alone. Which class a product really belongs to is not
proved here; no quirk of a real firmware is, save those that users have reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import ApduChip, Chip, Rf, TypeAChip
from dpptag.sim.faults import FaultKind
from dpptag.sim.field import Field
from dpptag.sim.pn532 import HostSyntaxError, Pn532
from dpptag.sim.pseudo_transparent import TransparentSession

OK: Final = bytes.fromhex("9000")
FAILED: Final = bytes.fromhex("6300")
NOT_SUPPORTED: Final = bytes.fromhex("6A81")
WRONG_LENGTH: Final = bytes.fromhex("6700")
BAD_PN532_COMMAND: Final = bytes.fromhex("637F")
_PN532_SILENT: Final = bytes.fromhex("6301")

_STORAGE_HEAD: Final = bytes.fromhex("3B8F8001804F0CA000000306")
_BLOCK: Final = 4
_SELECT_TYPE_A: Final = bytes.fromhex("D44A0100")
_SELECT_FELICA: Final = bytes.fromhex("D44A010100FFFF0000")
_FIRMWARE: Final = b"ACR122U215"


@dataclass(frozen=True, slots=True)
class ReaderClass:
    """What a class of readers does beside FF CA, FF B0 and FF D6. ``name`` is what PC/SC calls it.

    ``write_bytes``: the one length that FF D6 takes for a page. ``nibbles``: the transparent session shows 4-bit
    answers; else it calls them no answer (6401). ``late_writes``: it gives up on a Type 5 write before the chip has
    answered, unless a timer object asks for patience.
    """

    name: str
    direct: bool = False
    transparent: bool = False
    signals: bool = False
    felica_as_type_a: bool = False
    write_bytes: int = _BLOCK
    nibbles: bool = True
    late_writes: bool = True


READER_CLASSES: Final = MappingProxyType(
    {
        "acr122u": ReaderClass("ACS ACR122U PICC Interface", direct=True, signals=True, felica_as_type_a=True),
        "acr1252u": ReaderClass("ACS ACR1252 1S CL Reader PICC", transparent=True, nibbles=False),
        "acr1552u": ReaderClass("ACS ACR1552 1S CL Reader PICC", transparent=True),
        "omnikey": ReaderClass("HID Global OMNIKEY 5022 Smart Card Reader"),
        "identiv": ReaderClass("Identiv uTrust 3700 F CL Reader"),
        "blocks16": ReaderClass("Generic Contactless Reader 16", write_bytes=16),
    }
)
"""By the name that the simulator's query gives them. ``blocks16`` is made up: it takes writes of 16 bytes alone."""


class PseudoReader:
    """One reader slot. Powering, ATR and APDUs as PC/SC asks for them; None from :meth:`transmit` is a lost tag."""

    def __init__(self, field: Field, reader_class: ReaderClass) -> None:
        self.field = field
        self.reader_class = reader_class
        self.apdus = 0
        self.signals: list[bytes] = []
        self.detection_beep = True
        self._pn532 = Pn532(field)
        self._session = TransparentSession(field, reader_class.nibbles, reader_class.late_writes)

    @property
    def tag(self) -> Chip | None:
        """The tag in the field, if this reader can find it: a PN532 knows no ISO/IEC 15693 (UM0701-02 7.3.5)."""
        tag = self.field.tag
        return None if tag is not None and tag.rf is Rf.V and self.reader_class.direct else tag

    # Power and ATR

    def power(self, on: bool) -> None:
        self._session.end()
        self.field.power(on)
        if on:
            self._select()

    def _select(self) -> None:
        tag: Any = self.tag
        if tag is None:
            return
        if self.reader_class.direct and not _speaks_apdus(tag):
            self._pn532.command(_SELECT_TYPE_A if tag.rf is Rf.A else _SELECT_FELICA)
        else:
            polls: dict[Rf, Callable[[], object]] = {
                Rf.A: self.field.poll,
                Rf.F: self.field.poll_f,
                Rf.V: self.field.inventory,
            }
            polls[tag.rf]()

    def atr(self) -> bytes | None:
        """Of the tag in the field (PC/SC part 3, 3.1.3.2.3); None where there is none."""
        tag: Any = self.tag
        if tag is None:
            return None
        if _speaks_apdus(tag):
            history = _historical_bytes(tag.ats)[:15]
            return _checked(bytes((0x3B, 0x80 | len(history), 0x80, 0x01)) + history)
        standard, name = self._card_name(tag)
        return _checked(_STORAGE_HEAD + bytes((standard,)) + name.to_bytes(2, "big") + bytes(4))

    def _card_name(self, tag: Any) -> tuple[int, int]:
        """SS and NN: the standard and the card's name (PC/SC part 3 supplement, lists of both)."""
        if tag.rf is Rf.F:
            return (0x03, 0xF011) if self.reader_class.felica_as_type_a else (0x11, 0x003B)
        if tag.rf is Rf.V:
            makers = {0x02: 0x0013, 0x04: 0x0014, 0x07: 0x0012}
            return 0x0B, makers.get(tag.uid[1], 0x0000)
        names = {0x00: 0x0003, 0x08: 0x0001, 0x18: 0x0002, 0x09: 0x0026}
        return 0x03, names.get(tag.sak, 0xFF00 | tag.sak)

    # APDUs

    def transmit(self, apdu: bytes) -> bytes | None:
        """One APDU. None where the tag is lost, or nothing comes back at all."""
        self.apdus += 1
        if len(apdu) < 4 or apdu[0] != 0xFF:
            return self._to_chip(apdu)
        code = self._pseudo_commands().get(apdu[1])
        return NOT_SUPPORTED if code is None else code(apdu)

    def _pseudo_commands(self) -> dict[int, Callable[[bytes], bytes | None]]:
        commands: dict[int, Callable[[bytes], bytes | None]] = {
            0xCA: self._get_data,
            0xB0: self._read_binary,
            0xD6: self._update_binary,
            0x82: lambda _apdu: NOT_SUPPORTED,
            0x86: lambda _apdu: NOT_SUPPORTED,
        }
        if self.reader_class.transparent:
            commands[0xC2] = self._session.command
        if self.reader_class.direct or self.reader_class.signals:
            commands[0x00] = self._own_command
        return commands

    def _to_chip(self, apdu: bytes) -> bytes | None:
        return self.field.apdu(apdu) if _speaks_apdus(self.field.tag) else NOT_SUPPORTED

    def _get_data(self, apdu: bytes) -> bytes:
        tag: Any = self.field.tag
        if tag is None:
            return FAILED
        if apdu[2] == 0:
            return bytes(tag.uid) + OK
        if apdu[2] == 1 and _speaks_apdus(tag):
            return _historical_bytes(tag.ats) + OK
        return NOT_SUPPORTED

    def _read_binary(self, apdu: bytes) -> bytes:
        tag: Any = self.field.tag
        if len(apdu) != 5:
            return WRONG_LENGTH
        if tag is None or tag.rf is Rf.F or _speaks_apdus(tag) or apdu[2]:
            return NOT_SUPPORTED
        wanted = apdu[4] or 16
        if tag.rf is Rf.A:
            answer = self.field.exchange(bytes((0x30, apdu[3])))
            return answer[:wanted] + OK if isinstance(answer, bytes) and len(answer) >= wanted else FAILED
        found = b""
        for block in range(apdu[3], apdu[3] + -(-wanted // _BLOCK)):
            answer = self.field.exchange(b"\x22\x20" + tag.uid[::-1] + bytes((block,)))
            if not isinstance(answer, bytes) or answer[0] & 1:
                return FAILED
            found += answer[1:]
        return found[:wanted] + OK

    def _update_binary(self, apdu: bytes) -> bytes:
        tag: Any = self.field.tag
        if tag is None or tag.rf is Rf.F or _speaks_apdus(tag) or len(apdu) < 6 or apdu[2]:
            return NOT_SUPPORTED
        data = apdu[5:]
        if apdu[4] != len(data) or len(data) != self.reader_class.write_bytes:
            return WRONG_LENGTH
        if tag.rf is Rf.A:
            written = all(
                getattr(self.field.exchange(bytes((0xA2, apdu[3] + at // _BLOCK)) + data[at : at + _BLOCK]), "value", 0)
                == 0xA
                for at in range(0, len(data), _BLOCK)
            )
        else:
            answer = self.field.exchange(b"\x22\x21" + tag.uid[::-1] + apdu[3:4] + data)
            written = isinstance(answer, bytes) and not answer[0] & 1
        if self.field.faults.due(FaultKind.DENY):
            return FAILED
        return OK if written else FAILED

    # FF 00: what the reader itself does (ACR122U API 2.04)

    def _own_command(self, apdu: bytes) -> bytes | None:
        match apdu[2]:
            case 0x00 if self.reader_class.direct:
                return self._direct_transmit(apdu)
            case 0x40 if len(apdu) == 9 and apdu[4] == 4:
                self.signals.append(apdu[5:])
                return b"\x90\x00"
            case 0x48:
                return _FIRMWARE  # no status bytes: this is how firmware 2.15 answers
            case 0x51:
                return bytes((0x90, apdu[3]))
            case 0x52:
                self.detection_beep = apdu[3] != 0
                return OK
            case _:
                return NOT_SUPPORTED

    def _direct_transmit(self, apdu: bytes) -> bytes:
        if len(apdu) < 6 or apdu[4] != len(apdu) - 5:
            return WRONG_LENGTH
        try:
            answer = self._pn532.command(apdu[5:])
        except HostSyntaxError:
            return BAD_PN532_COMMAND
        if answer is None:
            return _PN532_SILENT
        if apdu[6] in (0x40, 0x42) and apdu[7:8] == b"\xa2" and self.field.faults.due(FaultKind.DENY):
            return FAILED
        return answer + OK


def _speaks_apdus(tag: Any) -> bool:
    return isinstance(tag, TypeAChip) and tag.ats is not None and isinstance(tag, ApduChip)


def _historical_bytes(ats: bytes) -> bytes:
    """What follows TL, T0 and those of TA, TB and TC that T0 announces (ISO/IEC 14443-4 5.2)."""
    if len(ats) < 2:
        return b""
    return ats[2 + (ats[1] >> 4 & 1) + (ats[1] >> 5 & 1) + (ats[1] >> 6 & 1) :]


def _checked(head: bytes) -> bytes:
    """TCK: the exclusive-or of everything after TS (ISO/IEC 7816-3 8.2.5)."""
    check = 0
    for octet in head[1:]:
        check ^= octet
    return head + bytes((check,))
