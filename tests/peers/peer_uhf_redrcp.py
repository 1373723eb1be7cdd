"""redrcp speaks RED-RCP, whose frames begin and end like an M100's; runs in .venv-peers.

Job: {"payload": text}; answer: [request for reader information, a reader's answer to it with this payload], in hex,
both as redrcp builds messages.
"""

import json
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(sys.prefix) / "uhf"))
# Of what it asks for, this decorator alone is not here; the messages need none of it.
sys.modules["dataclasses_json"] = types.ModuleType("dataclasses_json")
sys.modules["dataclasses_json"].dataclass_json = lambda cls: cls

from redrcp.rcp.enums import MessageCode, MessageType  # noqa: E402
from redrcp.rcp.message_helper import buildCommand  # noqa: E402


def main():
    job = json.load(sys.stdin)
    code = MessageCode.GET_READER_INFORMATION
    request = buildCommand(MessageType.COMMAND, code, 0)
    answer = buildCommand(MessageType.RESPONSE, code, job["payload"].encode())
    json.dump([request.hex(), answer.hex()], sys.stdout)


main()
