"""A record and its line are the same, and what is not a record is rejected with key and value."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from support.records import any_records, full, full_records, plain, plain_records

from handler.errors import InvalidRecord
from handler.record import FULL_KEYS, PLAIN_KEYS, Pair, Record, no_data, unknown_keys

SIX = (
    '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT","obi":0.153847,'
    '"notional_bid":150000.5,"notional_ask":110000.25,"levels":5'
)


@given(any_records)
def test_round_trip(record: Record) -> None:
    """A record of every kind is read back from its line, which is one flat object."""
    line = record.to_line()
    assert Record.from_line(line) == record
    assert Record.from_line(line).to_line() == line
    assert line.isprintable()
    assert (line.count("{") - record.symbol.count("{") - (record.host or "").count("{")) == 1


@given(full_records)
def test_digits(record: Record) -> None:
    """Levels are numbers in plain notation: no exponent, no trailing zeros, no digit lost."""
    values = json.loads(record.to_line(), parse_float=str, parse_int=str)
    for number in (number for level in (*values["bids"], *values["asks"]) for number in level):
        assert {"e", "E"}.isdisjoint(number)
        assert not ("." in number and number.endswith(("0", ".")))
    assert [tuple(map(Decimal, level)) for level in values["bids"]] == record.bids


@given(full_records | plain_records)
def test_plain_line(record: Record) -> None:
    """Without detail a line has the six keys, and the market where it is not spot."""
    expected = PLAIN_KEYS if record.market == "spot" else (*PLAIN_KEYS, "market")
    assert tuple(json.loads(record.to_line(detail=False))) == expected


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (plain(), SIX + "}"),
        (
            no_data("2026-11-22T10:00:00Z", Pair("BTCUSDT", "usdm"), 5, 60, "HTTP 503"),
            '{"timestamp":"2026-11-22T10:00:00Z","symbol":"BTCUSDT","obi":0.0,"notional_bid":0.0,"notional_ask":0.0,'
            '"levels":5,"market":"usdm","interval_seconds":60,"reason":"HTTP 503"}',
        ),
    ],
)
def test_known_lines(record: Record, line: str) -> None:
    """Known records give known lines, byte for byte."""
    assert record.to_line() == line


def test_keys_in_order() -> None:
    """A full line has every key in the documented order, null where unknown."""
    values = json.loads(full().to_line())
    assert (tuple(values), values["exchange_time"]) == (FULL_KEYS, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('"obi":2', "obi is 2: "),
        ('"obi":null', "obi is None: "),
        ('"obi":NaN', "obi is NaN, which is no number"),
        ('"notional_bid":-1', "notional_bid is -1: "),
        ('"levels":0', "levels is 0: "),
        ('"levels":true', "levels is True: "),
        ('"symbol":""', "symbol is '': "),
        ('"symbol":"a\\u001bb"', "symbol is 'a\\x1bb': not printable text"),
        ('"timestamp":"2026-02-30T10:00:00Z"', "timestamp is '2026-02-30T10:00:00Z': "),
        ('"received_at":"2026-11-22T10:00:07Z"', "received_at is '2026-11-22T10:00:07Z': "),
        ('"interval_seconds":86401', "interval_seconds is 86401: "),
        ('"bids":[[0,1]]', "bids is ['0', '1']: not a price and a quantity"),
        ('"bids":[[1]]', "bids is [[1]]: "),
        ('"asks":[["NaN",1]]', "asks is ['NaN', '1']: not a price and a quantity"),
        ('"asks":[[1,"0e-999999"]]', "asks is ['1', '0E-999999']: not a price and a quantity"),
        ('"notional_bid_within":[1,null]', "notional_bid_within is [1, None]: "),
    ],
)
def test_invalid(change: str, message: str) -> None:
    """A value that no record can have is rejected with its key and the value."""
    values = json.loads(full().to_line()) | json.loads("{" + change + "}")
    with pytest.raises(InvalidRecord) as caught:
        Record.from_line(json.dumps(values))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("line", ["", "[]", '{"obi":', '{"obi":1}', "[" * 100_000, "NaN"])
def test_not_a_record(line: str) -> None:
    """Text that is not a JSON object with the six keys is rejected."""
    with pytest.raises(InvalidRecord):
        Record.from_line(line)


def test_whole_numbers_as_floats() -> None:
    """A whole number that another program wrote as 5.0 is that number."""
    assert Record.from_line((SIX + "}").replace('"levels":5', '"levels":5.0')) == plain()


def test_other_versions() -> None:
    """Keys of a newer version are left out, and can be named; later keys may be missing."""
    newer = full().to_line()[:-1] + ',"new_key":[1,2]}'
    assert Record.from_line(newer) == full()
    assert unknown_keys(newer) == {"new_key"}
    assert Record.from_line(SIX + ',"market":"spot","interval_seconds":60}').bids is None
