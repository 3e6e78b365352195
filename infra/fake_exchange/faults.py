"""The faults of depth requests: a table name → behaviour. Pure.

A new fault is one row: its name, whether a retry may succeed, a sentence for `--help`, and a function from the context
to the response that is sent instead.
"""

import json
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from infra.fake_exchange import deliveries
from infra.fake_exchange.books import FakeBook, Level, depth_body, render_sides
from infra.fake_exchange.deliveries import Delivery
from infra.fake_exchange.markets import FakeMarket
from infra.fake_exchange.responses import HTML, Response, api_error, nginx_error

SURPLUS_BOOK = FakeBook([("7.00000000", "7.00000000")], [("8.00000000", "7.00000000")], 7)
"""The book of no pair: a record that holds it was made from a response to no request."""


class FaultContext(NamedTuple):
    """What a fault can use: the market, the response without the fault, its book and time, the pair's first ones.

    Also the weight limit and the fault's parameter.
    """

    market: FakeMarket
    response: Response
    book: FakeBook
    now_seconds: float
    first_book: FakeBook
    started_seconds: float
    weight_limit: int
    parameter: float | None

    def amount(self, default: float) -> float:
        """The parameter, or the default if none was given."""
        return default if self.parameter is None else self.parameter

    def with_book(self, book: FakeBook, sent_seconds: float | None = None) -> Response:
        """The response, with this book, as it is sent now or was at this time."""
        return self._with_body(book.last_update_id, render_sides(book), sent_seconds)

    def with_sides(self, text: str) -> Response:
        """The response, with this text where the sides are."""
        return self._with_body(1, text.encode())

    def _with_body(self, update_id: int, sides: bytes, sent_seconds: float | None = None) -> Response:
        times = self.market.times(self.now_seconds if sent_seconds is None else sent_seconds)
        return self.response._replace(body=depth_body(update_id, times, sides))


Behaviour = Callable[[FaultContext], Response]


class Fault(NamedTuple):
    """One row of the table. `is_transient`: a retry within the same minute or on another connection may succeed."""

    is_transient: bool
    description: str
    apply: Behaviour


def _delivered(delivery: Delivery, default: float = 0.0) -> Behaviour:
    return lambda context: context.response._replace(delivery=delivery, amount=context.amount(default))


def _always(response: Response) -> Behaviour:
    return lambda _: response


def _body(text: str, content_type: str | None = None) -> Behaviour:
    return lambda context: context.response._replace(body=text.encode(), content_type=content_type)


def _sides(text: str) -> Behaviour:
    return lambda context: context.with_sides(text)


def _book(change: Callable[[FakeBook], FakeBook]) -> Behaviour:
    return lambda context: context.with_book(change(context.book))


def _cached(context: FaultContext) -> Response:
    age_seconds = context.amount(3600)
    headers = ("Age", str(round(age_seconds))), ("X-Cache", "Hit from cloudfront")
    return context.with_book(context.book, context.now_seconds - age_seconds)._replace(headers=headers)


def _frozen(context: FaultContext) -> Response:
    return context.with_book(context.first_book, context.started_seconds)


def _short(context: FaultContext) -> Response:
    return context.with_book(context.book.top(int(context.amount(2))))


def _truncated(context: FaultContext) -> Response:
    body = context.response.body
    return context.response._replace(body=body[: len(body) // 2])


def _crossed(book: FakeBook) -> FakeBook:
    """Swap the best prices, so that both sides stay in order."""
    if not (book.bids and book.asks):
        return book
    bids = _with_best_price(book.bids, book.asks[0][0])
    return FakeBook(bids, _with_best_price(book.asks, book.bids[0][0]), book.last_update_id)


def _with_best_price(side: Sequence[Level], price: str) -> list[Level]:
    return [(price, *side[0][1:]), *side[1:]]


def _three_elements(context: FaultContext) -> Response:
    body = json.loads(context.response.body)
    for side in ("bids", "asks"):
        body[side] = [[*level, []] for level in body[side]]
    return context.response._replace(body=json.dumps(body, separators=(",", ":")).encode())


def _too_many_requests(context: FaultContext) -> Response:
    return api_error(
        429, -1003, context.market.too_much_weight.format(limit=context.weight_limit), *_retry_after(context)
    )


def _banned(context: FaultContext) -> Response:
    return api_error(418, -1003, _ban_text(context), *_retry_after(context))


def _banned_without_header(context: FaultContext) -> Response:
    return api_error(418, -1003, _ban_text(context))


def _ban_text(context: FaultContext) -> str:
    return context.market.banned.format(until_ms=round((context.now_seconds + context.amount(120)) * 1000))


def _retry_after(context: FaultContext) -> tuple[tuple[str, str], ...]:
    return () if context.parameter is None else (("Retry-After", str(math.ceil(context.parameter))),)


def _busy(context: FaultContext) -> Response:
    return api_error(503, -1008, context.market.busy)


def _redirect(context: FaultContext) -> Response:
    return Response(302, b"", HTML, (("Location", f"http://elsewhere.invalid{context.market.path('depth')}"),))


def _surplus(delivery: Callable[[bytes], Delivery], default: float = 0.0) -> Behaviour:
    def apply(context: FaultContext) -> Response:
        body = context.with_book(SURPLUS_BOOK).body
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {context.market.json_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        return context.response._replace(delivery=delivery(head.encode() + body), amount=context.amount(default))

    return apply


_CAPTIVE_PORTAL = (
    "<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Accept the terms</body></html>"
)
_RESTRICTED = """{
  "code": 0,
  "msg": "Service unavailable from a restricted location according to 'b. Eligibility' in \
https://www.binance.com/en/terms. Please contact customer service if you believe you received this message in error."
}
"""
_INTERNAL = "Internal error; unable to process your request. Please try again."
_LEVEL = '[["1.00000000","1.00000000"]]'


def _cloudfront(status: int, title: str, message: str) -> Response:
    page = (
        f"<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>{title}</H1>\n"
        f"<H2>The request could not be satisfied.</H2>\n{message}\nGenerated by cloudfront (CloudFront)\n</BODY></HTML>"
    )
    return Response(status, page.encode(), HTML, (("Server", "CloudFront"),))


FAULTS: dict[str, Fault] = {
    "refused": Fault(True, "reset before a byte of the response", _delivered(deliveries.reset_at_once)),
    "reset": Fault(True, "reset (RST) in the middle of the body", _delivered(deliveries.reset_midway)),
    "hang": Fault(True, "no response; the connection stays open", _delivered(deliveries.hang)),
    "slow": Fault(True, "a late response [seconds, 1]", _delivered(deliveries.send_late, 1)),
    "trickle": Fault(True, "head and body byte by byte [seconds a byte, 1]", _delivered(deliveries.trickle, 1)),
    "trickle-body": Fault(
        True, "head at once, body byte by byte [seconds a byte, 1]", _delivered(deliveries.trickle_body, 1)
    ),
    "cut": Fault(True, "half of the body, then a close (FIN)", _delivered(deliveries.close_midway)),
    "close-idle": Fault(True, "a response, then a close [seconds later, 0]", _delivered(deliveries.close_afterwards)),
    "close-reuse": Fault(True, "a response, then a close on the next request", _delivered(deliveries.close_on_reuse)),
    "interim": Fault(True, "interim responses (1xx) before the response [count, 1]", _delivered(deliveries.interim, 1)),
    "interim-late": Fault(
        True, "interim responses, later the response [seconds, 0.3]", _delivered(deliveries.interim_then_late, 0.3)
    ),
    "surplus": Fault(True, "a second response with another book at once", _surplus(deliveries.surplus)),
    "surplus-late": Fault(
        False,
        "a second response later, on the idle connection [seconds, 0.5]",
        _surplus(deliveries.surplus_late, 0.5),
    ),
    "html": Fault(True, "200 with the page of a captive portal", _body(_CAPTIVE_PORTAL, HTML)),
    "json-list": Fault(True, "200 with a list", _body("[]")),
    "json-null": Fault(True, "200 with null", _body("null")),
    "json-no-side": Fault(True, "200 without asks", _sides(f'"bids":{_LEVEL}')),
    "json-no-pair": Fault(True, "200 with a number as a level", _sides('"bids":[7],"asks":[]')),
    "json-nan": Fault(True, "200 with NaN", _sides(f'"bids":[[NaN,"1"]],"asks":{_LEVEL}')),
    "json-cut": Fault(True, "200 with half of the JSON as a whole body", _truncated),
    "html400": Fault(
        True, "400 from CloudFront, in HTML", _always(_cloudfront(400, "400 ERROR", "Bad request. We can't connect."))
    ),
    "html403": Fault(
        True, "403 from the firewall, in HTML", _always(_cloudfront(403, "403 ERROR", "Request blocked."))
    ),
    "429": Fault(True, "429 [Retry-After in seconds, no such header]", _too_many_requests),
    "418": Fault(False, "418 [Retry-After in seconds, no such header]", _banned),
    "418-until": Fault(False, "418 with the end of the ban only in the body [seconds, 120]", _banned_without_header),
    "451": Fault(
        False, "451, blocked in this region", _always(Response(451, _RESTRICTED.encode(), "application/json"))
    ),
    "500": Fault(True, "500 with a code", _always(api_error(500, -1001, _INTERNAL))),
    "502": Fault(True, "502 with nginx's page", _always(nginx_error(502, "502 Bad Gateway"))),
    "503": Fault(True, "503 with a code", _busy),
    "503-no-code": Fault(
        True, "503 with JSON but no code", _always(Response(503, b'{"message":"Service Unavailable"}'))
    ),
    "504": Fault(True, "504 with an empty body", _always(Response(504, b"", HTML))),
    "redirect": Fault(False, "302 to another host", _redirect),
    "delisted": Fault(False, "400 with -1121, invalid symbol", _always(api_error(400, -1121, "Invalid symbol."))),
    "huge": Fault(False, "a huge body [megabytes, 64; inf]", _delivered(deliveries.huge, 64)),
    "empty": Fault(False, "no orders at all", _book(lambda book: FakeBook([], [], book.last_update_id))),
    "bids-only": Fault(False, "no asks", _book(lambda book: FakeBook(book.bids, [], book.last_update_id))),
    "asks-only": Fault(False, "no bids", _book(lambda book: FakeBook([], book.asks, book.last_update_id))),
    "crossed": Fault(False, "best bid above best ask", _book(_crossed)),
    "short": Fault(False, "few levels [levels a side, 2]", _short),
    "age": Fault(False, "a cached response: Age, X-Cache: Hit [seconds, 3600]", _cached),
    "frozen": Fault(False, "always the pair's first book", _frozen),
    "three-elements": Fault(False, "levels with a third element, as until 2019-03-12", _three_elements),
}
