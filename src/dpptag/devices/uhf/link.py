"""One Gen2 chip behind a UHF module, chosen by its TID. Every command goes out once: the caller knows what to repeat.

Where the module chooses by EPC alone, the tag is found by a round in which nobody else answers, and its TID is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

from dpptag.devices.uhf.module import Gen2Module, Target
from dpptag.errors import TagLost, TagNak, TagRefused, TagSwapped
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction, Refusal, Sighting
from dpptag.links.nfc import Technology
from dpptag.model.identifiers import tid_serial_end

ATTEMPTS: Final = 3
"""To find a tag and to read its TID. M5Stack's driver for the JRD-4035: well placed one exchange in fifty fails, badly
placed one in five."""
_USUAL_TID_WORDS: Final = 6  # header, XTID header and a 48-bit serial (TDS 2.3 16.2)
_SHORTEST_TID_WORDS: Final = 2  # class, designer and model (Gen2 6.3.2.1.3)
_UNCLEAR: Final = frozenset({Refusal.OTHER.value, Refusal.WRITE_FAILED.value})
"""What some chips and modules say of a word that is not there, and of much else."""
_XTID_BIT: Final = 0x80  # TID bit 08h, in the second byte
_XTID_SERIAL_BITS: Final = 0xE0  # V, bits 20h-22h: 0 is no serial (TDS 2.3 16.2.1)
_LONGEST_TID: Final = 24  # bytes: two headers and a serial of 144 bits
_NAMED_EPCS: Final = 8
"""Of a crowd, in a message."""

T = TypeVar("T")


def merged(sightings: list[Sighting]) -> tuple[Sighting, ...]:
    """Each EPC once, in the order in which they came first; replies added up, the strongest RSSI kept."""
    found: dict[bytes, Sighting] = {}
    for sighting in sightings:
        known = found.get(sighting.epc)
        if known is None:
            found[sighting.epc] = sighting
            continue
        stronger = max(known, sighting, key=lambda each: -1000 if each.rssi_dbm is None else each.rssi_dbm)
        found[sighting.epc] = Sighting(
            epc=known.epc,
            pc=known.pc,
            replies=known.replies + sighting.replies,
            rssi_dbm=stronger.rssi_dbm,
            antenna=stronger.antenna,
            frequency_khz=stronger.frequency_khz,
        )
    return tuple(found.values())


def only_one(sightings: tuple[Sighting, ...]) -> Sighting | None:
    """The only tag of a round; None of an empty one. Raises TagRefused ``several-tags``; nothing was written."""
    count = sum(sighting.replies for sighting in sightings)
    if count <= 1:
        return sightings[0] if sightings else None
    strengths = ", ".join(
        "unknown" if sighting.rssi_dbm is None else str(sighting.rssi_dbm) for sighting in sightings[:_NAMED_EPCS]
    )
    epcs = ", ".join(sighting.epc.hex() for sighting in sightings[:_NAMED_EPCS])
    more = ", ..." if len(sightings) > _NAMED_EPCS else ""
    raise TagRefused(
        f"{count} tags are in the field, heard at {strengths}{more} dBm",
        code="several-tags",
        action="take the others away, lower the power (power= in the device path), or shield the station",
        count=count,
        rssi=f"{strengths}{more} dBm",
        chip=epcs + more,
        tag_state="untouched",
    )


class Choice:
    """Whom a module's commands are for now: a link to a tag chosen earlier must not reach the one chosen since."""

    def __init__(self) -> None:
        self.link: UhfLink | None = None


class UhfLink:
    """Implements :class:`dpptag.links.gen2.Gen2Link`. Made by :func:`linked`."""

    def __init__(self, module: Gen2Module, choice: Choice, sighting: Sighting, tid: bytes) -> None:
        self._module = module
        self._choice = choice
        self._sighting = sighting
        self._tid = tid
        self._uid = tid[: tid_serial_end(tid)]
        self._epc = sighting.epc

    @property
    def technology(self) -> Literal[Technology.GEN2]:
        return Technology.GEN2

    @property
    def uid(self) -> bytes:
        return self._uid

    @property
    def tid(self) -> bytes:
        return self._tid

    @property
    def sighting(self) -> Sighting:
        return self._sighting

    @property
    def selects_by_tid(self) -> bool:
        return self._module.selects_by_tid and _names_one_chip(self._tid)

    @property
    def max_read_words(self) -> int:
        return self._module.max_read_words

    @property
    def max_write_words(self) -> int:
        return self._module.max_write_words

    @property
    def offers_block_write(self) -> bool:
        return self._module.offers_block_write

    @property
    def cuts_block_writes(self) -> bool:
        return self._module.cuts_block_writes

    def read(self, bank: Bank, word: int, count: int, *, password: bytes = NO_PASSWORD, secret: bool = False) -> bytes:
        return self._chosen().read(bank, word, count, password, secret=secret)

    def write(
        self,
        bank: Bank,
        word: int,
        data: bytes,
        *,
        password: bytes = NO_PASSWORD,
        block: bool = False,
        secret: bool = False,
        expect_refusal: bool = False,
    ) -> None:
        module = self._chosen()
        if bank is Bank.EPC:
            self._epc = b""  # what it is now shows when the tag answers again
        module.write(bank, word, data, password, block=block, secret=secret, expect_refusal=expect_refusal)

    def lock(self, actions: Mapping[Area, LockAction], *, password: bytes = NO_PASSWORD) -> int:
        return self._chosen().lock(actions, password)

    def kill(self, password: bytes) -> None:
        self._chosen().kill(password)

    def reselect(self, *, field_off: bool = True) -> None:
        self._choice.link = None
        if self.selects_by_tid:
            if field_off:
                self._module.inventory()  # a round takes the chip's power away: what reads after it is in its cells
            self._module.choose(Target(self._epc, self._uid))
        else:
            sighting = repeated(self._alone)
            self._module.choose(Target(sighting.epc))
            got = read_tid(self._module)
            if got != self._tid:
                raise TagSwapped(
                    f"another tag stands in the field: TID {got.hex()}, not {self._tid.hex()}",
                    action="put the first tag back before the antenna, alone",
                    wanted=self._tid.hex(),
                    got=got.hex(),
                )
            self._sighting, self._epc = sighting, sighting.epc
        self._choice.link = self

    def _alone(self) -> Sighting:
        sighting = only_one(merged(self._module.inventory()))
        if sighting is None:
            raise TagLost(
                f"the chip {self._uid.hex()} is gone",
                action="put the tag back before the antenna",
                chip=self._uid.hex(),
                retry=True,
            )
        return sighting

    def _chosen(self) -> Gen2Module:
        if self._choice.link is not self:
            raise TagSwapped(
                "another tag was looked for since this one was chosen",
                action="choose the tag again",
                wanted=self._uid.hex(),
            )
        return self._module


def linked(module: Gen2Module, choice: Choice, sighting: Sighting, *, alone: bool) -> UhfLink:
    """A link to the tag of a sighting: its TID is read, and it is chosen by it where the module can.

    ``alone``: nobody else is in the field, so a module that can choose by TID reads it from whoever answers.
    """
    choice.link = None
    module.choose(None if alone and module.selects_by_tid else Target(sighting.epc))
    link = UhfLink(module, choice, sighting, read_tid(module))
    if link.selects_by_tid:
        module.choose(Target(sighting.epc, link.uid))
    elif module.selects_by_tid:
        module.choose(Target(sighting.epc))
    choice.link = link
    return link


def _names_one_chip(tid: bytes) -> bool:
    """Whether a mask of what was read fits one chip alone: its model and XTID header are those of all its kind.

    Without an XTID, what follows the model is in a form of the maker's own, a serial by all that is known.
    """
    return tid_serial_end(tid) is not None or (not tid[1] & _XTID_BIT and len(tid) > 2 * _SHORTEST_TID_WORDS)


def read_tid(module: Gen2Module) -> bytes:
    """The TID bank to the end of the XTID serial, whose length its header tells (TDS 2.3 16.2.1).

    Six words are asked for. A chip that refuses has fewer, and so no such serial: it says two words of what it is. But
    where those announce an XTID, and its header a serial, it had another reason to refuse, and that is raised.
    """
    try:
        tid = repeated(lambda: module.read(Bank.TID, 0, _USUAL_TID_WORDS, NO_PASSWORD), also=_UNCLEAR)
    except TagNak as error:
        if error.facts.get("error") not in {Refusal.OVERRUN.value, *_UNCLEAR}:
            raise
        tid = repeated(lambda: module.read(Bank.TID, 0, _SHORTEST_TID_WORDS, NO_PASSWORD))
        if error.facts["error"] in _UNCLEAR and tid[1] & _XTID_BIT:
            header = repeated(lambda: module.read(Bank.TID, _SHORTEST_TID_WORDS, 1, NO_PASSWORD))
            if header[0] & _XTID_SERIAL_BITS:
                raise
            tid += header
        return tid
    end = tid_serial_end(tid + bytes(_LONGEST_TID))
    if end is not None and end > len(tid):
        words, missing = len(tid) // 2, (end - len(tid)) // 2
        tid += repeated(lambda: module.read(Bank.TID, words, missing, NO_PASSWORD))
    return tid


def repeated(question: Callable[[], T], *, also: frozenset[str] = frozenset()) -> T:
    """Ask again, up to three times, where nothing answered, or where the error says that it may help.

    For questions alone, never for what changes a tag. ``also``: reasons of a refusal that are not taken at once.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return question()
        except (TagLost, TagNak) as error:
            may_help = error.facts.get("retry", isinstance(error, TagLost)) or error.facts.get("error") in also
            if attempt == ATTEMPTS or not may_help:
                raise
    raise AssertionError(ATTEMPTS)
