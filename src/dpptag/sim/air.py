"""How long an exchange takes on the air, in microseconds. Nothing is ever slept: the field adds these up.

================  ==========================================================================================
Type A            106 kbit/s: 9.44 us a bit, 9 bits a byte and 2 a frame (ISO/IEC 14443-3 6.2); the pauses are so
                  chosen that READ takes 2.07 ms and a page WRITE 4.93 ms, the figures of NTAG213F/216F rev 3.1
                  p.33-41 and NTAG203 rev 3.0 p.20
FeliCa            212 or 424 kbit/s: 8 bits a byte, 6 bytes preamble, 2 sync, length and 2 CRC (JIS X 6319-4); the
                  answer begins 2.417 ms after the command, as it does in the first time slot of a poll
ISO/IEC 15693     26.48 kbit/s both ways, single subcarrier, SOF and EOF of 113 us out and 226 us back, answer after
                  321 us (ISO/IEC 15693-3 t1)
programming       4.01 ms wherever a chip has changed its memory: the EEPROM time in the page write above; data sheets
                  of the other chips give limits (10 to 20 ms), not typical times
================  ==========================================================================================
"""

from __future__ import annotations

from typing import Final

from dpptag.sim.chip import Answer, Nibble, Rf

ACTIVATION_US: Final = {Rf.A: 7_500, Rf.F: 7_500, Rf.V: 7_500}
"""A poll: 5 ms of field before the first command (NFC Forum guard time), and the commands themselves."""

PROGRAM_US: Final = 4_012

_SILENCE_US: Final = {Rf.A: 5_000, Rf.F: 5_000, Rf.V: 20_000}
_A_BIT_US: Final = 9.44
_A_PAUSES_US: Final = 163
_NIBBLE_BITS: Final = 6
_F_OVERHEAD: Final = 11
_F_DELAY_US: Final = 2_417
_V_BYTE_US: Final = 302
_V_OVERHEAD_US: Final = 113 + 226 + 321


def exchange_us(rf: Rf, frame: bytes, answer: Answer, *, programmed: bool, kbit: int = 212) -> int:
    """One command and its answer, checksums added here; ``kbit`` is the speed of FeliCa."""
    if answer is None:
        return _SILENCE_US[rf]
    return _wire_us(rf, frame, answer, kbit) + (PROGRAM_US if programmed else 0)


def _wire_us(rf: Rf, frame: bytes, answer: bytes | Nibble, kbit: int) -> int:
    if rf is Rf.A:
        bits = _a_bits(len(frame)) + (_NIBBLE_BITS if isinstance(answer, Nibble) else _a_bits(len(answer)))
        return round(bits * _A_BIT_US) + _A_PAUSES_US
    answered = len(answer) if isinstance(answer, bytes) else 1
    if rf is Rf.F:
        return round((len(frame) + answered + 2 * _F_OVERHEAD) * 8_000 / kbit) + _F_DELAY_US
    return (len(frame) + 2 + answered + 2) * _V_BYTE_US + _V_OVERHEAD_US


def _a_bits(length: int) -> int:
    return 9 * (length + 2) + 2
