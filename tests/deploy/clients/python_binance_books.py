"""Print the books that python-binance reads, as JSON: URL, then market and symbol of each, and the limit last."""

import json
import sys

from binance.client import Client  # type: ignore[import-not-found]

url, *books, limit = sys.argv[1:]
Client.API_URL, Client.FUTURES_URL = f"{url}/api", f"{url}/fapi"
client = Client()
depth = {"spot": client.get_order_book, "usdm": client.futures_order_book}
found = []
for market, symbol in (book.split(":") for book in books):
    book = depth[market](symbol=symbol, limit=int(limit))
    found.append(
        {
            "update_id": book["lastUpdateId"],
            "time_ms": book.get("T"),
            **{side: [[float(number) for number in level] for level in book[side]] for side in ("bids", "asks")},
        }
    )
json.dump(found, sys.stdout)
