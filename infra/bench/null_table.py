"""`python -m infra.bench.null_table PORT`: a DynamoDB that accepts every put and has a day of records of each pair."""

import asyncio
import json
import re
import sys
from base64 import b64encode

from msgspec.structs import replace

from handler.book import measure, measure_depth, parse_depth
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.item import item_from_record
from infra.fake_exchange.books import depth_body, pair_books, render_sides
from infra.fake_exchange.markets import SPOT

DAY, DAY_SECONDS = "2026-11-27", 1_795_737_600
_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: 0\r\nContent-Length: {}\r\n\r\n"
)
_LENGTH, _PAIR = re.compile(rb"content-length: *(\d+)", re.IGNORECASE), re.compile(rb'"S": *"(\w+USDT)"')


def _day() -> bytes:
    """A record a minute of BTCUSDT, as one page of a Query."""
    book = parse_depth(depth_body(1, b"", render_sides(pair_books(SPOT, "BTCUSDT", 0).book(0, 1000))))
    depth = measure_depth(book, 1000)._asdict()
    record = Record("", "BTCUSDT", *measure(book, 5), 5, "spot", 60, last_update_id=1, limit=1000, **depth)
    records = (replace(record, timestamp=format_timestamp(DAY_SECONDS + 60 * minute)) for minute in range(1440))
    page = {"Items": [item_from_record(record, 60) for record in records], "Count": 1440, "ScannedCount": 1440}
    return json.dumps(page, default=lambda data: b64encode(data).decode()).encode()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    day = _day()
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            request = await reader.readexactly(int(length[1]) if length else 0)
            pair = _PAIR.search(request)
            body = day.replace(b"BTCUSDT", pair[1]) if b".Query" in head and pair else b"{}"
            writer.write(_HEAD.format(len(body)).encode() + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
