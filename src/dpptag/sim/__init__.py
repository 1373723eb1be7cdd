"""Simulated readers and chips that real drivers talk to. Standard library only; imports no driver and no codec."""

from dpptag.sim.reader import SimulatedReader, start
from dpptag.sim.uhf import SimulatedModule, start_uhf

__all__ = ["SimulatedModule", "SimulatedReader", "start", "start_uhf"]
