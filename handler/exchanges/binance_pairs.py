"""Which pair a word such as `BTC`, `BTCUSDT` or `ETH/BTC` means, and a hint where there is no such pair."""

from typing import NamedTuple

from handler.errors import UsageError

QUOTE_ASSETS = (
    *("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "USD1", "DAI", "BTC", "ETH", "BNB", "SOL", "XRP", "TRX", "DOGE"),
    *("DOT", "EUR", "EURI", "AEUR", "TRY", "BRL", "JPY", "ARS", "COP", "MXN", "PLN", "RON", "UAH", "ZAR", "CZK", "IDR"),
    *("NGN", "RUB", "GBP", "AUD"),
)
"""Used for hints only: pairs with any other quote asset work as well."""


class Pair(NamedTuple):
    """A pair as the exchange spells it and, where the quote asset was appended to a word, that word and asset."""

    symbol: str
    word: str = ""
    quote: str = ""

    @property
    def hint(self) -> str:
        """What to try if there is no such pair; empty if nothing was appended."""
        if not self.word:
            return ""
        appended = f"{self.quote} was appended to {self.word}"
        if other := _with_slash(self.word):
            return f"{appended}: if you meant the pair {self.word}, write {other}"
        return f"{appended}: write a pair with another quote asset with a slash, such as BTC/USDC"


def read_pair(word: str, quote: str, name: str = "--symbol") -> Pair:
    """`btc`, ` BTC ` and `BTCUSDT` all mean BTCUSDT; `ETH/BTC` names both sides, whatever the quote asset is.

    Whether the pair exists is not checked. Raises UsageError for a misplaced slash or colon.
    """
    symbol = upper(word)
    whole, colon, _ = symbol.partition(":")
    sides = [side.strip() for side in whole.split("/")]
    if len(sides) > 2 or not all(sides) or (colon and len(sides) == 1):
        raise UsageError(f"{name} {word.strip()} is not a pair: write BTC, BTCUSDT or, with both sides, BTC/USDT")
    if colon:
        raise UsageError(f"{name} {word.strip()} names a settlement asset too: write {'/'.join(sides)}")
    if len(sides) == 2 or symbol.endswith(quote):
        return Pair("".join(sides))
    return Pair(symbol + quote, symbol, quote)


def read_quote(word: str, name: str = "--quote") -> str:
    """The quote asset. Raises UsageError for a pair."""
    quote = upper(word)
    if set(quote) & set("/:"):
        raise UsageError(f"{name} {word} is not an asset: give one such as USDT")
    return quote


def upper(word: str) -> str:
    """Upper-case a to z only: other letters are legal in symbols (since 2025-12) and `ß` must not become `SS`."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in word.strip())


def _with_slash(word: str) -> str | None:
    """`BTCUSDC` as `BTC/USDC`, or None if it ends in no known quote asset."""
    for quote in sorted(QUOTE_ASSETS, key=len, reverse=True):
        if base := word.removesuffix(quote).rstrip("-_") if word.endswith(quote) else "":
            return f"{base}/{quote}"
    return None
