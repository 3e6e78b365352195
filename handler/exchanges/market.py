"""What a market's module provides. Pure, so that every command can validate its options against it."""

from collections.abc import Mapping
from typing import Protocol

from handler.book import Book
from handler.exchanges import binance_spot, binance_usdm
from handler.exchanges.binance_pairs import Pair
from handler.exchanges.responses import NoBook


class Market(Protocol):
    """The facts of one market of one exchange. Its modules, such as `binance_spot`, have these names."""

    DEFAULT_BASE_URL: str
    MAX_LEVELS: int
    WEIGHT_PER_MINUTE: int
    REGION_ADVICE: str
    """What to do if every host responds 451."""

    def request_limit(self, levels: int, /) -> int:
        """The smallest limit of a request that brings so many levels, which are at most MAX_LEVELS."""

    def request_weight(self, limit: int, /) -> int:
        """What a request with this limit counts against WEIGHT_PER_MINUTE."""

    def depth_url(self, base_url: str, symbol: str, limit: int, /) -> str:
        """The URL of the top levels of a pair's book."""

    def classify_response(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> Book | NoBook:
        """The book in a response, or what to do; `now` is the wall clock in epoch seconds."""

    def used_weight(self, headers: Mapping[str, str], /) -> int | None:
        """How much of the request weight of this minute our address has used, if the response says it."""

    def read_quote(self, word: str, name: str, /) -> str:
        """A quote asset. Raises UsageError with the name of the flag."""

    def read_pair(self, word: str, quote: str, name: str, /) -> Pair:
        """The pair that a word means. Raises UsageError with the name of the flag."""


MARKETS: dict[str, Market] = {"spot": binance_spot, "usdm": binance_usdm}
"""The values of --market."""
