"""Cases of the contract suite in an order that spares the readers: chip by chip, at random for one chip."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A PC/SC service starts anew, and looks round for 0.4 s, for every chip of another kind."""
    places = [index for index, item in enumerate(items) if item.name.startswith("test_contract[")]
    first: dict[tuple[str, str], int] = {}
    for index in places:
        first.setdefault(_chip(items[index]), index)
        first.setdefault((_chip(items[index])[0], ""), index)
    ordered = sorted(
        (items[index] for index in places), key=lambda item: (first[_chip(item)[0], ""], first[_chip(item)])
    )
    for index, item in zip(places, ordered, strict=True):
        items[index] = item


def _chip(item: pytest.Item) -> tuple[str, str]:
    values = item.callspec.params  # type: ignore[attr-defined]  # only parametrised functions have one
    return values["run"], values["kind"]
