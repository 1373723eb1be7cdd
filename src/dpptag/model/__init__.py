"""Frozen values of the domain. Standard library only."""
