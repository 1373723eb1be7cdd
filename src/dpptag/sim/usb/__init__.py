"""Simulated USB readers on umockdev's usbfs: ``python -m dpptag.sim usb`` under a Python that has gi."""
