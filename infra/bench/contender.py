"""`python contender.py NAME URL`: one way to sample order books, in a process that reads commands from stdin.

A command is `{"symbols": [...], "levels": n, "count": n}`; the answer says what it took. A symbol is `BTCUSDT` or
`usdm:BTCUSDT`. This project takes `"limit"`, `"detail"` and `"put"` as well.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

Sample = Callable[[str, int], str]
"""Symbol and levels → a record line."""
PATHS = {"": "/api/v3/depth", "usdm": "/fapi/v1/depth"}
SOCKETS = 16


def line(symbol: str, book: Any, levels: int) -> str:
    """A record line as a plain script writes it, with rounded floats."""
    bid, ask = (sum(float(level[0]) * float(level[1]) for level in book[side]) for side in ("bids", "asks"))
    record = {
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "symbol": symbol,
        "obi": round((bid - ask) / (bid + ask), 6),
        "notional_bid": round(bid, 6),
        "notional_ask": round(ask, 6),
        "levels": levels,
    }
    return json.dumps(record, separators=(",", ":"))


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
        start = data.index(b"Content-Length:") + 15
        end = data.index(b"\r\n\r\n") + 4
        length = end + int(data[start : data.index(b"\r", start)])
        while len(data) < length:
            data += own.socket.recv(1 << 20)
        return line(symbol, json.loads(data[end:]), levels)

    return sample


def requests_session(url: str) -> Sample:
    """A session of requests, as its documentation shows."""
    import requests

    session = requests.Session()

    def sample(symbol: str, levels: int) -> str:
        market, _, pair = symbol.rpartition(":")
        response = session.get(url + PATHS[market], params={"symbol": pair, "limit": str(levels)}, timeout=10)
        response.raise_for_status()
        return line(symbol, response.json(), levels)

    return sample


def python_binance(url: str) -> Sample:
    """python-binance's Client."""
    from binance.client import Client  # type: ignore[import-not-found]

    Client.API_URL, Client.FUTURES_URL = f"{url}/api", f"{url}/fapi"
    client = Client(ping=False)
    return lambda symbol, levels: line(symbol, client.get_order_book(symbol=symbol, limit=levels), levels)


def ccxt(url: str) -> Sample:
    """Ccxt's synchronous half, without its throttle and with one market that is known already."""
    import ccxt as library  # type: ignore[import-not-found]

    exchange = library.binance({"enableRateLimit": False, "urls": {"api": {"public": f"{url}/api/v3"}}})
    market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot"}
    exchange.set_markets([exchange.safe_market_structure(market)])
    return lambda symbol, levels: line(symbol, exchange.fetch_order_book("BTC/USDT", levels), levels)


class Ours:
    """The sampler, put together as the runner does; lines go to /dev/null."""

    def __init__(self, url: str) -> None:
        from handler.sampler import resume_garbage_collection

        self._url, self._samplers, self._sink = url, dict[Any, Any](), os.open(os.devnull, os.O_WRONLY)
        resume_garbage_collection()

    def run(self, symbols: list[str], levels: int, count: int, *, limit: int = 0, detail: bool = False) -> list[str]:
        """Sample all pairs, `count` times."""
        sampler = self._sampler(symbols, levels, limit or levels, detail)
        lines: list[str] = []
        for _ in range(count):
            now = time.time()
            for samples in sampler.sample(time.monotonic() + 60, int(now)):
                for sample in samples:
                    lines.append(sample.record.to_line(detail=detail))
                    os.write(self._sink, f"{lines[-1]}\n".encode())
        return lines

    def put(self, count: int, how: str) -> list[str]:
        """Put one item `count` times: by the table or by boto3's own put_item."""
        from handler.stores.item import item_from_record

        from handler.record import Record
        from handler.stores.table import Table

        record = Record.from_line(self.run(["BTCUSDT"], 5, 1, limit=1000, detail=True)[0])
        table = self._samplers.setdefault("table", Table("obi"))
        item, client = item_from_record(record, 60, 0), self._samplers.setdefault("client", _client())
        started = time.process_time()
        for _ in range(count):
            if how == "table":
                table.put([record], time.monotonic() + 60)
            else:
                client.put_item(TableName="obi", Item=item)
        self.put_seconds = time.process_time() - started
        return []

    def _sampler(self, symbols: list[str], levels: int, limit: int, detail: bool) -> Any:
        from handler.exchange.client import Exchange
        from handler.exchange.markets import MARKETS
        from handler.record import Pair
        from handler.sampler import Sampler

        key = (*symbols, levels, limit, detail)
        if key not in self._samplers:
            pairs = [Pair(symbol.rpartition(":")[2], symbol.rpartition(":")[0] or "spot") for symbol in symbols]
            counts = {market: sum(pair.market == market for pair in pairs) for market in MARKETS}
            exchanges = {
                market: Exchange(MARKETS[market], [self._url], connections=count)
                for market, count in counts.items()
                if count
            }
            limits = {market: MARKETS[market].request_limit(limit) for market in exchanges}
            self._samplers[key] = Sampler(
                exchanges, pairs, levels=levels, limits=limits, interval_seconds=3600, detail=detail
            )
        return self._samplers[key]


def _client() -> Any:
    import boto3

    return boto3.client("dynamodb")


OTHERS: dict[str, Callable[[str], Sample]] = {
    "a raw socket": floor,
    "requests": requests_session,
    "python-binance": python_binance,
    "ccxt": ccxt,
}


def _run(name: str, url: str) -> Callable[..., list[str]]:
    if name == "ours":
        return Ours(url).run
    sample = OTHERS[name](url)
    pool = ThreadPoolExecutor(SOCKETS)

    def run(symbols: list[str], levels: int, count: int) -> list[str]:
        if len(symbols) > 1:
            return list(pool.map(lambda symbol: sample(symbol, levels), symbols))
        return [sample(symbols[0], levels) for _ in range(count)]

    return run


def main() -> None:
    """Measure commands until stdin ends."""
    name, url = sys.argv[1:]
    ours = Ours(url) if name == "ours" else None
    run = ours.run if ours else _run(name, url)
    for text in sys.stdin:
        command = json.loads(text)
        cpu, wall = time.process_time(), time.perf_counter()
        lines = ours.put(**command) if ours and "how" in command else run(**command)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        records = [json.loads(each) for each in lines]
        answer = {"cpu": ours.put_seconds if ours and "how" in command else cpu, "wall": wall, "lines": len(lines)}
        times = [record["received_at"] for record in records if record.get("received_at")]
        seconds = [datetime.fromisoformat(each).timestamp() for each in times]
        answer["skew"] = max(seconds) - min(seconds) if seconds else 0.0
        answer["obi"] = sum(record["obi"] for record in records) / max(len(records), 1)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
