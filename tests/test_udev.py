"""The rules for udev, modprobe and sysusers: made from the profiles, taken by systemd's parser, linted by ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dpptag.devices.profiles import load_nfc
from dpptag.devices.udev_rules import (
    KERNEL_MODULES,
    RULES_NAME,
    lint,
    modprobe_text,
    polkit_text,
    rules_text,
    sysusers_text,
)
from tests.needs import program_path, system_python_with_umockdev

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "udev" / RULES_NAME


def test_the_files_are_what_the_profiles_make() -> None:
    assert RULES.read_text() == rules_text(load_nfc())
    assert (ROOT / "udev" / "dpptag.sysusers").read_text() == sysusers_text()
    assert (ROOT / "udev" / "dpptag-nfc.modprobe").read_text() == modprobe_text()
    assert (ROOT / "udev" / "dpptag-pcsc.polkit").read_text() == polkit_text()


def test_every_reader_that_is_opened_here_has_its_rule() -> None:
    text = RULES.read_text()
    for profile in load_nfc():
        for known in profile.usb:
            rule = f'ATTR{{idVendor}}=="{known.vendor:04x}", ATTR{{idProduct}}=="{known.product:04x}"'
            assert (rule in text) == ("nfcpy" in (profile.driver, profile.other_driver)), profile.name


def test_our_own_rules_have_no_finding() -> None:
    assert lint(RULES.read_text()) == ()


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('ATTR{idVendor}=="072f"', 'ATTR{idVendor}="072f"', "assigns where == was meant"),
        ('SUBSYSTEM!="usb"', 'SUBSYSTEM="usb"', "assigns where == was meant"),
        ('ACTION=="remove"', 'ACTION="remove"', "assigns where == was meant"),
        ('GROUP="dpptag"', 'GROUP=="dpptag"', "compares where = was meant"),
        ('MODE="0660"', 'MODE="0666"', "lets every user"),
        ('=="072f"', '=="072F"', "lower-case"),
        ('=="072f"', '=="72f"', "four"),
        ('LABEL="dpptag_end"', 'LABEL="dpptag_ende"', "no LABEL"),
        ('TAG+="uaccess"', 'TAGG+="uaccess"', "no key of udev"),
        ('MODE="0660"', "MODE=0660", "not understood"),
        ('ATTR{idVendor}=="072f", ATTR{idProduct}=="2200", ', "", "every device"),
        ('ATTR{idVendor}=="072f", ATTR{idProduct}=="2200"', 'ATTR{idVendor}!="072f"', "every device"),
        ('ENV{DEVTYPE}!="usb_device"', 'ENV{DEVTYPE}="usb_device"', "assigns where == was meant"),
        ('TAG+="uaccess"', 'TAG=="uaccess"', "nothing is tagged"),
        ('TAG+="uaccess"', 'TAG="uaccess"', "takes every other tag away"),
        ('MODE="0660"', 'MODE="rw-rw----"', "no octal mode"),
        ('MODE="0660"', 'MODE="00660"', "no octal mode"),
        ('ATTR{idVendor}=="072f"', 'ATTR{idvendor}=="072f"', "the kernel calls it idVendor"),
        ('SUBSYSTEM!="usb"', 'SUBSYSTEM!="USB"', "lower-case"),
        ('GOTO="dpptag_tty"', 'GOTO=="dpptag_tty"', "compares where = was meant"),
    ],
)
def test_a_planted_fault_is_found_in_its_line(old: str, new: str, cause: str) -> None:
    text = RULES.read_text()
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    findings = lint(text.replace(old, new, 1))
    assert findings
    assert any(cause in finding.cause for finding in findings)
    if "LABEL" not in cause:
        assert all(finding.line == line for finding in findings)


@pytest.mark.parametrize(
    ("name", "cause"), [("73-dpptag.rules", "73-seat-late"), ("dpptag.rules", "73-seat-late"), ("70-dpptag", ".rules")]
)
def test_a_file_name_that_does_nothing_is_found(name: str, cause: str) -> None:
    assert [cause in finding.cause for finding in lint(RULES.read_text(), name=name)] == [True]


def systemd_says(rules: Path, subsystem: str, properties: list[str], attributes: list[str]) -> str:
    """What udevadm test reports; in a mount namespace of its own, so that the machine's rules stay as they are."""
    python = system_python_with_umockdev()
    program_path("udevadm", package="udev")
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    command = [*alone, str(python), str(ROOT / "tests" / "udev_rig.py"), str(rules), subsystem]
    result = subprocess.run(
        [*command, *properties, "--", *attributes], capture_output=True, text=True, check=False, timeout=60
    )
    if result.returncode and "Operation not permitted" in result.stderr:
        pytest.skip("not installed: name-spaces")
    assert result.returncode == 0, result.stderr
    return result.stdout


READER = ["DEVTYPE=usb_device", "DEVNAME=/dev/bus/usb/001/002", "BUSNUM=001", "DEVNUM=002"]


@pytest.mark.parametrize(("vendor", "product"), [("072f", "2200"), ("04cc", "2533"), ("054c", "06c3")])
def test_systemd_takes_the_rules_and_gives_the_reader_group_mode_and_seat(vendor: str, product: str) -> None:
    said = systemd_says(RULES, "usb", READER, [f"idVendor={vendor}", f"idProduct={product}"])
    assert f"{RULES_NAME}:" in said
    assert f"{RULES_NAME}: " not in said, "a complaint about the file as a whole"
    assert "Unknown group" not in said
    ours = [line.rsplit("/", 1)[-1] for line in said.splitlines() if f"{RULES_NAME}:" in line]
    assert any(line.endswith("GROUP 64999") for line in ours), ours
    assert any(line.endswith("MODE 0660") for line in ours), ours
    assert len(ours) == 2, "nothing else: no warning"
    assert ":uaccess:" in said


def test_systemd_gives_a_stranger_nothing_by_our_rules() -> None:
    said = systemd_says(RULES, "usb", READER, ["idVendor=1d6b", "idProduct=0002"])
    assert f"{RULES_NAME}:" not in said
    assert ":uaccess:" not in said


def test_systemd_takes_an_assignment_for_a_comparison_and_our_lint_does_not(tmp_path: Path) -> None:
    """Why there is a lint: with one ``=`` lost, systemd says nothing, and every USB device gets the reader's group."""
    planted = tmp_path / RULES_NAME
    text = RULES.read_text()
    planted.write_text(text.replace('ATTR{idVendor}=="072f", ATTR{idProduct}=="2200"', 'ATTR{idVendor}="072f"', 1))
    said = systemd_says(planted, "usb", READER, ["idVendor=1d6b", "idProduct=0002"])
    assert "GROUP 64999" in said
    assert "nvalid" not in "".join(line for line in said.splitlines() if RULES_NAME in line)
    assert any("assigns where == was meant" in finding.cause for finding in lint(planted.read_text()))


def test_the_group_is_taken_by_systemd_sysusers(tmp_path: Path) -> None:
    sysusers = program_path("systemd-sysusers", package="systemd")
    (tmp_path / "etc").mkdir()
    file = ROOT / "udev" / "dpptag.sysusers"
    result = subprocess.run(
        [str(sysusers), f"--root={tmp_path}", "--dry-run", "-"],
        input=file.read_bytes(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr.decode()
    assert b"dpptag" in result.stdout + result.stderr


def test_every_kernel_module_is_kept_away() -> None:
    lines = modprobe_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [f"blacklist {module}" for module in KERNEL_MODULES]


def test_rules_of_other_packages_are_taken_for_what_they_are() -> None:
    """A false alarm is worth no more than a fault that is missed: what systemd itself ships is right."""
    folder = Path("/usr/lib/udev/rules.d")
    if not (folder / "50-udev-default.rules").exists():
        pytest.skip("not installed: udev")
    causes = [
        finding.cause
        for path in sorted(folder.glob("*.rules"))
        for finding in lint(path.read_text(encoding="utf-8", errors="replace"), name=path.name)
    ]
    known = ("lets every user and program write", "73-seat-late.rules runs after 73-seat-late.rules")
    assert [cause for cause in causes if not any(text in cause for text in known)] == []
