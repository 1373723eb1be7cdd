from collections.abc import Sequence

SCARD_SCOPE_SYSTEM: int
SCARD_SHARE_EXCLUSIVE: int
SCARD_SHARE_SHARED: int
SCARD_SHARE_DIRECT: int
SCARD_ATTR_CHANNEL_ID: int
SCARD_PROTOCOL_T0: int
SCARD_PROTOCOL_T1: int
SCARD_PCI_T0: int
SCARD_PCI_T1: int
SCARD_LEAVE_CARD: int
SCARD_UNPOWER_CARD: int
SCARD_STATE_UNAWARE: int
SCARD_STATE_PRESENT: int
SCARD_STATE_MUTE: int
SCARD_STATE_UNAVAILABLE: int
SCARD_STATE_UNKNOWN: int

def SCardEstablishContext(scope: int) -> tuple[int, int]: ...
def SCardReleaseContext(context: int) -> int: ...
def SCardListReaders(context: int, groups: Sequence[str]) -> tuple[int, list[str]]: ...
def SCardGetStatusChange(
    context: int, timeout: int, states: Sequence[tuple[str, int]]
) -> tuple[int, list[tuple[str, int, list[int]]]]: ...
def SCardConnect(context: int, reader: str, mode: int, protocols: int) -> tuple[int, int, int]: ...
def SCardReconnect(card: int, mode: int, protocols: int, initialization: int) -> tuple[int, int]: ...
def SCardDisconnect(card: int, disposition: int) -> int: ...
def SCardTransmit(card: int, pci: int, command: Sequence[int]) -> tuple[int, list[int]]: ...
def SCardGetAttrib(card: int, attribute: int) -> tuple[int, list[int]]: ...
