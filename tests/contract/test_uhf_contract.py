"""The Gen2 contract suite: the cases of ``suite_uhf/cases.py`` on every family of UHF modules, with every chip.

The simulation begins at the pseudo-terminal: no radio behaviour, no real module's quirk and no real timing is proved.
"""

import pytest

from tests.contract.suite_uhf.bench import Bench
from tests.contract.suite_uhf.cases import Case, cases_of
from tests.contract.suite_uhf.families import FAMILIES
from tests.contract.suite_uhf.table import table

ALL = [
    pytest.param(Bench(family, chip), case, id=f"{name}-{chip}-{case.__name__}")
    for name, family in FAMILIES.items()
    for _, chip, case in cases_of(family)
]


@pytest.mark.parametrize(("bench", "case"), ALL)
def test_uhf_contract(bench: Bench, case: Case) -> None:
    case(bench)


def test_the_printed_table_counts_every_case() -> None:
    cells = [cell for row in table().splitlines()[2:] for cell in row.split("|")[2:-1]]
    assert sum(int(number) for cell in cells for number in cell.split("/")) == len(ALL)
