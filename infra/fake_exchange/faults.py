"""All faults of a depth request. `python -m infra.fake_exchange --help` lists them."""

from typing import NamedTuple

from infra.fake_exchange import deliveries
from infra.fake_exchange.answers import HTML, Response, api_error, nginx_error
from infra.fake_exchange.behaviours import (
    Behaviour,
    always,
    body,
    busy,
    by,
    cached,
    changed,
    cloudfront,
    crossed,
    half,
    huge,
    limited,
    other_symbol,
    redirect,
    sides,
    with_zero_price,
    without_quantities,
)
from infra.fake_exchange.books import FakeBook, depth_body, render_sides
from infra.testkit.server import cut, hang, refuse, slow


class Fault(NamedTuple):
    """One row of the table. `is_transient`: a retry within the same minute or on another connection may succeed."""

    is_transient: bool
    description: str
    apply: Behaviour


_OTHER_BOOK = FakeBook([("7.00000000", "7.00000000")], [("8.00000000", "7.00000000")], 7)
_OTHER_BODY = depth_body(_OTHER_BOOK.last_update_id, b"", render_sides(_OTHER_BOOK))
# The book of no pair: a record of it was made from a response to no request.
_SURPLUS = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(_OTHER_BODY), _OTHER_BODY)
_PORTAL = "<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Accept the terms</body></html>"
_RESTRICTED = b"""{
  "code": 0,
  "msg": "Service unavailable from a restricted location according to 'b. Eligibility' in \
https://www.binance.com/en/terms. Please contact customer service if you believe you received this message in error."
}
"""
_ERROR_500 = api_error(500, -1001, "Internal error; unable to process your request. Please try again.")
_INTO_IDLE = deliveries.surplus_late(_SURPLUS, only_if_idle=True)
_LATE_AFTER_500 = by(deliveries.surplus_late(_SURPLUS, only_if_idle=False), 0.02, _ERROR_500)
_LEVEL = '[["1.00000000","1.00000000"]]'


FAULTS: dict[str, Fault] = {
    "refused": Fault(True, "reset before a byte of the response", by(refuse)),
    "reset": Fault(True, "reset (RST) in the middle of the body", by(deliveries.reset)),
    "close": Fault(True, "close (FIN) before a byte of the response", by(deliveries.close)),
    "hang": Fault(True, "no response; the connection stays open", by(hang)),
    "hang-reuse": Fault(True, "a response, then none on the same connection", by(deliveries.then("hang"))),
    "slow": Fault(True, "a late response [seconds, 1]", by(slow, 1)),
    "trickle": Fault(True, "head and body byte by byte [seconds a byte, 1]", by(deliveries.trickle, 1)),
    "trickle-body": Fault(True, "head at once, body byte by byte [seconds a byte, 1]", by(deliveries.trickle_body, 1)),
    "cut": Fault(True, "half of the body, then a close (FIN)", by(cut)),
    "close-idle": Fault(True, "a response, then a close", by(deliveries.close_afterwards)),
    "close-reuse": Fault(True, "a response, then a close on the next request", by(deliveries.then("close"))),
    "interim": Fault(True, "interim responses (1xx) before the response [count, 1]", by(deliveries.interim, 1)),
    "interim-late": Fault(
        True, "interim responses, later the response [seconds, 0.3]", by(deliveries.interim_late, 0.3)
    ),
    "surplus": Fault(True, "a second response with another book at once", by(deliveries.surplus(_SURPLUS))),
    "surplus-bytes": Fault(True, "bytes behind the body", by(deliveries.surplus(b"surplus\r\n\r\n"))),
    "surplus-late": Fault(False, "a second response into the idle connection [seconds, 0.02]", by(_INTO_IDLE, 0.02)),
    "500-late": Fault(
        True, "500, later 200 with another book, even before the next response [seconds, 0.02]", _LATE_AFTER_500
    ),
    "huge": Fault(False, "a huge body [megabytes, 64]", huge),
    "429": Fault(True, "429 [Retry-After in seconds, no such header]", limited(429, 0, "seconds")),
    "429-date": Fault(True, "429, Retry-After as a date [seconds from now, 2]", limited(429, 2, "date")),
    "429-epoch": Fault(True, "429, Retry-After in seconds since 1970 [seconds from now, 2]", limited(429, 2, "epoch")),
    "418": Fault(False, "418 [Retry-After in seconds, no such header]", limited(418, 120, "seconds")),
    "418-until": Fault(False, "418 with the end of the ban only in the body [seconds, 120]", limited(418, 120)),
    "400-until": Fault(False, "400 with the body of such a 418 [seconds, 120]", limited(400, 120)),
    "200-until": Fault(False, "200 with the body of such a 418 [seconds, 120]", limited(200, 120)),
    "451": Fault(False, "451, blocked in this region", always(Response(451, _RESTRICTED))),
    "html400": Fault(True, "400 from CloudFront, in HTML", cloudfront(400, "400 ERROR", "Bad request.")),
    "html403": Fault(True, "403 from the firewall, in HTML", cloudfront(403, "403 ERROR", "Request blocked.")),
    "delisted": Fault(False, "400 with -1121, invalid symbol", always(api_error(400, -1121, "Invalid symbol."))),
    "500": Fault(True, "500 with a code", always(_ERROR_500)),
    "502": Fault(True, "502 with nginx's page", always(nginx_error(502, "502 Bad Gateway"))),
    "503": Fault(True, "503 with a code [Retry-After in seconds, no such header]", busy),
    "503-no-code": Fault(True, "503 with JSON but no code", always(Response(503, b'{"message":"Unavailable"}'))),
    "504": Fault(True, "504 with an empty body", always(Response(504, b"", HTML))),
    "redirect": Fault(False, "302 to another host", redirect),
    "html": Fault(True, "200 with the page of a captive portal", body(_PORTAL, HTML)),
    "json-null": Fault(True, "200 with null", body("null")),
    "json-no-side": Fault(True, "200 without asks", sides(f'"bids":{_LEVEL}')),
    "json-nan": Fault(True, "200 with NaN", sides(f'"bids":[[NaN,"1"]],"asks":{_LEVEL}')),
    "json-cut": Fault(True, "200 with half of the JSON as a whole body", half),
    "empty": Fault(False, "no orders at all", changed(lambda book: book._replace(bids=[], asks=[]))),
    "bids-only": Fault(False, "no asks", changed(lambda book: book._replace(asks=[]))),
    "crossed": Fault(False, "best bid above best ask", changed(crossed)),
    "unsorted": Fault(True, "bids that rise", changed(lambda book: book._replace(bids=book.bids[::-1]))),
    "swapped": Fault(True, "bids as asks", changed(lambda book: book._replace(bids=book.asks, asks=book.bids))),
    "zero-quantity": Fault(False, "every second bid has no quantity", changed(without_quantities)),
    "zero-price": Fault(True, "the last bid has a price of 0", changed(with_zero_price)),
    "other-symbol": Fault(True, "a body that names another pair", other_symbol),
    "age": Fault(False, "a cached response: Age, X-Cache: Hit [seconds, 3600]", cached),
}

TRANSIENT = tuple(name for name, fault in FAULTS.items() if fault.is_transient)
# Faults after which a retry may succeed: the random ones, if none are named.
