"""Simulated readers and chips that real drivers talk to. Standard library only; imports no driver and no codec."""

from dpptag.sim.reader import SimulatedReader, start

__all__ = ["SimulatedReader", "start"]
