"""What a Mercury module does with one tag: commands 23 to 26, 28, 2D, 2E.

Times in milliseconds of a real M6e Nano (firmware 01.07.01.02, a handful of captured exchanges over USB serial): write
18 + 11.2 a word (fitted), BlockWrite of 4 words 32, write EPC 77-110, lock 59-70, kill 54, BlockErase 33,
BlockPermalock 47, its status 24. The read was not captured: assumed as long as that status, and 1 more a word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, TypeVar

from dpptag.sim.uhf.air import AccessRefused, Air, Code, OpenTag, Reply, Silence, TagRefusal
from dpptag.sim.uhf.mercury_frames import MOST_ANSWER, Fields, Refused, Status
from dpptag.sim.uhf.mercury_select import Singulation, read_option, read_singulation

_T = TypeVar("_T")
_CHIP: Final = 0x00  # any Gen2 chip, in 2D and 2E
_BLOCK_WRITE: Final = 0x00C7
_BLOCK_ERASE: Final = 0x00
_BLOCK_PERMALOCK: Final = 0x01
_EPC_BANK: Final = 1
_PC_WORD: Final = 1
_LONGEST_EPC: Final = 62
_COMPUTED_PC: Final = 0x0600
"""Bits 15h and 16h of StoredPC: a tag may compute them (TDS 2.3, 9.3)."""

_READ_US, _READ_WORD_US = 24_000, 1_000
_WRITE_US, _WRITE_WORD_US = 18_000, 11_200
_BLOCK_WRITE_US, _BLOCK_WRITE_WORD_US = 18_000, 3_600
_WRITE_EPC_US, _WRITE_EPC_WORD_US = 18_000, 11_200
_LOCK_US = 64_000
_KILL_US = 54_000
_ERASE_US = 33_000
_PERMALOCK_US = 47_000


@unique
class Errors(Enum):
    """How the module tells that a tag refused a write.

    ``COARSE``: 0406, after the whole timeout, as a real M6e Nano was captured for a locked and for a permalocked bank.
    ``FINE``: 0420 plus the tag's own code, at once, as the vendor's documents have it.
    """

    COARSE = "coarse"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class _Deed:
    """How long a deed takes, and what a coarse module says where a tag was there and would or could not."""

    microseconds: int
    failed: Status
    coarse: bool = True


class TagCommands:
    """Commands to one tag of the air. ``elapse`` is called with the modelled microseconds of each."""

    def __init__(self, air: Air, errors: Errors, elapse: Callable[[int], None]) -> None:
        self._air = air
        self._errors = errors
        self._elapse = elapse

    def read(self, fields: Fields, metadata: Callable[[int, Reply], bytes]) -> bytes:
        """28. ``metadata`` gives the metadata of a reply for given flags."""
        timeout = fields.number(2)
        option = read_option(fields)
        flags = fields.number(2) if option.metadata else 0
        bank, word, count = fields.number(1), fields.number(4), fields.number(1)
        singulation = read_singulation(fields, option)
        fields.end()

        def deed(tag: OpenTag) -> bytes:
            data = tag.read(bank, word, count)
            if not option.metadata:
                return data
            return option.echo() + flags.to_bytes(2, "big") + metadata(flags, tag.reply) + data

        microseconds = _READ_US + count * _READ_WORD_US
        answer = self._with_tag(timeout, singulation, _Deed(microseconds, Status.GENERAL_TAG_ERROR, coarse=False), deed)
        if len(answer) > MOST_ANSWER:
            raise Refused(Status.TOO_LARGE)
        return answer

    def embedded_read(self, command: bytes, password: int) -> Callable[[Reply], bytes | None]:
        """A 28 inside an inventory: what reads a tag that the round found (None: it could not)."""
        fields = Fields(command)
        fields.take(2)  # its own timeout: the search ends with the search's
        option = read_option(fields)
        if option.metadata or option.multi or option.value:
            raise Refused(Status.UNIMPLEMENTED_FEATURE)
        bank, word, count = fields.number(1), fields.number(4), fields.number(1)
        fields.end()

        def read(tag: OpenTag) -> bytes | None:
            try:
                return tag.read(bank, word, count)
            except (Silence, TagRefusal):
                return None

        return lambda reply: self._of_reply(reply, password, read)

    def write(self, fields: Fields) -> bytes:
        """24."""
        timeout = fields.number(2)
        option = read_option(fields)
        word, bank = fields.number(4), fields.number(1)
        singulation = read_singulation(fields, option)
        data = _words(fields.rest())
        microseconds = _WRITE_US + len(data) // 2 * _WRITE_WORD_US
        self._with_tag(
            timeout, singulation, _Deed(microseconds, Status.WRITE_FAILED), lambda tag: tag.write(bank, word, data)
        )
        return b""

    def write_epc(self, fields: Fields) -> bytes:
        """23: the module sets the length in StoredPC, keeps the rest of it, and reads back what it wrote."""
        timeout = fields.number(2)
        option = read_option(fields)
        singulation = read_singulation(fields, option)
        if not option.value:
            fields.take(1)
        epc = fields.rest()
        if not epc or len(epc) % 2 or len(epc) > _LONGEST_EPC:
            raise Refused(Status.INVALID_EPC)

        def deed(tag: OpenTag) -> None:
            old = int.from_bytes(tag.read(_EPC_BANK, _PC_WORD, 1), "big")
            pc = len(epc) // 2 << 11 | old & 0x07FF
            tag.write(_EPC_BANK, _PC_WORD, pc.to_bytes(2, "big") + epc)
            back = tag.read(_EPC_BANK, _PC_WORD, 1 + len(epc) // 2)
            if (int.from_bytes(back[:2], "big") ^ pc) & ~_COMPUTED_PC or back[2:] != epc:
                raise Silence

        microseconds = _WRITE_EPC_US + len(epc) // 2 * _WRITE_EPC_WORD_US
        self._with_tag(timeout, singulation, _Deed(microseconds, Status.WRITE_FAILED), deed)
        return b""

    def lock(self, fields: Fields) -> bytes:
        """25: mask and action as in the Gen2 command."""
        timeout = fields.number(2)
        option = read_option(fields)
        password, mask, action = fields.number(4), fields.number(2), fields.number(2)
        if mask >> 10 or action >> 10:
            raise Refused(Status.INVALID_PARAMETER)
        singulation = Singulation(read_singulation(fields, option, password=False).selection, password)
        fields.end()
        self._with_tag(
            timeout, singulation, _Deed(_LOCK_US, Status.GENERAL_TAG_ERROR), lambda tag: tag.lock(mask, action)
        )
        return b""

    def kill(self, fields: Fields) -> bytes:
        """26."""
        timeout = fields.number(2)
        option = read_option(fields)
        password = fields.number(4)
        fields.take(1)
        singulation = read_singulation(fields, option, password=False)
        fields.end()
        if password == 0:
            raise Refused(Status.INVALID_KILL_PASSWORD)
        self._with_tag(timeout, singulation, _Deed(_KILL_US, Status.KILL_FAILED), lambda tag: tag.kill(password))
        return b""

    def block_write(self, fields: Fields) -> bytes:
        """2D, sub-command 00C7."""
        timeout, chip = fields.number(2), fields.number(1)
        option = read_option(fields, subcommand=True)
        sub = fields.number(2)
        if chip != _CHIP or sub != _BLOCK_WRITE:
            raise Refused(Status.UNIMPLEMENTED_FEATURE)
        singulation = read_singulation(fields, option)
        fields.take(1)  # flags
        bank, word, count = fields.number(1), fields.number(4), fields.number(1)
        data = _words(fields.rest())
        if len(data) != 2 * count:
            raise Refused(Status.WRONG_DATA_COUNT)
        self._with_tag(
            timeout,
            singulation,
            _Deed(_BLOCK_WRITE_US + count * _BLOCK_WRITE_WORD_US, Status.WRITE_FAILED),
            lambda tag: tag.block_write(bank, word, data),
        )
        return bytes((chip,)) + option.echo() + sub.to_bytes(2, "big")

    def erase_or_permalock(self, fields: Fields) -> bytes:
        """2E: sub-command 00 BlockErase, 01 BlockPermalock and its status."""
        timeout, chip = fields.number(2), fields.number(1)
        option = read_option(fields, subcommand=True)
        sub = fields.number(1)
        if chip != _CHIP or sub not in (_BLOCK_ERASE, _BLOCK_PERMALOCK):
            raise Refused(Status.UNIMPLEMENTED_FEATURE)
        singulation = read_singulation(fields, option)
        if sub == _BLOCK_ERASE:
            word, bank, count = fields.number(4), fields.number(1), fields.number(1)
            fields.end()
            deed = _Deed(_ERASE_US, Status.WRITE_FAILED)
            self._with_tag(timeout, singulation, deed, lambda tag: tag.block_erase(bank, word, count))
            return b""
        fields.take(1)
        lock, bank, unit, units = fields.number(1), fields.number(1), fields.number(4), fields.number(1)
        if not lock:
            fields.end()
            deed = _Deed(_READ_US, Status.GENERAL_TAG_ERROR, coarse=False)
            state = self._with_tag(timeout, singulation, deed, lambda tag: tag.block_permalock_state(bank, unit, units))
            return bytes((option.value, sub)) + state.to_bytes(2 * units, "big")
        masks = [fields.number(2) for _ in range(units)]
        fields.end()

        def permalock(tag: OpenTag) -> None:
            for at, mask in enumerate(masks):
                tag.block_permalock(bank, unit + at, mask)

        self._with_tag(timeout, singulation, _Deed(_PERMALOCK_US, Status.WRITE_FAILED), permalock)
        return b""

    def _of_reply(self, reply: Reply, password: int, read: Callable[[OpenTag], bytes | None]) -> bytes | None:
        try:
            return read(self._air.open_reply(reply, password))
        except (Silence, AccessRefused):
            return None

    def _with_tag(self, timeout_ms: int, singulation: Singulation, deed: _Deed, act: Callable[[OpenTag], _T]) -> _T:
        """The deed on one tag, or the status that tells why not."""
        try:
            tag = self._air.open(singulation.selection, singulation.password)
        except Silence:
            self._elapse(1000 * timeout_ms)
            raise Refused(Status.NO_TAGS) from None
        except AccessRefused:
            # Neither captured nor documented: the tag falls silent, so that the module waits.
            self._elapse(1000 * timeout_ms)
            coarse = deed.coarse and self._errors is Errors.COARSE
            raise Refused(deed.failed if coarse else Status.GENERAL_TAG_ERROR) from None
        try:
            result = act(tag)
        except TagRefusal as error:
            if deed.coarse and self._errors is Errors.COARSE:
                self._elapse(1000 * timeout_ms)
                raise Refused(deed.failed) from None
            self._elapse(deed.microseconds)
            raise Refused(_told(error.code, deed)) from None
        except Silence:
            self._elapse(1000 * timeout_ms)
            raise Refused(deed.failed) from None
        self._elapse(deed.microseconds)
        return result


def _told(code: Code, deed: _Deed) -> int:
    return deed.failed if deed.failed is Status.KILL_FAILED else Status.GEN2 + code


def _words(data: bytes) -> bytes:
    if not data or len(data) % 2:
        raise Refused(Status.WRONG_DATA_COUNT)
    return data
