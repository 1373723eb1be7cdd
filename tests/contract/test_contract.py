"""The contract suite: the cases of ``suite/cases.py`` on every reader of ``suite/readers.py`` with every chip.

No radio behaviour, no quirk of a real reader's firmware and no real timing is proved here: the simulation begins at
the pseudo-terminal, at usbfs, or behind pcscd.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.suite.cases import cases_for, run_case
from tests.contract.suite.readers import KINDS, READERS
from tests.contract.suite.rigs import make_rig, population
from tests.contract.suite.runner import Child
from tests.usb_pcscd import needs_pcscd, pcscd_on
from tests.usb_rig import PLAIN, usb_rig

Run = Callable[[str, str], None]


@contextlib.contextmanager
def runner(reader: str, folder: Path) -> Iterator[Run]:
    """What runs one case by its chip and name on ``reader``: here, or in one child for all of them."""
    state, (where, model) = folder / "tags.json", READERS[reader].simulated_by
    if not READERS[reader].in_child:
        rig = make_rig(reader, state)
        with contextlib.closing(rig):
            yield lambda kind, case: run_case(rig, kind, KINDS[kind], case)
        return
    if where == "libccid":
        needs_pcscd()
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(usb_rig(f"{model}?{population('NTAG213')}&state={state}"))
        environment = stack.enter_context(pcscd_on(bus)) if where == "libccid" else bus.environment
        child = Child(reader, state, bus.order, PLAIN | environment)
        stack.callback(child.close)
        yield child.run


@pytest.fixture(scope="module")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with runner(request.param, tmp_path_factory.mktemp("contract")) as running:
        yield running


ALL = [
    pytest.param(reader, kind, case, id=f"{reader}-{kind}-{case}", marks=pytest.mark.xdist_group(f"contract-{reader}"))
    for reader in READERS
    for kind in KINDS
    for case in cases_for(READERS[reader], kind, KINDS[kind])
]


@pytest.mark.parametrize(("run", "kind", "case"), ALL, indirect=["run"], scope="module")
def test_contract(run: Run, kind: str, case: str) -> None:
    run(kind, case)
