"""pyImpinj, a client of boards with the A0 protocol; runs in .venv-peers.

Job: {"port": path, "calls": [[name, argument, ...], ...]}; answer: what each call gave, bytes in hex. ``inventory``
gives the tags of a round and the message that ended it. Its reader class has no calls for lock, kill and the single
write: ``lock``, ``kill`` and ``write_single`` send what its protocol class builds, and give the board's answer.
"""

import json
import queue
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.prefix) / "uhf"))

from pyImpinj import ImpinjR2KReader


def told(value):
    return value.hex() if isinstance(value, bytes) else value


def inventory(reader, messages):
    reader.rt_inventory(repeat=1)
    found = []
    while (message := messages.get(timeout=5))["type"] == "TAG":
        found.append(message)
    return [found, message]


def call(reader, messages, name, *arguments):
    if name == "inventory":
        return inventory(reader, messages)
    if name in ("lock", "kill", "write_single"):
        send = {"lock": reader.protocol.lock, "kill": reader.protocol.kill, "write_single": reader.protocol.write}[name]
        send(*arguments)
        return told(reader.command_queue.get(timeout=5)["data"])
    return told(getattr(reader, name)(*arguments))


def main():
    job = json.load(sys.stdin)
    messages = queue.Queue()
    reader = ImpinjR2KReader(messages, address=1)
    reader.connect(job["port"], 115200)
    reader.worker_start()
    answers = [call(reader, messages, *each) for each in job["calls"]]
    reader.worker_close()
    json.dump(answers, sys.stdout)


main()
