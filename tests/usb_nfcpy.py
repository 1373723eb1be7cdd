"""nfcpy itself, not our driver, on a simulated USB bus: what ``usb_rig``'s ``call`` runs in a child."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import nfc
import nfc.clf
import nfc.tag

logging.disable(logging.CRITICAL)


@contextlib.contextmanager
def _frontend(path: str) -> Iterator[Any]:
    frontend = nfc.ContactlessFrontend()
    try:
        assert frontend.open(path), f"no reader at {path}"
        yield frontend
    finally:
        frontend.close()


def _target(frontend: Any) -> Any:
    return frontend.sense(nfc.clf.RemoteTarget("106A"), nfc.clf.RemoteTarget("212F"), iterations=2)


def _tag(frontend: Any) -> Any:
    target = _target(frontend)
    return None if target is None else nfc.tag.activate(frontend, target)


def about(path: str) -> dict[str, Any]:
    with _frontend(path) as frontend:
        tag = _tag(frontend)
        described = None if tag is None else [tag.product.removeprefix("NXP "), tag.product, tag.identifier.hex()]
        return {"device": str(frontend.device), "tag": described}


def write_and_read(path: str, message: str) -> dict[str, Any]:
    with _frontend(path) as frontend:
        tag = _tag(frontend)
        tag.ndef.octets = bytes.fromhex(message)
        return {"changed": tag.ndef.has_changed, "octets": tag.ndef.octets.hex(), "product": tag.product}


def read(path: str) -> str:
    with _frontend(path) as frontend:
        octets: bytes = _tag(frontend).ndef.octets
        return octets.hex()


def open_twice(path: str) -> list[str]:
    return [about(path)["tag"][2] for _ in range(2)]


def open_errno(path: str) -> int | None:
    try:
        with _frontend(path):
            return 0
    except OSError as error:
        return error.errno


def second_client(path: str) -> str | None:
    with _frontend(path):
        try:
            with _frontend(path):
                return ""
        except OSError as error:
            return error.strerror


def until_unplugged(path: str) -> str | None:
    frontend = nfc.ContactlessFrontend()
    assert frontend.open(path)
    print("ready", flush=True)
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            frontend.sense(nfc.clf.RemoteTarget("106A"))
    except OSError as error:
        return error.strerror
    return None
