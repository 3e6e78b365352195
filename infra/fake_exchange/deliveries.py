"""Wrong ways to send a response: in pieces, over connections that break, or with more than was requested."""

import asyncio
from collections.abc import Callable
from itertools import cycle, islice

from infra.testkit.server import Connection, Delivery, slow

# Long enough for the client to have read what came before the reset, which may discard unread data.
_BEFORE_RESET_SECONDS = 0.02
_INTERIM = (  # RFC 9110, 15.2: none has a body, whatever its headers say
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nServer: nginx\r\n\r\n",
    b"HTTP/1.1 199 Whatever\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <https://example.com/style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
)


async def reset(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    """Reset the connection in the middle of the body."""
    connection.write(head + body[: len(body) // 2])
    await asyncio.sleep(_BEFORE_RESET_SECONDS)
    connection.reset()


async def trickle(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    """Send head and body byte by byte."""
    for byte in head + body:
        if connection.is_closing:
            return
        connection.write(bytes([byte]))
        await asyncio.sleep(seconds)


async def trickle_body(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    """Send the head at once, the body byte by byte."""
    connection.write(head)
    await trickle(connection, b"", body, seconds)


async def close_afterwards(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    """Close the connection later, although keep-alive was promised."""
    connection.write(head + body)
    asyncio.get_running_loop().call_later(seconds, connection.close)


async def hang_on_reuse(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    """Answer no further request on the connection, as behind a NAT that has forgotten it."""
    connection.on_reuse = "hung"
    connection.write(head + body)


async def close_on_reuse(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    """Close the connection when the next request comes."""
    connection.on_reuse = "closed"
    connection.write(head + body)


async def interim(connection: Connection, head: bytes, body: bytes, number: float) -> None:
    """Send interim responses (1xx) in front."""
    connection.write(b"".join(islice(cycle(_INTERIM), int(number))) + head + body)


async def interim_late(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    """Send interim responses at once, the final one late."""
    connection.write(b"".join(_INTERIM))
    await slow(connection, head, body, seconds)


def surplus(data: bytes) -> Delivery:
    """Send these bytes directly behind the body."""

    async def deliver(connection: Connection, head: bytes, body: bytes, _: float) -> None:
        connection.write(head + body + data)

    return deliver


def surplus_late(write: Callable[[Connection, bytes], None], data: bytes) -> Delivery:
    """Send these bytes later, by this method of the connection."""

    async def deliver(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
        connection.write(head + body)
        asyncio.get_running_loop().call_later(seconds, write, connection, data)

    return deliver
