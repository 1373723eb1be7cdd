"""wabson.chafon-rfid, a client of UHFReader18 and 288; runs in .venv-peers.

Job: {"port": path, "variant": "18" or "288", "calls": [...]}; a call is ["info"], ["inventory"] or, for what it has no
call of its own, [command, data in hex]. Answers: the fields of the reader information, a list of [EPC, antenna, RSSI],
or [status, data in hex].
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.prefix) / "uhf"))

from chafon_rfid import uhfreader18, uhfreader288m
from chafon_rfid.base import CommandRunner, ReaderCommand, ReaderInfoFrame, ReaderResponseFrame
from chafon_rfid.command import CF_GET_READER_INFO, G2_TAG_INVENTORY
from chafon_rfid.response import G2_TAG_INVENTORY_STATUS_MORE_FRAMES
from chafon_rfid.transport_serial import SerialTransport


def information(runner):
    frame = ReaderInfoFrame(runner.run(ReaderCommand(CF_GET_READER_INFO)))
    return [
        frame.type.name,
        frame.frequency_band.name,
        frame.get_min_frequency(),
        frame.get_max_frequency(),
        frame.power,
    ]


def inventory(runner, transport, variant):
    if variant == "288":
        module, command = uhfreader288m, uhfreader288m.G2InventoryCommand(q_value=4, scan_time=10)
    else:
        module, command = uhfreader18, ReaderCommand(G2_TAG_INVENTORY)
    answer, found = runner.run(command), []
    while True:
        response = module.G2InventoryResponse(answer)
        found += [[tag.epc.hex(), tag.antenna_num, tag.rssi] for tag in response.get_tag()]
        if next(response.get_frame()).result_status != G2_TAG_INVENTORY_STATUS_MORE_FRAMES:
            return found
        answer = transport.read_frame()


def main():
    job = json.load(sys.stdin)
    transport = SerialTransport(device=job["port"], timeout=5)
    runner = CommandRunner(transport)
    answers = []
    for name, *data in job["calls"]:
        if name == "info":
            answers.append(information(runner))
        elif name == "inventory":
            answers.append(inventory(runner, transport, job["variant"]))
        else:
            frame = ReaderResponseFrame(runner.run(ReaderCommand(name, data=bytes.fromhex(data[0]))))
            answers.append([frame.result_status, frame.get_data().hex()])
    transport.destroy()
    json.dump(answers, sys.stdout)


main()
