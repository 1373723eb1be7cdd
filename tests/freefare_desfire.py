"""A program that drives a DESFire card by Debian's libfreefare and libnfc: software that is not ours.

``python freefare_desfire.py STEP...`` on the reader that LIBNFC_DEFAULT_DEVICE names; one JSON object of what each step
gave. Steps: ``select AID``, ``des KEY``, ``iso KEY``, ``aes KEY``, ``key VERSION KEY``, ``settings NUMBER``,
``get-settings``, ``get-version``, ``read FILE LENGTH``, ``rights FILE NUMBER``, ``create AID``, ``delete AID``,
``delete-file FILE``, ``format``. Keys in hex, numbers in hex. A refused step gives "refused" and the card's status.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from typing import Any

_PLAIN = 0


class Card:
    def __init__(self) -> None:
        self.nfc = ctypes.CDLL("libnfc.so.6")
        self.lib = ctypes.CDLL("libfreefare.so.0")
        pointer = ctypes.c_void_p
        for library, names in (
            (self.nfc, ("nfc_open",)),
            (
                self.lib,
                ("freefare_get_tags", "mifare_desfire_aid_new", "mifare_desfire_des_key_new",
                 "mifare_desfire_aes_key_new", "mifare_desfire_aes_key_new_with_version"),
            ),
        ):  # fmt: skip
            for name in names:
                getattr(library, name).restype = pointer
        self.lib.mifare_desfire_read_data_ex.restype = ctypes.c_ssize_t
        context = pointer()
        self.nfc.nfc_init(ctypes.byref(context))
        self.device = pointer(self.nfc.nfc_open(context, None))
        tags = ctypes.cast(pointer(self.lib.freefare_get_tags(self.device)), ctypes.POINTER(pointer))
        self.tag = pointer(tags[0])
        self.number = 0
        if not self.tag or self.lib.mifare_desfire_connect(self.tag):
            raise SystemExit("no DESFire card")

    def aid(self, number: str) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.lib.mifare_desfire_aid_new(ctypes.c_uint32(int(number, 16))))

    def key(self, kind: str, value: str, *version: int) -> ctypes.c_void_p:
        make = getattr(self.lib, f"mifare_desfire_{kind}_key_new" + ("_with_version" if version else ""))
        return ctypes.c_void_p(make(bytes.fromhex(value), *map(ctypes.c_uint8, version)))

    def step(self, name: str, *words: str) -> Any:
        lib, tag = self.lib, self.tag
        one, two = ctypes.c_uint8(), ctypes.c_uint8()
        data = ctypes.create_string_buffer(2048)
        plain: dict[str, Callable[..., int]] = {
            "select": lambda aid: lib.mifare_desfire_select_application(tag, self.aid(aid)),
            "des": lambda key: lib.mifare_desfire_authenticate(tag, 0, self.key("des", key)),
            "iso": lambda key: lib.mifare_desfire_authenticate_iso(tag, 0, self.key("des", key)),
            "aes": lambda key: lib.mifare_desfire_authenticate_aes(tag, 0, self.key("aes", key)),
            "key": lambda version, key: lib.mifare_desfire_change_key(
                tag, 0, self.key("aes", key, int(version, 16)), None
            ),
            "settings": lambda number: lib.mifare_desfire_change_key_settings(tag, ctypes.c_uint8(int(number, 16))),
            "rights": lambda file, rights: lib.mifare_desfire_change_file_settings(
                tag, ctypes.c_uint8(int(file, 16)), _PLAIN, ctypes.c_uint16(int(rights, 16))
            ),
            "create": lambda aid: lib.mifare_desfire_create_application_aes(tag, self.aid(aid), 0x0F, 1),
            "delete": lambda aid: lib.mifare_desfire_delete_application(tag, self.aid(aid)),
            "delete-file": lambda file: lib.mifare_desfire_delete_file(tag, ctypes.c_uint8(int(file, 16))),
            "format": lambda: lib.mifare_desfire_format_picc(tag),
        }
        if name == "get-settings":
            result = lib.mifare_desfire_get_key_settings(tag, ctypes.byref(one), ctypes.byref(two))
            return self.told(result, [one.value, two.value])
        if name == "get-version":
            return self.told(lib.mifare_desfire_get_key_version(tag, 0, ctypes.byref(one)), one.value)
        if name == "read":
            file, length = (int(word, 16) for word in words)
            result = lib.mifare_desfire_read_data_ex(
                tag, ctypes.c_uint8(file), ctypes.c_long(0), ctypes.c_size_t(length), data, _PLAIN
            )
            return self.told(min(result, 0), data.raw[:length].hex())
        return self.told(plain[name](*words), "done")

    def told(self, result: int, value: Any) -> Any:
        if result >= 0:
            return value
        return f"refused {self.lib.mifare_desfire_last_picc_error(self.tag) & 0xFF:02x}"


if __name__ == "__main__":
    card = Card()
    print(json.dumps([card.step(*line.split()) for line in sys.argv[1:]]))
    card.nfc.nfc_close(card.device)
