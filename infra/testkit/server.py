"""An HTTP/1.1 server on 127.0.0.1, a thread for each connection, that can also send a response in wrong ways."""

import socket
import ssl
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any, NamedTuple, Self


class Request(NamedTuple):
    """One request. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    head: str
    body: bytes

    @property
    def keep_alive(self) -> bool:
        """False if the client wants the connection closed after the response."""
        return self.headers.get("connection", "").lower() != "close"


Delivery = Callable[["Connection", bytes, bytes, float], object]
"""Sends head and body over a connection; the amount is seconds or a count."""


def send(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
    """Send a response whole, after some seconds."""
    connection.wait(seconds)
    connection.write(head + body)


def hang(connection: "Connection", _head: bytes, _body: bytes, _: float) -> None:
    """Send nothing, and leave the connection open until the client closes it."""
    while connection.request.recv(65536):
        pass


def refuse(connection: "Connection", _head: bytes, _body: bytes, _: float) -> None:
    """Reset the connection before a byte of the response."""
    connection.reset()


def cut(connection: "Connection", head: bytes, body: bytes, _: float) -> None:
    """Close the connection (FIN) in the middle of the body."""
    connection.write(head + body[: len(body) // 2])
    connection.close()


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

    def respond(self, connection: "Connection", request: Request) -> Answer:
        """The answer to a request; called by many threads at once."""
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
        self._listener = _Listener(self.port, self.respond, self._ssl_context)
        self.port = int(self._listener.server_address[1])
        Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Close every connection and stop listening; what was begun in a thread is finished then."""
        self._listener.stop()


class _Listener(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(
        self, port: int, respond: Callable[["Connection", Request], Answer], ssl_context: ssl.SSLContext | None
    ) -> None:
        self.respond, self.stopped = respond, Event()
        self._ssl_context, self._open = ssl_context, set[socket.socket]()
        super().__init__(("127.0.0.1", port), Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connected, address = super().get_request()
        if self._ssl_context:  # the handshake comes with the first bytes that are read, in the connection's own thread
            connected = self._ssl_context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
        self._open.add(connected)
        return connected, address

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError | ValueError):  # the client is gone, or speaks no HTTP
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.shutdown()
        self.stopped.set()
        for connected in tuple(self._open):
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Connection(StreamRequestHandler):
    """HTTP/1.1 with keep-alive; pipelined requests are answered one after the other."""

    server: _Listener
    request: socket.socket
    disable_nagle_algorithm = True
    next_fault = ""  # of the next request that comes over it

    @property
    def number(self) -> int:
        """The client's port, which tells connections apart."""
        return int(self.client_address[1])

    def handle(self) -> None:
        """Answer requests until either side closes the connection."""
        while request := self._read():
            answer = self.server.respond(self, request)
            answer.deliver(self, answer.head, answer.body, answer.amount)
            if not request.keep_alive or self.rfile.closed:
                return

    def wait(self, seconds: float) -> None:
        """Let some time pass, but not beyond the server's end."""
        self.server.stopped.wait(seconds)

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        self.request.sendall(data)

    def close(self) -> None:
        """Close the connection once everything is sent (FIN)."""
        self.rfile.close()
        self.request.close()

    def reset(self) -> None:
        """Close the connection now, with RST."""
        linger = struct.pack("ii", 1, 0)  # a linger time of 0 does that: socket(7), SO_LINGER
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    def _read(self) -> Request | None:
        """The next request, or None at the end. Raises ValueError for what is no request."""
        lines = [line.decode("latin-1") for line in iter(lambda: self.rfile.readline().strip(), b"")]
        if not lines:
            return None
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        body = self.rfile.read(length)
        return Request(method, target, headers, "\r\n".join(lines), body) if len(body) == length else None
