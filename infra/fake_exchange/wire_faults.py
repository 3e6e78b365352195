"""Faults on the wire: responses that come late, in pieces, not at all, or with more than was requested."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import cycle, islice

from infra.fake_exchange.connection import Connection
from infra.fake_exchange.fault import INTERNAL, SURPLUS_BOOK, Behaviour, Fault, FaultContext
from infra.fake_exchange.responses import JSON, Delivery, Response, api_error, send

AmountDelivery = Callable[[Connection, bytes, bytes, float], Awaitable[None]]
# Long enough for the client to have read what came before the reset, which may discard unread data.
_BEFORE_RESET_SECONDS = 0.02
_INTERIM = (
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nServer: nginx\r\n\r\n",
    b"HTTP/1.1 199 Whatever\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <https://example.com/style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
)
"""Interim responses (RFC 9110, 15.2). None has a body, whatever its headers say."""
_MAX_INTERIM = 10_000


async def hang(connection: Connection, _head: bytes, _body: bytes) -> None:
    """Send nothing, and leave the connection open."""
    await connection.wait_closed()


async def refuse(connection: Connection, _head: bytes, _body: bytes) -> None:
    """Reset the connection before a byte of the response."""
    connection.abort()


async def _reset(connection: Connection, head: bytes, body: bytes) -> None:
    connection.write(head + body[: len(body) // 2])
    await asyncio.sleep(_BEFORE_RESET_SECONDS)
    connection.abort()


async def _cut(connection: Connection, head: bytes, body: bytes) -> None:
    connection.write(head + body[: len(body) // 2])
    connection.close()


async def _slow(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await send(connection, head, body)


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
    await send(connection, head, body)
    asyncio.get_running_loop().call_later(seconds, connection.close)


def _on_reuse(what: str) -> Behaviour:
    async def deliver(connection: Connection, head: bytes, body: bytes) -> None:
        connection.on_reuse = what
        await send(connection, head, body)

    return lambda context: context.response._replace(deliver=deliver)


async def _interim(connection: Connection, head: bytes, body: bytes, number: float) -> None:
    interim = b"".join(islice(cycle(_INTERIM), int(min(number, _MAX_INTERIM))))
    await send(connection, interim + head, body)


async def _interim_late(connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
    connection.write(b"".join(_INTERIM))
    await _slow(connection, head, body, seconds)


def _huge(context: FaultContext) -> Response:
    levels = b'["1.00000000","1.00000000"],' * int(context.amount(64) * 2**20 / 28)
    return context.with_sides(b'"bids":[' + levels[:-1] + b'],"asks":[]')


def _surplus_response(context: FaultContext) -> bytes:
    body = context.with_book(SURPLUS_BOOK).body
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _surplus(context: FaultContext, data: bytes = b"") -> Response:
    async def deliver(connection: Connection, head: bytes, body: bytes) -> None:
        connection.write(head + body + (data or _surplus_response(context)))

    return context.response._replace(deliver=deliver)


def _surplus_late(context: FaultContext, response: Response, *, only_idle: bool) -> Response:
    async def deliver(connection: Connection, head: bytes, body: bytes) -> None:
        connection.write(head + body)
        write = connection.write_if_idle if only_idle else connection.write
        asyncio.get_running_loop().call_later(context.amount(0.02), write, _surplus_response(context))

    return response._replace(deliver=deliver)


def _by(delivery: AmountDelivery, default: float) -> Behaviour:
    def apply(context: FaultContext) -> Response:
        async def deliver(connection: Connection, head: bytes, body: bytes) -> None:
            await delivery(connection, head, body, context.amount(default))

        return context.response._replace(deliver=deliver)

    return apply


def _simply(delivery: Delivery) -> Behaviour:
    return lambda context: context.response._replace(deliver=delivery)


WIRE_FAULTS = {
    "refused": Fault(True, "reset before a byte of the response", _simply(refuse)),
    "reset": Fault(True, "reset (RST) in the middle of the body", _simply(_reset)),
    "hang": Fault(True, "no response; the connection stays open", _simply(hang)),
    "hang-reuse": Fault(True, "a response, then none on the same connection", _on_reuse("hung")),
    "slow": Fault(True, "a late response [seconds, 1]", _by(_slow, 1)),
    "trickle": Fault(True, "head and body byte by byte [seconds a byte, 1]", _by(_trickle, 1)),
    "trickle-body": Fault(True, "head at once, body byte by byte [seconds a byte, 1]", _by(_trickle_body, 1)),
    "cut": Fault(True, "half of the body, then a close (FIN)", _simply(_cut)),
    "close-idle": Fault(True, "a response, then a close [seconds later, 0]", _by(_close_afterwards, 0)),
    "close-reuse": Fault(True, "a response, then a close on the next request", _on_reuse("closed")),
    "interim": Fault(True, "interim responses (1xx) before the response [count, 1]", _by(_interim, 1)),
    "interim-late": Fault(True, "interim responses, later the response [seconds, 0.3]", _by(_interim_late, 0.3)),
    "surplus": Fault(True, "a second response with another book at once", _surplus),
    "surplus-bytes": Fault(True, "bytes behind the body", lambda context: _surplus(context, b"surplus\r\n\r\n")),
    "surplus-late": Fault(
        False,
        "a second response later, if the connection is idle [seconds, 0.02]",
        lambda context: _surplus_late(context, context.response, only_idle=True),
    ),
    "500-late": Fault(
        True,
        "500, later 200 with another book, even before the next response [seconds, 0.02]",
        lambda context: _surplus_late(context, api_error(500, -1001, INTERNAL), only_idle=False),
    ),
    "huge": Fault(False, "a huge body [megabytes, 64]", _huge),
}
