import logging

from nfc.clf.transport import USB

class CommunicationError(Exception):
    errno: int

class StatusError(Exception):
    errno: int

class Chipset:
    ACK: bytearray
    transport: USB
    in_set_protocol_defaults: bytearray
    def __init__(self, transport: USB, logger: logging.Logger) -> None: ...
    def in_set_rf(self, brty_send: str, brty_recv: str | None = None) -> None: ...
    def in_set_protocol(self, data: bytes | bytearray | None = None, **settings: int) -> None: ...
    def in_comm_rf(self, data: bytes | bytearray, timeout: int) -> bytearray | None: ...
    def switch_rf(self, switch: str) -> None: ...
    def get_firmware_version(self, option: int | None = None) -> bytearray | None: ...
