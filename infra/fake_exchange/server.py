"""One connection of a client: bytes in, requests out, answers delivered."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

from infra.fake_exchange.answers import Answer, nginx
from infra.fake_exchange.deliveries import deliver
from infra.fake_exchange.http11 import Circumstances, Request, compose, parse_head

_MOST_BYTES = 1 << 20


class Site(Protocol):
    """What a connection needs to know of the exchange it belongs to."""

    latency_seconds: float
    gzip: bool
    connections: "set[Connection]"

    def answer(self, connection: int, request: Request) -> tuple[Answer, int]:
        """The answer and the weight used so far."""

    def missed(self, connection: int, request: Request) -> None:
        """A request that came on a connection closed to it."""

    def date(self) -> str:
        """Now, as the Date header has it."""


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive; pipelined requests are answered one after the other."""

    def __init__(self, site: Site, number: int) -> None:
        self.writable = True
        self.closes_on_reuse = False
        self._site, self._number = site, number
        self._buffer = bytearray()
        self._busy = False
        self._keep_alive = True
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: the client is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._site.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name belongs to asyncio
        """Called by asyncio: the client is gone, or was sent away."""
        self._site.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: some bytes of a request, of several, or of half of one."""
        self._buffer += data
        if len(self._buffer) > _MOST_BYTES:
            self._transport.abort()
        elif not self._busy:
            self._next()

    def pause_writing(self) -> None:
        """Called by asyncio: the client does not keep up."""
        self.writable = False

    def resume_writing(self) -> None:
        """Called by asyncio: the client has caught up."""
        self.writable = True

    @property
    def idle(self) -> bool:
        """Whether no request waits for its answer, as far as it has come."""
        return not (self._busy or self._buffer)

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        self._transport.write(data)

    def done(self) -> None:
        """The answer is out: go on to the next request, or to the close that the client asked for."""
        self._busy = False
        if not self._keep_alive:
            self._transport.close()
        elif self._buffer:
            self.later(0, self._next)

    def close(self) -> None:
        """Close in good order once everything is written (FIN)."""
        self._transport.close()

    def abort(self) -> None:
        """Close now, whatever is still to be written."""
        self._transport.abort()

    def reset(self) -> None:
        """Tear the connection down (RST)."""
        # A linger time of 0 makes close() send RST instead of FIN: socket(7), SO_LINGER.
        linger = struct.pack("ii", 1, 0)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it then, unless the connection is gone."""
        self._loop.call_later(seconds, lambda: None if self._transport.is_closing() else action())

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if self._busy or end < 0:
            return
        request = parse_head(bytes(self._buffer[:end]))
        if request is None:
            self._answer_nonsense()
        elif len(self._buffer) >= end + 4 + request.body_length:
            del self._buffer[: end + 4 + request.body_length]
            self._busy, self._keep_alive = True, request.keep_alive
            self._take(request)

    def _take(self, request: Request) -> None:
        if self.closes_on_reuse:
            self._site.missed(self._number, request)
            self.close()
        elif self._site.latency_seconds:
            self.later(self._site.latency_seconds, lambda: self._answer(request))
        else:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        answer, used_weight = self._site.answer(self._number, request)
        head, body = compose(answer, request, self._circumstances(used_weight))
        deliver(self, answer.delivery, head, body, answer.amount)

    def _answer_nonsense(self) -> None:
        nonsense = Request("GET", "/", {}, False, 0)
        head, body = compose(nginx(400, "400 Bad Request"), nonsense, self._circumstances(0))
        self.write(head + body)
        self.close()

    def _circumstances(self, used_weight: int) -> Circumstances:
        return Circumstances(used_weight, self._site.date(), random.randbytes(56), self._site.gzip)
