"""Simulated UHF modules on pseudo-terminals, and the Gen2 tags in their field."""

from dpptag.sim.uhf.server import EMULATORS, SimulatedModule, start_uhf

__all__ = ["EMULATORS", "SimulatedModule", "start_uhf"]
