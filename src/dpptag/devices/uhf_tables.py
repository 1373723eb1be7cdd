"""What a UHF module can do, in its profile: speeds, waits, limits of memory and power, regions and their law."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dpptag.devices.toml_files import Table, Words, wrong_at
from dpptag.devices.uhf_framing_profile import Octet


class Wait(Table):
    """``ms`` may be 0 where nothing has to be waited for; ``reason`` says where the figure is from."""

    ms: Annotated[int, Field(ge=0, le=60_000)]
    reason: Words


class Wake(Table):
    """A byte that a sleeping module loses, and how long it takes to wake."""

    octet: Octet
    wait: Wait


Baud = Literal[9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600]


class Serial(Table):
    """8 data bits, no parity, 1 stop bit. ``probe``: the speeds to try in this order. ``gap``: between two commands."""

    baud: Baud
    probe: Annotated[list[Baud], Field(min_length=1)]
    gap: Wait | None = None
    wake: Wake | None = None

    @model_validator(mode="after")
    def _the_usual_speed_is_tried(self) -> Self:
        if self.baud not in self.probe or len(set(self.probe)) != len(self.probe):
            raise wrong_at("it must hold baud, and no speed twice", "probe")
        return self


class Waits(Table):
    """How long an answer may take, counted from the last byte sent.

    ``answer``: to a command without a tag. ``access``: to one for a tag, and ``access_word`` more for every word read
    or written. ``inventory``: to a round, beside what the round itself lasts.
    """

    answer: Wait
    access: Wait
    access_word: Wait
    inventory: Wait
    boot: Wait | None = None


class Identity(Table):
    """How the module says which one it is, all lists empty where it does not.

    ``hardware``: numbers of the version answer (Mercury: first hardware byte; reader18: type byte). ``texts``: how its
    text of itself begins.
    """

    hardware: Annotated[list[Octet], Field(default_factory=list)]
    texts: Annotated[list[Words], Field(default_factory=list)]


class Memory(Table):
    """Limits of one command. ``word_pointer_bits``: how wide a word address is. ``read_words``, ``write_words``: most
    words of one read or write; ``block_write_words``: of one BlockWrite, 0 where the module has none that is trusted.
    """

    word_pointer_bits: Literal[8, 16, 32]
    read_words: Annotated[int, Field(ge=1, le=255)]
    write_words: Annotated[int, Field(ge=1, le=255)]
    block_write_words: Annotated[int, Field(ge=0, le=255)]


class Selection(Table):
    """How a tag is chosen.

    ``filter``: a mask in every command. ``select``: a Select command with any mask, kept by the module. ``match-epc``:
    an EPC, kept by the module. ``epc-in-command``: an EPC in every command. ``settle``: the wait after choosing.
    ``mask_bits``: the longest mask or EPC; a longer mask is cut off, a longer EPC refused.
    """

    model: Literal["filter", "select", "match-epc", "epc-in-command"]
    by_tid: bool
    mask_bits: Annotated[int, Field(ge=8, le=496)]
    settle: Wait | None = None

    @model_validator(mode="after")
    def _a_tid_needs_a_mask(self) -> Self:
        if self.by_tid and self.model in ("match-epc", "epc-in-command"):
            raise wrong_at(f"the model {self.model} cannot choose by TID", "by_tid")
        return self


Power10 = Annotated[int, Field(ge=-3000, le=4000)]


class Power(Table):
    """``unit_cdbm``: what one step of the number on the wire means. ``start_cdbm``: set on opening.

    ``separate``: reading and writing have their own. ``set_by``: ``volatile`` where a command changes it until
    power-off, ``flash`` where the only one wears the module's memory, so that it is sent only when the power differs.
    """

    unit_cdbm: Literal[1, 10, 100]
    min_cdbm: Power10
    max_cdbm: Power10
    start_cdbm: Power10
    separate: bool
    set_by: Literal["volatile", "flash"]

    @model_validator(mode="after")
    def _range_is_one(self) -> Self:
        if not self.min_cdbm <= self.start_cdbm <= self.max_cdbm:
            raise wrong_at("it must lie between min_cdbm and max_cdbm", "start_cdbm")
        if any(value % self.unit_cdbm for value in (self.min_cdbm, self.max_cdbm, self.start_cdbm)):
            raise ValueError("a power is no multiple of unit_cdbm")
        return self


class Rssi(Table):
    """``int8``: signed dBm. ``offset``: the byte plus ``offset`` is dBm. ``raw``: a number without a unit. ``none``."""

    kind: Literal["int8", "offset", "raw", "none"]
    offset: Annotated[int, Field(ge=-200, le=0)] = 0

    @model_validator(mode="after")
    def _offset_where_it_counts(self) -> Self:
        if (self.kind == "offset") != (self.offset != 0):
            raise ValueError("offset belongs to the kind offset, and to it alone")
        return self

    def dbm(self, octet: int) -> int | None:
        """The byte of an answer as dBm; None where it is no dBm."""
        if self.kind == "int8":
            return octet - 256 if octet > 127 else octet
        return octet + self.offset if self.kind == "offset" else None


class Inventory(Table):
    """``round_ms``: how long the module is told to look, None where it has no such setting. ``rounds``: how often.

    ``tail``: how long a round may go on after its first tag, where no frame ends it.
    ``more``: statuses after which more frames of the same round follow; ``done``: those of a round's last frame (A0:
    the value of its length field).
    """

    round_ms: Annotated[int, Field(ge=10, le=60_000)] | None = None
    rounds: Annotated[int, Field(ge=1, le=255)] = 1
    q: Annotated[int, Field(ge=0, le=15)] | None = None
    session: Annotated[int, Field(ge=0, le=3)] | None = None
    tail: Wait | None = None
    more: Annotated[list[Octet], Field(default_factory=list)]
    done: Annotated[list[Octet], Field(default_factory=list)]


class Access(Table):
    """Timeouts that the module is told, where its commands carry one. ``proof_ms``: of a write that must fail."""

    timeout_ms: Annotated[int, Field(ge=10, le=10_000)]
    proof_ms: Annotated[int, Field(ge=10, le=10_000)]


class Limit(Table):
    """The law's limit of radiated power. ``measure``: ERP is against a dipole, 2.15 dB below EIRP.

    ``conducted_cdbm``: the limit at the antenna socket, where the law has one (47 CFR 15.247).
    """

    radiated_cdbm: Annotated[int, Field(ge=0, le=5000)]
    measure: Literal["erp", "eirp"]
    conducted_cdbm: Annotated[int, Field(ge=0, le=4000)] | None = None
    source: Words

    @property
    def eirp_cdbm(self) -> int:
        return self.radiated_cdbm + (215 if self.measure == "erp" else 0)


class Region(Table):
    """``code``: what the module calls it. Channel ``first_channel`` lies at ``first_khz``, the next ``step_khz`` above.

    ``channels``: how many; ``max_cdbm``: the most that the driver sets here. With it the law allows an antenna, less
    its cable, of :meth:`antenna_cdbi`. ``by_frequency``: the module is told frequencies, not numbers of channels.
    ``legal_channels``: those that may carry this power where not all may: a driver hops over these alone.
    """

    code: Octet
    first_khz: Annotated[int, Field(ge=840_000, le=960_000)]
    step_khz: Annotated[int, Field(ge=1, le=5000)]
    channels: Annotated[int, Field(ge=1, le=255)]
    first_channel: Annotated[int, Field(ge=0, le=255)] = 0
    max_cdbm: Power10
    by_frequency: bool = False
    legal_channels: list[Annotated[int, Field(ge=0, le=255)]] | None = None
    limit: Limit

    @property
    def last_khz(self) -> int:
        return self.first_khz + (self.channels - 1) * self.step_khz

    def antenna_cdbi(self, power_cdbm: int) -> int:
        """The antenna gain less cable loss, in hundredths of dBi, up to which this power stays legal."""
        return self.limit.eirp_cdbm - power_cdbm

    @model_validator(mode="after")
    def _within_the_law(self) -> Self:
        if self.last_khz > 960_000:
            raise ValueError(f"the last channel lies at {self.last_khz} kHz")
        last = self.first_channel + self.channels - 1
        for number in self.legal_channels or ():
            if not self.first_channel <= number <= last:
                raise wrong_at(f"{number} is not one of {self.first_channel} to {last}", "legal_channels")
        allowed = self.limit.eirp_cdbm
        if self.limit.conducted_cdbm is not None:
            allowed = min(allowed, self.limit.conducted_cdbm)
        if self.max_cdbm > allowed:
            raise wrong_at(f"it is above the legal {allowed} even without antenna gain", "max_cdbm")
        return self
