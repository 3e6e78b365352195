"""Record ⇄ JSON line. Pure: no HTTP, no clock, no AWS."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self, get_args

from handler.errors import InvalidRecord, InvalidTimestamp
from handler.slots import MAX_INTERVAL_SECONDS, epoch_seconds, parse_milliseconds, parse_timestamp, slot_start

compact_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Writes every JSON line of this program."""

PLACES = 6
"""Decimal places of every sum and ratio in a record."""
MAX_TEXT_LENGTH = 300
MIN_NUMBER, MAX_NUMBER = 1e-18, 1e38
"""What a record can hold, and a table too: DynamoDB rejects longer keys and numbers of more than 38 digits."""

DEFAULT_MARKET = "spot"
"""The market of a line or an item that does not name one."""

MAX_BPS = 5000
"""The greatest distance from mid, in basis points, that is measured: half of the mid price."""


class Depth(NamedTuple):
    """What is measured of a book: its top `levels` or, with `bps`, those of them within this distance from mid.

    The distance is in basis points, hundredths of a percent, of the mid price.
    """

    levels: int
    bps: int | None = None


class Series(NamedTuple):
    """The records of one pair, as the exchange spells it, at one depth: of its top `levels` or within `bps` of mid."""

    symbol: str
    levels: int | None
    bps: int | None = None
    market: str = DEFAULT_MARKET

    @property
    def key(self) -> str:
        """The table's partition key: `BTCUSDT#5` or `BTCUSDT@10bps`; `usdm:BTCUSDT#5` for another market than spot."""
        return f"{self.pair}#{self.levels}" if self.bps is None else f"{self.pair}@{self.bps}bps"

    @property
    def pair(self) -> str:
        """The pair with its market, unless that is spot: `usdm:BTCUSDT`."""
        return self.symbol if self.market == DEFAULT_MARKET else f"{self.market}:{self.symbol}"

    @property
    def depth(self) -> str:
        """The depth in words: `5 levels` or `within 10 bps`."""
        if self.bps is not None:
            return f"within {self.bps} bps"
        return f"{self.levels} level{'' if self.levels == 1 else 's'}"


class Record(NamedTuple):
    """One measurement of one book: six keys that are always there, then others, None where unknown or not applicable.

    `bps` and `covered` are there if depth was measured by distance from mid, `market` if it is not spot, and all of
    what follows with detail. Amounts are in the quote asset, distances in basis points of the mid price.
    CONTRIBUTING.md says how to add a detail key.
    """

    timestamp: str  # UTC, whole seconds, when the book arrived
    symbol: str
    obi: float
    notional_bid: float
    notional_ask: float
    levels: int
    bps: int | None = None
    covered: bool | None = None  # whether the book was sent at least as far as bps; None: no data
    market: str = DEFAULT_MARKET
    obi_quantity: float | None = None
    best_bid: float | None = None
    best_bid_quantity: float | None = None
    best_ask: float | None = None
    best_ask_quantity: float | None = None
    mid: float | None = None
    microprice: float | None = None
    spread_bps: float | None = None
    levels_bid: int | None = None
    levels_ask: int | None = None
    reach_bid_bps: float | None = None
    reach_ask_bps: float | None = None
    last_update_id: int | None = None
    host: str | None = None
    received_at: str | None = None  # the timestamp in milliseconds
    exchange_time: str | None = None  # in milliseconds, by the exchange's clock
    interval_seconds: int | None = None
    latency_ms: float | None = None

    @property
    def has_data(self) -> bool:
        """False if nothing could be measured. Such a record is printed but never stored."""
        return bool(self.notional_bid or self.notional_ask) if self.bps is None else self.covered is not None

    @property
    def series(self) -> Series:
        """Which series it belongs to."""
        return Series(self.symbol, self.levels if self.bps is None else None, self.bps, self.market)

    @property
    def sample(self) -> tuple[Any, ...]:
        """What makes it this measurement, whatever detail is known: two records of one sample are equal here."""
        return self[: len(SAMPLE_KEYS)]

    @property
    def known_values(self) -> int:
        """How many of its values are known: of two lines of one sample, the one with more has more detail."""
        return sum(value is not None for value in self)

    def slot(self, default_interval_seconds: int) -> int:
        """The start of its slot in epoch seconds, by its own interval, or by the default if it has none."""
        return slot_start(epoch_seconds(self.timestamp), self.interval_seconds or default_interval_seconds)

    def values(self, *, detail: bool) -> dict[str, Any]:
        """The record as key → value, in order, with or without the detail keys."""
        values = self._asdict()
        if self.bps is None:
            del values["bps"], values["covered"]
        if not detail:
            is_spot = self.market == DEFAULT_MARKET
            for key in DETAIL_KEYS if is_spot else DETAIL_KEYS[1:]:
                del values[key]
        return values

    def to_line(self, *, detail: bool) -> str:
        """The record as one line of JSON, without the line end."""
        return compact_json(self.values(detail=detail))

    @classmethod
    def from_line(cls, line: str, on_unknown_key: Callable[[str], object] | None = None) -> Self:
        """Read what `to_line` wrote, of this version or another. Raises InvalidRecord."""
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidRecord(f"not JSON: {error}") from error
        if not isinstance(values, dict):
            raise InvalidRecord("not a JSON object")
        return cls.from_values(values, on_unknown_key)

    @classmethod
    def from_values(
        cls,
        values: Mapping[str, Any],
        on_unknown_key: Callable[[str], object] | None = None,
        max_text_length: int | None = MAX_TEXT_LENGTH,
    ) -> Self:
        """Check the values of a record's keys, and leave out other keys. Raises InvalidRecord."""
        if on_unknown_key and (unknown := values.keys() - set(cls._fields)):
            on_unknown_key(min(unknown))
        checked = {key: _checked_value(key, value, max_text_length) for key, value in values.items() if key in _HINTS}
        if missing := [key for key in KEYS if key not in checked]:
            raise InvalidRecord(f"{missing[0]} is missing")
        record = cls(**{key: value for key, value in checked.items() if value is not None})
        _check(record)
        return record


KEYS = Record._fields[:6]
"""The keys that every record has, in their order."""
SAMPLE_KEYS = Record._fields[:9]
"""The keys that make a record the measurement that it is."""
DETAIL_KEYS = Record._fields[8:]
"""The keys that are printed with detail only; the first, market, also for another market than spot."""

_HINTS = Record.__annotations__
VALUE_TYPES = {key: (get_args(hint) or (hint,))[0] for key, hint in _HINTS.items()}
"""Key → str, int, float or bool."""
TYPE_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def _checked_value(key: str, value: Any, max_text_length: int | None) -> Any:
    value_type = VALUE_TYPES[key]
    if value is None and key not in KEYS:
        return None
    if value_type is float and type(value) is int and abs(value) < MAX_NUMBER:
        value = float(value)
    is_valid = type(value) is value_type and (
        _is_valid_text(value, max_text_length) if value_type is str else _is_valid_number(value)
    )
    if not is_valid:
        raise InvalidRecord(f"{key} is {value!r:.100}, not a {TYPE_NAMES[value_type]}")
    return value


def _check(record: Record) -> None:
    """Raise InvalidRecord for values that no record can have."""
    if abs(record.obi) > 1 or min(record.notional_bid, record.notional_ask) < 0 or record.levels < 1:
        raise InvalidRecord("obi is outside [-1, 1], an amount is negative, or there are no levels")
    if not (record.symbol and record.market):
        raise InvalidRecord("symbol or market is empty")
    if record.bps is None and record.covered is not None:
        raise InvalidRecord("covered is there without bps")
    for key, maximum in (("bps", MAX_BPS), ("interval_seconds", MAX_INTERVAL_SECONDS)):
        number = getattr(record, key)
        if number is not None and not 1 <= number <= maximum:
            raise InvalidRecord(f"{key} is {number}, not from 1 to {maximum}")
    _check_times(record)


def _check_times(record: Record) -> None:
    key = "timestamp"
    try:
        parse_timestamp(record.timestamp)
        for key in ("received_at", "exchange_time"):
            if text := getattr(record, key):
                parse_milliseconds(text)
    except InvalidTimestamp as error:
        raise InvalidRecord(f"{key} {error}") from error


def _is_valid_text(text: str, max_length: int | None) -> bool:
    return text.isprintable() and (max_length is None or len(text) <= max_length)


def _is_valid_number(value: float) -> bool:
    return value == 0 or MIN_NUMBER <= abs(value) < MAX_NUMBER  # false for NaN


def no_data(timestamp: str, symbol: str, depth: Depth, market: str = DEFAULT_MARKET) -> Record:
    """The record of a book that could not be measured: both notionals are 0, and `covered` is None."""
    return Record(timestamp, symbol, 0.0, 0.0, 0.0, depth.levels, depth.bps, market=market)
