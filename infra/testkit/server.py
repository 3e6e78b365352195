"""An HTTP/1.1 server on 127.0.0.1, in a thread, that can also send a response in wrong ways."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import NamedTuple, Self


class Request(NamedTuple):
    """One request. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    keep_alive: bool
    body: bytes = b""


Delivery = Callable[["Connection", bytes, bytes, float], Awaitable[None]]
"""Sends head and body over a connection; the amount is seconds or a count."""


async def send(connection: "Connection", head: bytes, body: bytes, _: float) -> None:
    """Send a response whole, at once."""
    connection.write(head + body)


async def hang(connection: "Connection", _head: bytes, _body: bytes, _: float) -> None:
    """Send nothing, and leave the connection open."""
    await connection.wait_closed()


async def refuse(connection: "Connection", _head: bytes, _body: bytes, _: float) -> None:
    """Reset the connection before a byte of the response."""
    connection.reset()


async def cut(connection: "Connection", head: bytes, body: bytes, _: float) -> None:
    """Close the connection (FIN) in the middle of the body."""
    connection.write(head + body[: len(body) // 2])
    connection.close()


async def slow(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
    """Send it late."""
    await asyncio.sleep(seconds)
    connection.write(head + body)


class Answer(NamedTuple):
    """A response as bytes, and how it is sent."""

    head: bytes
    body: bytes
    deliver: Delivery = send
    amount: float = 0.0


class HttpServer:
    """Listens from `start`, or `with`, to `stop`, or the end of `with`; may be started again on the same port."""

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        self.port = port
        self._ssl_context = ssl_context
        self._connections: set[Connection] = set()
        self._numbers = count(1)

    async def respond(self, connection: int, request: Request, unanswered: str) -> Answer:
        """The answer to a request; it is not sent where `unanswered` says what happens to the connection instead."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen. Raises OSError if the port is in use."""
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener, started)), daemon=True)
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        """Close every connection and stop listening; what was begun in a thread is finished then."""
        if self._thread.is_alive():
            self._stop()
            self._thread.join()

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, sock=listener, ssl=self._ssl_context, backlog=1024)
        self._stop = partial(loop.call_soon_threadsafe, stopped.set)
        started.set()
        await stopped.wait()
        # Stop accepting before closing: a connection accepted just now takes some iterations of the loop to appear, and
        # Python 3.13 fails on one that appears after the server is closed.
        loop.remove_reader(listener)
        for _ in range(10):
            for connection in tuple(self._connections):
                connection.abort()
            await asyncio.sleep(0)
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, next(self._numbers), reader, writer)
        self._connections.add(connection)
        with suppress(asyncio.CancelledError):  # the server stops while this connection waits
            await connection.serve()
        self._connections.discard(connection)


class Connection:
    """HTTP/1.1 with keep-alive; pipelined requests are answered one after the other."""

    def __init__(
        self, server: HttpServer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.on_reuse = ""  # instead of a further response, the connection is `closed` or `hung`
        self._is_idle = True
        self._server, self._number, self._reader, self._writer = server, number, reader, writer

    async def serve(self) -> None:
        """Answer requests until either side closes the connection."""
        try:
            while await self._serve_one():
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client is gone, or speaks no HTTP
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

    def abort(self) -> None:
        """Close the connection now."""
        self._writer.transport.abort()

    def reset(self) -> None:
        """Close the connection now, with RST."""
        linger = struct.pack("ii", 1, 0)  # a linger time of 0 does that: socket(7), SO_LINGER
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.abort()

    async def _serve_one(self) -> bool:
        """Answer one request. Returns True if another one may come."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        try:
            request, length = _parse_head(head[:-4])
        except ValueError:
            return False
        self._is_idle = False
        request = request._replace(body=await self._reader.readexactly(length))
        if self._reader.at_eof():  # a client that has given up, while this server was kept from answering
            return False
        answer = await self._server.respond(self._number, request, self.on_reuse)
        if self.on_reuse:
            if self.on_reuse == "hung":
                await self.wait_closed()
            return False
        await answer.deliver(self, answer.head, answer.body, answer.amount)
        await self._writer.drain()
        self._is_idle = True
        return request.keep_alive and not self.is_closing


def _parse_head(head: bytes) -> tuple[Request, int]:
    """A request and the length of its body. Raises ValueError."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    keep_alive = headers.get("connection", "").lower() != "close" and version != "HTTP/1.0"
    return Request(method, target, headers, keep_alive), int(headers.get("content-length", "0"))
