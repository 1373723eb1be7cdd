"""Every printed or captured Mercury frame: built byte for byte where the driver sends it, parsed in any case."""

import json
from typing import Any

import pytest

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf import mercury_answers as answers
from dpptag.devices.uhf import mercury_requests as requests
from dpptag.devices.uhf.framing import Frame, FrameError, FrameReader, Framing
from dpptag.devices.uhf.mercury_requests import Metadata, Search, Select
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction
from tests.vectors import vector_path

NANO = load_uhf_profile("uhf-m6e-nano")
MERCURY = Framing(NANO.framing)
EPC = bytes.fromhex("E2005186010701870770C4C1")
OTHER_EPC = bytes.fromhex("E2000015860E01861050B205")
PASSWORD = bytes.fromhex("00003039")
SEARCH = Search.CONFIGURED_LIST | Search.LARGE_POPULATION
EVERYTHING = sum(Metadata)
(LOCK,) = NANO.lock.payloads({Area.USER: LockAction.LOCKED})
(OPEN,) = NANO.lock.payloads({Area.USER: LockAction.OPEN})
EMBEDDED = SEARCH | Search.EMBEDDED_COMMAND
READ_USER = requests.embedded_read(2000, Bank.USER, 0, 32)


def by_user(mask: bytes) -> Select:
    return Select(3, mask, 0)


def user_write(word: int, data: bytes, epc: bytes = EPC) -> bytes:
    return requests.write(1000, Bank.USER, word, data, Select.by_epc(epc), NO_PASSWORD)


SENT: list[tuple[int, bytes, str]] = [
    # opcode, what we put between opcode and checksum, and the frame as it was captured
    (0x03, b"", "FF00031D0C"),
    (0x0C, b"", "FF000C1D03"),
    (0x61, b"\x05", "FF016105BDB8"),
    (0x62, b"\x00", "FF016200BEBD"),
    (0x62, b"\x01", "FF016201BEBC"),
    (0x64, b"\x00", "FF016400B8BD"),
    (0x65, b"", "FF00651D6A"),
    (0x67, b"", "FF00671D68"),
    (0x72, b"", "FF00721D7D"),
    (0x97, b"\x0d", "FF01970D4BB0"),
    (0x92, (2200).to_bytes(2, "big"), "FF0292089849C1"),
    (0x94, (2200).to_bytes(2, "big"), "FF029408982907"),
    (0x91, b"\x01\x01", "FF02910101703B"),
    (0x91, b"\x02\x01\x01", "FF039102010142C5"),
    (0x9A, b"\x01\x06\x01", "FF039A010601A95C"),
    (0x2A, b"", "FF002A1D25"),
    (0x22, requests.inventory(SEARCH, 1000), "FF052200001303E82905"),
    (0x22, requests.inventory(SEARCH, 1000, by_user(bytes(2))), "FF102203001303E8000000000000000010000086A3"),
    (
        0x22,
        requests.inventory(SEARCH, 1000, by_user(bytes(range(8)))),
        "FF162203001303E800000000000000004000010203040506078F1E",
    ),
    (
        0x22,
        requests.inventory(SEARCH, 1000, by_user(b"permaloc" + bytes.fromhex("0004000500060007"))),
        "FF1E2203001303E80000000000000000807065726D616C6F6300040005000600073B60",
    ),
    (
        0x22,
        requests.inventory(SEARCH, 1000, by_user(b"permalock me")),
        "FF1A2203001303E80000000000000000607065726D616C6F636B206D650D10",
    ),
    (0x22, requests.inventory(EMBEDDED, 1000, embedded=READ_USER), "FF112200001703E801092807D0000300000000204970"),
    (
        0x22,
        requests.inventory(EMBEDDED, 1000, Select.by_epc(OTHER_EPC), READ_USER),
        "FF222201001703E80000000060E2000015860E01861050B20501092807D00003000000002088DA",
    ),
    (0x29, requests.buffer_page(EVERYTHING), "FF032901FF001B03"),
    (
        0x24,
        user_write(0, b"I am Groot"),
        "FF232403E80100000000030000000060E2005186010701870770C4C14920616D2047726F6F74A66A",
    ),
    (
        0x24,
        user_write(0, b"This should fail"),
        "FF292403E80100000000030000000060E2005186010701870770C4C1546869732073686F756C64206661696CDD94",
    ),
    (
        0x24,
        user_write(0, b"This should succeed\0"),
        "FF2D2403E80100000000030000000060E2005186010701870770C4C1546869732073686F756C64207375636365656400690C",
    ),
    (
        0x24,
        user_write(0, bytes(2), OTHER_EPC),
        "FF1B2403E80100000000030000000060E2000015860E01861050B205000012F7",
    ),
    (
        0x24,
        user_write(4, b"\x00\x04", OTHER_EPC),
        "FF1B2403E80100000004030000000060E2000015860E01861050B20500045AEC",
    ),
    (
        0x24,  # the access password: reserved bank, word 2
        requests.write(1000, Bank.RESERVED, 2, PASSWORD, Select.by_epc(EPC), NO_PASSWORD),
        "FF1D2403E80100000002000000000060E2005186010701870770C4C100003039A70F",
    ),
    (
        0x24,  # the kill password
        requests.write(1000, Bank.RESERVED, 0, bytes.fromhex("BEADEAD1"), Select.by_epc(OTHER_EPC), NO_PASSWORD),
        "FF1D2403E80100000000000000000060E2000015860E01861050B205BEADEAD115BE",
    ),
    (
        0x2D,
        requests.block_write(1000, Bank.USER, 0, bytes(range(8)), Select.by_epc(EPC), NO_PASSWORD),
        "FF262D03E8004100C70000000060E2005186010701870770C4C1000300000000040001020304050607F366",
    ),
    (
        0x25,
        requests.lock(1000, LOCK, Select.by_epc(EPC), PASSWORD),
        "FF182503E801000030390002000260E2005186010701870770C4C1EB70",
    ),
    (
        0x25,
        requests.lock(1000, OPEN, Select.by_epc(EPC), PASSWORD),
        "FF182503E801000030390002000060E2005186010701870770C4C1ED9A",
    ),
    (
        0x26,
        requests.kill(1000, Select.by_epc(OTHER_EPC), bytes.fromhex("BEADEAD1")),
        "FF152603E801BEADEAD10060E2000015860E01861050B2059F2A",
    ),
]
NEVER_SENT = {
    0x10: "hardware and serial number: nothing we do depends on them",
    0x23: "write EPC: it takes no PC, and PC and EPC must go in one write",
    0x2E: "BlockErase and BlockPermalock: no part of an encode",
    0x63: "the protocol is set, never asked for",
    0x68: "power mode: stays as it is",
    0x6A: "reader options: 06 is set, none is asked for",
    0x6B: "protocol options: stay as they are",
    0x6C: "statistics: not used",
    0x70: "available protocols: the version says it",
    0x71: "available regions: the profile says it",
}
OTHER_FORM = {"FF016501B9BC", "FF02670140FFA3"}  # hop time; a region with an option, which the module refuses


def golden() -> list[dict[str, Any]]:
    found = json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]
    return [frame for frame in found if frame["protocol"] == "mercury"]


def exchanges() -> list[tuple[Frame, Frame, dict[str, Any]]]:
    return [
        (
            MERCURY.parse(bytes.fromhex(entry["request"]), answer=False),
            MERCURY.parse(bytes.fromhex(entry["response"])),
            entry,
        )
        for entry in golden()
        if entry["dir"] == "exchange"
    ]


@pytest.mark.parametrize(("command", "data", "frame"), SENT, ids=[entry[2][:24] for entry in SENT])
def test_a_captured_request_is_built_byte_for_byte(command: int, data: bytes, frame: str) -> None:
    assert MERCURY.build(Frame(command=command, data=data)) == bytes.fromhex(frame)


def test_every_captured_request_is_built_or_said_never_to_be_sent() -> None:
    ours = {entry[2] for entry in SENT}
    captured = {entry["request"] for entry in golden() if entry["dir"] == "exchange"}
    assert len(captured) == 67
    assert ours <= captured
    for text in captured - ours - OTHER_FORM:
        assert MERCURY.parse(bytes.fromhex(text), answer=False).command in NEVER_SENT, text


def test_every_frame_is_parsed_whole_and_built_again_from_its_parts() -> None:
    for request, response, entry in exchanges():
        assert response.command == request.command
        assert f"{response.status:04X}" == entry["status"]
        assert MERCURY.build(request) == bytes.fromhex(entry["request"])
        assert MERCURY.build(response, answer=True) == bytes.fromhex(entry["response"])
    (printed,) = (entry for entry in golden() if entry["dir"] == "req")
    frame = MERCURY.parse(bytes.fromhex(printed["hex"]), answer=False)
    assert (frame.command, frame.data.hex()) == (0x23, "03e80000" + "1122334455667788")


def test_every_response_is_found_in_one_stream_and_none_with_a_flipped_bit() -> None:
    found = [(response, bytes.fromhex(entry["response"])) for _, response, entry in exchanges()]
    assert FrameReader(MERCURY).feed(b"".join(octets for _, octets in found)) == [frame for frame, _ in found]
    for at, (_, octets) in enumerate(found):
        damaged = bytearray(octets)
        damaged[1 + at % (len(damaged) - 1)] ^= 1 << at % 8
        with pytest.raises(FrameError):
            MERCURY.parse(bytes(damaged))


def response_to(request: str) -> Frame:
    (found,) = (response for _, response, entry in exchanges() if entry["request"] == request)
    return found


def test_the_version_is_that_of_an_m6e_nano() -> None:
    version = answers.Version.from_bytes(response_to("FF00031D0C").data)
    assert version.hardware.hex() == "30000002"
    assert version.firmware_text == "01.07.01.02"
    assert version.protocols == 0x10  # 0 would be the boot loader


def test_powers_region_temperature_program_and_ports() -> None:
    assert answers.Power.from_bytes(response_to("FF016200BEBD").data) == answers.Power(2300)
    assert answers.Power.from_bytes(response_to("FF016201BEBC").data) == answers.Power(2300, 2700, 0)
    assert answers.Power.from_bytes(response_to("FF016400B8BD").data) == answers.Power(2300)
    assert answers.parse_byte(response_to("FF00671D68").data) == 0  # no region yet
    assert answers.parse_temperature(response_to("FF00721D7D").data) == 35
    assert answers.parse_byte(response_to("FF000C1D03").data) & 3 == 2  # the application, not the boot loader
    assert answers.parse_ports(response_to("FF016105BDB8").data) == {1: False}
    assert answers.parse_frequencies(response_to("FF00651D6A").data) == []  # no region yet


def test_every_inventory_answer_tells_its_count() -> None:
    told = {
        entry["request"]: answers.SearchResult.from_bytes(response.data)
        for request, response, entry in exchanges()
        if request.command == 0x22
    }
    assert sorted(result.count for result in told.values()) == [0, 1, 1, 1, 1, 2, 16]
    assert all((result.embedded != b"") == bool(result.flags & EMBEDDED & ~SEARCH) for result in told.values())
    assert told["FF052200001303E82905"] == answers.SearchResult(0, 0x13, 16, b"")


def test_the_captured_page_of_the_tag_buffer() -> None:
    page = answers.parse_page(response_to("FF032901FF001B03").data, EVERYTHING)
    assert [record.epc.hex() for record in page] == [
        "e2000015860e01801080afcf",
        "e2000015860e01101050b167",
        "e2000015860e02161080b01d",
        "e2000015860e02431080b056",
        "e2000015860e00461050b0e7",
        "e2000015860e00301050b0c7",
        "e2000015860e00341050b0d5",
    ]
    assert {record.pc for record in page} == {0x3000}
    assert [record.heard.rssi_dbm for record in page] == [-44, -47, -36, -50, -53, -45, -47]
    first = page[0].heard
    assert (first.count, first.port, first.frequency_khz, first.timestamp_ms) == (10, 1, 922_600, 0x334)
    assert (first.phase_degrees, first.protocol, first.data, first.gpio) == (0xAE, 5, b"", 0)


def test_every_tag_error_of_the_air_protocol_has_its_meaning() -> None:
    meanings = {code: NANO.errors.of(code).meaning for code in (0x0400, 0x0406, 0x0423, 0x0424, 0x042B, 0x042F)}
    assert list(meanings.values()) == ["no-tag", "write-failed", "overrun", "locked", "low-power", "other"]
