"""Each way in which a reader cannot be opened is named, with the command that mends it."""

from __future__ import annotations

import grp
import os
from dataclasses import replace
from pathlib import Path

import pytest

from dpptag.devices.discovery import find_readers
from dpptag.devices.doctor import Finding, Severity, examine
from dpptag.devices.udev_rules import RULES_NAME
from tests.unit.devices.machine_folder import MachineFolder

ACR = ["ACS ACR122U PICC Interface 00 00"]


def findings(
    folder: MachineFolder, names: list[str] | None = None, *, refused: bool = False, **changes: object
) -> dict[str, Finding]:
    readers = find_readers(names or (), sysfs=folder.sysfs)
    machine = replace(folder.machine, **changes)  # type: ignore[arg-type]
    found = examine(readers, pcsc_answers=names is not None, pcsc_refused=refused, machine=machine)
    assert len({finding.code for finding in found}) == len(found)
    return {finding.code: finding for finding in found}


@pytest.fixture
def folder(tmp_path: Path) -> MachineFolder:
    return MachineFolder(tmp_path)


def with_rules(folder: MachineFolder) -> MachineFolder:
    rules = folder.root / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    (rules / RULES_NAME).touch()
    return folder


def test_a_kernel_module_that_holds_the_reader_is_named(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7, driver="pn533_usb").chmod(0o660)
    finding = findings(folder, user_id=0)["kernel-module"]
    assert finding.severity is Severity.PROBLEM
    assert "pn533_usb" in finding.cause
    assert finding.action.startswith("sudo modprobe -r pn533_usb")
    assert "1-2" in (finding.reader or "")


def test_the_process_that_holds_a_reader_is_named(folder: MachineFolder) -> None:
    node = folder.usb("1-2", 0x04CC, 0x2533, devnum=7)
    folder.process(812, "nfc-poll", holds=node)
    folder.process(813, "bash")
    finding = findings(folder, user_id=0)["held"]
    assert "nfc-poll (process 812)" in finding.cause
    assert finding.action.endswith("kill 812")


def test_pcscd_is_stopped_not_killed(folder: MachineFolder) -> None:
    node = folder.usb("1-2", 0x04CC, 0x2533, devnum=7, class_code=0x0B)
    folder.process(500, "pcscd", holds=node)
    found = findings(folder, user_id=0)
    assert "systemctl stop pcscd" in found["held"].action
    assert found["pcscd"].severity is Severity.HINT


def test_a_node_that_this_user_may_not_open_is_a_problem_and_the_rules_mend_it(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_args: False)  # the tests may run as root
    node = folder.usb("1-2", 0x04CC, 0x2533, devnum=7)
    finding = findings(folder)["permission"]
    assert "install-rules" in finding.action
    assert "0600" in finding.cause
    node.chmod(0o660)
    assert "permission" in findings(folder)
    assert "permission" not in findings(folder, groups=frozenset((node.stat().st_gid,)))
    assert "permission" not in findings(folder, user_id=node.stat().st_uid)


def test_a_seat_s_access_list_counts_as_permission(folder: MachineFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7)
    monkeypatch.setattr(os, "access", lambda *_args: True)
    assert "permission" not in findings(folder)


def test_a_node_open_to_everybody_is_a_hint(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7).chmod(0o666)
    finding = findings(folder)["mode"]
    assert finding.severity is Severity.HINT
    assert "0666" in finding.cause


def test_rules_that_are_not_installed_and_modules_that_will_take_the_reader_are_hints(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7).chmod(0o660)
    folder.module("pn533")
    found = findings(folder, user_id=0)
    assert {code: finding.severity for code, finding in found.items()} == {
        "no-rules": Severity.HINT,
        "modules-loaded": Severity.HINT,
    }
    assert "modprobe -r pn533" in found["modules-loaded"].action
    assert "no-rules" not in findings(with_rules(folder), user_id=0)


def test_a_pcsc_reader_without_a_service_says_which_to_start_or_install(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x04E6, 0x5790, devnum=7, class_code=0x0B)
    assert findings(folder)["pcsc-service"].action == "sudo apt install pcscd libccid"
    (folder.root / "usr/sbin").mkdir(parents=True)
    (folder.root / "usr/sbin/pcscd").touch()
    assert findings(folder)["pcsc-service"].action == "sudo systemctl enable --now pcscd.socket"


def test_a_reader_that_the_running_service_does_not_know_is_a_problem(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x04E6, 0x5790, devnum=7, class_code=0x0B)
    assert findings(folder, [])["pcsc-driver"].severity is Severity.PROBLEM


def test_a_pcsc_reader_that_works_has_no_finding(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x072F, 0x2200, devnum=7, class_code=0x0B)
    folder.process(500, "pcscd", holds=folder.root / "dev/bus/usb/001/007")
    assert findings(folder, ACR) == {}


def test_the_kernel_module_of_an_acr122u_is_a_problem_for_pcsc_too(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x072F, 0x2200, devnum=7, class_code=0x0B, driver="pn533_usb")
    assert "kernel-module" in findings(folder, ACR)


def test_a_slow_serial_adapter_is_a_hint_with_the_command(folder: MachineFolder) -> None:
    folder.tty("ttyUSB0", port="1-1", latency=16)
    folder.tty("ttyUSB1", port="1-2", latency=1)
    finding = findings(folder, user_id=0)["latency"]
    assert "16 ms" in finding.cause
    assert finding.reader == "nfc:tty:/dev/ttyUSB0"
    assert finding.action.startswith("echo 1 | sudo tee ")


def test_a_held_serial_port_and_a_modem_manager_are_named(folder: MachineFolder) -> None:
    node = folder.tty("ttyUSB0", port="1-1")
    folder.process(77, "ModemManager", holds=node)
    found = findings(folder, user_id=0)
    assert "ModemManager (process 77)" in found["held"].cause
    assert "disable --now ModemManager" in found["modem-manager"].action


def test_a_serial_port_of_another_group_names_the_group_to_join(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_args: False)
    folder.tty("ttyUSB0", port="1-1")
    assert "dialout" in findings(folder)["permission"].action


def test_a_node_that_its_group_may_open_says_which_group_to_join(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules are there already and give who has no seat nothing more; another package may have set its own group."""
    monkeypatch.setattr(os, "access", lambda *_args: False)
    node = folder.usb("1-2", 0x04CC, 0x2533, devnum=7)
    status = os.stat_result((0o20660, 0, 0, 1, 0, 46, 0, 0, 0, 0))
    original = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **kw: status if self == node else original(self, **kw))
    finding = findings(with_rules(folder))["permission"]
    assert finding.action == f"sudo adduser $USER {_group(46)}, then log in again"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def test_a_reader_claimed_by_somebody_whose_processes_are_hidden_is_held(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x04CC, 0x2533, devnum=7, driver="usbfs")
    finding = findings(folder)["held"]
    assert finding.severity is Severity.PROBLEM
    assert "another user" in finding.cause
    assert "devices doctor" in finding.action


def test_who_keeps_a_ccid_reader_from_pcscd_is_named_and_nothing_is_installed_for_it(folder: MachineFolder) -> None:
    node = folder.usb("1-2", 0x072F, 0x2200, devnum=7, class_code=0x0B, driver="usbfs")
    folder.process(500, "pcscd")
    folder.process(812, "scdaemon", holds=node)
    found = findings(with_rules(folder), [])
    assert set(found) == {"held"}
    assert "scdaemon (process 812)" in found["held"].cause


def test_a_kernel_module_is_not_mistaken_for_a_missing_driver_of_pcscd(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x072F, 0x2200, devnum=7, class_code=0x0B, driver="pn533_usb")
    assert set(findings(with_rules(folder), [])) == {"kernel-module"}


def test_a_user_whom_polkit_refuses_is_not_told_to_start_the_service(folder: MachineFolder) -> None:
    folder.usb("1-2", 0x04E6, 0x5790, devnum=7, class_code=0x0B)
    found = findings(folder, refused=True)
    assert set(found) == {"pcsc-refused"}
    assert "install-rules" in found["pcsc-refused"].action
    assert "adduser $USER dpptag" in found["pcsc-refused"].action


def test_a_console_on_the_serial_port_is_ended_as_a_service(folder: MachineFolder) -> None:
    node = folder.tty("ttyS0")
    folder.process(77, "agetty", holds=node)
    assert "serial-getty@ttyS0.service" in findings(folder, user_id=0)["held"].action
