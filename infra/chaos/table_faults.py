"""What can go wrong with a request to the table: a name → how the proxy treats it. One small coroutine each."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Protocol

HANG_SECONDS = 6.0
SLOW_SECONDS = 0.7


class Call(Protocol):
    """One request on its way through the proxy."""

    writer: asyncio.StreamWriter

    async def upstream(self) -> bytes:
        """Let the table do it; its whole answer."""


Fault = Callable[[Call], Awaitable[None]]


def answer(status: str, body: bytes, content_type: str = "application/x-amz-json-1.0") -> bytes:
    """An HTTP answer as it goes over the wire."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def reset(writer: asyncio.StreamWriter) -> None:
    """Tear a connection down (RST)."""
    # a linger time of 0 makes close() send RST instead of FIN: socket(7), SO_LINGER
    if (wire := writer.get_extra_info("socket")) is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _error(status: str, code: str) -> Fault:
    body = f'{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"said by the chaos proxy"}}'.encode()
    return _says(answer(status, body))


def _says(data: bytes) -> Fault:
    async def say(call: Call) -> None:
        call.writer.write(data)

    return say


async def _ok(call: Call) -> None:
    call.writer.write(await call.upstream())


async def _slow(call: Call) -> None:
    data = await call.upstream()
    await asyncio.sleep(SLOW_SECONDS)
    call.writer.write(data)


async def _hang(call: Call) -> None:
    await asyncio.sleep(HANG_SECONDS)
    reset(call.writer)


async def _refused(call: Call) -> None:
    reset(call.writer)


async def _lost(call: Call) -> None:
    await call.upstream()
    reset(call.writer)


async def _lost_500(call: Call) -> None:
    await call.upstream()
    await _error("500 Internal Server Error", "InternalServerError")(call)


async def _cut(call: Call) -> None:
    data = await call.upstream()
    call.writer.write(data[: len(data) - 1])
    call.writer.close()


FAULTS: dict[str, Fault] = {
    "ok": _ok,
    "slow": _slow,
    "throttled": _error("400 Bad Request", "ProvisionedThroughputExceededException"),
    "throttling": _error("400 Bad Request", "ThrottlingException"),
    "500": _error("500 Internal Server Error", "InternalServerError"),
    "503": _says(answer("503 Service Unavailable", b"<html>away</html>", "text/html")),
    "garbage": _says(answer("200 OK", b"<html>sign in</html>", "text/html")),
    "refused": _refused,
    "hang": _hang,
    "lost": _lost,
    "lost-500": _lost_500,
    "cut": _cut,
}
"""`lost`, `lost-500` and `cut` happen after the write: the item is in the table, and the writer does not hear of it."""

BAD = tuple(name for name in FAULTS if name != "ok")
