"""`python contender.py NAME URL`: one way to sample order books, in a process that reads commands from stdin.

A command is `{"symbols": [...], "levels": n, "count": n}`, for this project also `"limit"` and `"detail"`; the answer
says what it took. A symbol is `BTCUSDT` or `usdm:BTCUSDT`.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Any

PATHS = {"": "/api/v3/depth", "usdm": "/fapi/v1/depth"}
SOCKETS = 16
Sample = Callable[[str, int], str]
Run = Callable[..., list[str]]


def line(symbol: str, book: Any, levels: int) -> str:
    """A record line as a plain script writes it, with rounded floats."""
    bid, ask = (sum(float(level[0]) * float(level[1]) for level in book[side]) for side in ("bids", "asks"))
    keys = ("timestamp", "symbol", "obi", "notional_bid", "notional_ask", "levels")
    timestamp, obi = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), round((bid - ask) / (bid + ask), 6)
    values = (timestamp, symbol, obi, round(bid, 6), round(ask, 6), levels)
    return json.dumps(dict(zip(keys, values, strict=True)), separators=(",", ":"))


def floor(url: str) -> Sample:
    """A raw socket, json.loads and the sum. No error is handled; nobody should use this."""
    host, _, port = url.partition("://")[2].partition(":")
    own = threading.local()

    def sample(symbol: str, levels: int) -> str:
        if not hasattr(own, "socket"):
            own.socket = socket.create_connection((host, int(port)))
            own.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        market, _, pair = symbol.rpartition(":")
        target = f"{PATHS[market]}?symbol={pair}&limit={levels}"
        own.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = own.socket.recv(1 << 20)
        start, end = data.index(b"Content-Length:") + 15, data.index(b"\r\n\r\n") + 4
        length = end + int(data[start : data.index(b"\r", start)])
        while len(data) < length:
            data += own.socket.recv(1 << 20)
        return line(symbol, json.loads(data[end:]), levels)

    return sample


def session(url: str) -> Sample:
    """A session of requests, as its documentation shows."""
    import requests

    client = requests.Session()

    def sample(symbol: str, levels: int) -> str:
        response = client.get(url + PATHS[""], params={"symbol": symbol, "limit": str(levels)}, timeout=10)
        response.raise_for_status()
        return line(symbol, response.json(), levels)

    return sample


def python_binance(url: str) -> Sample:
    """python-binance's Client."""
    from binance.client import Client  # type: ignore[import-not-found]

    Client.API_URL = f"{url}/api"
    client = Client(ping=False)
    return lambda symbol, levels: line(symbol, client.get_order_book(symbol=symbol, limit=levels), levels)


def ccxt(url: str) -> Sample:
    """Ccxt's synchronous half, without its throttle and with one market that is known already."""
    import ccxt as library  # type: ignore[import-not-found]

    exchange = library.binance({"enableRateLimit": False, "urls": {"api": {"public": f"{url}/api/v3"}}})
    market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot"}
    exchange.set_markets([exchange.safe_market_structure(market)])
    return lambda symbol, levels: line(symbol, exchange.fetch_order_book("BTC/USDT", levels), levels)


def table(_: str) -> Sample:
    """No sample, but a put by this project's table."""
    from handler.stores.table import Table
    from infra.bench.null_table import example_record

    store, record = Table("obi"), example_record()
    return lambda *_: str(store.put([record], time.monotonic() + 60).failed or "")


def put_item(_: str) -> Sample:
    """No sample, but a put of the same item by boto3."""
    import boto3

    from handler.stores.item import item_from_record
    from infra.bench.null_table import example_record

    client, item = boto3.client("dynamodb"), item_from_record(example_record(), 60)
    return lambda *_: client.put_item(TableName="obi", Item=item) and ""


def ours(url: str) -> Run:
    """The sampler, put together as the runner does; lines go to /dev/null."""
    from handler.exchange.client import BinanceClient
    from handler.exchange.markets import MARKETS
    from handler.record import Pair
    from handler.sampler import Sampler, resume_garbage_collection

    resume_garbage_collection()
    sink = os.open(os.devnull, os.O_WRONLY)

    @cache
    def sampler(symbols: tuple[str, ...], levels: int, limit: int, detail: bool) -> Sampler:
        pairs = [Pair(symbol.rpartition(":")[2], symbol.rpartition(":")[0] or "spot") for symbol in symbols]
        markets = {pair.market: MARKETS[pair.market] for pair in pairs}
        exchanges = {name: BinanceClient(market, [url]) for name, market in markets.items()}
        limits = {name: market.request_limit(limit) for name, market in markets.items()}
        return Sampler(exchanges, pairs, levels=levels, limits=limits, interval_seconds=3600, detail=detail)

    def run(symbols: list[str], levels: int, count: int, *, limit: int = 0, detail: bool = False) -> list[str]:
        lines = list[str]()
        for _ in range(count):
            found = sampler(tuple(symbols), levels, limit or levels, detail)
            for samples in found.sample(time.monotonic() + 60, int(time.time())):
                for sample in samples:
                    lines.append(sample.record.to_line(detail=detail))
                    os.write(sink, f"{lines[-1]}\n".encode())
        return lines

    return run


OTHERS: dict[str, Callable[[str], Sample]] = {"raw": floor, "requests": session, "python-binance": python_binance}
OTHERS |= {"ccxt": ccxt, "table": table, "put_item": put_item}


def _other(sample: Sample) -> Run:
    pool = ThreadPoolExecutor(SOCKETS)

    def run(symbols: list[str], levels: int, count: int) -> list[str]:
        if len(symbols) > 1:
            return list(pool.map(lambda symbol: sample(symbol, levels), symbols))
        return [sample(symbols[0], levels) for _ in range(count)]

    return run


def main() -> None:
    """Measure commands until stdin ends."""
    name, url = sys.argv[1:]
    run = ours(url) if name == "ours" else _other(OTHERS[name](url))
    for text in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        lines = run(**json.loads(text))
        answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        records = [json.loads(each) for each in lines if each]
        times = [datetime.fromisoformat(each["received_at"]).timestamp() for each in records if "received_at" in each]
        answer["skew"] = max(times, default=0.0) - min(times, default=0.0)
        answer["obi"] = sum(record["obi"] for record in records) / max(len(records), 1)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
