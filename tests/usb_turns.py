"""Our driver and nfcpy itself in turns on one simulated USB reader: what ``usb_rig``'s ``call`` runs in one child."""

from tests import tag_client, usb_nfcpy


def with_nfcpy(path: str, ours: str, theirs: str) -> list[str | None]:
    """We write, nfcpy reads; nfcpy writes, we read. What each read, in hex."""
    tag_client.write(f"nfc:{path}", ours)
    read = usb_nfcpy.read(path)
    usb_nfcpy.write_and_read(path, theirs)
    return [read, tag_client.read(f"nfc:{path}")]
