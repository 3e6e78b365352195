"""Wrong ways to send a response: in pieces, over connections that break, or with more than was requested."""

import select
from itertools import cycle, islice

from infra.testkit.server import Connection, Delivery, send

# Long enough for the client to have read what came before the reset, which may discard unread data.
_BEFORE_RESET_SECONDS = 0.02
_INTERIM = (  # RFC 9110, 15.2: none has a body, whatever its headers say
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nServer: nginx\r\n\r\n",
    b"HTTP/1.1 199 Whatever\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <https://example.com/style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
)


def close(connection: Connection, _head: bytes, _body: bytes, _: float) -> None:
    """Send nothing, and close the connection (FIN)."""
    connection.close()


def reset(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    """Reset the connection in the middle of the body."""
    connection.write(head + body[: len(body) // 2])
    connection.wait(_BEFORE_RESET_SECONDS)
    connection.reset()


def trickle(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    """Send head and body byte by byte."""
    for byte in head + body:
        connection.write(bytes([byte]))
        connection.wait(seconds)


def trickle_body(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    """Send the head at once, the body byte by byte."""
    connection.write(head)
    trickle(connection, b"", body, seconds)


def close_afterwards(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    """Close the connection, although keep-alive was promised."""
    connection.write(head + body)
    connection.close()


def then(fault: str) -> Delivery:
    """Send it, and let this fault meet the next request on the connection."""

    def deliver(connection: Connection, head: bytes, body: bytes, _: float) -> None:
        connection.write(head + body)
        connection.next_fault = fault

    return deliver


def interim(connection: Connection, head: bytes, body: bytes, number: float) -> None:
    """Send interim responses (1xx) in front."""
    connection.write(b"".join(islice(cycle(_INTERIM), int(number))) + head + body)


def interim_late(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    """Send interim responses at once, the final one late."""
    connection.write(b"".join(_INTERIM))
    send(connection, head, body, seconds)


def surplus(data: bytes) -> Delivery:
    """Send these bytes directly behind the body."""
    return lambda connection, head, body, _: connection.write(head + body + data)


def surplus_late(data: bytes, *, only_if_idle: bool) -> Delivery:
    """Send these bytes later, perhaps unless the next request came first."""

    def deliver(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
        connection.write(head + body)
        connection.wait(seconds)
        if not only_if_idle or not select.select([connection.request], [], [], 0)[0]:
            connection.write(data)

    return deliver
