"""A0 boards (Impinj R2000, E710): what a module is asked, in their protocol.

A board keeps the EPC that it was told to match (85h) and does every access for tags with this EPC alone; each answer
names the EPC it is from, and it is held against the chosen one. Two tags with this EPC both do what is asked, which
the answer tells by its count: nothing is believed then.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Final

from dpptag.devices.uhf.a0_payloads import (
    RegionSetting,
    lock_request,
    match_request,
    parse_access,
    parse_code,
    parse_identifier,
    parse_powers,
    parse_sighting,
    parse_temperature,
    parse_total,
    parse_version,
    read_request,
    write_request,
)
from dpptag.devices.uhf.framing import Frame
from dpptag.devices.uhf.module import LOCK_ORDER, ModuleVersion, Target, epc_after
from dpptag.devices.uhf.port import NOTHING_HIDDEN, Accept, Barrier, Hidden, UhfPort, UnansweredError
from dpptag.devices.uhf.refusals import check_reach, of_module, refusal_error
from dpptag.devices.uhf_code_tables import Command
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Region, Wait
from dpptag.errors import DeviceProtocolError, DpptagError, TagRefused, TagSwapped
from dpptag.links.gen2 import Area, Bank, LockAction, ModuleState, Sighting

_LOG: Final = logging.getLogger(__name__)

_ATTEMPTS: Final = 2
"""For what may be asked again: a byte may be lost on the line."""
_MOST_OTHERS: Final = 64
"""Answers of further tags that are waited for."""
_SHORT_ERROR: Final = 1  # the code alone (LEN 04h)
_TARGET_A: Final = 0
_ANTENNA_1: Final = 0
_LENGTH_BESIDES_DATA: Final = 3  # address, command, check


class A0Module:
    """A board behind an opened port, which :meth:`close` closes."""

    selects_by_tid = False

    def __init__(self, port: UhfPort, profile: UhfProfile) -> None:
        self._port = port
        self._profile = profile
        self._chosen: Target | None = None
        self._also: bytes | None = None
        self._region: RegionSetting | None = None
        self._power_cdbm: int | None = None

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
        """Judged: 94h takes as many words as 82h, more than any chip programs at once; pyImpinj writes by it alone."""
        return self.offers_block_write

    def identify(self) -> ModuleVersion:
        """The version is two numbers. A profile that knows how the board's identifier begins has it compared.

        Antenna 1 is then chosen: a board keeps the one it was told last.
        """
        port, version = self._port, self._profile.commands["version"]
        firmware = parse_version(self._ask("version", attempts=1))
        port.barrier = Barrier(
            port.framing.request(version.code), _accepting(version), _seconds(self._profile.waits.answer)
        )
        self._profile = self._profile.for_firmware(firmware)
        if "antenna" in self._profile.commands:
            code = parse_code(self._ask("antenna", bytes([_ANTENNA_1])))
            if code not in self._profile.errors.ok:  # a board with one antenna need not know the command
                _LOG.info("%s does not choose an antenna: code %02x", port.name, code)
        texts = self._profile.identity.texts
        if not texts:
            return ModuleVersion(model=self._profile.title, firmware=firmware)
        identifier = parse_identifier(self._ask("identifier"))
        if not identifier.startswith(tuple(texts)):
            raise DeviceProtocolError(
                f"the module at {self._port.name} is another than its profile says: {identifier}",
                code="profile-other-module",
                action="name the profile of this module in the device path",
                device=self._port.name,
                profile=self._profile.name,
            )
        return ModuleVersion(model=identifier, firmware=firmware)

    def state(self) -> ModuleState:
        """The power is the one set last by the command that leaves flash alone, else what the board has stored."""
        power = self._power_cdbm if self._power_cdbm is not None else self._stored_power()
        temperature = None
        if "temperature" in self._profile.commands:
            answer = self._ask("temperature")
            temperature = None if len(answer) == _SHORT_ERROR else parse_temperature(answer)
        return ModuleState(
            region=self._region_name(), read_power_cdbm=power, write_power_cdbm=power, temperature_c=temperature
        )

    def set_region(self, name: str) -> None:
        """Stored in flash, so only where the board has another one."""
        wanted = _setting(self._profile.regions[name])
        if self._asked_region() != wanted:
            self._region = None
            self._set("region", wanted.to_bytes(), "setting the region")
        self._region = wanted

    def set_power(self, cdbm: int) -> None:
        octet = bytes([cdbm // self._profile.power.unit_cdbm])
        if "temporary_power" in self._profile.commands:
            self._set("temporary_power", octet, "setting the power")
            self._power_cdbm = cdbm
        elif self._stored_power() != cdbm:
            self._set("power", octet, "setting the power")

    def inventory(self) -> list[Sighting]:
        """Where the profile names a session, in this one, of the tags whose flag is A."""
        inventory, name, request = self._profile.inventory, "inventory", b""
        if inventory.session is not None and "session_inventory" in self._profile.commands:
            name, request = "session_inventory", bytes([inventory.session, _TARGET_A])
        command = self._profile.commands[name]
        *tags, last = self._port.ask_many(
            self._port.framing.request(command.code, request + bytes([inventory.rounds])),
            _accepting(command),
            self._ends_inventory,
            _seconds(self._profile.waits.inventory),
            attempts=_ATTEMPTS,
        )
        if len(last.data) != _SHORT_ERROR:
            parse_total(last.data)
        elif self._profile.errors.of(last.data[0]).meaning != "no-tag":
            raise of_module(self._refused(last.data[0], "inventory"))
        return [parse_sighting(tag.data, self._region, self._profile.rssi.dbm) for tag in tags]

    def choose(self, target: Target | None) -> None:
        """A tag without EPC cannot be matched: any tag is then asked, and its answer must name no EPC either."""
        selection = self._profile.selection
        if target is not None and 8 * len(target.epc) > selection.mask_bits:
            raise TagRefused(
                f"the module cannot match an EPC of {len(target.epc) // 2} words",
                code="epc-too-long",
                action="use a tag with a shorter EPC, or another module",
                chip=target.epc.hex(),
                most=selection.mask_bits // 16,
            )
        self._set("match", match_request(target.epc or None if target else None), "choosing a tag")
        self._chosen = target
        if selection.settle is not None:
            self._port.pause(_seconds(selection.settle))

    def read(self, bank: Bank, word: int, count: int, password: bytes, *, secret: bool = False) -> bytes:
        check_reach(self._profile.memory, word, count)
        request = read_request(bank, word, count, password)
        hidden = Hidden(spans=((3, len(request)),), answer=secret)
        data = self._access("read", request, f"reading bank {bank.value}", words=count, hidden=hidden)
        if len(data) != 2 * count:
            raise self._port.malformed(f"{len(data)} bytes of data, where {2 * count} were asked for")
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
        """``expect_refusal`` changes nothing: no time can be told to a board."""
        words = len(data) // 2
        check_reach(self._profile.memory, word, words)
        request = write_request(bank, word, data, password)
        # Whether the answer to a new EPC names the old one or the new is not told anywhere: both are this tag's.
        self._also = epc_after(self._chosen.epc, word, data) if self._chosen and bank is Bank.EPC else None
        try:
            self._access(
                "block_write" if block else "write",
                request,
                f"writing bank {bank.value}",
                words=words,
                hidden=Hidden(spans=((0, 4), (7, len(request))) if secret else ((0, 4),)),
            )
        finally:
            self._also = None

    def lock(self, actions: Mapping[Area, LockAction], password: bytes) -> int:
        """One command an area."""
        areas = [area for area in LOCK_ORDER if area in actions]
        for area in areas:
            [(where, how)] = self._profile.lock.payloads({area: actions[area]})
            request = lock_request(where, how, password)
            self._access("lock", request, f"locking {area.value}", hidden=Hidden(spans=((0, 4),)))
        return len(areas)

    def kill(self, password: bytes) -> None:
        self._access("kill", password, "killing the tag", hidden=Hidden(spans=((0, 4),)))

    def signal(self) -> bool:
        """The beeper's mode is stored in flash, and no command beeps once."""
        return False

    def close(self) -> None:
        self._port.close()

    def _access(
        self, name: str, request: bytes, doing: str, *, words: int = 0, hidden: Hidden = NOTHING_HIDDEN
    ) -> bytes:
        """One access by the chosen tag; what was read, empty where nothing was."""
        profile, command = self._profile, self._profile.commands[name]
        seconds = _seconds(profile.waits.access) + words * _seconds(profile.waits.access_word)
        frame = self._port.ask_tag(
            self._port.framing.request(command.code, request), _accepting(command), seconds, hidden=hidden
        )
        if len(frame.data) == _SHORT_ERROR:
            if frame.data[0] in profile.errors.ok:
                raise self._port.malformed("an access is said to be done, but not by which tag")
            raise self._refused(frame.data[0], doing)
        found = parse_access(frame.data)
        if found.count > 1:
            with contextlib.suppress(UnansweredError):
                for _ in range(min(found.count - 1, _MOST_OTHERS)):
                    self._port.receive(_accepting(command), seconds)
            raise TagRefused(
                f"{doing}: {found.count} tags did it",
                code="several-tags",
                action="leave one tag alone in the field" + _or_changed(name),
                count=found.count,
                chip=found.epc.hex(),
            )
        if self._chosen is not None and found.epc not in (self._chosen.epc, self._also):
            raise TagSwapped(
                f"{doing}: another tag answered",
                action="put the first tag back, alone" + _or_changed(name),
                wanted=self._chosen.epc.hex(),
                got=found.epc.hex(),
            )
        if found.code is not None and found.code not in profile.errors.ok:
            raise self._refused(found.code, doing)
        if (found.code is None) != (name == "read"):
            raise self._port.malformed("an answer of another kind than was asked for")
        return found.data

    def _ask(self, name: str, data: bytes = b"", *, attempts: int = _ATTEMPTS) -> bytes:
        command = self._profile.commands[name]
        return self._port.ask(
            self._port.framing.request(command.code, data),
            _accepting(command),
            _seconds(self._profile.waits.answer),
            attempts=attempts,
        ).data

    def _set(self, name: str, data: bytes, doing: str) -> None:
        code = parse_code(self._ask(name, data))
        if code not in self._profile.errors.ok:
            raise of_module(self._refused(code, doing))

    def _refused(self, code: int, doing: str) -> DpptagError:
        return refusal_error(self._profile.errors.of(code), f"{code:02x}", what=doing, device=self._port.name)

    def _stored_power(self) -> int | None:
        """None where the antennas differ, or the board does not tell."""
        if "get_power" not in self._profile.commands:
            return None
        powers = set(parse_powers(self._ask("get_power")))
        return powers.pop() * self._profile.power.unit_cdbm if len(powers) == 1 else None

    def _asked_region(self) -> RegionSetting | None:
        if "get_region" not in self._profile.commands:
            return None
        answer = self._ask("get_region")
        return None if len(answer) == _SHORT_ERROR else RegionSetting.from_bytes(answer)

    def _region_name(self) -> str | None:
        self._region = self._asked_region()
        for name, region in self._profile.regions.items():
            if self._region == _setting(region):
                return name
        return None

    def _ends_inventory(self, frame: Frame) -> bool:
        length = len(frame.data) + _LENGTH_BESIDES_DATA
        return length in self._profile.inventory.done or len(frame.data) == _SHORT_ERROR


def _or_changed(name: str) -> str:
    """What else is to be done where a command reached other tags than it was meant for."""
    return "" if name == "read" else "; what was in the field was changed: write it anew or throw it away"


def _accepting(command: Command) -> Accept:
    codes = command.accepted
    return lambda frame: frame.command in codes


def _seconds(wait: Wait) -> float:
    return wait.ms / 1000


def _setting(region: Region) -> RegionSetting:
    if region.by_frequency:
        return RegionSetting(region.code, 0, region.channels - 1, region.first_khz, region.step_khz)
    return RegionSetting(region.code, region.first_channel, region.first_channel + region.channels - 1)
