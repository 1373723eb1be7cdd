"""A machine's sysfs, proc and root as folders: what discovery and doctor look at, and nothing else of the system."""

from __future__ import annotations

from pathlib import Path

from dpptag.devices.doctor import Machine


class MachineFolder:
    """Plug in USB readers and serial adapters, start processes, load modules."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sysfs, self.proc, self.root = path / "sys", path / "proc", path / "root"
        for folder in (self.sysfs / "bus/usb/devices", self.sysfs / "class/tty", self.proc, self.root):
            folder.mkdir(parents=True)

    @property
    def machine(self) -> Machine:
        return Machine(self.sysfs, self.proc, self.root, user_id=4321, groups=frozenset())

    def usb(
        self, port: str, vendor: int, product: int, *, devnum: int, driver: str | None = None, class_code: int = 0xFF
    ) -> Path:
        """Plug in; returns its device node, which nobody but its owner may open."""
        device = self.sysfs / "devices" / port
        interface = device / f"{port}:1.0"
        interface.mkdir(parents=True)
        texts = {"idVendor": f"{vendor:04x}", "idProduct": f"{product:04x}", "busnum": "1", "devnum": str(devnum)}
        for name, text in texts.items():
            (device / name).write_text(text + "\n")
        (interface / "bInterfaceNumber").write_text("00\n")
        (interface / "bInterfaceClass").write_text(f"{class_code:02x}\n")
        if driver is not None:
            module = self.sysfs / "bus/usb/drivers" / driver
            module.mkdir(parents=True, exist_ok=True)
            (interface / "driver").symlink_to(module)
        (self.sysfs / "bus/usb/devices" / port).symlink_to(device)
        (self.sysfs / "bus/usb/devices" / interface.name).symlink_to(interface)
        return self._node(f"dev/bus/usb/001/{devnum:03d}")

    def tty(self, name: str, *, port: str | None = None, latency: int | None = None, uart: str = "4") -> Path:
        """A serial port, of an adapter at ``port`` or of the board; returns its node."""
        where = self.sysfs / "devices" / (port or "platform") / (f"{port}:1.0/{name}" if port else name)
        where.mkdir(parents=True)
        if latency is not None:
            (where / "latency_timer").write_text(f"{latency}\n")
        entry = self.sysfs / "class/tty" / name
        entry.mkdir()
        (entry / "device").symlink_to(where)
        (entry / "type").write_text(f"{uart}\n")
        return self._node(f"dev/{name}")

    def process(self, pid: int, name: str, holds: Path | None = None) -> None:
        folder = self.proc / str(pid) / "fd"
        folder.mkdir(parents=True)
        (folder.parent / "comm").write_text(name + "\n")
        if holds is not None:
            (folder / "5").symlink_to(holds)

    def module(self, name: str) -> None:
        (self.sysfs / "module" / name).mkdir(parents=True)

    def _node(self, path: str) -> Path:
        node = self.root / path
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
        node.chmod(0o600)
        return node
