"""What a simulated chip holds, read from the state file of its simulator and not through the code under test."""

from typing import Any


def stored_message(tag: dict[str, Any]) -> bytes | None:
    """The NDEF message in one tag's record; None where its length says that there is none."""
    if "pages" in tag:
        return _of_tlvs(bytes.fromhex("".join(tag["pages"][4:])))
    if str(tag["type"]).startswith("FELICA"):
        return _of_felica(tag["blocks"])
    if "blocks" in tag:
        return _of_tlvs(bytes.fromhex("".join(tag["blocks"][1 if tag["blocks"][0][4:6] != "00" else 2 :])))
    if "ndef" in tag:
        return _of_file(bytes.fromhex(tag["ndef"]))
    files = tag["files"] if "files" in tag else tag["applications"][0]["files"]
    return _of_file(next(bytes.fromhex(file["content"]) for file in files if file["iso_id"] == 0xE104))


def _of_file(file: bytes) -> bytes | None:
    """T4T 2.0 5.2: two bytes of length, then the message."""
    return file[2 : 2 + int.from_bytes(file[:2], "big")] or None


def _of_felica(blocks: dict[str, str]) -> bytes | None:
    """T3T 1.0 6.1: WriteFlag in byte 9 of the attribute block, the length in bytes 11 to 13."""
    attribute = bytes.fromhex(blocks["00"])
    area = bytes.fromhex("".join(blocks[f"{number:02X}"] for number in range(1, 14)))
    return None if attribute[9] else area[: int.from_bytes(attribute[11:14], "big")] or None


def _of_tlvs(area: bytes) -> bytes | None:
    """T2T 2.3: the value of the first TLV 03h; lengths from 255 on have three bytes."""
    at = 0
    while area[at] not in (0x03, 0xFE):
        at += 1 if area[at] == 0 else 2 + area[at + 1]
        if at >= len(area):
            return None
    if area[at] == 0xFE:
        return None
    if area[at + 1] == 0xFF:
        return area[at + 4 : at + 4 + int.from_bytes(area[at + 2 : at + 4], "big")] or None
    return area[at + 2 : at + 2 + area[at + 1]] or None
