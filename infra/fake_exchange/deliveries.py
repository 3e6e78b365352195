"""How a response is sent over a connection: one small function for each kind of delivery."""

from collections.abc import Callable
from itertools import cycle, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.fake_exchange.server import Connection

Delivery = Callable[["Connection", bytes, bytes, float], None]
"""Called with the connection, the head, the body, and an amount whose meaning depends on the delivery."""

# Long enough for the client to have read what came before the reset, which may discard unread data.
_BEFORE_RESET_SECONDS = 0.02
_FULL_BUFFER_SECONDS = 0.01

_INTERIM = (
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nServer: nginx\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <https://example.com/style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
)
"""Interim responses (RFC 9110, 15.2). None has a body, whatever its headers say."""
_MAX_INTERIM = 10_000


def send(connection: "Connection", head: bytes, body: bytes, _: float = 0) -> None:
    """Send it whole, at once."""
    connection.write(head + body)
    connection.finish()


def send_late(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
    """Send it after so many seconds."""
    connection.later(seconds, lambda: send(connection, head, body))


def hang(_connection: "Connection", _head: bytes, _body: bytes, _: float) -> None:
    """Send nothing, and leave the connection open."""


def reset_at_once(connection: "Connection", _head: bytes, _body: bytes, _: float) -> None:
    """Reset the connection (RST) before a byte of the response."""
    connection.reset()


def reset_midway(connection: "Connection", head: bytes, body: bytes, _: float) -> None:
    """Send half of the body, then reset the connection (RST)."""
    connection.write(head + body[: len(body) // 2])
    connection.later(_BEFORE_RESET_SECONDS, connection.reset)


def close_midway(connection: "Connection", head: bytes, body: bytes, _: float) -> None:
    """Send half of the body, then close the connection (FIN)."""
    connection.write(head + body[: len(body) // 2])
    connection.close()


def trickle(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
    """Send head and body byte by byte, so many seconds apart."""
    _send_bytewise(connection, memoryview(head + body), seconds)


def trickle_body(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
    """Send the head at once, then the body byte by byte, so many seconds apart."""
    connection.write(head)
    _send_bytewise(connection, memoryview(body), seconds)


def _send_bytewise(connection: "Connection", data: memoryview, seconds: float) -> None:
    if not data:
        connection.finish()
        return
    connection.write(bytes(data[:1]))
    connection.later(seconds, lambda: _send_bytewise(connection, data[1:], seconds))


def close_afterwards(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
    """Send it; so many seconds later close the connection although keep-alive was promised."""
    send(connection, head, body)
    connection.later(seconds, connection.close)


def close_on_reuse(connection: "Connection", head: bytes, body: bytes, _: float) -> None:
    """Send it; close the connection when the next request comes on it."""
    connection.closes_on_reuse = True
    send(connection, head, body)


def interim(connection: "Connection", head: bytes, body: bytes, number: float) -> None:
    """Send it together with so many interim responses (1xx) in front of it."""
    send(connection, _interim_responses(number) + head, body)


def interim_then_late(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
    """Send interim responses at once, the final response so many seconds later."""
    connection.write(_interim_responses(len(_INTERIM)))
    send_late(connection, head, body, seconds)


def _interim_responses(number: float) -> bytes:
    return b"".join(islice(cycle(_INTERIM), int(min(number, _MAX_INTERIM))))


def surplus(surplus_response: bytes) -> Delivery:
    """Send it, directly followed by this second whole response."""
    return lambda connection, head, body, _: send(connection, head, body + surplus_response)


def surplus_late(surplus_response: bytes) -> Delivery:
    """Send it; so many seconds later this second response, if the connection is idle then."""

    def deliver(connection: "Connection", head: bytes, body: bytes, seconds: float) -> None:
        send(connection, head, body)
        # If a request is in progress, no client can tell the surplus response from the one to that request.
        connection.later(seconds, lambda: connection.write(surplus_response) if connection.idle else None)

    return deliver


def huge(connection: "Connection", head: bytes, _body: bytes, megabytes: float) -> None:
    """Send a book of so many megabytes, one level again and again, in chunks."""
    level = b'["1.00000000","1.00000000"],'
    piece = _chunk(level * (2**16 // len(level)))
    connection.write(head + _chunk(b'{"lastUpdateId":1,"bids":['))
    _send_repeatedly(connection, piece, int(megabytes * 2**20 / len(piece)))


def _send_repeatedly(connection: "Connection", piece: bytes, times: int) -> None:
    if times <= 0:
        connection.write(_chunk(b'["1.00000000","1.00000000"]],"asks":[]}') + _chunk(b""))
        connection.finish()
    elif connection.writable:
        connection.write(piece)
        connection.later(0, lambda: _send_repeatedly(connection, piece, times - 1))
    else:
        connection.later(_FULL_BUFFER_SECONDS, lambda: _send_repeatedly(connection, piece, times))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
