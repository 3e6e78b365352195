"""Whatever comes from outside gives a result or a clean error: never a traceback, never a wait, never a flood."""

import io
import json
import random
import time
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mutations import PIECES, mutate
from support.parsers import LINE, NOW, TARGETS

from handler.book import measure
from handler.errors import InvalidBook, InvalidRecord, InvalidTimestamp, UsageError
from handler.exchanges.binance import parse_depth
from handler.invocation import slots_for_event
from handler.record import Record
from handler.slots import parse_timestamp
from handler.stores.find_records import RecordFinder
from handler.stores.items import item_from_record

GUARD_SECONDS = 20.0
"""Nothing here takes a second; whatever takes this long would go on for ever."""

seeds = st.integers(0, 2**32)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def tried(name: str, data: bytes) -> None:
    target = TARGETS[name]
    with suppress(*target.clean, SystemExit):  # --help and --version end so
        target.call(data)


@pytest.mark.parametrize("name", TARGETS)
def test_valid_example(name: str) -> None:
    """Every parser takes its first example."""
    TARGETS[name].call(TARGETS[name].examples[0])


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=300)
@given(seed=seeds)
def test_mutated_example(name: str, seed: int) -> None:
    """A mutated example gives a result or a clean error."""
    draw = random.Random(seed)
    tried(name, mutate(draw, draw.choice(TARGETS[name].examples)))


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary() | st.text().map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes(name: str, data: bytes) -> None:
    """Any bytes give a result or a clean error."""
    tried(name, data)


@given(time=json_values)
def test_event_with_any_time(time: object) -> None:
    """An event with any time is a list of slots or rejected."""
    for event in ({"scheduled_time": time}, {"time": time}, time):
        with suppress(UsageError):
            assert all(slot % 60 == 0 for slot in slots_for_event(event, 60, NOW).slots)


@given(changes=st.dictionaries(st.sampled_from(Record._fields), json_values, min_size=1, max_size=3))
def test_line_with_any_values(changes: Mapping[str, object]) -> None:
    """A line with any values is a record that fits into a table, or invalid."""
    with suppress(InvalidRecord):
        item = item_from_record(Record.from_line(json.dumps(json.loads(LINE) | changes)), 60)
        assert len(item["series"]["S"].encode()) <= 2048  # what DynamoDB takes as a key
        assert all(len(value.get("N", "").strip("-0.").replace(".", "")) <= 38 for value in item.values())


numbers = st.sampled_from(["1", "0.00000001", "1e-300", "1e17", "1E5", "0e-99999999999999999999", "1e-70", "-0", "+1"])
sides = st.lists(st.tuples(numbers | st.text("0123456789.e+-_ ", max_size=30), numbers), max_size=3)


@settings(max_examples=500)
@given(bids=sides, asks=sides)
def test_book_with_any_numbers(bids: object, asks: object) -> None:
    """A book with any numbers is measured or invalid."""
    with suppress(InvalidBook):
        measure(parse_depth(json.dumps({"bids": bids, "asks": asks}).encode()), 5)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z"])
def test_time_out_of_range(moment: str) -> None:
    """A time that no record can have is rejected, in a record and in an event."""
    with pytest.raises(InvalidTimestamp):
        parse_timestamp(moment)
    with pytest.raises(UsageError):
        slots_for_event({"time": moment}, 60, NOW)


@pytest.mark.parametrize("value", ["\ud800", "\x1b[2J", "x" * 301, 10**400, 1e38, 1e-20, [[[]]] * 10_000])
def test_value_out_of_range(value: object) -> None:
    """A value that does not fit into a table is invalid, and the message stays short."""
    for key in ("symbol", "notional_bid", "last_update_id"):
        with pytest.raises(InvalidRecord) as error:
            Record.from_line(json.dumps(json.loads(LINE) | {key: value}))
        assert len(str(error.value)) < 200


def test_long_event() -> None:
    """The message about an invalid event stays short."""
    with pytest.raises(UsageError) as error:
        slots_for_event({"scheduled_time": "9" * 10**6}, 60, NOW)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("name", TARGETS)
def test_a_megabyte_of_anything_takes_no_time(name: str, piece: bytes) -> None:
    start = time.monotonic()
    tried(name, (piece * (2**20 // len(piece)))[: 2**20])
    assert time.monotonic() - start < GUARD_SECONDS


def test_many_invalid_records_on_a_line() -> None:
    """After a hundred invalid records the remainder of a line is skipped, and logged as such."""
    found = [what for _, what in RecordFinder().find(io.BytesIO(b'{"timestamp":"' * 10_000))]
    assert len(found) == 100
    assert "the rest of this line is left out" in str(found[-1])
