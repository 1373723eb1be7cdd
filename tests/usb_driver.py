"""What a child on a simulated USB bus does with our driver: each function is called by ``usb_rig``'s ``call``.

A child is a client like any other: it sees sysfs, the nodes and usbfs, and nothing of the simulator.
"""

import contextlib
import logging
import sys
from pathlib import Path
from typing import Any

from dpptag import logs, tags
from dpptag.devices import Backoff, open_nfc, open_nfc_lasting, parse_device_path
from dpptag.errors import DpptagError, TagNak
from dpptag.links.nfc import Technology

NDEF_APPLICATION = bytes.fromhex("00A4040007D276000085010100")
NDEF_SERVICE = 0x0009
READ_SERVICE = 0x000B


class Kept(logging.Handler):
    """Keeps what is logged from ``level`` on."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[str] = []
        logging.getLogger().addHandler(self)
        logging.getLogger().setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage())


def about(path: str) -> dict[str, Any]:
    """What the opened reader says of itself and of the tag on it."""
    warned = Kept(logging.WARNING)
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        info = reader.info
        return {
            "path": info.path,
            "driver": info.driver,
            "model": info.model,
            "firmware": info.firmware,
            "tag": None if link is None else link.technology.name,
            "uid": None if link is None else link.uid.hex(),
            "warnings": warned.records,
        }


def refusal(path: str, senses: int = 1) -> dict[str, Any]:
    """The error of opening and sensing so many times."""
    try:
        with open_nfc(parse_device_path(path)) as reader:
            for _ in range(senses):
                reader.sense()
    except DpptagError as error:
        return {
            "error": type(error).__name__,
            "code": error.code,
            "message": error.message,
            "action": error.action,
            "facts": error.facts,
        }
    return {}


def signal(path: str) -> bool:
    with open_nfc(parse_device_path(path)) as reader:
        return reader.signal()


def write_and_read(path: str) -> dict[str, Any]:
    """Four units of whatever tag stands there written and read back by the link alone."""
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        assert link is not None
        told = {"uid": link.uid.hex(), "technology": link.technology.name}
        if link.technology is Technology.TYPE2:
            version = link.get_version()
            for page in range(10, 14):
                link.write(page, bytes((page, 1, 2, 3)))
            link.reselect()
            told |= {"version": (version or b"").hex(), "read": link.read(10).hex()}
            told["fast_read"] = link.fast_read(4, 13).hex() if link.fast_read_pages else ""
        elif link.technology is Technology.TYPE3:
            link.write(NDEF_SERVICE, [1], bytes(range(16)))
            link.reselect()
            told |= {"system": f"{link.system_code:04X}", "read": link.read(READ_SERVICE, [1]).hex()}
        elif link.technology is Technology.TYPE4:
            for _ in range(2):
                link.reselect()
                told["select"] = link.transceive(NDEF_APPLICATION).hex()
            told["historical"] = link.historical_bytes.hex()
        return told


def sensed(path: str, times: int) -> list[str | None]:
    with open_nfc(parse_device_path(path)) as reader:
        return [None if (link := reader.sense()) is None else link.uid.hex() for _ in range(times)]


def descriptors_after(path: str, openings: int) -> list[int]:
    """How many file descriptors are open after each opening and closing."""
    counts = []
    for _ in range(openings):
        with open_nfc(parse_device_path(path)) as reader:
            assert reader.sense() is not None
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    return counts


def exchanges(path: str, times: int) -> None:
    """So many exchanges with the tag after the same opening and sensing."""
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        assert link is not None
        for _ in range(times):
            if link.technology is Technology.TYPE2:
                link.read(4)
            elif link.technology is Technology.TYPE3:
                link.read(READ_SERVICE, [0])
            elif link.technology is Technology.TYPE4:
                link.transceive(NDEF_APPLICATION)


def encodes(path: str, times: int) -> None:
    """So many times identify, write 126 bytes of which every page differs, and read back, after one opening."""
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        assert link is not None
        for number in range(times):
            payload = bytes(1 + (number % 2 + index) % 255 for index in range(123))
            message = bytes((0xD5, 0, len(payload))) + payload
            assert tags.write_and_verify(link, tags.identify(link), message) == message


def traffic(path: str) -> list[str]:
    """The traffic log of a wrong password and of a secret page."""
    kept = Kept(logs.TRAFFIC)
    with open_nfc(parse_device_path(path)) as reader:
        link = reader.sense()
        assert link is not None
        assert link.technology is Technology.TYPE2
        link.write(20, b"\xde\xad\xbe\xef", secret=True)
        with contextlib.suppress(TagNak):
            link.authenticate(b"\xca\xfe\xba\xbe")
    return kept.records


def replugged() -> None:
    """A job over a pulled and replugged reader, told line by line: each line of stdin is one step."""
    path = parse_device_path(sys.argv[1])
    with open_nfc_lasting(path, backoff=Backoff(first=0.01, longest=0.05, patience=20.0)) as reader:
        link = reader.sense()
        assert link is not None
        sys.stdout.write(f"sensed {link.uid.hex()}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        try:
            link.reselect()
        except DpptagError as error:
            sys.stdout.write(f"{type(error).__name__} {error.message}\n")
            sys.stdout.flush()
        sys.stdin.readline()
        again = reader.sense()
        sys.stdout.write(f"sensed {None if again is None else again.uid.hex()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    replugged()
