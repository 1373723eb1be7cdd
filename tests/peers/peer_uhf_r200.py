"""rfid-r200 (GPL-3.0-or-later), a client of the R200; runs in .venv-peers, as a program of its own.

Job: {"port": path, "power": dBm}; answer: [module information, power before, whether it was set, power after,
demodulator parameters, [[EPC, PC, CRC, RSSI], ...], error or None].
"""

import json
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(sys.prefix) / "uhf" / "src"))
sys.modules["serial_asyncio"] = types.ModuleType("serial_asyncio")  # of its other half, not used here

from rfid_r200 import R200  # noqa: E402


def main():
    job = json.load(sys.stdin)
    # It waits this long after every answer, to see that nothing follows.
    with R200(job["port"], 115200, timeout=0.1) as reader:
        before = [reader.hw_info(), reader.get_power(), reader.set_power(job["power"]), reader.get_power()]
        demodulator = list(reader.get_demodulator_params().values())
        tags, error = reader.read_tags()
    found = [[bytes(tag.epc).hex(), tag.pc, tag.crc, tag.rssi] for tag in tags]
    json.dump([*before, demodulator, found, None if error is None else str(error)], sys.stdout)


main()
