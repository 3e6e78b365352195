"""The JSON body of a depth response, `{"lastUpdateId":…,"bids":[["price","quantity"],…],"asks":[…]}`."""

import msgspec

from handler.book import Book, Side
from handler.errors import InvalidBook


class _Body(msgspec.Struct):
    bids: msgspec.Raw
    asks: msgspec.Raw
    lastUpdateId: int | None = None  # noqa: N815 - the exchange's name


_body = msgspec.json.Decoder(_Body, strict=False)


def parse_depth(body: bytes) -> Book:
    """Read a depth body. Raises InvalidBook, whatever the bytes are."""
    try:
        fields = _body.decode(body)
        return Book(Side.from_json(bytes(fields.bids)), Side.from_json(bytes(fields.asks)), fields.lastUpdateId)
    except (ValueError, RecursionError) as error:
        raise InvalidBook(f"no order book: {error}: {body[:60]!r}") from error
