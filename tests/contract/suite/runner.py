"""A child that runs contract cases one after another on one reader, and the test's side of it.

The child is started with the environment that its driver needs. It reads ``{"kind": ..., "case": ...}`` a line, may
ask ``{"order": {...}}`` of the simulated bus, and answers ``{"passed": CASE}`` or ``{"failed": TRACEBACK}``.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from tests.contract.suite.readers import KINDS
from tests.contract.suite.rigs import Order
from tests.needs import ROOT

_SECONDS_TO_END = 10


class CaseError(AssertionError):
    """Its text is the traceback of the child."""


class Child:
    """Runs the cases of one reader in a process of its own."""

    def __init__(self, reader: str, state: Path, order: Order, environment: Mapping[str, str]) -> None:
        self._order = order
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.suite.runner", reader, str(state)],
            env={**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, kind: str, case: str) -> None:
        self._tell(kind=kind, case=case)
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            message = json.loads(line)
            if "order" in message:
                self._tell(answer=self._order(**message["order"]))
            elif "failed" in message:
                raise CaseError(message["failed"])
            else:
                assert message == {"passed": case}
                return
        raise CaseError(f"the child ended with {self._process.wait(_SECONDS_TO_END)} in {case} of {kind}")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _tell(self, **message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


def main() -> None:
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a driver prints is no answer
        _serve(answers)


def _serve(answers: TextIO) -> None:
    from tests.contract.suite.cases import run_case
    from tests.contract.suite.rigs import make_rig

    def tell(**message: Any) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    def order(**wanted: Any) -> dict[str, Any]:
        tell(order=wanted)
        answer: dict[str, Any] = json.loads(sys.stdin.readline())["answer"]
        return answer

    rig = make_rig(sys.argv[1], Path(sys.argv[2]), order)
    for line in sys.stdin:
        wanted = json.loads(line)
        try:
            run_case(rig, wanted["kind"], KINDS[wanted["kind"]], wanted["case"])
        except BaseException:  # noqa: BLE001  pytest's own failures are none of Exception
            tell(failed=traceback.format_exc())
        else:
            tell(passed=wanted["case"])


if __name__ == "__main__":
    main()
