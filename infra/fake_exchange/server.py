"""One connection of a client: bytes in, requests out, responses delivered."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from infra.fake_exchange.http11 import Request, ResponseContext, encode, parse_head
from infra.fake_exchange.markets import SPOT, FakeMarket
from infra.fake_exchange.responses import nginx_error

if TYPE_CHECKING:
    from infra.fake_exchange.exchange import FakeExchange

_MAX_REQUEST_BYTES = 1 << 20


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive; pipelined requests are answered one after the other."""

    def __init__(self, exchange: "FakeExchange", number: int) -> None:
        self.writable = True
        """False while the client does not read as fast as is written."""
        self.closes_on_reuse = False
        self._exchange, self._number = exchange, number
        self._buffer = bytearray()
        self._is_busy = False
        self._keep_alive = True
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: the client has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._exchange.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name belongs to asyncio
        """Called by asyncio: the connection is closed."""
        self._exchange.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: some bytes of one or more requests."""
        self._buffer += data
        if len(self._buffer) > _MAX_REQUEST_BYTES:
            self._transport.abort()
        else:
            self._next_request()

    def pause_writing(self) -> None:
        """Called by asyncio: the write buffer is full."""
        self.writable = False

    def resume_writing(self) -> None:
        """Called by asyncio: the write buffer has room again."""
        self.writable = True

    @property
    def idle(self) -> bool:
        """Whether no request is in progress, nor the beginning of one received."""
        return not (self._is_busy or self._buffer)

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        self._transport.write(data)

    def finish(self) -> None:
        """End a response: read the next request, or close the connection if the client asked for that."""
        self._is_busy = False
        if not self._keep_alive:
            self._transport.close()
        elif self._buffer:
            self.later(0, self._next_request)

    def close(self) -> None:
        """Close the connection once everything is written (FIN)."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection now, and discard what is still to be written."""
        self._transport.abort()

    def reset(self) -> None:
        """Reset the connection (RST)."""
        # A linger time of 0 makes close() send RST instead of FIN: socket(7), SO_LINGER.
        linger = struct.pack("ii", 1, 0)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call a function after so many seconds, unless the connection is closed by then."""
        self._loop.call_later(seconds, lambda: None if self._transport.is_closing() else action())

    def _next_request(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if self._is_busy or end < 0:
            return
        request = parse_head(bytes(self._buffer[:end]))
        if request is None:
            self._reject_malformed()
        elif len(self._buffer) >= end + 4 + request.body_length:
            del self._buffer[: end + 4 + request.body_length]
            self._is_busy, self._keep_alive = True, request.keep_alive
            self._accept(request)

    def _accept(self, request: Request) -> None:
        if self.closes_on_reuse:
            self._exchange.log_unanswered(self._number, request)
            self.close()
        elif self._exchange.latency_seconds:
            self.later(self._exchange.latency_seconds, lambda: self._respond(request))
        else:
            self._respond(request)

    def _respond(self, request: Request) -> None:
        outcome = self._exchange.respond(self._number, request)
        response, market = outcome.response, outcome.query.market
        head, body = encode(response, request, self._context(market, outcome.used_weight))
        response.delivery(self, head, body, response.amount)

    def _reject_malformed(self) -> None:
        malformed = Request("GET", "/", {}, False, 0)
        head, body = encode(nginx_error(400, "400 Bad Request"), malformed, self._context(SPOT, 0))
        self.write(head + body)
        self.close()

    def _context(self, market: FakeMarket, used_weight: int) -> ResponseContext:
        return ResponseContext(market, used_weight, self._exchange.date(), random.randbytes(56), self._exchange.gzip)
