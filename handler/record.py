"""The record of one book ⇄ one line of JSON. docs/record.md explains every key."""

import re
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, Self

import msgspec
from msgspec import Meta

from .book import Levels
from .errors import InvalidRecord, InvalidTimestamp
from .slots import MAX_INTERVAL_SECONDS, epoch_seconds, parse_timestamp, slot_start

SPOT = "spot"  # the market of a line that does not name one
MAX_NUMBER = 1e38  # more than any amount; DynamoDB rejects numbers of more than 38 digits
_MIN_DECIMAL, _MAX_DECIMAL = Decimal("1e-40"), Decimal(MAX_NUMBER)  # of a price or quantity; floats compare slowly
_NO_NUMBER = re.compile(r'"(\w+)": ?(-?(?:NaN|Infinity))\b')

Text = Annotated[str, Meta(min_length=1, max_length=300)]
Ratio = Annotated[float, Meta(ge=-1, le=1)]
Amount = Annotated[float, Meta(ge=0, lt=MAX_NUMBER)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1)]
SecondsTimestamp = Annotated[str, Meta(pattern=r"^.{19}Z\Z")]
MillisecondsTimestamp = Annotated[str, Meta(pattern=r"^.{19}\.[0-9]{3}Z\Z")]
Interval = Annotated[int, Meta(ge=1, le=MAX_INTERVAL_SECONDS)]
Ladder = list[Amount]


class Pair(NamedTuple):
    """A pair as the exchange spells it, and its market."""

    symbol: str
    market: str = SPOT

    def __str__(self) -> str:
        """`BTCUSDT`, `usdm:BTCUSDT`: as users write it, and as the table's partition key."""
        return self.symbol if self.market == SPOT else f"{self.market}:{self.symbol}"


class Record(msgspec.Struct, frozen=True):
    """One measurement of one book, or the reason why there is none.

    A plain record has the first six keys, and `market` where it is not spot. A full one has an interval and all keys,
    None where a value is unknown. One with a `reason` has no data. Amounts are in the quote asset unless they are
    quantities, distances in basis points of mid.

        record = Record.from_line('{"timestamp":"2026-11-22T10:00:00Z","symbol":"BTCUSDT",…}')
        record.obi, record.bids[0]
    """

    timestamp: SecondsTimestamp  # UTC, whole seconds, when the book arrived; of a reason the start of its slot
    symbol: Text
    obi: Ratio
    notional_bid: Amount
    notional_ask: Amount
    levels: Positive
    market: Text = SPOT
    interval_seconds: Interval | None = None
    version: Text | None = None
    received_at: MillisecondsTimestamp | None = None  # the timestamp in milliseconds
    exchange_time: MillisecondsTimestamp | None = None  # in milliseconds, by the matching engine's clock
    last_update_id: int | None = None
    host: Text | None = None
    latency_ms: Amount | None = None
    cache_age_seconds: Count | None = None
    limit: Positive | None = None
    bid_levels: Count | None = None
    ask_levels: Count | None = None
    bid_reach_bps: Amount | None = None
    ask_reach_bps: Amount | None = None
    bids: Levels | None = None
    asks: Levels | None = None
    notional_bid_within: Ladder | None = None
    notional_ask_within: Ladder | None = None
    quantity_bid_within: Ladder | None = None
    quantity_ask_within: Ladder | None = None
    reason: Text | None = None

    @property
    def has_data(self) -> bool:
        """False if there is a reason, or if both notionals of a plain record are 0."""
        if self.reason is not None:
            return False
        return self.interval_seconds is not None or bool(self.notional_bid or self.notional_ask)

    @property
    def is_storable(self) -> bool:
        """False for a plain record without data."""
        return self.has_data or self.reason is not None

    @property
    def pair(self) -> str:
        """The pair with its market: `BTCUSDT`, `usdm:BTCUSDT`."""
        return str(Pair(self.symbol, self.market))

    def slot(self, default_interval_seconds: int) -> int:
        """Return the start of its slot in epoch seconds, by its own interval or, if it has none, the default."""
        return slot_start(epoch_seconds(self.timestamp), self.interval_seconds or default_interval_seconds)

    def to_line(self, *, detail: bool = True) -> str:
        """Write the record as one line of JSON, without the line end; without `detail` as a plain record."""
        keys = PLAIN_KEYS if self.market == SPOT else (*PLAIN_KEYS, "market")
        if detail and self.interval_seconds is not None:
            keys = FULL_KEYS if self.reason is None else REASON_KEYS
        values = {key: getattr(self, key) for key in keys}
        for side in ("bids", "asks"):
            if values.get(side) is not None:
                values[side] = levels_json(values[side])
        return msgspec.json.encode(values).decode()

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """Read what `to_line` wrote, of this version or another; unknown keys are left out. Raises InvalidRecord."""
        try:
            record = msgspec.json.decode(line, type=cls)
        except (ValueError, RecursionError):
            return cls.from_values(_decode(line))
        _check(record)
        return record

    @classmethod
    def from_values(cls, values: Any) -> Self:
        """Check a dict of keys and values, where 5.0 counts as 5. Raises InvalidRecord with the key and its value."""
        if not isinstance(values, dict):
            raise InvalidRecord("not a JSON object")
        whole = {
            key: int(value) if isinstance(value, float) and value.is_integer() else value
            for key, value in values.items()
        }
        try:
            record = msgspec.convert(whole, cls)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$.")
            key = path.strip("`").partition("[")[0]
            raise InvalidRecord(f"{key} is {values.get(key)!r:.100}: {text}" if key else text) from error
        _check(record)
        return record


_FIELDS = Record.__struct_fields__
PLAIN_KEYS = _FIELDS[: _FIELDS.index("market")]
FULL_KEYS = _FIELDS[: _FIELDS.index("reason")]
REASON_KEYS = (*_FIELDS[: _FIELDS.index("version")], "reason")


def unknown_keys(line: str | bytes) -> set[str]:
    """Return the keys of a valid line that a newer version wrote."""
    return set(_decode(line)) - set(Record.__struct_fields__)


def decimal_text(number: Decimal) -> str:
    """Write a number without an exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def levels_json(levels: Levels) -> msgspec.Raw:
    """Write levels as JSON, `[[63999.5,0.12],…]`, in plain digits."""
    each = [f"[{decimal_text(price)},{decimal_text(quantity)}]" for price, quantity in levels]
    return msgspec.Raw(f"[{','.join(each)}]".encode())


def no_data(
    timestamp: str, pair: Pair, levels: int, interval_seconds: int | None = None, reason: str | None = None
) -> Record:
    """Create the record of a book that could not be measured: both notionals are 0."""
    return Record(timestamp, pair.symbol, 0.0, 0.0, 0.0, levels, pair.market, interval_seconds, reason=reason)


def _decode(line: str | bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:
        text = line if isinstance(line, str) else line.decode(errors="replace")
        found = _NO_NUMBER.search(text)  # other programs write NaN or Infinity
        why = f"{found[1]} is {found[2]}, which is no number of JSON" if found else f"not JSON: {error}"
        raise InvalidRecord(why) from error


def _check(record: Record) -> None:
    """Raise InvalidRecord for what no record can have, although it is of the right type."""
    for key in ("timestamp", "received_at", "exchange_time"):
        _check_time(key, getattr(record, key))
    for key in ("symbol", "market", "host", "reason", "version"):
        if not (getattr(record, key) or "x").isprintable():
            raise InvalidRecord(f"{key} is {getattr(record, key)!r:.100}: not printable text")
    for key in ("bids", "asks"):
        for price, quantity in getattr(record, key) or ():
            if not (_is_amount(price) and _is_amount(quantity)):
                raise InvalidRecord(f"{key} is {[f'{price}', f'{quantity}']}: not a price and a quantity")


def _check_time(key: str, text: str | None) -> None:
    try:
        if text is not None:
            parse_timestamp(f"{text[:19]}Z")
    except InvalidTimestamp as error:
        raise InvalidRecord(f"{key} is {text!r}: {error}") from error


def _is_amount(number: Decimal) -> bool:
    return number.is_finite() and _MIN_DECIMAL < number < _MAX_DECIMAL
