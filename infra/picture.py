"""`python -m infra.picture`: draw docs/history.png for the README, from a day of the fake exchange's books.

The books are synthetic. A simulated clock makes the day a matter of seconds; the samples go through the same sampler.
"""

from collections.abc import Iterator

from handler.cli.plot import draw
from handler.exchanges import binance_spot
from handler.exchanges.client import DepthClient
from handler.record import Depth, Record
from handler.sampler import Sampler
from handler.slots import parse_timestamp
from infra.fake_exchange import FakeExchange

DAY_START = parse_timestamp("2026-11-22T00:00:00Z")
MINUTES = 24 * 60
OUTAGE = range(9 * 60, 10 * 60)
"""Minutes without a sample, to show a gap."""


class SimulatedClock:
    """A clock that only its user advances."""

    def __init__(self) -> None:
        self.now = float(DAY_START)

    def time(self) -> float:
        """The simulated time in epoch seconds."""
        return self.now

    def monotonic(self) -> float:
        """The same: it never goes back."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Advance the clock."""
        self.now += seconds


def sample_day(symbols: tuple[str, ...], levels: tuple[int, ...]) -> Iterator[Record]:
    """A record per minute, pair and depth, except for the outage."""
    clock = SimulatedClock()
    with FakeExchange(symbols, tick_ms=60_000, seed=7, weight_limit=0, clock=clock.time) as exchange:
        client = DepthClient(binance_spot, (exchange.url,), clock=clock)
        depths = [Depth(number) for number in levels]
        sampler = Sampler(client, symbols, depths, limit=max(levels), interval_seconds=60)
        for minute in range(MINUTES):
            clock.now = DAY_START + minute * 60 + 1.0
            if minute not in OUTAGE:
                for samples in sampler.sample(clock.now + 50):
                    yield from (sample for sample in samples if isinstance(sample, Record))


if __name__ == "__main__":
    day = sample_day(("BTCUSDT",), (5, 100))
    draw(day, "docs/history.png", interval_seconds=60, since=DAY_START, until=DAY_START + MINUTES * 60)
