"""``python -m tests.contract.suite.table``: what the contract suite runs, reader by family, as Markdown."""

from dpptag.links import Technology
from tests.contract.suite.cases import READER_CASES, cases_for
from tests.contract.suite.readers import KINDS, READERS, Reader

_WHERE = {
    "pty": "pseudo-terminal",
    "usbfs": "usbfs (umockdev)",
    "libccid": "pcscd and libccid on usbfs (umockdev)",
    "vpcd": "pcscd and vpcd",
}


def table() -> str:
    """One row a reader; in a cell the number of cases, those of refusals included."""
    families = list(Technology)
    chips = [" ".join(name for name in KINDS if KINDS[name].technology is family) for family in families]
    heads = [
        f"{family.name.title().replace('Type', 'Type ')}: {names}"
        for family, names in zip(families, chips, strict=True)
    ]
    rows = [["reader", "driver", "simulated behind", *heads, "the reader itself"]]
    rows.append(["---"] * len(rows[0]))
    for reader in READERS.values():
        cells = [_cell(reader, family) for family in families]
        rows.append([reader.title, reader.driver, _WHERE[reader.simulated_by[0]], *cells, str(len(READER_CASES))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cell(reader: Reader, family: Technology) -> str:
    chips = {name: kind for name, kind in KINDS.items() if kind.technology is family}
    own = {case.__name__ for case in READER_CASES}
    count = sum(
        len([case for case in cases_for(reader, name, kind) if case not in own]) for name, kind in chips.items()
    )
    if family in reader.unseen:
        return f"not seen ({count})"
    if family in reader.refused:
        return f"refused: {reader.refused[family]} ({count})"
    untold = [name for name in chips if name in reader.untold]
    return f"{count}" + "".join(f"; {name} refused: {reader.untold[name]}" for name in untold)


if __name__ == "__main__":
    print(table(), end="")
