"""Where to: one DynamoDB item per series and slot, first write wins."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from itertools import count
from math import ceil
from typing import Any

from handler.clock import SYSTEM, Clock, backoff_seconds
from handler.concurrency import run_concurrently
from handler.errors import InvalidRecord, InvalidTimestamp, TableError, TransientTableError
from handler.record import KEYS, Record, series
from handler.sinks import FailedPut, PutResult
from handler.slots import MAX_EPOCH_SECONDS, format_timestamp, parse_timestamp
from handler.stores.dynamodb import FAILURES, dynamodb_client, translated
from handler.stores.items import Item, item_from_record, record_from_item

WRITERS = 8
"""Puts under way at a time: they wait for the network, so more than the cores, but each thread costs CPU."""


class _Put(Enum):
    STORED = "the item is in the table"
    DUPLICATE = "the slot was taken, and stays as it was"


class Table:
    """The table that keeps records. A record's slot is its timestamp, rounded down to the interval.

    In a notebook: `pandas.DataFrame(Table("obi").query("BTCUSDT", since=time.time() - 86400, until=time.time()))`.
    """

    def __init__(
        self,
        name: str,
        *,
        interval_seconds: int = 60,
        retention_days: int = 0,
        client: Any = None,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._interval_seconds = interval_seconds
        self._retention_days = retention_days
        self._client = client or dynamodb_client()
        self._clock = clock
        self._random = random
        self._pool = ThreadPoolExecutor(max_workers=WRITERS - 1, thread_name_prefix="put")

    def put(self, records: Sequence[Record], deadline: float) -> PutResult:
        """Store each record unless its slot is taken, trying again until `deadline` (monotonic clock). Never raises."""
        if len(records) == 1:  # in this thread, as in the sampler
            results = [self._put(records[0], deadline)]
        else:
            results = run_concurrently(self._pool, WRITERS, lambda record: self._put(record, deadline), records)
        outcomes = list(zip(records, results, strict=True))
        return PutResult(
            stored=sum(outcome is _Put.STORED for _, outcome in outcomes),
            duplicates=sum(outcome is _Put.DUPLICATE for _, outcome in outcomes),
            failed=[FailedPut(record, outcome) for record, outcome in outcomes if isinstance(outcome, TableError)],
        )

    def query(
        self, symbol: str, levels: int = 5, *, since: float, until: float, detail: bool = True
    ) -> Iterator[Record]:
        """Read the records of one series, in time order, page by page: those of the slots in [since, until).

        Moments are epoch seconds. Without `detail` only the six keys are fetched. What has expired is left out, whether
        DynamoDB has removed it yet or not. Raises TableError.
        """
        return (record for _, record in self.slotted(symbol, levels, since=since, until=until, detail=detail))

    def slotted(
        self, symbol: str, levels: int = 5, *, since: float, until: float, detail: bool = True
    ) -> Iterator[tuple[str, Record]]:
        """What `query` reads, each record with its slot."""
        keys = Record._fields if detail else KEYS
        for item in self._items(symbol, levels, since, until, ["slot", *keys]):
            slot = item["slot"]["S"]
            try:
                yield slot, record_from_item(item)
            except InvalidRecord as error:
                raise self._invalid_item(symbol, levels, slot, error) from error

    def slots(
        self, symbol: str, levels: int = 5, *, since: float, until: float, consistent: bool = False
    ) -> Iterator[int]:
        """The slots in [since, until) that hold a record, in time order, in epoch seconds. Raises TableError.

        `consistent`: with everything that was stored before, at twice the read units.
        """
        items = self._items(symbol, levels, since, until, ["slot"], ConsistentRead=consistent)
        return (self._slot_of(item, symbol, levels) for item in items)

    def slot_range(self, symbol: str, levels: int = 5, *, consistent: bool = False) -> tuple[int, int] | None:
        """The first and the last slot that hold a record, in epoch seconds; None if none does. Raises TableError."""
        first = self._first(symbol, levels, ScanIndexForward=True, ConsistentRead=consistent)
        last = self._first(symbol, levels, ScanIndexForward=False, ConsistentRead=consistent)
        return None if first is None or last is None else (first, last)

    def _first(self, symbol: str, levels: int, **order: bool) -> int | None:
        request = self._request(symbol, levels, 0, MAX_EPOCH_SECONDS, ["slot"]) | order
        try:
            page = self._client.query(**request, Limit=1)
            while not page["Items"] and (key := page.get("LastEvaluatedKey")):
                page = self._client.query(**request, ExclusiveStartKey=key)  # whole pages: many may have expired
        except FAILURES as error:
            raise translated(error, self._name) from error
        return self._slot_of(page["Items"][0], symbol, levels) if page["Items"] else None

    def _slot_of(self, item: Item, symbol: str, levels: int) -> int:
        slot = item["slot"]["S"]
        try:
            return parse_timestamp(slot)
        except InvalidTimestamp as error:
            raise self._invalid_item(symbol, levels, slot, f"invalid item: slot {error}") from error

    def _invalid_item(self, symbol: str, levels: int, slot: str, reason: object) -> TableError:
        where = f"{series(symbol, levels)} at {repr(slot)[1:-1]:.100}"  # without quotes, but escaped
        return TableError(f"table {self._name}: {where}: {reason}; correct or delete this item")

    def _items(
        self, symbol: str, levels: int, since: float, until: float, keys: Sequence[str], **options: bool
    ) -> Iterator[Item]:
        first, last = ceil(since), ceil(until) - 1  # slots are whole seconds, and BETWEEN takes both ends in
        if first > last:
            return
        request = self._request(symbol, levels, first, last, keys) | options
        try:
            for page in self._client.get_paginator("query").paginate(**request):
                yield from page["Items"]
        except FAILURES as error:
            raise translated(error, self._name) from error

    def _request(self, symbol: str, levels: int, first: int, last: int, keys: Sequence[str]) -> dict[str, Any]:
        return {
            "TableName": self._name,
            "KeyConditionExpression": "series = :series AND slot BETWEEN :first AND :last",
            "FilterExpression": "attribute_not_exists(expires_at) OR expires_at > :now",
            "ProjectionExpression": ", ".join(f"#{key}" for key in keys),
            "ExpressionAttributeNames": {f"#{key}": key for key in keys},  # timestamp is a reserved word
            "ExpressionAttributeValues": {
                ":series": {"S": series(symbol, levels)},
                ":first": {"S": format_timestamp(first)},
                ":last": {"S": format_timestamp(last)},
                ":now": {"N": str(int(self._clock.time()))},
            },
        }

    def _put(self, record: Record, deadline: float) -> _Put | TableError:
        item = item_from_record(record, self._interval_seconds, self._retention_days)
        failure = TableError(f"table {self._name}: no time was left to store it")
        for number in count():
            if self._clock.monotonic() >= deadline:
                break
            try:
                return self._try(item, maybe_written=number > 0)
            except TransientTableError as error:
                failure = error
            except TableError as error:
                return error
            pause = backoff_seconds(number, self._random())
            self._clock.sleep(max(min(pause, deadline - self._clock.monotonic()), 0))
        return failure

    def _try(self, item: Item, *, maybe_written: bool) -> _Put:
        """One put. `maybe_written`: an earlier try may have written the item without our hearing of it."""
        try:
            self._client.put_item(
                TableName=self._name,
                Item=item,
                ConditionExpression="attribute_not_exists(series)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except FAILURES as error:
            answer = getattr(error, "response", None) or {}  # what brings no answer has one that is None
            if answer.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                maybe_written = maybe_written or answer["ResponseMetadata"].get("RetryAttempts", 0) > 0
                return _Put.STORED if maybe_written and answer.get("Item") == item else _Put.DUPLICATE
            raise translated(error, self._name) from error
        return _Put.STORED
