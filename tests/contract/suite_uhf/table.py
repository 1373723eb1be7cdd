"""``python -m tests.contract.suite_uhf.table``: how many cases run for each family of UHF modules, as Markdown."""

from tests.contract.suite_uhf.cases import CHIP_CASES, MODULE_CASES, cases_of
from tests.contract.suite_uhf.families import CHIPS, FAMILIES


def table() -> str:
    """One row a family; a column for each topic and chip, then for each topic of the module itself."""
    columns = [(topic, chip) for topic in CHIP_CASES for chip in CHIPS]
    heads = ["family", *(f"{chip}: {topic}" for topic, chip in columns), *MODULE_CASES]
    rows = [heads, ["---"] * len(heads)]
    for family in FAMILIES.values():
        cases = cases_of(family)
        counts = [sum((topic, chip) == column for topic, chip, _ in cases) for column in columns]
        counts += [sum(topic == wanted for topic, _, _ in cases) for wanted in MODULE_CASES]
        rows.append([family.title, *map(str, counts)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


if __name__ == "__main__":
    print(table(), end="")
