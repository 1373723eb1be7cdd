"""Any PC/SC contactless reader, through pyscard. The only file that imports it.

The connection is exclusive from the moment a tag is sensed until it has left: other programs get a sharing violation
instead of a moment between two of our commands, and a transaction would be ended by a reset, on Windows by five idle
seconds too. The reader keeps its tag powered as long. Presence is asked for with a time-out of nothing on a context of
our own, one a reader; the library's own monitor is one for all and not safe with threads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from smartcard import scard

from dpptag import logs
from dpptag.devices import pcsc_apdu, pcsc_errors
from dpptag.devices.discovery import is_sam_slot
from dpptag.devices.pcsc_apdu import OK, CardKind, card_kind, historical_bytes, is_session_answer, status
from dpptag.devices.pcsc_block_links import PcscFelicaLink, PcscType5Link
from dpptag.devices.pcsc_errors import error_of, unsigned
from dpptag.devices.pcsc_links import Dialect, PcscApduLink, PcscType2Link, Span, odd_answer
from dpptag.errors import DeviceError, DeviceLost, DeviceNotFound, DeviceProtocolError, TagLost, TagRefused, TagSwapped
from dpptag.links.nfc import DeviceInfo, NfcLink

if TYPE_CHECKING:
    from dpptag.devices.profiles import NfcProfile

_log = logging.getLogger(__name__)

TAGS_PER_CONTEXT: Final = 500
"""Then a new context: writes were seen to slow down over dozens of tags on one (nfc-pcsc issue 153)."""
_BUSY_SECONDS: Final = 1.0
"""Desktop services look at every new card for a moment; only who holds the reader for longer is in the way."""
_BUSY_STEP: Final = 0.02
_USB_CHANNEL: Final = 0x0020
_BUSY: Final = -1
_PROTOCOLS: Final = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
_STANDARDS: Final = {CardKind.TYPE2: (0x00, 0x03), CardKind.TYPE3: (0x03, 0x00), CardKind.TYPE5: (0x02, 0x03)}
"""Protocol and layer that a transparent session is switched to."""


def list_readers() -> tuple[str, ...]:
    """The names of the readers that PC/SC knows now; no card is touched. Empty where there is none.

    Raises DeviceLost with code ``pcsc-service`` where the service does not run.
    """
    context = _new_context("PC/SC")
    try:
        return _reader_names(context)
    finally:
        scard.SCardReleaseContext(context)


def _new_context(reader: str) -> int:
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if code:
        raise error_of(unsigned(code), reader)
    return context


def _reader_names(context: int) -> tuple[str, ...]:
    code, names = scard.SCardListReaders(context, [])
    if unsigned(code) in pcsc_errors.NO_READER:
        return ()
    if code:
        raise error_of(unsigned(code), "PC/SC")
    return tuple(names)


def reader_at(name: str, busnum: int, devnum: int) -> str:
    """The whole name of the reader that begins so and sits at this USB address; no card is touched.

    The driver tells its channel (PC/SC part 3, 3.1.1: type 0020h USB, then bus and address). Raises DeviceNotFound,
    with code ``device-ambiguous`` where one device has several such readers (slots), DeviceBusy where it may be one
    that another program holds, DeviceLost for no service.
    """
    context = _new_context(name)
    try:
        names = _reader_names(context)
        wanted = _USB_CHANNEL << 16 | busnum << 8 | devnum
        channels = {known: _channel(context, known) for known in names if known.startswith(name)}
    finally:
        scard.SCardReleaseContext(context)
    here = [known for known, channel in channels.items() if channel == wanted]
    if len(here) > 1:  # a slot for a SAM is no place for a tag
        here = [known for known in here if not is_sam_slot(known)] or here
    if not here and _BUSY in channels.values():
        raise error_of(pcsc_errors.SHARING, name)
    if len(here) == 1:
        return here[0]
    listed = "  ".join(f"'pcsc:{known}'" for known in here or names)
    raise DeviceNotFound(
        f"{len(here) or 'no'} PC/SC readers {name!r} at USB address {busnum:03}:{devnum:03}",
        code="device-ambiguous" if here else None,
        action=f"PC/SC knows: {listed}" if listed else "plug the reader in; PC/SC knows no reader at all",
        device=name,
    )


def usb_address_of(name: str) -> tuple[str, tuple[int, int] | None]:
    """The whole name of the reader that is called so or begins so, and its USB bus and device number.

    No address where its driver tells none, or another program holds it. Raises DeviceNotFound, DeviceLost.
    """
    context = _new_context(name)
    try:
        whole = _one_reader(name, _reader_names(context))
        channel = _channel(context, whole)
    finally:
        scard.SCardReleaseContext(context)
    if channel is None or channel >> 16 != _USB_CHANNEL:
        return whole, None
    return whole, (channel >> 8 & 0xFF, channel & 0xFF)


def _channel(context: int, reader: str) -> int | None:
    """Asked without a card and without taking the reader; None where its driver does not tell, :data:`_BUSY` where
    somebody holds it."""
    code, card, _ = scard.SCardConnect(context, reader, scard.SCARD_SHARE_DIRECT, 0)
    if code:
        return _BUSY if unsigned(code) == pcsc_errors.SHARING else None
    try:
        code, value = scard.SCardGetAttrib(card, scard.SCARD_ATTR_CHANNEL_ID)
    finally:
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    return None if code or len(value) != 4 else int.from_bytes(bytes(value), "little")


class PcscReader:
    """A PC/SC reader; implements :class:`dpptag.links.NfcReader`.

    ``name`` is the reader's PC/SC name, or what it begins with where only one reader's does. ``profile`` says what is
    known of the model. Raises DeviceNotFound with the readers there are, or with code ``pcsc-service``.
    """

    def __init__(
        self,
        name: str,
        *,
        path: str | None = None,
        profile: NfcProfile | None = None,
        simulated: bool = False,
        tags_per_context: int = TAGS_PER_CONTEXT,
    ) -> None:
        self._profile = profile
        self._tags_per_context = tags_per_context
        self._context: int | None = None
        self._card: int | None = None
        self._protocol = 0
        self._kind = CardKind.TYPE2
        self._atr = b""
        self._selected: bytes | None = None
        self._dialect: Dialect | None = None
        self._in_session = False
        self._tags = 0
        self._closed = False
        try:
            self._context = _new_context(name)
            self._name = _one_reader(name, _reader_names(self._context))
        except DeviceLost as exc:
            self.close()
            raise DeviceNotFound(exc.message, code=exc.code, action=exc.action, **exc.facts) from exc
        except BaseException:
            self.close()
            raise
        self._firmware = ""
        self._path = path or f"pcsc:{name}"
        self._simulated = simulated

    @property
    def info(self) -> DeviceInfo:
        """The firmware is known once a tag was sensed, and only where the reader tells it."""
        return DeviceInfo(
            path=self._path,
            driver=f"pyscard {version('pyscard')}",
            model=self._profile.title if self._profile is not None else self._name,
            firmware=self._firmware,
            simulated=self._simulated,
        )

    def sense(self) -> NfcLink | None:
        """As the link says; a tag that leaves while it is looked at is none."""
        try:
            return self._sense()
        except TagLost as error:
            _log.debug("lost while sensed: %s", error.message)
            return None

    def _sense(self) -> NfcLink | None:
        present, atr = self._presence()
        if not present:
            self._drop_card()
            return None
        self._end_session()
        uid = self._uid_now() if self._card is not None and atr == self._atr else None
        if uid is None:
            self._drop_card()
            if not self._connect(atr):
                return None
            uid = self._uid_now()
            if uid is None:
                self._drop_card()
                return None
        if uid != self._selected:
            self._tags += 1
        self._selected = uid
        return self._link(uid)

    def signal(self) -> bool:
        if self._card is None:
            try:
                present, atr = self._presence()
                if not present or not self._connect(atr):
                    return False
            except (DeviceError, TagLost, TagRefused):
                return False
        named = self._profile is not None and self._profile.signal == "led-and-buzzer"
        if not named and self._dialect is not Dialect.DIRECT:
            return False
        try:
            return status(self._raw(pcsc_apdu.BLINK)) >> 8 == 0x90
        except (DeviceError, TagLost):
            return False

    def close(self) -> None:
        self._closed = True
        self._drop_card()
        self._drop_context()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Context and connection

    def _live_context(self) -> int:
        """The context; a new one where the service was restarted, or after so many tags."""
        if self._closed:
            raise DeviceLost(f"the reader {self._name} is closed", action="open it again", device=self._name)
        if self._context is not None and self._card is None and self._tags >= self._tags_per_context:
            self._drop_context()
        if self._context is None:
            self._context = _new_context(self._name)
            self._tags = 0
        return self._context

    def _drop_context(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            scard.SCardReleaseContext(context)

    def _drop_card(self) -> None:
        """Give the tag free; a tag or a service that has gone cannot be given back in order."""
        card, self._card = self._card, None
        self._selected = None
        self._in_session = False
        if card is not None:
            scard.SCardDisconnect(card, scard.SCARD_UNPOWER_CARD)

    def _presence(self) -> tuple[bool, bytes]:
        """Whether a tag is there, and its ATR. A service that was restarted is found again."""
        for again in (True, False):
            context = self._live_context()
            code, states = scard.SCardGetStatusChange(context, 0, [(self._name, scard.SCARD_STATE_UNAWARE)])
            if not code:
                _, state, atr = states[0]
                if state & (scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_UNKNOWN):
                    raise error_of(0x80100017, self._name)
                return bool(state & scard.SCARD_STATE_PRESENT) and not state & scard.SCARD_STATE_MUTE, bytes(atr)
            if unsigned(code) == pcsc_errors.TIMEOUT:
                return False, b""
            if unsigned(code) not in pcsc_errors.NO_SERVICE or not again:
                break
            self._forget_service()
        raise error_of(unsigned(code), self._name)

    def _forget_service(self) -> None:
        _log.info("the PC/SC service went away, connecting anew")
        self._card = None
        self._drop_card()
        self._drop_context()

    def _connect(self, atr: bytes) -> bool:
        """Take the tag for us alone; False where it left meanwhile. Raises DeviceBusy where another keeps it."""
        end = time.monotonic() + _BUSY_SECONDS
        reset_once = True
        while True:
            context = self._live_context()
            code, card, protocol = scard.SCardConnect(context, self._name, scard.SCARD_SHARE_EXCLUSIVE, _PROTOCOLS)
            result = unsigned(code)
            if not result:
                self._card, self._protocol, self._atr = card, protocol, atr
                self._kind = card_kind(atr)
                return True
            if result in pcsc_errors.TAG_GONE:
                return False
            if result in pcsc_errors.TAG_RESET:
                if not reset_once:
                    return False
                reset_once = False
                continue
            if result in pcsc_errors.NO_SERVICE:
                self._forget_service()
            if result != pcsc_errors.SHARING or time.monotonic() > end:
                raise error_of(result, self._name)
            time.sleep(_BUSY_STEP)

    def _uid_now(self) -> bytes | None:
        """FF CA: the chip number of the tag that is there now; None where there is none any more."""
        try:
            answer = self._raw(pcsc_apdu.GET_UID)
        except TagLost:
            return None
        if status(answer) != OK or len(answer) < 6:
            if status(answer) >> 8 == 0x63:
                return None
            raise TagRefused(
                "the reader does not tell the chip number of this tag",
                code="tag-uid",
                action="use another reader",
                device=self._name,
                status=f"{status(answer):04X}",
                tag_state="untouched",
            )
        return answer[:-2]

    # The tag

    def _link(self, uid: bytes) -> NfcLink:
        match self._kind:
            case CardKind.TYPE2:
                self._find_dialect(uid)
                fast = self._profile.fast_read_pages if self._profile is not None else 0
                return PcscType2Link(self, uid, fast)
            case CardKind.TYPE3:
                self._find_dialect(uid)
                return PcscFelicaLink(self, uid)
            case CardKind.TYPE4:
                return PcscApduLink(self, uid, historical_bytes(self._atr))
            case CardKind.TYPE5:
                self._find_dialect(uid)
                return PcscType5Link(self, uid)
        raise TagRefused(
            f"the card {uid.hex()} is no NFC tag that we know ({self._kind.value})",
            code="tag-unknown",
            action="use an NTAG, a Type 4 tag, FeliCa Lite-S or an ISO 15693 tag",
            chip=uid.hex(),
            atr=self._atr.hex(),
            tag_state="untouched",
        )

    def _find_dialect(self, uid: bytes) -> None:
        """Ask the reader, once, how it passes tag commands: a session is begun, a PN532 is asked for its version.

        A reader that takes direct transmit for a raw tag command sends the tag an unknown one: it is selected again.
        """
        if self._dialect is not None:
            return
        self._selected = uid
        if is_session_answer(self._asked(uid, pcsc_apdu.START_SESSION)):
            self._dialect = Dialect.TRANSPARENT
            self.transmit(uid, pcsc_apdu.END_SESSION)
        elif pcsc_apdu.is_pn532_firmware(self._asked(uid, pcsc_apdu.PROBE_DIRECT)):
            self._dialect = Dialect.DIRECT
            text = self.transmit(uid, pcsc_apdu.GET_FIRMWARE)
            self._firmware = text.removesuffix(b"\x90\x00").decode("ascii", "replace")
            self.transmit(uid, pcsc_apdu.BEEP_OFF)
        else:
            self._dialect = Dialect.STORAGE
            self.reselect(uid)
        _log.info("%s passes tag commands by: %s", self._name, self._dialect.value)

    def _asked(self, uid: bytes, apdu: bytes) -> bytes:
        """The answer to a question about the reader: garbage must not pass for a no that is remembered."""
        answer = self.transmit(uid, apdu)
        if status(answer) >> 12 not in (0x6, 0x9):
            raise odd_answer(uid, answer)
        return answer

    @property
    def dialect(self) -> Dialect:
        return self._dialect or Dialect.STORAGE

    def open_session(self, uid: bytes) -> None:
        if self._in_session:
            return
        protocol, layer = _STANDARDS[self._kind]
        if not is_session_answer(self.transmit(uid, pcsc_apdu.START_SESSION)):
            raise self._no_session()
        self._in_session = True
        if not is_session_answer(self.transmit(uid, pcsc_apdu.switch_protocol(protocol, layer))):
            self._end_session()
            raise TagLost("the tag is gone from the reader", action="put the tag back on the reader", chip=uid.hex())

    def _end_session(self) -> None:
        if self._in_session and self._card is not None:
            self._in_session = False
            try:
                self._raw(pcsc_apdu.END_SESSION)
            except TagLost:
                self._drop_card()

    def _no_session(self) -> DeviceProtocolError:
        return DeviceProtocolError(
            f"the reader {self._name} refuses a transparent session that it offered before",
            action="plug the reader in again",
            device=self._name,
        )

    def reselect(self, uid: bytes) -> None:
        self._check_selected(uid)
        self._end_session()
        if self._card is not None:
            code, protocol = scard.SCardReconnect(
                self._card, scard.SCARD_SHARE_EXCLUSIVE, _PROTOCOLS, scard.SCARD_UNPOWER_CARD
            )
            if code:
                self._lost(unsigned(code))
            self._protocol = protocol
        found = self._uid_now() if self._card is not None else None
        if found is None:
            self._drop_card()
            raise TagLost(f"the chip {uid.hex()} is gone", action="put the tag back on the reader", chip=uid.hex())
        self._selected = found
        self._check_selected(uid)

    def transmit(self, uid: bytes, apdu: bytes, hidden: Span | None = None, *, hide_answer: bool = False) -> bytes:
        self._check_selected(uid)
        return self._raw(apdu, hidden, hide_answer=hide_answer)

    def _check_selected(self, uid: bytes) -> None:
        if self._closed:
            self._live_context()
        if self._selected is None:
            raise TagLost(f"the chip {uid.hex()} is gone", action="put the tag back on the reader", chip=uid.hex())
        if self._selected != uid:
            raise TagSwapped(
                f"another chip stands on the reader: {self._selected.hex()}, not {uid.hex()}",
                action="put the first tag back on the reader, alone",
                wanted=uid.hex(),
                got=self._selected.hex(),
            )

    def _raw(self, apdu: bytes, hidden: Span | None = None, *, hide_answer: bool = False) -> bytes:
        """One APDU on the connection. What it returns beside an error code is not what the card said."""
        if self._card is None:
            raise error_of(0x80100069, self._name)
        logs.traffic(_log, ">", apdu, (hidden,) if hidden is not None else ())
        pci = scard.SCARD_PCI_T0 if self._protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        code, answer = scard.SCardTransmit(self._card, pci, list(apdu))
        if code:
            self._lost(unsigned(code))
        data = bytes(answer)
        logs.traffic(_log, "<", data, ((0, len(data) - 2),) if hide_answer and len(data) > 2 else ())
        if not data:  # the connection broke under the command
            self._lost(0x80100016)
        return data

    def _lost(self, code: int) -> None:
        """The connection is of no more use: drop it, and raise what the code means."""
        if code in pcsc_errors.NO_SERVICE:
            self._forget_service()
            raise TagLost(
                "the PC/SC service was stopped while the tag was worked on",
                code="pcsc-service-restarted",
                action="leave the tag on the reader, or put it back; the reader is found again by itself",
                device=self._name,
                pcsc=f"{code:08X}",
            )
        self._drop_card()
        raise error_of(code, self._name)


def _one_reader(name: str, names: Sequence[str]) -> str:
    """The reader of this name. Raises DeviceNotFound that lists what there is."""
    if name in names:
        return name
    matching = [known for known in names if name and known.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    listed = "  ".join(f"'pcsc:{known}'" for known in (matching or names))
    if matching:
        raise DeviceNotFound(
            f"{len(matching)} PC/SC readers are called {name}",
            code="device-ambiguous",
            action=f"name one of them whole: {listed}",
            device=name,
        )
    raise DeviceNotFound(
        f"PC/SC knows no reader {name!r}",
        action=f"name one of: {listed}" if names else "plug the reader in; PC/SC knows no reader at all",
        device=name,
    )
