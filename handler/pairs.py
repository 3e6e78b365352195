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
)  # for refusals only: pairs with any other quote asset work as well
_SEPARATED = re.compile(rf"(.+)[-_]({'|'.join(QUOTE_ASSETS)})")
_DEPTH = re.compile(r"([^#@]+)[#@].*")  # BTCUSDT#5, BTCUSDT@10bps: a depth is an option, not a part of the pair
_DATED = re.compile(r".+_[0-9]{6}")
_SWAP = re.compile(r"([^/:]+)/([^/:]+):\2(-[0-9]{6})?")  # ccxt's BTC/USDT:USDT, dated BTC/USDT:USDT-261225


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
        return NamedPair(Pair(f"{swap[1]}{swap[2]}{(swap[3] or '').replace('-', '_')}", "usdm"))
    market, colon, symbol = text.rpartition(":")
    market = market.lower() if colon else SPOT
    if market not in MARKETS:
        raise UsageError(f"{word} names no market: write {' or '.join(f'{name}:BTC' for name in MARKETS)}")
    sides = [side.strip() for side in symbol.split("/")]
    if len(sides) > 2 or not all(sides) or set(symbol) & set(";|"):
        raise UsageError(f"{word} is not a pair: write BTC, BTCUSDT or BTC/USDT, with spaces or commas between pairs")
    if len(sides) == 2:
        return NamedPair(Pair("".join(sides), market))
    if separated := _SEPARATED.fullmatch(symbol) or _DEPTH.fullmatch(symbol):
        right = str(Pair("".join(separated.groups()), market))
        raise UsageError(f"{word} is not how the exchange spells it: write {right}")
    if symbol.endswith(quote) or (market != SPOT and _DATED.fullmatch(symbol)):
        return NamedPair(Pair(symbol, market))
    hint = f"{quote} was appended to {symbol}: write a pair with another quote asset with a slash, such as BTC/USDC"
    return NamedPair(Pair(symbol + quote, market), hint)


def stored_pairs(word: str, quote: str = "USDT") -> tuple[str, ...]:
    """The names under which a pair may be stored, the likeliest first: as it stands, then with the quote asset."""
    pair, hint = parse_pair(word, quote)
    as_it_stands = pair._replace(symbol=pair.symbol.removesuffix(quote) if hint else pair.symbol)
    return tuple(dict.fromkeys([str(as_it_stands), str(pair)]))


def parse_quote(text: str) -> str:
    """The quote asset. Raises UsageError for a pair."""
    if not text.strip() or set(text) & set("/:"):
        raise UsageError(f"{text} is not an asset: give one such as USDT")
    return upper(text)


def upper(word: str) -> str:
    """Upper-case a to z only: other letters are legal in symbols (since 2025-12), and `ß` must not become `SS`."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in word.strip())
