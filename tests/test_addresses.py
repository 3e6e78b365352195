"""A name lookup has no timeout of its own, and a host many addresses: neither may cost more than its share of time."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import count
from threading import Event
from typing import Any

import pytest

from handler.addresses import connect, look_up

HOSTS = (f"host{number}.test" for number in count())  # each test its own: what was looked up is remembered


class Resolver:
    """Stands in for the system's: finds these addresses when `ready` is set; an OSError is raised."""

    def __init__(self) -> None:
        self.host = next(HOSTS)
        self.answers: list[Sequence[str] | OSError] = []
        self.ready = Event()
        self.ready.set()
        self.asked = 0
        self._system: Callable[..., Any] = socket.getaddrinfo

    def __call__(self, host: str, port: int, *args: int, **kwargs: int) -> Any:
        if host != self.host:
            return self._system(host, port, *args, **kwargs)
        self.asked += 1
        assert self.ready.wait(20)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in ip], socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answer]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    standing_in = Resolver()
    monkeypatch.setattr("socket.getaddrinfo", standing_in)
    return standing_in


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_lookup_that_outlasts_a_try_serves_the_next_one(resolver: Resolver) -> None:
    resolver.answers = [["192.0.2.1"]]
    resolver.ready.clear()
    for _ in range(3):
        with pytest.raises(TimeoutError, match="the name lookup timed out"):
            look_up(resolver.host, 443, 0.01)
    resolver.ready.set()
    assert look_up(resolver.host, 443, 20.0) == ["192.0.2.1"]
    assert look_up(resolver.host, 443, 20.0) == ["192.0.2.1"]
    assert resolver.asked == 1


def test_a_lookup_that_failed_is_made_again(resolver: Resolver) -> None:
    resolver.answers = [socket.gaierror(-3, "Temporary failure in name resolution"), ["192.0.2.1"]]
    with pytest.raises(socket.gaierror, match="Temporary failure"):
        look_up(resolver.host, 443, 20.0)
    assert look_up(resolver.host, 443, 20.0) == ["192.0.2.1"]


def test_families_take_turns_so_that_one_out_of_reach_costs_little(resolver: Resolver) -> None:
    resolver.answers = [["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.1", "192.0.2.2"]]
    assert look_up(resolver.host, 443, 20.0) == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6, so no second loopback address")
@pytest.mark.parametrize("silent", [True, False])
def test_an_address_that_answers_is_found_behind_one_that_does_not(
    resolver: Resolver, port: int, *, silent: bool
) -> None:
    resolver.answers = [["::1", "127.0.0.1"]]
    with ExitStack() as running:
        if silent:  # a full backlog: further connections are not even refused
            running.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=0))
            running.enter_context(socket.create_connection(("::1", port)))
        with closing(connect(resolver.host, port, 2.0)) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
            assert 0 < (sock.gettimeout() or 0) < 2.0  # what is left


def test_the_last_address_says_why(resolver: Resolver, port: int) -> None:
    resolver.answers = [["::1"]]
    with pytest.raises(OSError, match=r"refused|assign|unreachable"):
        connect(resolver.host, port, 4.0)
