"""Pairs as users write them, such as `BTC`, `ETH/BTC` or `usdm:BTC` → pairs as the exchange spells them."""

import re
from typing import NamedTuple

from .errors import UsageError
from .exchange.markets import MARKETS
from .record import SPOT, Pair

QUOTE_ASSETS = (
    *("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "USD1", "DAI", "BTC", "ETH", "BNB", "SOL", "XRP", "TRX", "DOGE"),
    *("DOT", "EUR", "EURI", "AEUR", "TRY", "BRL", "JPY", "ARS", "COP", "MXN", "PLN", "RON", "UAH", "ZAR", "CZK", "IDR"),
    *("NGN", "RUB", "GBP", "AUD"),
)  # for hints and refusals only: pairs with any other quote asset work as well
_SEPARATED = re.compile(rf"(.+)[-_]({'|'.join(QUOTE_ASSETS)})")
_DEPTH = re.compile(r"([^#@]+)[#@].*")  # BTCUSDT#5, BTCUSDT@10bps: a depth is an option, not a part of the pair
_DATED = re.compile(r".+_[0-9]{6}")
_SWAP = re.compile(r"([^/:]+)/([^/:]+):([^/:-]+)(?:-([0-9]{6}))?")  # ccxt's BTC/USDT:USDT, dated BTC/USDT:USDT-261225


class NamedPair(NamedTuple):
    """A pair and, where the quote asset was appended to a word, what to try if there is no such pair."""

    pair: Pair
    hint: str = ""


def parse_pair(word: str, quote: str = "USDT") -> NamedPair:
    """Read one word; the quote asset is appended unless the word ends in it. Raises UsageError.

    Only the exchange knows whether there is such a pair.
    """
    text = upper(word)
    if swap := _SWAP.fullmatch(text):
        return NamedPair(_swap(word, *swap.groups()))
    market, colon, symbol = text.rpartition(":")
    market = market.lower() if colon else SPOT
    if market not in MARKETS:
        raise UsageError(f"{word} names no market: write {' or '.join(f'{name}:BTC' for name in MARKETS)}")
    if set(symbol) & set(";|"):
        raise UsageError(f"{word} is not a pair: write spaces or commas between pairs")
    sides = [side.strip() for side in symbol.split("/")]
    if len(sides) > 2 or not all(sides):
        raise UsageError(f"{word} is not a pair: write BTC, BTCUSDT or, with both sides, BTC/USDT")
    if len(sides) == 2:
        return NamedPair(Pair("".join(sides), market))
    if separated := _SEPARATED.fullmatch(symbol) or _DEPTH.fullmatch(symbol):
        right = str(Pair("".join(separated.groups()), market))
        raise UsageError(f"{word} is not how the exchange spells it: write {right}")
    if symbol.endswith(quote) or (market != SPOT and _DATED.fullmatch(symbol)):
        return NamedPair(Pair(symbol, market))
    return NamedPair(Pair(symbol + quote, market), _hint(symbol, quote))


def stored_pairs(word: str, quote: str = "USDT") -> tuple[str, ...]:
    """The names under which a pair may be stored, the likeliest first: as it stands, then with the quote asset.

    Raises UsageError.
    """
    named = parse_pair(word, quote)
    as_it_stands = str(named.pair._replace(symbol=named.pair.symbol.removesuffix(quote))) if named.hint else ""
    return tuple(name for name in (as_it_stands, str(named.pair)) if name)


def parse_quote(text: str) -> str:
    """The quote asset. Raises UsageError for a pair."""
    if not text.strip() or set(text) & set("/:"):
        raise UsageError(f"--quote {text} is not an asset: give one such as USDT")
    return upper(text)


def upper(word: str) -> str:
    """Upper-case a to z only: other letters are legal in symbols (since 2025-12), and `ß` must not become `SS`."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in word.strip())


def _swap(word: str, base: str, quote: str, settled: str, date: str | None) -> Pair:
    if settled != quote:
        raise UsageError(f"{word} is settled in {settled}: only USD-M futures are offered, such as usdm:BTC")
    return Pair(f"{base}{quote}_{date}" if date else base + quote, "usdm")


def _hint(word: str, quote: str) -> str:
    """Advice for the case that the word with the appended quote asset is no pair."""
    appended = f"{quote} was appended to {word}"
    for other in sorted(QUOTE_ASSETS, key=len, reverse=True):
        if word.endswith(other) and word != other:
            return f"{appended}: if you meant the pair {word}, write {word.removesuffix(other)}/{other}"
    return f"{appended}: write a pair with another quote asset with a slash, such as BTC/USDC"
