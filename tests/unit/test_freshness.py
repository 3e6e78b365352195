"""A book that is not what it seems is recorded, and reported once per episode."""

import json
import logging
from email.utils import formatdate

import pytest
from support.fakes import NOON

from handler.book import parse_depth
from handler.exchange.freshness import Freshness

BIDS, ASKS = [["99", "2"]], [["101", "1"]]


class Watch:
    """Notes books a minute apart; returns the words of the warnings that each run of them caused."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.freshness, self.caplog, self.now = Freshness(), caplog, NOON

    def __call__(
        self,
        *update_ids: int | None,
        pair: str = "BTCUSDT",
        host: str = "a",
        headers: dict[str, str] | None = None,
        bids: list[list[str]] = BIDS,
        asks: list[list[str]] = ASKS,
        exchange_time: float | None = None,
    ) -> list[str]:
        for update_id in update_ids:
            fields = {"lastUpdateId": update_id, "bids": bids, "asks": asks}
            if exchange_time is not None:
                fields["T"] = round(exchange_time * 1000)
            book = parse_depth(json.dumps(fields).encode())
            self.freshness.note(pair, host, book, 1000, headers or {}, self.now)
            self.now += 60
        found = [record.getMessage() for record in self.caplog.records if record.levelno == logging.WARNING]
        self.caplog.clear()
        return found


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Watch:
    return Watch(caplog)


def test_fresh(watch: Watch) -> None:
    """An ordinary book is no reason for a warning, nor is an odd header."""
    assert watch(1, 2, 3, headers={"date": formatdate(NOON + 60, usegmt=True)[:-4], "age": "0"}) == []
    for age in ("-1", "soon", "1.5", "٣", "9" * 5000):
        assert watch(None, headers={"age": age}) == []


def test_cache(watch: Watch) -> None:
    """A cached book is reported once per episode and host."""
    (text,) = watch(1, 2, headers={"age": "3600"}) + watch(3, pair="ETHUSDT", headers={"age": "3600"})
    assert ("BTCUSDT" in text, "3600 s" in text) == (True, True)
    assert watch(4) + watch(5, pair="ETHUSDT") == []
    assert len(watch(6, 7, headers={"age": "12"})) == 1


@pytest.mark.parametrize(("offset", "word"), [(7200, "before"), (-7200, "after"), (9, ""), (-9, "")])
def test_clock(watch: Watch, offset: float, word: str) -> None:
    """A host whose clock differs from this machine's by more than some seconds is reported, also by futures' T."""
    dated = watch(1, headers={"date": formatdate(watch.now + offset, usegmt=True)})
    timed = watch(2, host="b", exchange_time=watch.now + offset)
    assert [word in text for text in dated + timed] == ([True, True] if word else [])


def test_unchanged(watch: Watch) -> None:
    """A book that does not rise for ten minutes is reported, also if two stuck hosts alternate."""
    assert watch(*[7] * 10) == []
    assert len(watch(*[7] * 60)) == 1
    assert watch(*range(8, 18)) == []
    texts = watch(*[17, 16] * 10)
    assert [("went back" in text, "did not rise" in text) for text in texts] == [(True, False), (False, True)]


def test_pairs_are_separate(watch: Watch) -> None:
    """Another pair's higher update id says nothing about this one."""
    assert watch(9, pair="ETHUSDT") + watch(3, 4) == []


def test_shape(watch: Watch) -> None:
    """A crossed book, and one that is cut off at the same number of levels on both sides, are reported once."""
    assert ["crossed" in text for text in watch(1, 2, bids=[["102", "1"]])] == [True]
    bids, asks = ([[f"{100 + sign * level}", "1"] for level in range(1, 51)] for sign in (-1, 1))
    assert ["50 of 1000" in text for text in watch(3, 4, bids=bids, asks=asks)] == [True]
    assert watch(5, bids=bids, asks=asks[:40]) == []
