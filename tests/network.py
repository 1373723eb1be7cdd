"""The network is cut in tests: loopback and local sockets work, names are not looked up."""

import ipaddress
import socket

import pytest


class NetworkUsedError(Exception):
    """A test tried to leave this machine. Not an OSError, so that no code under test takes it for an outage."""


def stays_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if not isinstance(host, str):
        return host is None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def guarded(name: str):
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *args):
            address = args[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and not stays_here(address[0]):
                raise NetworkUsedError(f"{name} {address!r}")
            return original(self, *args)

        return call

    look_up = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if not stays_here(host):
            raise NetworkUsedError(f"getaddrinfo {host!r}")
        return look_up(host, *args, **kwargs)

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
