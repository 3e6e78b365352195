"""Which sockets this process and those that it started listen on, as Linux lists them in /proc."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from os import getpid
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

PROC = Path("/proc")
LISTENING = "0A"


class Listener(NamedTuple):
    """A TCP socket that takes connections."""

    address: IPv4Address | IPv6Address
    port: int
    inode: str


def assert_only_loopback(*urls: str) -> None:
    """Fail if a server of this test can be reached from another machine, or if one of these URLs was not even seen."""
    if sys.platform != "linux":
        pytest.skip("sockets are listed by Linux's /proc only")
    found = listeners()
    assert {urlsplit(url).port for url in urls} <= {listener.port for listener in found}
    assert [listener for listener in found if not is_loopback(listener.address)] == []


def is_loopback(address: IPv4Address | IPv6Address) -> bool:
    """Whether only this machine can reach the address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def listeners() -> list[Listener]:
    """The sockets that this process, and all that descend from it, listen on."""
    inodes = {inode for pid in _descendants(getpid()) for inode in _sockets(pid)}
    tables = [PROC / "self/net" / name for name in ("tcp", "tcp6")]
    lines = [line for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return [listener for listener in parse(lines) if listener.inode in inodes]


def parse(lines: list[str]) -> Iterator[Listener]:
    """The listening sockets in the lines of /proc/net/tcp or tcp6."""
    for line in lines:
        _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
        if state == LISTENING:
            address, port = local.split(":")
            groups = [bytes.fromhex(address[start : start + 8]) for start in range(0, len(address), 8)]
            in_order = b"".join(group[:: -1 if sys.byteorder == "little" else 1] for group in groups)
            yield Listener(ip_address(in_order), int(port, 16), inode)


def _descendants(pid: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    waiting = [pid]
    while waiting:
        yield (one := waiting.pop())
        waiting += children.get(one, [])


def _sockets(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for link in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                target = str(link.readlink())
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]
