"""Simulated UHF modules on pseudo-terminals, and the Gen2 tags in their field."""
