"""Mercury serial: ThingMagic, Jadak and Novanta modules (M5e, M6e, Micro, Nano, M7e).

Every command names its tags by a mask of its own, so the module keeps no choice and an EPC that changes matters to
none. A command carries the time that the module may try; the host waits that long and more. EPCs are written with 24,
not with the module's own 23: that one takes no PC, and PC and EPC must reach the tag in one command.
Sources: see mercury_requests.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from dpptag.devices.uhf import mercury_answers as answers
from dpptag.devices.uhf import mercury_requests as requests
from dpptag.devices.uhf.framing import Frame
from dpptag.devices.uhf.mercury_requests import Metadata, Search, Select
from dpptag.devices.uhf.module import ModuleVersion, Target
from dpptag.devices.uhf.port import NOTHING_HIDDEN, Accept, Barrier, Hidden, UhfPort
from dpptag.devices.uhf.refusals import refusal_error
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.errors import DeviceLost, DeviceProtocolError, TagLost, TagNak, UsageError
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction, ModuleState, Sighting

_LOG: Final = logging.getLogger(__name__)

_NO_TAG: Final = 0x0400
_NO_PROTOCOL: Final = 0x0401
_NO_REGION: Final = 0x010B
_BUFFER_FULL: Final = 0x0601
_BOOT_ATTEMPTS: Final = 4
"""Questions after the start of the firmware, the profile's boot time apart."""
_ATTEMPTS: Final = 2
"""For what changes nothing or the same again: an answer may be damaged, and after a killed program the module may take
the first command for the rest of its last one."""
_MOST_RECORDS: Final = 0xFFFF
"""The module counts the records of its buffer in 16 bits (MAPI)."""
_PROGRAM_MASK: Final = 0x03
_APPLICATION: Final = 0x02
_OPTIONS: Final = (
    bytes.fromhex("010601"),  # 06 on: of several replies of a tag the strongest RSSI is kept (captured)
    bytes.fromhex("010800"),  # 08 off: other data make another record (MAPI; the option means the opposite)
)
_SESSION: Final = 0x00
"""Which Gen2 option the session is (MAPI)."""
_TID_WORDS: Final = 6
_SEARCH: Final = Search.CONFIGURED_LIST | Search.EMBEDDED_COMMAND | Search.LARGE_POPULATION
_METADATA: Final = Metadata.RSSI | Metadata.ANTENNA | Metadata.FREQUENCY | Metadata.DATA
"""No more than is used: a thousand whole records take half a second longer at 115200 baud."""

# Where a password or the words of a tag begin in the data of a request.
_READ_PASSWORD: Final = 11
_WRITE_PASSWORD: Final = 8
_BLOCK_WRITE_PASSWORD: Final = 6
_LOCK_PASSWORD: Final = 3


class MercuryModule:
    """A :class:`dpptag.devices.uhf.module.Gen2Module` on an opened port."""

    def __init__(self, port: UhfPort, profile: UhfProfile) -> None:
        if profile.access is None:
            raise ValueError(f"the profile {profile.name} lacks the timeouts of its commands")
        self._port = port
        self._profile = profile
        self._access = profile.access
        self._select: Select | None = None
        self._region_is_set = False
        waits = profile.waits
        self._answer = waits.answer.ms / 1000
        self._beyond = waits.access.ms / 1000
        # Asked after a lost answer, while the module may still be busy with a tag for as long as it was allowed.
        version = profile.commands["version"].code
        port.barrier = Barrier(
            port.framing.request(version), _reply_to(version), self._answer + self._access.timeout_ms / 1000
        )

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
        return self._profile.memory.block_write_words > 0

    @property
    def cuts_block_writes(self) -> bool:
        """One of 4 words was captured, which is what it sends. With the 2 words of most chips a command gains nothing:
        18 ms and 3.6 a word, where one long write takes 11.2 a word (captured, fitted)."""
        return False

    # What the module is and how it is set.

    def identify(self) -> ModuleVersion:
        """Also starts the firmware where the boot loader answers, and sets protocol, antenna and RSSI."""
        version = self._running()
        expected = self._profile.identity.hardware
        model = version.model
        if expected and version.hardware[0] not in expected:
            raise DeviceProtocolError(
                f"the module at {self._port.name} is another than its profile says: {model}",
                code="profile-other-module",
                action="name the profile of this module in the device path",
                device=self._port.name,
                profile=self._profile.name,
                hardware=version.hardware.hex(),
            )
        self._profile = self._profile.for_firmware(version.firmware_text)
        self._command("protocol", requests.PROTOCOL_GEN2.to_bytes(2, "big"))
        session = self._profile.inventory.session
        if session is not None:
            # Another program may have left one in which a tag is heard once and then keeps silent for seconds.
            self._set_option("protocol_option", bytes([requests.PROTOCOL_GEN2, _SESSION, session]))
        self._set_antenna()
        for option in _OPTIONS:
            self._set_option("option", option)
        return ModuleVersion(model, version.firmware_text)

    def state(self) -> ModuleState:
        commands = self._profile.commands
        region = read = write = temperature = None
        if "get_region" in commands:
            code = answers.parse_byte(self._command("get_region"))
            self._region_is_set = code != 0
            region = next((name for name, known in self._profile.regions.items() if known.code == code), None)
        if "get_read_power" in commands:
            read = self._power("get_read_power")
        if "get_write_power" in commands:
            write = self._power("get_write_power")
        if "temperature" in commands:
            temperature = answers.parse_temperature(self._command("temperature"))
        return ModuleState(region, read, write, temperature)

    def set_region(self, name: str) -> None:
        """Raises DeviceProtocolError where the module then hops over other frequencies than the profile says."""
        self._region_is_set = False
        self._command("region", bytes([self._profile.regions[name].code]))
        self._region_is_set = True
        if "hop_table" not in self._profile.commands:
            return
        legal = self._profile.frequencies_khz(name)
        for khz in answers.parse_frequencies(self._command("hop_table")):
            if not legal[0] <= khz <= legal[-1]:
                raise DeviceProtocolError(
                    f"the module at {self._port.name} sends on {khz} kHz in a region that its profile calls {name}",
                    code="region-other-frequencies",
                    action="correct the region's code or its channels in the profile",
                    device=self._port.name,
                    region=name,
                    khz=khz,
                )

    def set_power(self, cdbm: int) -> None:
        """Raises UsageError outside the range that the module itself names, which may be less than its profile's."""
        if "get_read_power" in self._profile.commands:
            unit = self._profile.power.unit_cdbm
            limits = answers.Power.from_bytes(self._command("get_read_power", b"\1"))
            least, most = (None if limit is None else limit * unit for limit in (limits.least, limits.most))
            if (least is not None and cdbm < least) or (most is not None and cdbm > most):
                raise UsageError(
                    f"the module at {self._port.name} sends with {least} to {most} hundredths of dBm, not {cdbm}",
                    code="uhf-power",
                    action="take a power in this range",
                    device=self._port.name,
                )
        steps = cdbm // self._profile.power.unit_cdbm
        for command in ("read_power", "write_power"):
            self._command(command, steps.to_bytes(2, "big", signed=True))

    def signal(self) -> bool:
        return False

    def close(self) -> None:
        self._port.close()

    # The field.

    def inventory(self) -> list[Sighting]:
        """One entry for every tag, however often the module heard it.

        The module keeps one record of an EPC. So that blank tags with the same one are not taken for one tag, each is
        made to tell its TID as well. A tag that gave none counts only where nobody else with its EPC gave one: it may
        be the same tag, heard badly for a moment, and commands choose by TID.
        """
        heard = self._whole_round()
        told = {record.epc for record in heard if record.heard.data}
        return [_sighting(record) for record in heard if record.heard.data or record.epc not in told]

    def choose(self, target: Target | None) -> None:
        """Told to the module with every command, and not before."""
        self._select = None
        longest = self._profile.selection.mask_bits // 8
        if target is not None and target.tid and self.selects_by_tid:
            self._select = Select.by_tid(target.tid[:longest])
        elif target is not None and target.epc:
            self._select = Select.by_epc(target.epc[:longest])

    def read(self, bank: Bank, word: int, count: int, password: bytes, *, secret: bool = False) -> bytes:
        data = requests.read(self._access.timeout_ms, bank, word, count, self._select, password)
        hidden = Hidden(_password(password, _READ_PASSWORD), answer=secret)
        what = f"reading {count} words of the {bank.name} bank from word {word}"
        return answers.parse_read(self._for_tag("read", data, what, words=count, hidden=hidden), count)

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
        """A refused write lasts as long as the module may try, and then does not say why: with 0406 (captured).

        A BlockWrite of more words than one command may have goes out as several, in the order of the words.
        """
        timeout = self._access.proof_ms if expect_refusal else self._access.timeout_ms
        name, build, password_at = (
            ("block_write", requests.block_write, _BLOCK_WRITE_PASSWORD)
            if block
            else ("write", requests.write, _WRITE_PASSWORD)
        )
        size = 2 * self._profile.memory.block_write_words if block else len(data)
        for at in range(0, len(data), size):
            part, first = data[at : at + size], word + at // 2
            payload = build(timeout, bank, first, part, self._select, password)
            spans = _password(password, password_at)
            if secret:
                spans += ((len(payload) - len(part), len(payload)),)
            words = len(part) // 2
            what = f"writing {words} words of the {bank.name} bank from word {first}"
            self._for_tag(name, payload, what, ms=timeout, words=words, hidden=Hidden(spans))

    def lock(self, actions: Mapping[Area, LockAction], password: bytes) -> int:
        payloads = self._profile.lock.payloads(actions)
        for payload in payloads:
            data = requests.lock(self._access.timeout_ms, payload, self._select, password)
            self._for_tag("lock", data, "locking", hidden=Hidden(_password(password, _LOCK_PASSWORD)))
        return len(payloads)

    def kill(self, password: bytes) -> None:
        data = requests.kill(self._access.timeout_ms, self._select, password)
        self._for_tag("kill", data, "killing", hidden=Hidden(_password(password, _LOCK_PASSWORD)))

    # Steps.

    def _running(self) -> answers.Version:
        """The version of the firmware, started where only the boot loader runs."""
        version = answers.Version.from_bytes(self._command("version"))
        boot = self._profile.waits.boot
        if version.protocols == 0 and boot is not None and "boot" in self._profile.commands:
            try:
                self._command("boot", seconds=boot.ms / 1000 + self._answer, attempts=1)
            except DeviceLost:  # it may start without a word; a port that is gone is gone for the next question too
                _LOG.debug("%s: no answer to the start of its firmware", self._port.name)
            for _ in range(_BOOT_ATTEMPTS):
                version = answers.Version.from_bytes(self._command("version"))
                if version.protocols:
                    break
                self._port.pause(boot.ms / 1000)
        program = _APPLICATION
        if "program" in self._profile.commands:
            program = answers.parse_byte(self._command("program"))
        if version.protocols == 0 or program & _PROGRAM_MASK != _APPLICATION:
            raise DeviceLost(
                f"the module at {self._port.name} stays in its boot loader",
                code="module-boot-loader",
                action="power it off and on; if that does not help, its firmware must be installed again",
                device=self._port.name,
            )
        return version

    def _set_antenna(self) -> None:
        """One port, for rounds and for access: the first where an antenna is seen, else the first there is."""
        ports: dict[int, bool] = {}
        if "get_antenna" in self._profile.commands:
            ports = answers.parse_ports(self._command("get_antenna", b"\x05"))
        port = next((number for number, connected in ports.items() if connected), next(iter(ports), 1))
        if sum(ports.values()) > 1:
            _LOG.info("%s: of several antennas that of port %d is used", self._port.name, port)
        self._command("antenna", bytes([2, port, port]))
        self._command("antenna", bytes([port, port]))

    def _set_option(self, name: str, data: bytes) -> None:
        """An older firmware may not know it: then rounds tell less, but what they tell is true."""
        if name not in self._profile.commands:
            return
        try:
            self._command(name, data)
        except (DeviceProtocolError, TagNak) as error:
            if "status" not in error.facts:
                raise
            _LOG.warning("%s: option %s is not taken: %s", self._port.name, data.hex(), error.message)

    def _whole_round(self) -> list[answers.Record]:
        try:
            return self._round()
        except TagLost as error:
            if error.facts.get("answered"):
                raise
        _LOG.debug("%s: an answer of a round was lost, another round is held", self._port.name)
        return self._round()

    def _round(self) -> list[answers.Record]:
        round_ms = self._profile.inventory.round_ms or self._access.timeout_ms
        self._command("clear_buffer")  # before the round: whoever was killed behind one left its tags there
        tid = requests.embedded_read(round_ms, Bank.TID, 0, _TID_WORDS)
        wait_ms = round_ms + self._profile.waits.inventory.ms
        search = self._exchange("inventory", requests.inventory(_SEARCH, round_ms, embedded=tid), wait_ms / 1000)
        if search.status == _NO_TAG:
            return []
        if search.status == _BUFFER_FULL:
            # The rest was heard too, and will be again in the next round.
            count = answers.parse_waiting(self._ok("get_buffer", self._exchange("get_buffer", b"", self._answer)))
        else:
            result = answers.SearchResult.from_bytes(self._ok("inventory", search))
            if result.flags != _SEARCH or result.count > _MOST_RECORDS:
                raise self._port.malformed("its round was another than that asked for")
            count = result.count
        records: list[answers.Record] = []
        while len(records) < count:
            answer = self._exchange("get_buffer", requests.buffer_page(_METADATA), self._answer)
            page = answers.parse_page(self._ok("get_buffer", answer), _METADATA)
            if not page:
                raise self._port.malformed(f"it heard {count} tags and tells of {len(records)}")
            records += page
        return records

    def _power(self, command: str) -> int:
        return answers.Power.from_bytes(self._command(command, b"\0")).cdbm * self._profile.power.unit_cdbm

    # Questions.

    def _command(
        self, name: str, data: bytes = b"", *, seconds: float | None = None, attempts: int = _ATTEMPTS
    ) -> bytes:
        """A question to the module alone, which may be asked again; the data of its answer."""
        code = self._profile.commands[name].code
        answer = self._port.ask(
            self._port.framing.request(code, data), _reply_to(code), seconds or self._answer, attempts=attempts
        )
        return self._ok(name, answer)

    def _for_tag(
        self,
        name: str,
        data: bytes,
        what: str,
        *,
        ms: int | None = None,
        words: int = 0,
        hidden: Hidden = NOTHING_HIDDEN,
    ) -> bytes:
        """A command for a tag, sent once."""
        wait_ms = (self._access.timeout_ms if ms is None else ms) + words * self._profile.waits.access_word.ms
        answer = self._exchange(name, data, wait_ms / 1000 + self._beyond, hidden)
        return self._ok(what, answer)

    def _exchange(self, name: str, data: bytes, seconds: float, hidden: Hidden = NOTHING_HIDDEN) -> Frame:
        """Its answer whatever its status; TagLost with ``answered`` False where none comes."""
        code = self._profile.commands[name].code
        return self._port.ask_tag(self._port.framing.request(code, data), _reply_to(code), seconds, hidden=hidden)

    def _ok(self, what: str, answer: Frame) -> bytes:
        status = answer.status or 0
        if status in self._profile.errors.ok:
            return answer.data
        if status == _NO_PROTOCOL or (status == _NO_REGION and self._region_is_set):
            raise DeviceLost(
                f"the module at {self._port.name} has started anew",
                code="module-restarted",
                action="check its supply, then run the command again",
                device=self._port.name,
            )
        raise refusal_error(self._profile.errors.of(status), f"{status:04X}", what=what, device=self._port.name)


def _reply_to(code: int) -> Accept:
    return lambda frame: frame.command == code


def _password(password: bytes, at: int) -> tuple[tuple[int, int], ...]:
    """Where a password stands in a request; zeros are none and tell nothing."""
    return () if password == NO_PASSWORD else ((at, at + len(password)),)


def _sighting(record: answers.Record) -> Sighting:
    heard = record.heard
    return Sighting(
        epc=record.epc,
        pc=record.pc,
        rssi_dbm=heard.rssi_dbm,
        antenna=heard.port,
        frequency_khz=heard.frequency_khz,
    )
