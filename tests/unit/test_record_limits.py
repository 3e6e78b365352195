"""What a record can hold at most, and at least."""

import json

import pytest
from support.records import known

from handler.errors import InvalidRecord
from handler.record import Record


def read(**values: object) -> Record:
    return Record.from_line(json.dumps(known().values(detail=True) | values))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("obi", 1.0), ("obi", -1.0), ("levels", 1), ("notional_bid", 0.0), ("notional_ask", 0.0)),
        *(("notional_bid", 1e-18), ("notional_bid", 9e37), ("mid", -9e37), ("last_update_id", 9 * 10**37)),
        *(("symbol", "x" * 300), ("host", "x" * 300), ("notional_bid", 0), ("mid", -10)),
    ],
)
def test_valid_value(key: str, value: object) -> None:
    """A value within the limits is read as it is."""
    assert getattr(read(**{key: value}), key) == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("obi", 1.000001), ("obi", -1.000001), ("levels", 0), ("notional_bid", -1e-6), ("notional_ask", -1e-6)),
        *(("notional_bid", 9e-19), ("notional_bid", 1e38), ("mid", -1e38), ("last_update_id", 10**38)),
        *(("symbol", "x" * 301), ("host", "x" * 301), ("mid", 10**38)),
    ],
)
def test_value_out_of_range(key: str, value: object) -> None:
    """A value beyond the limits makes the record invalid."""
    with pytest.raises(InvalidRecord):
        read(**{key: value})


def test_text_is_not_escaped() -> None:
    """Letters of any script are printed as they are."""
    assert '"symbol":"这是测试币456"' in known(symbol="这是测试币456").to_line(detail=False)


def test_no_line_without_a_number() -> None:
    """JSON has no NaN."""
    with pytest.raises(ValueError, match="JSON"):
        known(obi=float("nan")).to_line(detail=False)
