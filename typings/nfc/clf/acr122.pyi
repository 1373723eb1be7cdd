from nfc.clf import pn532

class Chipset(pn532.Chipset):
    def ccid_xfr_block(self, data: bytes | bytearray, timeout: float = 0.1) -> bytearray: ...

class Device(pn532.Device):
    def __init__(self, chipset: Chipset) -> None: ...
