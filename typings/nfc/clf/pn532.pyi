import logging

from nfc.clf import pn53x

class Chipset(pn53x.Chipset):
    def set_serial_baudrate(self, baudrate: int) -> None: ...
    def sam_configuration(self, mode: str, timeout: int = 0, irq: bool = False) -> None: ...

class Device(pn53x.Device):
    def __init__(self, chipset: Chipset, logger: logging.Logger) -> None: ...
