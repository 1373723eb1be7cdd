"""UHFReader18, UHFReader86, 288M and 288MP: what a reader is asked, in their protocol.

Every access names the whole EPC of its tag, and no answer says which tag it is from: two tags with one EPC cannot be
told apart, so a tag is written alone in the field. The readers' own write-EPC (04h) takes any tag and is never sent.
Power, region and scan time are stored in the reader: each is sent only where 21h tells another value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dpptag.devices.uhf import reader18_payloads as payloads
from dpptag.devices.uhf.framing import Frame
from dpptag.devices.uhf.module import LOCK_ORDER, ModuleVersion, Target
from dpptag.devices.uhf.port import NOTHING_HIDDEN, Accept, Barrier, Hidden, UhfPort
from dpptag.devices.uhf.reader18_payloads import Information
from dpptag.devices.uhf.refusals import check_nameable, check_reach, of_module, refusal_error
from dpptag.devices.uhf_code_tables import Command
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Region
from dpptag.errors import DeviceProtocolError, DpptagError, TagRefused
from dpptag.links.gen2 import Area, Bank, LockAction, ModuleState, Sighting

_ATTEMPTS: Final = 2
"""For what may be asked again: a byte may be lost on the line."""
_NOT_UNDERSTOOD: Final = 0xFE
"""With command 00 in the answer: the request was damaged, or is none of this reader's (manual 8.1)."""
_UNTIL_POWER_OFF: Final = 0x13
"""A setting is made, but this reader does not store it (manual 5)."""
_SIGNAL: Final = bytes([1, 1, 1])
"""33h: 50 ms on, 50 ms off, once. From memory; the worst of it is a longer beep."""


class Reader18Module:
    """A reader behind an opened port, which :meth:`close` closes.

    A profile with a ``q`` is that of a 288: its inventory has parameters, and answers with antenna and RSSI.
    """

    selects_by_tid = False

    def __init__(self, port: UhfPort, profile: UhfProfile) -> None:
        self._port = port
        self._profile = profile
        self._epc = b""
        self._scan_ms: int | None = None

    @property
    def max_read_words(self) -> int:
        return self._profile.memory.read_words

    @property
    def max_write_words(self) -> int:
        memory = self._profile.memory
        return min(memory.write_words, memory.block_write_words or memory.write_words)

    @property
    def offers_block_write(self) -> bool:
        return self._profile.memory.block_write_words > 0

    @property
    def cuts_block_writes(self) -> bool:
        """Judged: 10h takes as many words as 03h, more than any chip programs at once."""
        return self.offers_block_write

    def identify(self) -> ModuleVersion:
        port, version = self._port, self._profile.commands["version"]
        told = self._information(attempts=1)
        port.barrier = Barrier(
            port.framing.request(version.code), _accepting(version), self._profile.waits.answer.ms / 1000
        )
        model = payloads.TYPES.get(told.type, f"reader of type {told.type:02X}")
        expected = self._profile.identity.hardware
        if expected and told.type not in expected:
            raise DeviceProtocolError(
                f"the module at {self._port.name} is another than its profile says: {model}",
                code="profile-other-module",
                action="name the profile of this module in the device path",
                device=self._port.name,
                profile=self._profile.name,
                hardware=f"{told.type:02x}",
            )
        self._profile = self._profile.for_firmware(told.firmware)
        return ModuleVersion(model=model, firmware=told.firmware)

    def state(self) -> ModuleState:
        told = self._information()
        region = None
        for name, known in self._profile.regions.items():
            if (told.band, told.first_channel, told.last_channel) == _channels(known):
                region = name
        power = told.power_dbm * self._profile.power.unit_cdbm
        return ModuleState(region=region, read_power_cdbm=power, write_power_cdbm=power, temperature_c=None)

    def set_region(self, name: str) -> None:
        told, wanted = self._information(), _channels(self._profile.regions[name])
        if (told.band, told.first_channel, told.last_channel) != wanted:
            self._set("region", payloads.region_request(*wanted), "setting the region")

    def set_power(self, cdbm: int) -> None:
        dbm = cdbm // self._profile.power.unit_cdbm
        if self._information().power_dbm != dbm:
            self._set("power", bytes([dbm]), "setting the power")

    def inventory(self) -> list[Sighting]:
        inventory, command = self._profile.inventory, self._profile.commands["inventory"]
        request = b""
        if inventory.q is not None:
            self._scan_ms = inventory.round_ms or payloads.SHORTEST_SCAN_MS
            request = payloads.inventory_request(inventory.q, inventory.session or 0, self._scan_ms)
        elif self._scan_ms is None:
            self._scan_ms = self._set_scan_time()
        frames = self._port.ask_many(
            self._port.framing.request(command.code, request),
            _accepting(command),
            lambda frame: frame.status not in inventory.more,
            (self._profile.waits.inventory.ms + self._scan_ms) / 1000,
            attempts=_ATTEMPTS,
        )
        last = frames[-1]
        if last.status not in inventory.done:
            error = self._refused(last, "inventory")
            if self._profile.errors.of(last.status or 0).meaning != "no-tag":
                raise of_module(error)
            frames.pop()
        return [
            sighting
            for frame in frames
            for sighting in payloads.parse_sightings(frame.data, antenna_and_rssi=inventory.q is not None)
        ]

    def choose(self, target: Target | None) -> None:
        """Nothing is said to the reader: the EPC goes with every command. One without words stands for any tag."""
        epc = target.epc if target is not None else b""
        longest = self._profile.selection.mask_bits // 8
        if len(epc) > longest:
            raise TagRefused(
                f"the module cannot name an EPC of {len(epc) // 2} words",
                code="epc-too-long",
                action="use a tag with a shorter EPC, or another module",
                chip=epc.hex(),
                most=longest // 2,
            )
        self._epc = epc

    def read(self, bank: Bank, word: int, count: int, password: bytes, *, secret: bool = False) -> bytes:
        check_reach(self._profile.memory, word, count)
        request = payloads.read_request(self._epc, bank, word, count, password)
        hidden = Hidden(spans=((len(request) - len(password), len(request)),), answer=secret)
        answer = self._access("read", request, f"reading bank {bank.value}", words=count, hidden=hidden)
        return payloads.parse_words(answer, count)

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
        """``expect_refusal`` changes nothing: no time can be told to a reader."""
        words = len(data) // 2
        check_nameable(self._profile.selection.mask_bits // 8, bank, word, data)
        check_reach(self._profile.memory, word, words)
        request = payloads.write_request(self._epc, bank, word, data, password)
        shown = len(request) - len(password) - (len(data) if secret else 0)
        payloads.parse_nothing(
            self._access(
                "block_write" if block else "write",
                request,
                f"writing bank {bank.value}",
                words=words,
                hidden=Hidden(spans=((shown, len(request)),)),
            )
        )

    def lock(self, actions: Mapping[Area, LockAction], password: bytes) -> int:
        """One command an area."""
        areas = [area for area in LOCK_ORDER if area in actions]
        for area in areas:
            [(where, how)] = self._profile.lock.payloads({area: actions[area]})
            self._last_is_password(
                "lock", payloads.lock_request(self._epc, where, how, password), f"locking {area.value}"
            )
        return len(areas)

    def kill(self, password: bytes) -> None:
        self._last_is_password("kill", payloads.kill_request(self._epc, password), "killing the tag")

    def signal(self) -> bool:
        if "signal" not in self._profile.commands:
            return False
        return self._ask("signal", _SIGNAL).status in self._profile.errors.ok

    def close(self) -> None:
        self._port.close()

    def _last_is_password(self, name: str, request: bytes, doing: str) -> None:
        hidden = Hidden(spans=((len(request) - 4, len(request)),))
        payloads.parse_nothing(self._access(name, request, doing, hidden=hidden))

    def _access(
        self, name: str, request: bytes, doing: str, *, words: int = 0, hidden: Hidden = NOTHING_HIDDEN
    ) -> bytes:
        waits, command = self._profile.waits, self._profile.commands[name]
        frame = self._port.ask_tag(
            self._port.framing.request(command.code, request),
            _accepting(command),
            (waits.access.ms + words * waits.access_word.ms) / 1000,
            hidden=hidden,
        )
        if frame.status not in self._profile.errors.ok:
            raise self._refused(frame, doing)
        return frame.data

    def _ask(self, name: str, data: bytes = b"", *, attempts: int = _ATTEMPTS) -> Frame:
        command = self._profile.commands[name]
        return self._port.ask(
            self._port.framing.request(command.code, data),
            _accepting(command),
            self._profile.waits.answer.ms / 1000,
            attempts=attempts,
        )

    def _set(self, name: str, data: bytes, doing: str) -> None:
        frame = self._ask(name, data)
        if frame.status not in self._profile.errors.ok and frame.status != _UNTIL_POWER_OFF:
            raise of_module(self._refused(frame, doing))
        payloads.parse_nothing(frame.data)

    def _set_scan_time(self) -> int:
        """How long a round of an UHFReader18 may last: the reader's own time, or the profile's where it has one."""
        told, wanted = self._information().scan_time_ms, self._profile.inventory.round_ms
        if wanted is None or "scan_time" not in self._profile.commands:
            return told
        units = payloads.scan_units(wanted)
        if told != units * payloads.UNIT_MS:
            self._set("scan_time", bytes([units]), "setting the scan time")
        return units * payloads.UNIT_MS

    def _information(self, *, attempts: int = _ATTEMPTS) -> Information:
        frame = self._ask("version", attempts=attempts)
        if frame.status not in self._profile.errors.ok:
            raise of_module(self._refused(frame, "asking for the reader's information"))
        return Information.from_bytes(frame.data)

    def _refused(self, frame: Frame, doing: str) -> DpptagError:
        errors, status = self._profile.errors, frame.status or 0
        tag_code = frame.data[0] if status == errors.tag_follows and len(frame.data) == 1 else None
        code = f"{status:02x}" if tag_code is None else f"{status:02x}{tag_code:02x}"
        return refusal_error(errors.of(status, tag_code), code, what=doing, device=self._port.name)


def _accepting(command: Command) -> Accept:
    """Its own answers, and the one that says that no command was understood."""
    codes = command.accepted
    return lambda frame: frame.command in codes or (frame.command == 0 and frame.status == _NOT_UNDERSTOOD)


def _channels(region: Region) -> tuple[int, int, int]:
    """Band, first and last channel."""
    return region.code, region.first_channel, region.first_channel + region.channels - 1
