"""A whole UHF line in one process: job folder, ledger, simulated module under the real driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dpptag.devices import open_uhf, parse_device_path
from dpptag.links import TagReader
from dpptag.sim import start_uhf
from tests.line.line_rig import LineRig

UHF_JOB = {
    "job__link": "",
    "chips__allowed": '["Higgs-9", "UCODE-7xm"]',
    "epc__company_prefix_digits": "7",
}
PASSWORD = {"protect__password": "true", "protect__master": '"tag-master.key"'}
LOCK = {"protect__lock": '"permanent"'}


class UhfRig(LineRig):
    """As LineRig. ``family`` is the simulated module; ``more`` goes into its query each time."""

    def __init__(
        self, path: Path, *, rows: int = 2, tags: str = "Higgs-9*2", family: str = "m100", more: str = "", **job: str
    ) -> None:
        super().__init__(path, rows=rows, tags=tags, **(UHF_JOB | job))
        (self.folder.path / "tag-master.key").touch()
        self.family = family
        self.more = more

    def reader(self, *, fault: str = "", position: int = 0) -> TagReader:
        query = f"state={self.state}&position={position}{self.more}"
        if not self.state.exists():
            query += f"&tags={self.tags}"
        if fault:
            query += f"&fault={fault}"
        path = parse_device_path(f"sim:uhf/{self.family}?{query}")
        self.sim = start_uhf(path.family, path.query)
        return open_uhf(path, node=self.sim.path)

    def tags_in_state(self) -> list[dict[str, Any]]:
        """The simulator's own memory of its tags: what is on them, not what our code says."""
        found: list[dict[str, Any]] = json.loads(self.state.read_text())["tags"]
        return found
