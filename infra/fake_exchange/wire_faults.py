"""Faults on the wire: responses that come late, in pieces, not at all, or with more than was requested."""

import asyncio
from itertools import cycle, islice

from infra.fake_exchange.books import depth_body, render_sides
from infra.fake_exchange.connection import Connection
from infra.fake_exchange.fault import INTERNAL, SURPLUS_BOOK, Behaviour, Fault, FaultContext
from infra.fake_exchange.responses import Delivery, Response, api_error

# Long enough for the client to have read what came before the reset, which may discard unread data.
_BEFORE_RESET_SECONDS = 0.02
_INTERIM = (  # RFC 9110, 15.2: none has a body, whatever its headers say
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nServer: nginx\r\n\r\n",
    b"HTTP/1.1 199 Whatever\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <https://example.com/style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
)
_SURPLUS_BODY = depth_body(SURPLUS_BOOK.last_update_id, b"", render_sides(SURPLUS_BOOK))
_SURPLUS = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(_SURPLUS_BODY), _SURPLUS_BODY)


async def hang(connection: Connection, _head: bytes, _body: bytes, _: float) -> None:
    """Send nothing, and leave the connection open."""
    await connection.wait_closed()


async def refuse(connection: Connection, _head: bytes, _body: bytes, _: float) -> None:
    """Reset the connection before a byte of the response."""
    connection.abort()


async def _reset(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    connection.write(head + body[: len(body) // 2])
    await asyncio.sleep(_BEFORE_RESET_SECONDS)
    connection.abort()


async def _cut(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    connection.write(head + body[: len(body) // 2])
    connection.close()


async def _slow(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    await asyncio.sleep(seconds)
    connection.write(head + body)


async def _trickle(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    for byte in head + body:
        if connection.is_closing:
            return
        connection.write(bytes([byte]))
        await asyncio.sleep(seconds)


async def _trickle_body(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    connection.write(head)
    await _trickle(connection, b"", body, seconds)


async def _close_afterwards(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    connection.write(head + body)
    asyncio.get_running_loop().call_later(seconds, connection.close)


async def _hang_on_reuse(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    connection.on_reuse = "hung"
    connection.write(head + body)


async def _close_on_reuse(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    connection.on_reuse = "closed"
    connection.write(head + body)


async def _interim(connection: Connection, head: bytes, body: bytes, number: float) -> None:
    connection.write(b"".join(islice(cycle(_INTERIM), int(number))) + head + body)


async def _interim_late(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    connection.write(b"".join(_INTERIM))
    await _slow(connection, head, body, seconds)


async def _surplus(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    connection.write(head + body + _SURPLUS)


async def _surplus_bytes(connection: Connection, head: bytes, body: bytes, _: float) -> None:
    connection.write(head + body + b"surplus\r\n\r\n")


async def _surplus_late(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    connection.write(head + body)
    asyncio.get_running_loop().call_later(seconds, connection.write_if_idle, _SURPLUS)


async def _late(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    connection.write(head + body)
    asyncio.get_running_loop().call_later(seconds, connection.write, _SURPLUS)


def _by(delivery: Delivery, default: float = 0.0, error: Response | None = None) -> Behaviour:
    """The response, or this error, by this delivery."""
    return lambda context: (error or context.response)._replace(deliver=delivery, amount=context.amount(default))


def _huge(context: FaultContext) -> Response:
    levels = b'["1.00000000","1.00000000"],' * int(context.amount(64) * 2**20 / 28)
    return context.with_sides(b'"bids":[' + levels[:-1] + b'],"asks":[]')


WIRE_FAULTS = {
    "refused": Fault(True, "reset before a byte of the response", _by(refuse)),
    "reset": Fault(True, "reset (RST) in the middle of the body", _by(_reset)),
    "hang": Fault(True, "no response; the connection stays open", _by(hang)),
    "hang-reuse": Fault(True, "a response, then none on the same connection", _by(_hang_on_reuse)),
    "slow": Fault(True, "a late response [seconds, 1]", _by(_slow, 1)),
    "trickle": Fault(True, "head and body byte by byte [seconds a byte, 1]", _by(_trickle, 1)),
    "trickle-body": Fault(True, "head at once, body byte by byte [seconds a byte, 1]", _by(_trickle_body, 1)),
    "cut": Fault(True, "half of the body, then a close (FIN)", _by(_cut)),
    "close-idle": Fault(True, "a response, then a close [seconds later, 0]", _by(_close_afterwards)),
    "close-reuse": Fault(True, "a response, then a close on the next request", _by(_close_on_reuse)),
    "interim": Fault(True, "interim responses (1xx) before the response [count, 1]", _by(_interim, 1)),
    "interim-late": Fault(True, "interim responses, later the response [seconds, 0.3]", _by(_interim_late, 0.3)),
    "surplus": Fault(True, "a second response with another book at once", _by(_surplus)),
    "surplus-bytes": Fault(True, "bytes behind the body", _by(_surplus_bytes)),
    "surplus-late": Fault(
        False, "a second response into the idle connection [seconds, 0.02]", _by(_surplus_late, 0.02)
    ),
    "500-late": Fault(
        True,
        "500, later 200 with another book, even before the next response [seconds, 0.02]",
        _by(_late, 0.02, api_error(500, -1001, INTERNAL)),
    ),
    "huge": Fault(False, "a huge body [megabytes, 64]", _huge),
}
