"""How the frames of a UHF module are built, as its profile says it: their fields, length and checksum."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dpptag.devices.toml_files import Table

Octet = Annotated[int, Field(ge=0, le=0xFF)]

FrameField = Literal["header", "type", "address", "length", "command", "status", "data", "check", "end"]


class Check(Table):
    """The checksum over the fields ``covers``, in the order of the frame.

    ``sum8``: low byte of their sum. ``complement8``: what makes sum and itself 0. ``crc16``: with ``poly``, ``init``,
    ``xorout``; ``reflected``: poly is given reversed (8408h), bits go in low end first; ``augmented`` False: message
    bits enter at the low end of the register and no 16 zeros follow (Mercury). ``order``: of its two bytes.
    """

    kind: Literal["sum8", "complement8", "crc16"]
    covers: Annotated[list[FrameField], Field(min_length=2)]
    poly: Annotated[int, Field(ge=1, le=0xFFFF)] | None = None
    init: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    xorout: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    reflected: bool | None = None
    augmented: bool | None = None
    order: Literal["big", "little"] | None = None

    @property
    def size(self) -> int:
        return 2 if self.kind == "crc16" else 1

    @model_validator(mode="after")
    def _crc_is_described(self) -> Self:
        parts = (self.poly, self.init, self.xorout, self.reflected, self.augmented, self.order)
        if self.kind == "crc16" and None in parts:
            raise ValueError("crc16 needs poly, init, xorout, reflected, augmented and order")
        if self.kind != "crc16" and parts != (None,) * 6:
            raise ValueError(f"{self.kind} has no poly, init, xorout, reflected, augmented or order")
        if self.reflected and self.augmented is False:
            raise ValueError("a reflected crc16 without augmentation is not known here")
        return self


class FrameTypes(Table):
    """The type byte of a command, of its answer, and of what the module says unasked."""

    command: Octet
    answer: Octet
    notice: Octet


class Framing(Table):
    """``request`` and ``answer``: the fields of a frame in their order; a field that a frame lacks is not listed.

    ``length_counts``: the fields whose bytes the length field counts, those a frame lacks count nothing.
    ``longest_request``, ``longest_answer``: the largest value of the length field that is believed. ``address``: what
    is sent; answers may carry any. All numbers in a frame are big endian unless ``order`` says otherwise.
    """

    header: Octet | None = None
    end: Octet | None = None
    address: Octet | None = None
    types: FrameTypes | None = None
    request: list[FrameField]
    answer: list[FrameField]
    length_bytes: Literal[1, 2]
    length_counts: Annotated[list[FrameField], Field(min_length=1)]
    longest_request: Annotated[int, Field(ge=8, le=0xFFFF)]
    longest_answer: Annotated[int, Field(ge=8, le=0xFFFF)]
    status_bytes: Literal[0, 1, 2] = 0
    check: Check

    def size_of(self, field: FrameField) -> int:
        """Bytes of a field; 0 for data, whose size the length field tells."""
        if field == "length":
            return self.length_bytes
        if field == "status":
            return self.status_bytes
        if field == "check":
            return self.check.size
        return 0 if field == "data" else 1

    def counted(self, layout: list[FrameField]) -> int:
        """What the length field counts beside the data."""
        return sum(self.size_of(field) for field in layout if field in self.length_counts)

    @model_validator(mode="after")
    def _layouts_are_whole(self) -> Self:
        for layout in (self.request, self.answer):
            if len(set(layout)) != len(layout):
                raise ValueError("a field stands twice in a frame")
            if missing := [field for field in ("length", "command", "data", "check") if field not in layout]:
                raise ValueError(f"a frame lacks {', '.join(missing)}")
            if layout.index("length") > layout.index("data"):
                raise ValueError("the length must come before the data")
            if layout.index("check") < layout.index("data"):
                raise ValueError("the checksum must come behind the data")
            for field, value in (
                ("header", self.header),
                ("end", self.end),
                ("address", self.address),
                ("type", self.types),
            ):
                if (field in layout) != (value is not None):
                    raise ValueError(f"{field} must stand in both frames and have a value, or neither")
            if "header" in layout and layout[0] != "header":
                raise ValueError("the header must be the first field")
            if "end" in layout and layout[-1] != "end":
                raise ValueError("the end byte must be the last field")
        return self

    @model_validator(mode="after")
    def _status_length_and_check_agree(self) -> Self:
        if ("status" in self.answer) != (self.status_bytes > 0) or "status" in self.request:
            raise ValueError("status belongs to the answer, with status_bytes above 0")
        if "data" not in self.length_counts:
            raise ValueError("length_counts must count the data")
        for name, fields in (("length_counts", self.length_counts), ("check.covers", self.check.covers)):
            if strange := [field for field in fields if field not in self.answer]:
                raise ValueError(f"{name} names {strange[0]}, which no frame has")
            if len(set(fields)) != len(fields):
                raise ValueError(f"{name} names a field twice")
        if "check" in self.check.covers or "end" in self.check.covers:
            raise ValueError("the checksum covers neither itself nor the end byte")
        largest = (1 << 8 * self.length_bytes) - 1
        if max(self.longest_request, self.longest_answer) > largest:
            raise ValueError(f"a length field of {self.length_bytes} bytes holds {largest} at most")
        return self
