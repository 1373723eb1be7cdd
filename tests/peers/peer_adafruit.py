"""Adafruit's CircuitPython driver of the PN532 on a serial line; runs in .venv-peers.

Job: {"port": path, "write": [[page, hex], ...], "read": [page, ...]}; answer: [UID, [page in hex, ...]]. Writing comes
first. None in place of what it says it could not do.
"""

import json
import sys
import types

import serial


def stand_in(module, **names):
    """Of CircuitPython's own modules it takes a function that returns its argument, and names for annotations."""
    sys.modules[module] = types.ModuleType(module)
    sys.modules[module].__dict__.update(names)


stand_in("micropython", const=lambda value: value)
stand_in("digitalio", Direction=None, DigitalInOut=object)
stand_in("busio", UART=serial.Serial)
stand_in("circuitpython_typing", ReadableBuffer=bytes)

from adafruit_pn532.uart import PN532_UART  # noqa: E402


def main():
    job = json.load(sys.stdin)
    with serial.Serial(job["port"], 115200, timeout=0.1) as line:
        reader = PN532_UART(line)
        uid = reader.read_passive_target(timeout=5)
        for page, data in job["write"]:
            if not reader.ntag2xx_write_block(page, bytes.fromhex(data)):
                raise SystemExit(f"page {page} was not written")
        pages = [reader.ntag2xx_read_block(page) for page in job["read"]]
    json.dump([uid and uid.hex(), [page and page.hex() for page in pages]], sys.stdout)


main()
