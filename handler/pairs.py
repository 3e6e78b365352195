"""Pairs as users write them, such as `BTC`, `ETH/BTC` or `usdm:BTC` → pairs as the exchange spells them."""

import re

from .errors import UsageError
from .exchange.markets import MARKETS
from .record import SPOT, Pair

# the usual quote assets, for refusals only: pairs with any other work as well
_SEPARATED = re.compile(r"(.+)[-_](USDT|USDC|FDUSD|TUSD|USD1|BTC|ETH|BNB|EUR|TRY|BRL|JPY|MXN|PLN|ARS|ZAR)")
_DEPTH = re.compile(r"([^#@]+)[#@].*")  # BTCUSDT#5, BTCUSDT@10bps: a depth is an option, not a part of the pair
_DATED = re.compile(r".+_[0-9]{6}")
_SWAP = re.compile(r"([^/:]+)/([^/:]+):\2(-[0-9]{6})?")  # ccxt's BTC/USDT:USDT, dated BTC/USDT:USDT-261225


def parse_pair(word: str, quote: str = "USDT") -> Pair:
    """Read one word; `quote` is appended if the word names only the base asset, such as BTC. Raises UsageError."""
    text = upper_ascii(word)
    if swap := _SWAP.fullmatch(text):
        return Pair(f"{swap[1]}{swap[2]}{(swap[3] or '').replace('-', '_')}", "usdm")
    market, colon, symbol = text.rpartition(":")
    market = market.lower() if colon else SPOT
    if market not in MARKETS:
        raise UsageError(f"{word} names no market: write {' or '.join(f'{name}:BTC' for name in MARKETS)}")
    sides = [side.strip() for side in symbol.split("/")]
    if len(sides) > 2 or not all(side and side.isprintable() for side in sides) or set(symbol) & set(";|"):
        raise UsageError(f"{word} is not a pair: write BTC, BTCUSDT or BTC/USDT, with spaces or commas between pairs")
    if len(sides) == 2:
        return Pair("".join(sides), market)
    if separated := _SEPARATED.fullmatch(symbol) or _DEPTH.fullmatch(symbol):
        right = str(Pair("".join(separated.groups()), market))
        raise UsageError(f"{word} is not how the exchange spells it: write {right}")
    if symbol.endswith(quote) or (market != SPOT and _DATED.fullmatch(symbol)):
        return Pair(symbol, market)
    return Pair(symbol + quote, market)


def stored_pairs(word: str, quote: str = "USDT") -> tuple[str, ...]:
    """Return the names under which a pair may be stored: as it stands, then with the quote asset."""
    return tuple(dict.fromkeys(str(parse_pair(word, appended)) for appended in ("", quote)))


def parse_quote(text: str) -> str:
    """Read the quote asset. Raises UsageError for a pair."""
    if not text.strip() or set(text) & set("/:"):
        raise UsageError(f"{text} is not an asset: give one such as USDT")
    return upper_ascii(text)


def upper_ascii(word: str) -> str:
    """Strip a word and upper-case its a to z: other letters are legal in symbols, and `ß` must not become `SS`."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in word.strip())
