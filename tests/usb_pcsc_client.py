"""What a PC/SC client does on libccid's simulated reader; runs in a child with ``PCSCLITE_CSOCK_NAME`` set."""

import json
import sys
import time
from typing import Any

from smartcard.scard import (
    INFINITE,
    SCARD_LEAVE_CARD,
    SCARD_PROTOCOL_ANY,
    SCARD_SCOPE_SYSTEM,
    SCARD_SHARE_SHARED,
    SCARD_STATE_EMPTY,
    SCARD_STATE_PRESENT,
    SCARD_STATE_UNAWARE,
    SCARD_UNPOWER_CARD,
    SCardConnect,
    SCardDisconnect,
    SCardEstablishContext,
    SCardGetStatusChange,
    SCardListReaders,
    SCardTransmit,
)

_PATIENCE_SECONDS = 20


def _say(**event: Any) -> None:
    print(json.dumps(event), flush=True)


def _context() -> Any:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        result, context = SCardEstablishContext(SCARD_SCOPE_SYSTEM)
        if result == 0:
            return context
        time.sleep(0.02)
    raise TimeoutError("no pcscd")


def _readers(context: Any, count: int) -> list[str]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        _, readers = SCardListReaders(context, [])
        if len(readers or []) == count:
            return list(readers or [])
        time.sleep(0.05)
    raise TimeoutError(f"never {count} readers")


def _wait(context: Any, reader: str, wanted: int) -> list[int]:
    """The ATR once the reader has the state ``wanted``."""
    state = SCARD_STATE_UNAWARE
    while True:
        _, states = SCardGetStatusChange(context, INFINITE, [(reader, state)])
        state, atr = states[0][1], states[0][2]
        if state & wanted:
            return list(atr)


def _transmit(card: Any, protocol: int, apdu: str) -> str:
    result, answer = SCardTransmit(card, protocol, list(bytes.fromhex(apdu)))
    return bytes(answer).hex() if result == 0 else f"{result & 0xFFFFFFFF:08x}"


def main() -> None:
    """Orders on stdin, one a line: ``readers N``, ``present``, ``empty``, ``apdu HEX``."""
    context = _context()
    reader = ""
    for line in sys.stdin:
        order, _, value = line.strip().partition(" ")
        if order == "readers":
            names = _readers(context, int(value))
            reader = names[0] if names else ""
            _say(readers=names)
        elif order == "present":
            _say(atr=bytes(_wait(context, reader, SCARD_STATE_PRESENT)).hex())
        elif order == "empty":
            _wait(context, reader, SCARD_STATE_EMPTY)
            _say(empty=True)
        else:
            _, card, protocol = SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY)
            _say(answers=[_transmit(card, protocol, apdu) for apdu in value.split()])
            SCardDisconnect(card, SCARD_UNPOWER_CARD if order == "apdu" else SCARD_LEAVE_CARD)


if __name__ == "__main__":
    main()
