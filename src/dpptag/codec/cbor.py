"""Strict deterministic CBOR: the subset that tags and trust data use (docs/tag-format.md section 1).

Integers of 64 bits, byte and text strings, arrays, maps and null; definite lengths, shortest forms, map keys sorted
bytewise on their encoding (RFC 8949 section 4.2.1). Everything else is refused on reading and on writing.
"""

from __future__ import annotations

from typing import Final, Never

from dpptag.errors import CborError

CborValue = int | bytes | str | list["CborValue"] | dict["int | str", "CborValue"] | None
"""What :func:`decode` returns: exact types, never a bool, a float or a tag."""

TAG_LIMIT: Final = 1024
"""Bytes: no object on a tag is larger."""

_REFUSED_TAGS: Final = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
)  # every tag that cbor2 would act upon


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes((major | argument,))
    if argument < 0x100:
        return bytes((major | 24, argument))
    if argument < 0x10000:
        return bytes((major | 25,)) + argument.to_bytes(2, "big")
    if argument < 0x100000000:
        return bytes((major | 26,)) + argument.to_bytes(4, "big")
    if argument < 0x10000000000000000:
        return bytes((major | 27,)) + argument.to_bytes(8, "big")
    raise CborError("integer or length over 64 bits", code="cbor-range")


def encode_bytes(value: bytes) -> bytes:
    return _head(0x40, len(value)) + value


def encode_text(value: str) -> bytes:
    try:
        raw = value.encode()
    except UnicodeEncodeError as exc:
        raise CborError("text that is not encodable as UTF-8", code="cbor-text") from exc
    return _head(0x60, len(raw)) + raw


def encode(value: object) -> bytes:
    """Core deterministic encoding (RFC 8949 section 4.2.1). Raises CborError for a type outside the subset."""
    kind = type(value)
    if value is None:
        return b"\xf6"
    if kind is int:
        assert isinstance(value, int)
        return _head(0x00, value) if value >= 0 else _head(0x20, -1 - value)
    if kind is bytes:
        assert isinstance(value, bytes)
        return encode_bytes(value)
    if kind is str:
        assert isinstance(value, str)
        return encode_text(value)
    if isinstance(value, list | tuple):
        return _head(0x80, len(value)) + b"".join(map(encode, value))
    if kind is dict:
        assert isinstance(value, dict)
        entries = sorted((encode(key), encode(item)) for key, item in value.items())
        return _head(0xA0, len(entries)) + b"".join(key + item for key, item in entries)
    raise CborError(f"{kind.__name__} is outside the CBOR subset", code="cbor-type")


def decode(data: bytes, *, max_size: int = TAG_LIMIT, max_depth: int = 4) -> CborValue:
    """One value that encodes back to exactly ``data``. Raises CborError.

    The size is checked before anything is decoded, so time and memory are bounded by ``max_size``.
    """
    import cbor2

    if len(data) > max_size:
        raise CborError(f"{len(data)} bytes, more than the {max_size} allowed", code="cbor-size")
    if not data:
        raise CborError("empty where CBOR was expected", code="cbor-empty")
    try:
        value = cbor2.loads(
            data,
            max_depth=max_depth,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=dict.fromkeys(_REFUSED_TAGS, _refuse_tag),
            tag_hook=_refuse_tag,
        )
        checked = _checked(value)
        same = encode(checked) == data
    except CborError:
        raise
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as exc:
        if isinstance(exc.__cause__, CborError):  # cbor2 wraps what its hooks raise
            raise exc.__cause__ from exc
        raise CborError(f"not CBOR of the allowed subset: {str(exc)[:120]}", code="cbor-malformed") from exc
    if not same:
        raise CborError("not the deterministic encoding, or bytes follow it", code="cbor-not-deterministic")
    return checked


def bytes_at(data: bytes, at: int) -> tuple[bytes, int]:
    """The byte string whose head stands at ``at``, in its shortest form, and the offset after it. Raises CborError."""
    head = data[at : at + 9]
    if not head or head[0] >> 5 != 2 or head[0] & 0x1F > 27:
        raise CborError("no byte string where one was expected", code="cbor-malformed")
    info = head[0] & 0x1F
    width = 0 if info < 24 else 1 << (info - 24)
    length = info if info < 24 else int.from_bytes(head[1 : 1 + width], "big")
    start = at + 1 + width
    if start + length > len(data):
        raise CborError("CBOR ends early", code="cbor-malformed")
    if data[at:start] != _head(0x40, length):
        raise CborError("not the deterministic encoding", code="cbor-not-deterministic")
    return data[start : start + length], start + length


def item_end(data: bytes, at: int, depth: int = 4) -> int:
    """Offset after the definite-length item at ``at``, one leading tag allowed at the top. Raises CborError."""
    try:
        head = data[at]
        major, info = head >> 5, head & 0x1F
        if info < 24:
            argument, at = info, at + 1
        elif info < 28:
            width = 1 << (info - 24)
            argument, at = int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width
        else:
            raise CborError("indefinite length or reserved head", code="cbor-malformed")
    except IndexError:
        raise CborError("CBOR ends early", code="cbor-malformed") from None
    if not depth or (2 <= major <= 5 and argument > len(data)):  # of an integer or tag, it is no length
        raise CborError("CBOR nested too deep, or longer than its carrier", code="cbor-malformed")
    if major in (2, 3):
        at += argument
    elif major in (4, 5):
        for _ in range(argument * (major - 3)):
            at = item_end(data, at, depth - 1)
    elif major == 6:
        at = item_end(data, at, depth - 1)
    if at > len(data):
        raise CborError("CBOR ends early", code="cbor-malformed")
    return at


def _refuse_tag(*_: object) -> Never:
    raise CborError("a CBOR tag where none is allowed", code="cbor-tag")


def _checked(value: object) -> CborValue:
    """``value`` with every type proved exact: 1, 1.0 and True are equal in Python, on a tag they are not."""
    kind = type(value)
    if value is None or kind is int or kind is bytes or kind is str:
        return value  # type: ignore[return-value]
    if kind is list:
        return [_checked(item) for item in value]  # type: ignore[attr-defined]
    if kind is dict:
        for key in value:  # type: ignore[attr-defined]
            if type(key) is not int and type(key) is not str:
                raise CborError("a map key is neither an integer nor text", code="cbor-key")
        return {key: _checked(item) for key, item in value.items()}  # type: ignore[attr-defined]
    raise CborError(f"{kind.__name__} is outside the CBOR subset", code="cbor-type")
