"""pn532pi, a port of the Arduino driver of the PN532, on a serial line; runs in .venv-peers. Jobs and answers as in
peer_adafruit.py.

Its own opening takes the two serial ports of a Raspberry Pi and no other, so the line is given to it from outside.
"""

import json
import sys

import serial
from pn532pi.interfaces.pn532hsu import Pn532Hsu
from pn532pi.nfc.pn532 import Pn532


def main():
    job = json.load(sys.stdin)
    with serial.Serial(job["port"], 115200, timeout=1) as line:
        interface = Pn532Hsu.__new__(Pn532Hsu)
        interface._serial, interface.command = line, 0
        interface.begin = lambda: None
        reader = Pn532(interface)
        reader.begin()
        if not reader.SAMConfig():
            raise SystemExit("no PN532")
        found, uid = reader.readPassiveTargetID(0)
        for page, data in job["write"]:
            if not reader.mifareultralight_WritePage(page, bytearray.fromhex(data)):
                raise SystemExit(f"page {page} was not written")
        read = [reader.mifareultralight_ReadPage(page) for page in job["read"]]
    json.dump([uid.hex() if found else None, [page.hex() if good else None for good, page in read]], sys.stdout)


main()
