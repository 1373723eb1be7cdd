"""Asks software that is not ours, in its own environment: one process a question."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.needs import peer_python

_HERE = Path(__file__).resolve().parent


def ask(peer: str, job: dict[str, Any]) -> list[Any]:
    """Run ``peer_NAME.py`` with ``job`` as JSON on its stdin; the JSON list that it prints.

    ``-I``: nothing of this checkout is importable there. A crash of the peer fails the test with its stderr.
    """
    answer = subprocess.run(
        [peer_python(), "-I", "-W", "ignore", _HERE / f"peer_{peer}.py"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    result: list[Any] = json.loads(answer.stdout)
    return result
