"""How an answer travels over a connection: one small function per `Delivery`."""

from collections.abc import Callable
from itertools import cycle, islice
from typing import Protocol

from infra.fake_exchange.answers import Delivery


class Wire(Protocol):
    """What a delivery may do with a connection."""

    writable: bool
    """False while the client does not read as fast as is written."""
    closes_on_reuse: bool
    """Whether the next request meets a close instead of an answer."""

    @property
    def idle(self) -> bool:
        """Whether no request waits for its answer."""

    def write(self, data: bytes) -> None:
        """Send some bytes."""

    def done(self) -> None:
        """The answer is out: the next request may come, or the close that the client asked for."""

    def close(self) -> None:
        """Close in good order once everything is written (FIN)."""

    def reset(self) -> None:
        """Tear the connection down (RST)."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it then, unless the connection is gone."""


# Long enough for the client to have read what came before the reset, which may discard what it has not.
_BEFORE_RESET_SECONDS = 0.02
_FULL_WIRE_SECONDS = 0.01

_INTERIM = (
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nServer: nginx\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <https://example.com/style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
)
"""Interim responses (RFC 9110, 15.2). None has a body, whatever its headers say."""
_MAX_INTERIM = 10_000

SURPLUS_BODY = b'{"lastUpdateId":7,"bids":[["7.00000000","7.00000000"]],"asks":[["8.00000000","7.00000000"]]}'
"""The book of no pair: a record that holds it was made of an answer to nothing."""
_SURPLUS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%b" % (
    len(SURPLUS_BODY),
    SURPLUS_BODY,
)


def deliver(wire: Wire, way: Delivery, head: bytes, body: bytes, amount: float) -> None:
    """Send an answer this way; what `amount` is depends on the way."""
    _WAYS[way](wire, head, body, amount)


def _whole(wire: Wire, head: bytes, body: bytes, _: float) -> None:
    wire.write(head + body)
    wire.done()


def _slow(wire: Wire, head: bytes, body: bytes, seconds: float) -> None:
    wire.later(seconds, lambda: _whole(wire, head, body, 0))


def _hang(wire: Wire, head: bytes, body: bytes, _: float) -> None:
    del wire, head, body


def _reset_at_once(wire: Wire, head: bytes, body: bytes, _: float) -> None:
    del head, body
    wire.reset()


def _reset_midway(wire: Wire, head: bytes, body: bytes, _: float) -> None:
    wire.write(head + body[: len(body) // 2])
    wire.later(_BEFORE_RESET_SECONDS, wire.reset)


def _cut(wire: Wire, head: bytes, body: bytes, _: float) -> None:
    wire.write(head + body[: len(body) // 2])
    wire.close()


def _trickle(wire: Wire, head: bytes, body: bytes, seconds: float) -> None:
    _drip(wire, memoryview(head + body), seconds)


def _trickle_body(wire: Wire, head: bytes, body: bytes, seconds: float) -> None:
    wire.write(head)
    _drip(wire, memoryview(body), seconds)


def _drip(wire: Wire, data: memoryview, seconds: float) -> None:
    if not data:
        wire.done()
        return
    wire.write(bytes(data[:1]))
    wire.later(seconds, lambda: _drip(wire, data[1:], seconds))


def _close_afterwards(wire: Wire, head: bytes, body: bytes, seconds: float) -> None:
    _whole(wire, head, body, 0)
    wire.later(seconds, wire.close)


def _close_on_reuse(wire: Wire, head: bytes, body: bytes, _: float) -> None:
    wire.closes_on_reuse = True
    _whole(wire, head, body, 0)


def _interim(wire: Wire, head: bytes, body: bytes, number: float) -> None:
    _whole(wire, _interim_responses(number) + head, body, 0)


def _interim_late(wire: Wire, head: bytes, body: bytes, seconds: float) -> None:
    wire.write(_interim_responses(len(_INTERIM)))
    wire.later(seconds, lambda: _whole(wire, head, body, 0))


def _interim_responses(number: float) -> bytes:
    return b"".join(islice(cycle(_INTERIM), int(min(number, _MAX_INTERIM))))


def _surplus(wire: Wire, head: bytes, body: bytes, _: float) -> None:
    _whole(wire, head, body + _SURPLUS, 0)


def _surplus_late(wire: Wire, head: bytes, body: bytes, seconds: float) -> None:
    _whole(wire, head, body, 0)
    # No client can tell it from the answer to a request that is on its way.
    wire.later(seconds, lambda: wire.write(_SURPLUS) if wire.idle else None)


def _repeat(wire: Wire, head: bytes, body: bytes, megabytes: float) -> None:
    del body
    level = b'["1.00000000","1.00000000"],'
    piece = _chunk(level * (2**16 // len(level)))
    wire.write(head + _chunk(b'{"lastUpdateId":1,"bids":['))
    _pour(wire, piece, int(megabytes * 2**20 / len(piece)))


def _pour(wire: Wire, piece: bytes, times: int) -> None:
    if times <= 0:
        wire.write(_chunk(b'["1.00000000","1.00000000"]],"asks":[]}') + _chunk(b""))
        wire.done()
        return
    if wire.writable:
        wire.write(piece)
        wire.later(0, lambda: _pour(wire, piece, times - 1))
    else:
        wire.later(_FULL_WIRE_SECONDS, lambda: _pour(wire, piece, times))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_WAYS: dict[Delivery, Callable[[Wire, bytes, bytes, float], None]] = {
    Delivery.WHOLE: _whole,
    Delivery.SLOW: _slow,
    Delivery.HANG: _hang,
    Delivery.RESET_AT_ONCE: _reset_at_once,
    Delivery.RESET_MIDWAY: _reset_midway,
    Delivery.CUT: _cut,
    Delivery.TRICKLE: _trickle,
    Delivery.TRICKLE_BODY: _trickle_body,
    Delivery.CLOSE_AFTERWARDS: _close_afterwards,
    Delivery.CLOSE_ON_REUSE: _close_on_reuse,
    Delivery.INTERIM: _interim,
    Delivery.INTERIM_LATE: _interim_late,
    Delivery.SURPLUS: _surplus,
    Delivery.SURPLUS_LATE: _surplus_late,
    Delivery.REPEAT: _repeat,
}
