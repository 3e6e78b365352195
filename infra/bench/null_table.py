"""A DynamoDB that accepts every put at once and has a day of records of each pair."""

import json
import re
from base64 import b64encode
from functools import cache

from msgspec.structs import replace

from handler.book import measure, measure_depth, parse_depth
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.item import item_from_record
from infra.fake_exchange.books import depth_body, pair_books, render_sides
from infra.fake_exchange.markets import SPOT
from infra.testkit.server import Answer, HttpServer, Request

DAY, DAY_SECONDS = "2026-11-27", 1_795_737_600
_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: 0\r\nContent-Length: {}\r\n\r\n"
)
_PAIR = re.compile(rb'"S": *"(\w+USDT)"')


def example_record() -> Record:
    """A record of BTCUSDT as the sampler makes it."""
    book = parse_depth(depth_body(1, b"", render_sides(pair_books(SPOT, "BTCUSDT", 0).book(0, 1000))))
    depth = measure_depth(book, 1000)
    time = format_timestamp(DAY_SECONDS)
    return Record(time, "BTCUSDT", *measure(book, 5), 5, "spot", 60, last_update_id=1, limit=1000, **depth)


@cache
def _day() -> bytes:
    """A record a minute, as one page of a Query."""
    record, times = example_record(), (format_timestamp(DAY_SECONDS + 60 * minute) for minute in range(1440))
    items = [item_from_record(replace(record, timestamp=time), 60) for time in times]
    page = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
    return json.dumps(page, default=lambda data: b64encode(data).decode()).encode()


class NullTable(HttpServer):
    """Answers at once."""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that lead to it."""
        return {"AWS_ENDPOINT_URL_DYNAMODB": self.url}

    async def respond(self, connection: int, request: Request, unanswered: str) -> Answer:  # noqa: ARG002
        """A page of records for a Query, nothing for a put."""
        pair = _PAIR.search(request.body)
        is_query = request.headers["x-amz-target"].endswith(".Query")
        body = _day().replace(b"BTCUSDT", pair[1]) if is_query and pair else b"{}"
        return Answer(_HEAD.format(len(body)).encode(), body)
