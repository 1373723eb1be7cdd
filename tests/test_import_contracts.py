"""The import contracts of pyproject.toml hold, and each kind of breach is seen to break the contract that names it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.needs import ROOT


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run lint-imports on the source tree below ``root``, whatever dpptag is installed."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


BREACHES = [
    ("model/planted.py", "import dpptag.codec", "Imports run one way"),
    ("links/planted.py", "from dpptag import tags", "Imports run one way"),
    ("trust/planted.py", "import dpptag.line", "Imports run one way"),
    ("errors.py", "import dpptag.model", "Imports run one way"),
    ("database.py", "import dpptag.ledger", "Imports run one way"),
    ("files.py", "import dpptag.model", "Imports run one way"),
    ("tags/planted.py", "import dpptag.devices", "Tags and devices meet only in links"),
    ("devices/planted.py", "import dpptag.tags", "Tags and devices meet only in links"),
    ("sim/planted.py", "import cbor2", "The simulator stands alone"),
    ("sim/planted.py", "import dpptag.codec", "The simulator stands alone"),
    ("sim/planted.py", "import dpptag.files", "The simulator stands alone"),
    ("trust/planted.py", "import pydantic", "Verification starts fast"),
    ("field/planted.py", "import click", "click is imported in cli alone"),
    ("devices/planted.py", "import nfc", "nfcpy and libusb are imported in the nfcpy driver alone"),
    ("devices/planted.py", "import usb1", "nfcpy and libusb are imported in the nfcpy driver alone"),
    ("line/planted.py", "def late():\n    import serial", "Serial ports are opened in devices alone"),
    ("devices/planted.py", "import smartcard", "PC/SC is imported in its driver alone"),
    ("trust/planted.py", "from cbor2 import loads", "cbor2 is imported in codec.cbor alone"),
    ("trust/planted.py", "import cryptography", "cryptography is imported in crypto alone"),
    ("tags/planted.py", "from ecdsa.curves import SECP128r1", "ecdsa is imported in crypto alone"),
    ("sync/planted.py", "import sqlite3", "SQLite is imported in database alone"),
    ("ledger/planted.py", "import sqlite3", "SQLite is imported in database alone"),
    ("passport/planted.py", "import python_calamine", "Spreadsheets are opened in passport.spreadsheet alone"),
]


@pytest.mark.parametrize(("module", "line", "contract"), BREACHES)
def test_a_planted_import_breaks_its_contract(house: Path, module: str, line: str, contract: str) -> None:
    with (house / "src" / "dpptag" / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(house)
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout


def test_a_planted_cycle_breaks_its_contract(house: Path) -> None:
    package = house / "src" / "dpptag"
    (package / "trust" / "planted.py").write_text("import dpptag.passport.planted\n")
    (package / "passport" / "planted.py").write_text("import dpptag.trust.planted\n")
    done = lint_imports(house)
    assert done.returncode == 1
    assert "Neighbours import one another without cycles BROKEN" in done.stdout


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("dpptag", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize(
    "package", ["dpptag.errors", "dpptag.logs", "dpptag.files", "dpptag.model", "dpptag.links", "dpptag.sim"]
)
def test_the_core_and_the_simulator_need_the_standard_library_only(graph: grimp.ImportGraph, package: str) -> None:
    modules = {package} | graph.find_descendants(package)
    imported = {name for module in modules for name in graph.find_modules_directly_imported_by(module)}
    foreign = {name for name in imported if not name.startswith("dpptag")} - sys.stdlib_module_names
    assert not foreign
