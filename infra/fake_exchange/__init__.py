"""A fake Binance on loopback, spot and USD-M futures on one port: real heads and limits, synthetic books, faults.

    with FakeExchange(["BTCUSDT"], script=["429=1", "ok"]) as exchange:
        requests.get(exchange.url + "/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5})

or, in a process of its own: `python -m infra.fake_exchange --help`.
"""

from infra.fake_exchange.books import FakeBook
from infra.fake_exchange.exchange import FakeExchange

__all__ = ["FakeBook", "FakeExchange"]
