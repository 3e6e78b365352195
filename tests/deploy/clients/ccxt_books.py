"""Print the books that ccxt reads, as JSON: URL, then market and symbol of each, and the limit last."""

import json
import sys

import ccxt  # type: ignore[import-not-found]

url, *books, limit = sys.argv[1:]
# Not its throttle, nor the other markets of the exchange, which are not served.
common = {"enableRateLimit": False}
exchanges = {
    "spot": ccxt.binance(
        {**common, "options": {"fetchMarkets": {"types": ["spot"]}}, "urls": {"api": {"public": f"{url}/api/v3"}}}
    ),
    "usdm": ccxt.binanceusdm(
        {
            **common,
            "options": {"fetchMarkets": {"types": ["linear"]}},
            "urls": {"api": {"fapiPublic": f"{url}/fapi/v1"}},
        }
    ),
}
found = []
for market, symbol in (book.split(":") for book in books):
    exchange = exchanges[market]
    names = {entry["id"]: name for name, entry in exchange.load_markets().items()}
    book = exchange.fetch_order_book(names[symbol], int(limit))
    found.append(
        {
            "update_id": book["nonce"],
            "time_ms": book["timestamp"],
            **{side: [level[:2] for level in book[side]] for side in ("bids", "asks")},
        }
    )
json.dump(found, sys.stdout)
