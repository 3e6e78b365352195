"""When the exchange says to stay away, nobody asks it: not in this slot, not in a later one, not for another pair."""

import pytest
from support.fakes import FakeClock, StartExchange, client, fetch

from handler.errors import ExchangeError, RateLimited


@pytest.mark.parametrize("fault", ["429=3", "418-until=3", "503=3"])
def test_a_wait_that_fits_the_slot_is_waited_for(start_exchange: StartExchange, clock: FakeClock, fault: str) -> None:
    """It is waited for exactly, and then comes the book; the latency tells of it."""
    exchange = start_exchange(fault)
    assert fetch(client(clock, exchange.url), clock).latency_ms == pytest.approx(3000)
    assert (clock.slept, len(exchange.requests)) == ([3.0], 2)


@pytest.mark.parametrize(
    ("fault", "reason"), [("429=150", "rate limited"), ("200-until=150", "banned"), ("html403", "HTTP 403")]
)
@pytest.mark.parametrize("may_freeze", [False, True])
def test_a_longer_wait_is_kept_in_later_slots_and_for_other_pairs(
    start_exchange: StartExchange, clock: FakeClock, fault: str, reason: str, *, may_freeze: bool
) -> None:
    """The slot is given up at once with the reason; a container's frozen monotonic clock does not prolong the wait."""
    exchange = start_exchange(fault, symbols=["ETHUSDT"])
    ours = client(clock, exchange.url, may_freeze=may_freeze)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        with pytest.raises(RateLimited, match=rf"{symbol}: 127\.0\.0\.1:\d+: .*, no request before 20") as failure:
            fetch(ours, clock, symbol, 50.0)
        assert failure.value.reason == reason
        (clock.set_wall if may_freeze else clock.advance)(59.0)
    (clock.set_wall if may_freeze else clock.advance)(40.0)
    fetch(ours, clock)
    assert (len(clock.slept) < 2, len(exchange.requests)) == (True, 2)


def test_one_line(start_exchange: StartExchange, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A ban of an hour, met by many pairs in many slots, is one line of the log."""
    ours = client(clock, start_exchange("418=3600").url)
    for _ in range(100):
        with pytest.raises(RateLimited):
            fetch(ours, clock, slot=10.0)
        clock.advance(10.0)
    assert ["banned" in line for line in caplog.messages] == [True]


def test_retries_have_a_budget(start_exchange: StartExchange, clock: FakeClock) -> None:
    """Retries of heavy requests leave the weight that the next first requests need; the reason is the last answer's."""
    exchange = start_exchange("502*")
    ours = client(clock, exchange.url)
    for _ in range(6):
        with pytest.raises(ExchangeError) as failure:
            ours.depth("BTCUSDT", 5000, clock.monotonic() + 9.0)
        assert failure.value.reason == "HTTP 502"
    assert 250 * len(exchange.requests) <= 0.9 * 6000 + 250
