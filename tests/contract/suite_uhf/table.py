"""``python -m tests.contract.suite_uhf.table``: how many cases run for each family of UHF modules, as Markdown."""

from tests.contract.suite_uhf.cases import ANY_CHIP, CHIP_CASES, MODULE_CASES, cases_of
from tests.contract.suite_uhf.families import CHIPS, FAMILIES


def table() -> str:
    """One row a family, one column a topic; where a topic has cases on every chip, their numbers chip by chip."""
    heads = ["family", *(f"{topic} ({' / '.join(CHIPS)})" for topic in CHIP_CASES)]
    heads += MODULE_CASES
    rows = [heads, ["---"] * len(heads)]
    for family in FAMILIES.values():
        ran = [(topic, chip) for topic, chip, _ in cases_of(family)]
        cells = [" / ".join(str(ran.count((topic, chip))) for chip in CHIPS) for topic in CHIP_CASES]
        cells += [str(ran.count((topic, ANY_CHIP))) for topic in MODULE_CASES]
        rows.append([family.title, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


if __name__ == "__main__":
    print(table(), end="")
