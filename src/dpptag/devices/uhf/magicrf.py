"""MagicRF M100/QM100 (frames BB .. 7E) and R200 (AA .. DD): the same commands, told apart by the profile's framing.

P: the modules' protocol text, "Unit-RFID-UHF-Protocol-EN". The module keeps one Select: command 0Ch stores it, and
command 12h says whether it goes out before each access command or never.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dpptag.devices.uhf.framing import Frame
from dpptag.devices.uhf.module import ModuleVersion, Target, epc_after
from dpptag.devices.uhf.port import NOTHING_HIDDEN, Barrier, Hidden, UhfPort, UnansweredError
from dpptag.devices.uhf.refusals import refusal_error
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.errors import DpptagError, TagNak, TagSwapped
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction, ModuleState, Refusal, Sighting

_ERROR: Final = 0xFF
"""The command code of an answer that tells of a failure; its data begins with the code."""
_HARDWARE, _SOFTWARE = b"\x00", b"\x01"  # what 03h can be asked for; the answer repeats it
_NEVER, _BEFORE_ACCESS = 0x01, 0x02  # modes of 12h; 00h, before every command, would narrow an inventory too
_TARGET_S0: Final = 0x00  # SelParam: target S0 and action 000, a match becomes A and all others B (Gen2 6.3.2.12.1.1)
_EPC_POINTER: Final = 0x20  # bits, behind StoredCRC and StoredPC
_ATTEMPTS: Final = 3
"""For what may be asked again. M5Stack's driver: well placed, one exchange in fifty fails."""


class MagicRfModule:
    """Implements :class:`dpptag.devices.uhf.module.Gen2Module`.

    Every answer of a tag names its EPC. Where the chosen tag's EPC is not known, or was just written to, the first
    answer's counts from then on.
    """

    def __init__(self, port: UhfPort, profile: UhfProfile) -> None:
        self._port = port
        self._profile = profile
        self._target: Target | None = None
        self._epc: bytes | None = None
        self._also: bytes | None = None
        self._mode: int | None = None

    @property
    def selects_by_tid(self) -> bool:
        return self._profile.selection.by_tid

    @property
    def max_read_words(self) -> int:
        return self._profile.memory.read_words

    @property
    def max_write_words(self) -> int:
        return self._profile.memory.write_words

    @property
    def offers_block_write(self) -> bool:
        return False

    @property
    def cuts_block_writes(self) -> bool:
        return False

    # The module itself

    def identify(self) -> ModuleVersion:
        """Ask for hardware and software version. A look-alike protocol (Phychips RED-RCP: BB, 7E, and a CRC behind)
        does not pass: type, command, what was asked for and the sum must all be right."""
        model = self._text(_HARDWARE)
        request = self._port.framing.request(self._profile.commands["version"].code, _HARDWARE)
        wait = self._profile.waits.answer.ms / 1000
        self._port.barrier = Barrier(request, self._answers("version", errors=False), wait)
        firmware = self._text(_SOFTWARE)
        self._profile = self._profile.for_firmware(firmware)
        return ModuleVersion(model=model, firmware=firmware)

    def _text(self, which: bytes) -> str:
        data = self._ask("version", which, attempts=1)
        text = data[1:].decode("ascii", errors="replace").strip("\0 ")
        if data[:1] != which or not text.isascii() or not text.isprintable():
            raise self._port.malformed("its version is no text")
        return text

    def state(self) -> ModuleState:
        region = power = None
        if "get_region" in self._profile.commands:
            code = self._ask("get_region")
            region = next((name for name, found in self._profile.regions.items() if code == bytes((found.code,))), None)
        if "get_power" in self._profile.commands:
            answer = self._ask("get_power")
            if len(answer) != 2:
                raise self._port.malformed("its power is no 16-bit number")
            power = int.from_bytes(answer, "big") * self._profile.power.unit_cdbm
        return ModuleState(region=region, read_power_cdbm=power, write_power_cdbm=power, temperature_c=None)

    def set_region(self, name: str) -> None:
        region = self._profile.regions[name]
        self._set("region", bytes((region.code,)))
        if region.legal_channels and "hop_list" in self._profile.commands:
            # By itself the module hops over the whole band; only these channels may carry this power.
            self._set("hop_list", bytes((len(region.legal_channels), *region.legal_channels)))

    def set_power(self, cdbm: int) -> None:
        self._set("power", (cdbm // self._profile.power.unit_cdbm).to_bytes(2, "big"))

    def signal(self) -> bool:
        return False

    def close(self) -> None:
        self._port.close()

    # Tags

    def inventory(self) -> list[Sighting]:
        """One round (22h). No frame ends it: after the first tag the module gets the time of a round, then it is told
        to send no Select, and what it said before it answers that belongs to the round."""
        error: DpptagError | None = None
        for _ in range(_ATTEMPTS):
            frames, error = self._round()
            if frames is not None and not self._port.skipped:
                return [self._sighting(frame.data) for frame in frames]
        if error is not None:
            raise error
        raise self._port.malformed("its answers arrive damaged") if self._port.skipped else self._port.silent()

    def _round(self) -> tuple[list[Frame] | None, DpptagError | None]:
        """The notices of one round; None where it must be repeated, with the reason if the module gave one."""
        port, profile = self._port, self._profile
        port.send(port.framing.request(profile.commands["inventory"].code))
        try:
            first = port.receive(
                lambda frame: self._is_notice(frame) or self._is_error(frame), profile.waits.inventory.ms / 1000
            )
            if self._is_error(first):
                entry = profile.errors.of(first.data[0])
                if entry.meaning == "no-tag":
                    return [], None
                if not entry.retry:
                    raise self._refusal(first, "inventory")
                return None, self._refusal(first, "inventory")
            if profile.inventory.tail is not None:
                port.pause(profile.inventory.tail.ms / 1000)
            frames = [first]
            self._set_mode(_NEVER, aside=frames.append)
        except UnansweredError:
            return None, None
        return [frame for frame in frames if self._is_notice(frame)], None

    def choose(self, target: Target | None) -> None:
        """Select by TID where it is known, else by EPC; 0Ch also sets the mode that sends it before every access."""
        self._target, self._epc = target, None
        if target is None:
            self._use_mode(_NEVER)
            return
        bank, pointer, mask = (Bank.TID, 0, target.tid) if target.tid else (Bank.EPC, _EPC_POINTER, target.epc)
        mask = mask[: self._profile.selection.mask_bits // 8]
        self._mode = None
        self._set(
            "select",
            bytes((_TARGET_S0 | bank,)) + pointer.to_bytes(4, "big") + bytes((8 * len(mask), 0)) + mask,
        )
        self._mode = _BEFORE_ACCESS
        self._epc = target.epc or None
        if self._profile.selection.settle is not None:
            self._port.pause(self._profile.selection.settle.ms / 1000)

    def read(self, bank: Bank, word: int, count: int, password: bytes, *, secret: bool = False) -> bytes:
        place = bytes((bank,)) + word.to_bytes(2, "big") + count.to_bytes(2, "big")
        data = self._access("read", password + place, hidden=_hidden(password, answer=secret), words=count)
        if len(data) != 2 * count:
            raise self._port.malformed(f"{len(data)} bytes came for {count} words")
        return data

    def write(
        self,
        bank: Bank,
        word: int,
        data: bytes,
        password: bytes,
        *,
        block: bool = False,
        secret: bool = False,
        expect_refusal: bool = False,
    ) -> None:
        """``expect_refusal`` changes nothing here: a refused write is told at once (B4h)."""
        if block:
            raise TagNak("this module has no BlockWrite", error=Refusal.UNSUPPORTED.value)
        words = len(data) // 2
        place = bytes((bank,)) + word.to_bytes(2, "big") + words.to_bytes(2, "big")
        body = password + place + data
        spans = ((len(body) - len(data), len(body)),) if secret else ()
        before = self._epc
        after = epc_after(before, word, data) if bank is Bank.EPC else before
        self._also = after if bank is Bank.EPC else None  # whether the answer names the old EPC or the new is not told
        try:
            self._done("write", body, hidden=_hidden(password, *spans), words=words)
        except DpptagError:
            if before != after:
                self._epc = None  # the new one, the old one, or a mixture: the next answer tells
            raise
        finally:
            self._also = None
        self._epc = after

    def lock(self, actions: Mapping[Area, LockAction], password: bytes) -> int:
        payloads = self._profile.lock.payloads(actions)
        for payload in payloads:
            self._done("lock", password + payload, hidden=_hidden(password))
        return len(payloads)

    def kill(self, password: bytes) -> None:
        if password == NO_PASSWORD:
            raise TagNak("a kill password of zero kills nothing (Gen2 6.3.2.12.3.4)", error=Refusal.PASSWORD.value)
        self._done("kill", password, hidden=_hidden(password))

    def _done(self, name: str, body: bytes, *, hidden: Hidden, words: int = 0) -> None:
        if self._access(name, body, hidden=hidden, words=words) != b"\x00":
            raise self._port.malformed(f"its answer to {name} does not end in 00")

    def _access(self, name: str, body: bytes, *, hidden: Hidden, words: int = 0) -> bytes:
        """One command for the chosen tag: what its answer holds behind ``UL PC EPC``, UL counting those two."""
        if self._target is not None:
            self._use_mode(_BEFORE_ACCESS)
        waits = self._profile.waits
        frame = self._port.ask_tag(
            self._port.framing.request(self._profile.commands[name].code, body),
            self._answers(name),
            (waits.access.ms + words * waits.access_word.ms) / 1000,
            hidden=hidden,
        )
        if self._is_error(frame):
            named = frame.data[1:]  # UL PC EPC, where a tag answered at all
            if len(named) >= 3 and len(named) == 1 + named[0]:
                self._hold_to(named[3:], name, done=False)
            raise self._refusal(frame, name)
        data = frame.data
        if len(data) < 4 or data[0] < 2 or data[0] % 2 or len(data) < 1 + data[0]:
            raise self._port.malformed("its answer names no tag")
        self._hold_to(data[3 : 1 + data[0]], name)
        return data[1 + data[0] :]

    def _hold_to(self, epc: bytes, name: str, *, done: bool = True) -> None:
        if self._epc is not None and epc not in (self._epc, self._also):
            raise TagSwapped(
                f"another tag answered: EPC {epc.hex()}, not {self._epc.hex()}",
                action="put the first tag back before the antenna, alone"
                + ("; the other one was changed: write it anew or throw it away" if done and name != "read" else ""),
                wanted=self._epc.hex(),
                got=epc.hex(),
            )
        if self._target is not None:
            self._epc = epc

    def _sighting(self, data: bytes) -> Sighting:
        """``RSSI PC EPC CRC`` (P, 22h)."""
        if len(data) < 5 or len(data) % 2 == 0:
            raise self._port.malformed("its notice names no tag")
        return Sighting(epc=data[3:-2], pc=int.from_bytes(data[1:3], "big"), rssi_dbm=self._profile.rssi.dbm(data[0]))

    # Questions and answers

    def _use_mode(self, mode: int) -> None:
        if self._mode != mode:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    self._set_mode(mode)
                    return
                except UnansweredError as error:
                    if attempt == _ATTEMPTS:
                        raise self._port.silent() from error

    def _set_mode(self, mode: int, aside: Callable[[Frame], object] | None = None) -> None:
        """Whether 0Ch's Select goes out. With ``aside`` nothing said before is lost. Raises UnansweredError."""
        self._mode = None
        self._port.send(
            self._port.framing.request(self._profile.commands["select_mode"].code, bytes((mode,))),
            keep=aside is not None,
        )
        answer = self._port.receive(
            self._answers("select_mode", errors=False), self._profile.waits.answer.ms / 1000, aside
        )
        if answer.data != b"\x00":
            raise self._port.malformed("it does not take the mode of Select")
        self._mode = mode

    def _set(self, name: str, data: bytes) -> None:
        answer = self._ask(name, data)
        if len(answer) != 1 or answer[0] not in self._profile.errors.ok:
            raise self._port.malformed(f"it does not take {name}: {answer.hex()}")

    def _ask(self, name: str, data: bytes = b"", *, attempts: int = _ATTEMPTS) -> bytes:
        """A question to the module itself, that may be asked again."""
        frame = self._port.ask(
            self._port.framing.request(self._profile.commands[name].code, data),
            self._answers(name),
            self._profile.waits.answer.ms / 1000,
            hidden=NOTHING_HIDDEN,
            attempts=attempts,
        )
        if self._is_error(frame):
            raise self._refusal(frame, name)
        return frame.data

    def _answers(self, name: str, *, errors: bool = True) -> Callable[[Frame], bool]:
        """What answers the command of this name, an error with it unless not wanted."""
        types = self._port.framing.types
        kind = -1 if types is None else types.answer
        codes = self._profile.commands[name].accepted
        return lambda frame: (
            frame.kind == kind and (frame.command in codes or (errors and frame.command == _ERROR and bool(frame.data)))
        )

    def _is_error(self, frame: Frame) -> bool:
        types = self._port.framing.types
        return types is not None and frame.kind == types.answer and frame.command == _ERROR and bool(frame.data)

    def _is_notice(self, frame: Frame) -> bool:
        """A tag of a round. P prints 22h for a single round and 27h for many, and modules mix them."""
        types, commands = self._port.framing.types, self._profile.commands
        codes = {commands[name].code for name in ("inventory", "inventory_many") if name in commands}
        return types is not None and frame.kind == types.notice and frame.command in codes

    def _refusal(self, frame: Frame, what: str) -> DpptagError:
        code = frame.data[0]
        return refusal_error(self._profile.errors.of(code), f"{code:02X}", what=what, device=self._port.name)


def _hidden(password: bytes, *spans: tuple[int, int], answer: bool = False) -> Hidden:
    """The password stands at the start of the data."""
    first = ((0, len(password)),) if password != NO_PASSWORD else ()
    return Hidden(first + spans, answer)
