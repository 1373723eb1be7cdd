"""NFC Forum Type 4 over a raw port: activation, then APDUs through our own block protocol."""

from __future__ import annotations

from typing import Final, Literal

from dpptag.devices.air import Air, gone
from dpptag.devices.crc_a import without_crc_a
from dpptag.devices.iso_dep import Ats, Block, Exchange, IsoDep, IsoDepError, rats
from dpptag.devices.raw_port import USUAL_WAITING_TIME, Hidden, UnansweredError
from dpptag.errors import TagLost, TagRefused
from dpptag.links.nfc import Technology

SAK_ISO_DEP: Final = 0x20
_HEADER: Final = 5  # CLA INS P1 P2 Lc: what of a secret command may be shown
_LEAST_APDU, _LONGEST_APDU = 4, 261
_ACTIVATIONS: Final = 2


class RawApduLink:
    """An activated Type 4 tag; implements :class:`dpptag.links.ApduLink`.

    After an APDU that was not answered nobody knows whether the tag has executed it: every further one raises TagLost
    until :meth:`reselect`.
    """

    def __init__(self, air: Air, uid: bytes) -> None:
        """Activates the tag, which is selected. Raises TagLost, TagSwapped, TagRefused (no answer to RATS)."""
        self._air = air
        self._uid = uid
        self._protocol: IsoDep | None = None
        self._historical = b""
        self._activate()

    @property
    def technology(self) -> Literal[Technology.TYPE4]:
        return Technology.TYPE4

    @property
    def uid(self) -> bytes:
        return self._uid

    @property
    def historical_bytes(self) -> bytes:
        return self._historical

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        if not _LEAST_APDU <= len(apdu) <= _LONGEST_APDU:
            raise ValueError(f"a short command APDU has {_LEAST_APDU} to {_LONGEST_APDU} bytes, not {len(apdu)}")
        if self._protocol is None:
            raise gone(self._uid)
        protocol, self._protocol = self._protocol, None
        try:
            response = self._run(protocol.command(apdu, visible=_HEADER if secret else None))
        except IsoDepError as exc:
            raise self._lost(exc) from exc
        self._protocol = protocol
        if len(response) < 2:
            raise self._damaged()
        return response

    def reselect(self) -> None:
        self._protocol = None
        target = self._air.reselect_a(self._uid)
        if not target.sak & SAK_ISO_DEP:
            raise gone(self._uid)
        self._activate()

    def _activate(self) -> None:
        """RATS until the tag answers it (ISO/IEC 14443-4 5.6.1). One that was silent may be asked again; one whose
        answer came damaged is in its protocol state already, deaf to RATS, and has to be selected anew."""
        for attempt in range(_ACTIVATIONS):
            try:
                ats = self._ask_ats()
            except ValueError:
                if attempt < _ACTIVATIONS - 1:
                    self._air.reselect_a(self._uid)
                continue
            if ats is None:
                continue
            if ats.guard_time:
                self._air.wait(ats.guard_time)
            self._historical = ats.historical
            self._protocol = IsoDep(ats, self._air.port.frame_size)
            return
        raise TagRefused(
            f"the chip {self._uid.hex()} says that it knows ISO/IEC 14443-4, and does not answer its activation",
            code="tag-not-activated",
            action="lay the tag on the middle of the antenna, or take another one",
            chip=self._uid.hex(),
            sak=f"{SAK_ISO_DEP:02X}",
            tag_state="untouched",
        )

    def _ask_ats(self) -> Ats | None:
        """None for silence. Raises ValueError for a damaged ATS."""
        self._air.restart_before_poll = True  # from here on the tag may hear no REQA
        block = rats(self._air.port.frame_size)
        try:
            answer = self._air.raw(self._uid, block.frame, max(block.waiting_time, USUAL_WAITING_TIME))
        except UnansweredError as exc:
            if exc.silent:
                return None
            raise ValueError("the ATS was damaged on the air") from exc
        return Ats.from_bytes(without_crc_a(answer) or b"")

    def _run(self, exchange: Exchange) -> bytes:
        try:
            block = next(exchange)
            while True:
                block = exchange.send(self._once(block))
        except StopIteration as done:
            response: bytes = done.value
            return response

    def _once(self, block: Block) -> bytes | None:
        """One frame and its answer without CRC, or None for silence and damage. Raises TagLost, TagSwapped."""
        hidden = None if block.secret_from is None else Hidden(block.secret_from, len(block.frame))
        waiting = max(block.waiting_time, USUAL_WAITING_TIME)  # short ones are not worth a change of the time-out
        try:
            answer = self._air.raw(self._uid, block.frame, waiting, hidden)
        except UnansweredError:
            return None
        return without_crc_a(answer)

    def _lost(self, cause: IsoDepError) -> TagLost:
        if not cause.silent:
            return self._damaged()
        return TagLost(
            f"no whole answer from the chip {self._uid.hex()}",
            action="put the tag back on the reader",
            chip=self._uid.hex(),
            silent=True,
        )

    def _damaged(self) -> TagLost:
        return TagLost(
            f"a damaged answer from the chip {self._uid.hex()}",
            code="tag-answer-damaged",
            action="move the tag to the middle of the antenna",
            chip=self._uid.hex(),
        )
