"""Faults on the wire: responses that come late, in pieces, not at all, or with more than was requested."""

from infra.fake_exchange import deliveries
from infra.fake_exchange.books import depth_body, render_sides
from infra.fake_exchange.fault import INTERNAL, SURPLUS_BOOK, Behaviour, Fault, FaultContext
from infra.fake_exchange.responses import Response, api_error
from infra.testkit.server import Connection, Delivery, cut, hang, refuse, slow

_BODY = depth_body(SURPLUS_BOOK.last_update_id, b"", render_sides(SURPLUS_BOOK))
_SURPLUS = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
_INTO_IDLE = deliveries.surplus_late(Connection.write_if_idle, _SURPLUS)
_EVEN_INTO_NEXT = deliveries.surplus_late(Connection.write, _SURPLUS)


def _by(delivery: Delivery, default: float = 0.0, error: Response | None = None) -> Behaviour:
    """The response, or this error, by this delivery."""
    return lambda context: (error or context.response)._replace(deliver=delivery, amount=context.amount(default))


def _huge(context: FaultContext) -> Response:
    levels = b'["1.00000000","1.00000000"],' * int(context.amount(64) * 2**20 / 28)
    return context.with_sides(b'"bids":[' + levels[:-1] + b'],"asks":[]')


WIRE_FAULTS = {
    "refused": Fault(True, "reset before a byte of the response", _by(refuse)),
    "reset": Fault(True, "reset (RST) in the middle of the body", _by(deliveries.reset)),
    "hang": Fault(True, "no response; the connection stays open", _by(hang)),
    "hang-reuse": Fault(True, "a response, then none on the same connection", _by(deliveries.hang_on_reuse)),
    "slow": Fault(True, "a late response [seconds, 1]", _by(slow, 1)),
    "trickle": Fault(True, "head and body byte by byte [seconds a byte, 1]", _by(deliveries.trickle, 1)),
    "trickle-body": Fault(True, "head at once, body byte by byte [seconds a byte, 1]", _by(deliveries.trickle_body, 1)),
    "cut": Fault(True, "half of the body, then a close (FIN)", _by(cut)),
    "close-idle": Fault(True, "a response, then a close [seconds later, 0]", _by(deliveries.close_afterwards)),
    "close-reuse": Fault(True, "a response, then a close on the next request", _by(deliveries.close_on_reuse)),
    "interim": Fault(True, "interim responses (1xx) before the response [count, 1]", _by(deliveries.interim, 1)),
    "interim-late": Fault(
        True, "interim responses, later the response [seconds, 0.3]", _by(deliveries.interim_late, 0.3)
    ),
    "surplus": Fault(True, "a second response with another book at once", _by(deliveries.surplus(_SURPLUS))),
    "surplus-bytes": Fault(True, "bytes behind the body", _by(deliveries.surplus(b"surplus\r\n\r\n"))),
    "surplus-late": Fault(False, "a second response into the idle connection [seconds, 0.02]", _by(_INTO_IDLE, 0.02)),
    "500-late": Fault(
        True,
        "500, later 200 with another book, even before the next response [seconds, 0.02]",
        _by(_EVEN_INTO_NEXT, 0.02, api_error(500, -1001, INTERNAL)),
    ),
    "huge": Fault(False, "a huge body [megabytes, 64]", _huge),
}
