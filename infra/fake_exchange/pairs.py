"""What a trading pair looks like: its assets, price, tick and lot size, and how deep its book is. Pure.

Money is counted in integers of 1e-8, the eight decimals of the exchange, so that no price is ever a rounded float.
"""

import math
import random
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache

UNIT = 10**8
"""Units in 1: prices and quantities have eight decimals on spot."""

DEFAULT_SYMBOLS = (
    *("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "TRXUSDT", "AVAXUSDT"),
    *("LINKUSDT", "LTCUSDT", "SHIBUSDT", "ETHBTC", "BNBBTC", "SOLBTC", "这是测试币456", "BTCUSDT_261225"),
)
"""Well-known pairs, the non-ASCII one of the exchange's testnet (CHANGELOG 2025-12-02), and a dated contract."""

_USD = {
    "USDT": 1.0,
    "USDC": 1.0,
    "FDUSD": 1.0,
    "EUR": 1.16,
    "TRY": 0.024,
    "BTC": 90_000.0,
    "ETH": 3_000.0,
    "BNB": 860.0,
}
_USD |= {"SOL": 140.0, "XRP": 2.1, "DOGE": 0.15, "ADA": 0.42, "TRX": 0.28, "AVAX": 14.0, "LINK": 13.0, "LTC": 85.0}
_USD |= {"SHIB": 0.0000085}
_QUOTES = ("FDUSD", "USDT", "USDC", "BTC", "ETH", "BNB", "EUR", "TRY")
# Mean distance between levels in basis points: 1000 levels of the real BTCUSDT reach 40-113 bps, of ETHUSDT 105-330.
_DEEP = {"BTCUSDT": 0.07, "ETHUSDT": 0.2}
_DEEP_LEVELS, _MAJOR_LEVELS = 6000, (1500, 4000)
_DATED_SYMBOL = re.compile(r"(.+)_([0-9]{6})")
_VALID_SYMBOL = re.compile(r"(?:(?![a-z])[\w\-.]){1,50}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair. `*_units` are 1e-8 of the quote asset (price, tick) or the base asset (lot)."""

    symbol: str
    base: str
    quote: str
    price_units: int
    tick_units: int
    lot_units: int
    base_usd: float
    gap_bps: float
    bid_levels: int
    ask_levels: int

    @property
    def price_decimals(self) -> int:
        """Decimals of a price that is a multiple of the tick."""
        return 8 - min(len(str(self.tick_units)) - 1, 8)

    @property
    def quantity_decimals(self) -> int:
        """Decimals of a quantity that is a multiple of the lot."""
        return 8 - min(len(str(self.lot_units)) - 1, 8)


def is_valid_symbol(symbol: str) -> bool:
    """Whether the exchange accepts these characters: letters of any script but a-z, digits, -, _ and `.`."""
    return _VALID_SYMBOL.fullmatch(symbol) is not None


def underlying_pair(symbol: str) -> str:
    """The pair of a dated contract, such as BTCUSDT of BTCUSDT_261225; other symbols as they are."""
    return symbol.rpartition("_")[0] if delivery_ms(symbol) else symbol


@cache
def delivery_ms(symbol: str) -> int | None:
    """When a dated contract is delivered: at 8:00 UTC on its date. None if the symbol has no date."""
    match = _DATED_SYMBOL.fullmatch(symbol)
    try:
        return int(datetime.strptime(f"{match[2]}08+0000", "%y%m%d%H%z").timestamp() * 1000) if match else None
    except ValueError:
        return None  # six digits that are no date


@cache
def pair_of(symbol: str) -> Pair:
    """The pair of this name: always the same one, with figures drawn from the name where it is not a known one."""
    base, quote = _assets(symbol)
    base_usd = _usd(base)
    price = base_usd / _usd(quote)
    gap_bps, bid_levels, ask_levels = _liquidity(symbol)
    tick_units = max(1, min(UNIT // 100, _power_of_ten(price * 1e-4)))
    return Pair(
        symbol=symbol,
        base=base,
        quote=quote,
        price_units=max(20, round(price * UNIT / tick_units)) * tick_units,
        tick_units=tick_units,
        lot_units=max(1000, min(UNIT, _power_of_ten(1 / base_usd))),
        base_usd=base_usd,
        gap_bps=gap_bps,
        bid_levels=bid_levels,
        ask_levels=ask_levels,
    )


def _assets(symbol: str) -> tuple[str, str]:
    symbol = underlying_pair(symbol)
    length = next((len(quote) for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), 3)
    return symbol[:-length] or symbol, symbol[-length:]


def _usd(asset: str) -> float:
    return _USD.get(asset) or 10 ** random.Random(f"usd/{asset}").uniform(-2, 2)


def _power_of_ten(value: float) -> int:
    """The power of ten at or below `value`, in units; 0 where that is less than one unit."""
    exponent = math.floor(math.log10(value)) + 8
    return 10**exponent if exponent >= 0 else 0


def _liquidity(symbol: str) -> tuple[float, int, int]:
    """Gap in bps, bid levels, ask levels. Thin pairs have short and unequal sides, as on the exchange."""
    draw = random.Random(f"liquidity/{symbol}")
    if symbol in _DEEP:
        return _DEEP[symbol], _DEEP_LEVELS, _DEEP_LEVELS
    if symbol in DEFAULT_SYMBOLS and symbol.isascii():
        return 0.3, draw.randint(*_MAJOR_LEVELS), draw.randint(*_MAJOR_LEVELS)
    return draw.uniform(1, 4), int(10 ** draw.uniform(1.3, 3.1)), int(10 ** draw.uniform(1.3, 3.1))
