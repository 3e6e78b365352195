"""A DynamoDB table of records: one item per series and slot, first write wins."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Any

from handler.clock import SYSTEM, Clock, backoff_seconds
from handler.concurrency import run_concurrently
from handler.errors import InvalidRecord, InvalidTimestamp, TableError, TransientTableError
from handler.record import DEFAULT_MARKET, KEYS, SAMPLE_KEYS, Record, Series
from handler.sinks import FailedPut, PutResult
from handler.slots import MAX_EPOCH_SECONDS, format_timestamp, parse_timestamp
from handler.stores.dynamodb import FAILURES, dynamodb_client, table_error
from handler.stores.items import Item, holds_record, holds_sample, item_from_record, projection, record_from_item
from handler.stores.store import Extent, SlotRecord, UnknownKeyWarning

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CONCURRENT_PUTS = 8
"""They wait for the network, so more than the cores, but each thread costs CPU."""


class _Outcome(Enum):
    STORED = "the item is in the table"
    DUPLICATE = "the slot was taken, and stays as it was"
    DIFFERENT = "the slot holds another sample, and stays as it was"


class Table:
    """The table that keeps records. A record's slot is its timestamp, rounded down to its interval.

    `interval_seconds` is for records that do not have their own. Without `region`, AWS's own configuration names it.

    In a notebook: `pandas.DataFrame(Table("obi").query("BTCUSDT", since=time.time() - 86400, until=time.time()))`.
    """

    def __init__(
        self,
        name: str,
        *,
        region: str | None = None,
        interval_seconds: int = 60,
        retention_days: int = 0,
        client: "DynamoDBClient | None" = None,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.address = f"{name}@{region}" if region else name
        self.description = f"table {self.address}"
        self.interval_seconds = interval_seconds
        self.client = client or dynamodb_client(region=region)
        self.clock = clock
        self.random = random
        self._retention_days = retention_days
        self._unknown_keys = UnknownKeyWarning(self.description)
        self._pool = ThreadPoolExecutor(max_workers=CONCURRENT_PUTS - 1, thread_name_prefix="put")

    def to_item(self, record: Record) -> Item:
        """The item that a record becomes in this table."""
        return item_from_record(record, self.interval_seconds, self._retention_days)

    def put(self, records: Sequence[Record], deadline: float) -> PutResult:
        """Store each record unless its slot is taken, retrying until `deadline` (monotonic clock). Never raises."""
        if len(records) == 1:  # in this thread, as in the sampler
            results = [self._put(records[0], deadline)]
        else:
            results = run_concurrently(self._pool, CONCURRENT_PUTS, lambda record: self._put(record, deadline), records)
        return PutResult(
            stored=results.count(_Outcome.STORED),
            duplicates=results.count(_Outcome.DUPLICATE) + results.count(_Outcome.DIFFERENT),
            different=results.count(_Outcome.DIFFERENT),
            failed=[
                FailedPut(record, result)
                for record, result in zip(records, results, strict=True)
                if isinstance(result, TableError)
            ],
        )

    def query(
        self,
        symbol: str,
        levels: int | None = 5,
        *,
        bps: int | None = None,
        market: str = DEFAULT_MARKET,
        since: float,
        until: float,
        detail: bool = True,
    ) -> Iterator[Record]:
        """Read the records of one series, in time order, page by page: those of the slots in [since, until).

        With `bps`, the series is that of the distance, whatever `levels` is. Moments are epoch seconds. Without
        `detail` only the keys of a sample are fetched. What has expired is left out, whether DynamoDB has removed it
        yet or not. Raises TableError.
        """
        series = Series(symbol, levels if bps is None else None, bps, market)
        return (record for _, record in self.read(series, since, until, detail=detail))

    def read(
        self, series: Series, since: float, until: float, *, detail: bool = True, consistent: bool = False
    ) -> Iterator[SlotRecord]:
        """What `query` reads, each record with its slot. Logs a warning if a newer version stored keys unknown here."""
        keys = None if detail else ["slot", *SAMPLE_KEYS]
        for item in self._items(series, since, until, keys, ConsistentRead=consistent):
            slot = item["slot"]["S"]
            try:
                yield slot, record_from_item(item, self._unknown_keys.warn_once)
            except InvalidRecord as error:
                raise self._invalid_item(series, slot, error) from error

    def slots(self, series: Series, since: float, until: float, *, consistent: bool = False) -> Iterator[int]:
        """The slots in [since, until) that hold a record, in time order, in epoch seconds. Raises TableError.

        `consistent`: with everything that was stored before, at twice the read units.
        """
        items = self._items(series, since, until, ["slot"], ConsistentRead=consistent)
        return (self._slot_of(item, series) for item in items)

    def count(self, series: Series, since: float, until: float) -> int:
        """How many records `read` would give, without fetching them. Raises TableError."""
        return sum(page["Count"] for page in self._pages(series, since, until, None, Select="COUNT"))

    def extent(self, series: Series, *, consistent: bool = False) -> Extent | None:
        """Where a series begins and ends; None if it holds no record. Two one-item queries. Raises TableError."""
        first = self._first(series, ["slot"], ScanIndexForward=True, ConsistentRead=consistent)
        if first is None:
            return None
        last = self._first(
            series, ["slot", *KEYS, "interval_seconds"], ScanIndexForward=False, ConsistentRead=consistent
        )
        if last is None:  # it has expired in between
            return None
        try:
            newest = record_from_item(last)
        except InvalidRecord as error:
            raise self._invalid_item(series, last["slot"]["S"], error) from error
        return Extent(self._slot_of(first, series), self._slot_of(last, series), newest.interval_seconds)

    def _first(self, series: Series, keys: Sequence[str], **options: bool) -> Mapping[str, Any] | None:
        request = self._request(series, 0, MAX_EPOCH_SECONDS, keys) | options
        try:
            page = self.client.query(**request, Limit=1)
            while not page["Items"] and (key := page.get("LastEvaluatedKey")):
                page = self.client.query(**request, ExclusiveStartKey=key)  # whole pages: many may have expired
        except FAILURES as error:
            raise table_error(error, self.address) from error
        return page["Items"][0] if page["Items"] else None

    def _slot_of(self, item: Mapping[str, Any], series: Series) -> int:
        slot = item["slot"]["S"]
        try:
            return parse_timestamp(slot)
        except InvalidTimestamp as error:
            raise self._invalid_item(series, slot, f"invalid item: slot {error}") from error

    def _invalid_item(self, series: Series, slot: str, reason: object) -> TableError:
        where = f"{series.key} at {repr(slot)[1:-1]:.100}"  # without quotes, but escaped
        return TableError(f"{self.description}: {where}: {reason}; correct or delete this item")

    def _items(
        self, series: Series, since: float, until: float, keys: Sequence[str] | None, **options: bool
    ) -> Iterator[Mapping[str, Any]]:
        for page in self._pages(series, since, until, keys, **options):
            yield from page["Items"]

    def _pages(
        self, series: Series, since: float, until: float, keys: Sequence[str] | None, **options: Any
    ) -> Iterator[Mapping[str, Any]]:
        first, last = ceil(since), ceil(until) - 1  # slots are whole seconds, and BETWEEN includes both ends
        if first > last:
            return
        request = self._request(series, first, last, keys) | options
        try:
            yield from self.client.get_paginator("query").paginate(**request)
        except FAILURES as error:
            raise table_error(error, self.address) from error

    def _request(self, series: Series, first: int, last: int, keys: Sequence[str] | None) -> dict[str, Any]:
        """The query for some keys of the items, None for all of them."""
        request = {
            "TableName": self.name,
            "KeyConditionExpression": "series = :series AND slot BETWEEN :first AND :last",
            "FilterExpression": "attribute_not_exists(expires_at) OR expires_at > :now",
            "ExpressionAttributeValues": {
                ":series": {"S": series.key},
                ":first": {"S": format_timestamp(first)},
                ":last": {"S": format_timestamp(last)},
                ":now": {"N": str(int(self.clock.time()))},
            },
        }
        return request | (projection(keys) if keys else {})

    def _put(self, record: Record, deadline: float) -> _Outcome | TableError:
        item = self.to_item(record)
        failure = TableError(f"{self.description}: no time was left to store it")
        for number in count():
            if self.clock.monotonic() >= deadline:
                break
            try:
                return self._try_put(record, item, maybe_written=number > 0)
            except TransientTableError as error:
                failure = error
            except TableError as error:
                return error
            pause = backoff_seconds(number, self.random())
            self.clock.sleep(max(min(pause, deadline - self.clock.monotonic()), 0))
        return failure

    def _try_put(self, record: Record, item: Item, *, maybe_written: bool) -> _Outcome:
        """One request. `maybe_written`: an earlier one may have written the item although its response was lost."""
        try:
            self.client.put_item(
                TableName=self.name,
                Item=item,
                ConditionExpression="attribute_not_exists(series)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except FAILURES as error:
            response = getattr(error, "response", None) or {}  # None where there was no response
            if response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                maybe_written = maybe_written or response["ResponseMetadata"].get("RetryAttempts", 0) > 0
                stored = response.get("Item", {})
                if maybe_written and holds_record(stored, record):
                    return _Outcome.STORED
                return _Outcome.DUPLICATE if holds_sample(stored, record) else _Outcome.DIFFERENT
            raise table_error(error, self.address) from error
        return _Outcome.STORED
