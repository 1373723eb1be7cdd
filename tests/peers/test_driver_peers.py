"""PN532 drivers that are not ours on the simulated reader's serial line: adafruit-circuitpython-pn532 2.4.9 and
pn532pi 1.7. Each reads, page by page, an NTAG213 that we wrote, and writes pages that we read."""

from pathlib import Path

import pytest

from dpptag.sim import start
from tests import tag_client
from tests.peers.ask import ask
from tests.sim_fixtures import ONE_TAG, UID, stored_pages

DRIVERS = ["adafruit", "pn532pi"]
MESSAGE = bytes.fromhex("D101175504") + b"id.example.com/01/0952"
OTHER = bytes.fromhex("D101175504") + b"id.example.org/01/9999"
NTAG213_PAGES = 45


def pages_of(message: bytes) -> list[tuple[int, str]]:
    """The TLV of a message as pages from 4 on."""
    area = bytes((0x03, len(message))) + message + b"\xfe"
    return [(4 + at // 4, area[at : at + 4].ljust(4, b"\x00").hex()) for at in range(0, len(area), 4)]


@pytest.mark.parametrize("driver", DRIVERS)
def test_it_reads_every_page_of_a_tag_that_we_wrote(driver: str, tmp_path: Path) -> None:
    state = tmp_path / "tags.json"
    with start(f"{ONE_TAG}&state={state}") as sim:
        assert tag_client.write(f"nfc:tty:{sim.path}", MESSAGE.hex()) == "NTAG213"
        uid, pages = ask(driver, {"port": sim.path, "write": [], "read": list(range(NTAG213_PAGES))})
    assert uid == UID.hex()
    assert pages[4:12] == [data for _, data in pages_of(MESSAGE)]
    # The last two are PWD and PACK, which no chip shows.
    assert pages == [page.hex() for page in stored_pages(state)[:-2]] + ["00000000"] * 2


@pytest.mark.parametrize("driver", DRIVERS)
def test_we_read_the_message_that_it_wrote(driver: str) -> None:
    with start(ONE_TAG) as sim:
        path = f"nfc:tty:{sim.path}"
        tag_client.write(path, MESSAGE.hex())
        wanted = pages_of(OTHER)
        _, pages = ask(driver, {"port": sim.path, "write": wanted, "read": [page for page, _ in wanted]})
        assert pages == [data for _, data in wanted]
        assert tag_client.read(path) == OTHER.hex()


def test_adafruits_driver_is_told_of_a_refused_page() -> None:
    """pn532pi does not look at the status of a write."""
    with start(ONE_TAG) as sim:
        with pytest.raises(AssertionError, match="page 200 was not written"):
            ask("adafruit", {"port": sim.path, "write": [[200, "01020304"]], "read": []})
        assert tag_client.read(f"nfc:tty:{sim.path}") == ""
