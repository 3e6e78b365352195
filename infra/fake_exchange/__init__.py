"""A fake Binance on loopback, spot and USD-M futures: the real HTTP API, synthetic books, faults on demand.

    with FakeExchange(symbols=["BTCUSDT"], script=["429=1", "ok"]) as exchange:
        requests.get(exchange.url + "/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5})

or, in a process of its own: `python -m infra.fake_exchange --help`.
"""

from infra.fake_exchange.exchange import FakeExchange

__all__ = ["FakeExchange"]
