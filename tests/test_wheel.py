"""The wheel, built and installed apart from this clone, starts and carries its data files."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import dpptag
from tests.needs import ROOT


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(
        *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"),
        *("-w", folder, ROOT),
        cwd=folder,
    )
    (built,) = folder.glob("dpptag-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel; the dependencies are those of the running environment."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel),
        cwd=home,
    )
    (packages,) = (home / "lib").glob("python*/site-packages")
    # A folder named in a .pth file comes after the wheel's own, and its own .pth files, so our editable install, are
    # not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_the_wheel_holds_the_package_and_nothing_of_the_clone(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"dpptag", f"dpptag-{dpptag.__version__}.dist-info"}


def test_every_data_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    source = ROOT / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    expected = {name for name in files if "__pycache__" not in name}
    expected |= {f"dpptag/firmware_profiles/{path.name}" for path in (ROOT / "firmware_profiles").glob("*.toml")}
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


def test_the_installed_command_says_its_version(installed: Path, tmp_path: Path) -> None:
    assert dpptag.__version__ in run(installed / "dpptag", "--version", cwd=tmp_path)


def test_the_installed_package_is_the_wheel_and_not_this_clone(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import dpptag; print(dpptag.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
