"""One connection of a client: requests in, responses out."""

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from infra.fake_exchange.markets import SPOT, FakeMarket
from infra.fake_exchange.responses import Request, Response, encode, nginx_error, parse_head

if TYPE_CHECKING:
    from infra.fake_exchange.exchange import FakeExchange


class Connection:
    """HTTP/1.1 with keep-alive; pipelined requests are answered one after the other."""

    def __init__(
        self, exchange: "FakeExchange", number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.on_reuse = ""  # instead of a further response, the connection is `closed` or `hung`
        self._is_idle = True
        self._exchange, self._number, self._reader, self._writer = exchange, number, reader, writer

    async def serve(self) -> None:
        """Answer requests until either side closes the connection."""
        try:
            while await self._serve_one():
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client is gone, or no client of an exchange
        finally:
            self._writer.close()

    @property
    def is_closing(self) -> bool:
        """True once nothing can be sent any more."""
        return self._writer.is_closing()

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        if not self.is_closing:
            self._writer.write(data)

    def write_if_idle(self, data: bytes) -> None:
        """Send some bytes unless a request is in progress."""
        if self._is_idle:
            self.write(data)

    async def wait_closed(self) -> None:
        """Wait until the client closes the connection; what it sends is ignored."""
        while await self._reader.read(65536):
            pass

    def close(self) -> None:
        """Close the connection once everything is written (FIN)."""
        self._writer.close()

    def abort(self, *, reset: bool = True) -> None:
        """Close the connection now and discard what is still to be written; a `reset` sends RST instead of FIN."""
        if reset:  # a linger time of 0 does that: socket(7), SO_LINGER
            linger = struct.pack("ii", 1, 0)
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def _serve_one(self) -> bool:
        """Answer one request. Returns True if another one may come."""
        request = parse_head((await self._reader.readuntil(b"\r\n\r\n"))[:-4])
        self._is_idle = False
        if request is None:
            return await self._deliver(nginx_error(400, "400 Bad Request"), Request(), SPOT, 0)
        await self._reader.readexactly(request.body_length)
        if self.on_reuse:
            self._exchange.respond(self._number, request, self.on_reuse)
            if self.on_reuse == "hung":
                await self.wait_closed()
            return False
        if self._exchange.latency_seconds:
            await asyncio.sleep(self._exchange.latency_seconds)
        outcome = self._exchange.respond(self._number, request)
        return await self._deliver(outcome.response, request, outcome.query.market, outcome.used_weight)

    async def _deliver(self, response: Response, request: Request, market: FakeMarket, used_weight: int) -> bool:
        date, gzip = self._exchange.date(), self._exchange.gzip
        head, body = encode(response, request, market, used_weight=used_weight, date=date, gzip=gzip)
        await response.deliver(self, head, body, response.amount)
        await self._writer.drain()
        self._is_idle = True
        return request.keep_alive and not self.is_closing
