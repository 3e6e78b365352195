"""Many records into the table at once, with the same rule: one item per series and slot, first write wins.

BatchWriteItem, DynamoDB's cheap way to write many items, takes no condition. So the loader first reads which slots are
taken, and writes only the free ones. In between, another writer could take a slot; the slots of the last hour, which a
sampler may be storing, are therefore put one by one with the condition.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from handler.clock import backoff_seconds
from handler.concurrency import run_concurrently
from handler.errors import TableError
from handler.record import SAMPLE_KEYS, Record
from handler.sinks import PutResult
from handler.slots import parse_timestamp
from handler.stores.dynamodb import FAILURES, table_error
from handler.stores.items import Item, holds_sample, projection
from handler.stores.table import Table

MAX_GETS, MAX_WRITES = 100, 25
"""Items that one BatchGetItem and one BatchWriteItem take (DynamoDB API reference)."""
CONCURRENT_REQUESTS = 4
"""They wait for the network, but each thread costs CPU."""
MAX_ATTEMPTS = 30
"""Attempts while the table throttles: about 100 seconds."""
RECENT_SECONDS = 3600
PUT_SECONDS = 60.0
"""How long the put of a record of the last hour is retried."""

Key = tuple[str, str]
"""An item's series and slot."""


class BulkLoader:
    """Loads records into a table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.changed_days: set[str] = set()
        """Days, such as `2026-11-22`, with records that were stored; also where a write failed half-way."""
        self._pool = ThreadPoolExecutor(max_workers=CONCURRENT_REQUESTS - 1, thread_name_prefix="load")

    def load(self, records: Sequence[Record]) -> PutResult:
        """Store a few thousand records, each of another slot. Raises TableError; some may be stored."""
        clock = self._table.clock
        now = clock.time()
        wanted: dict[Key, tuple[Record, Item]] = {}
        for record in records:
            item = self._table.to_item(record)
            wanted.setdefault(_key(item), (record, item))
        existing = self._existing(list(wanted))  # recent ones too: a retried put takes an equal item for its own
        missing = [(record, item) for key, (record, item) in wanted.items() if key not in existing]
        recent = [record for record, _ in missing if self._is_recent(record, now)]
        past = [item for record, item in missing if not self._is_recent(record, now)]
        self.changed_days |= {_day(item) for item in past}
        self._write(past)
        put = self._table.put(recent, clock.monotonic() + PUT_SECONDS)
        if put.stored or put.failed:
            self.changed_days |= {_day(item) for record, item in missing if self._is_recent(record, now)}
        if put.failed:
            raise put.failed[0].error
        different = sum(not holds_sample(item, wanted[key][0]) for key, item in existing.items())
        stored = len(past) + put.stored
        return PutResult(stored, duplicates=len(records) - stored, different=different + put.different)

    def _is_recent(self, record: Record, now: float) -> bool:
        """Whether a sampler may be storing into its slot."""
        interval_seconds = record.interval_seconds or self._table.interval_seconds
        return parse_timestamp(record.timestamp) > now - RECENT_SECONDS - interval_seconds

    def _existing(self, keys: Sequence[Key]) -> dict[Key, Any]:
        """Those of the keys that are in the table, with their items."""
        batches = run_concurrently(self._pool, CONCURRENT_REQUESTS, self._get, _chunked(keys, MAX_GETS))
        return {_key(item): item for item in chain.from_iterable(batches)}

    def _get(self, keys: Sequence[Key]) -> list[Any]:
        found: list[Any] = []

        def get(request_items: Any) -> Any:
            response = self._table.client.batch_get_item(RequestItems=request_items)
            found.extend(response["Responses"].get(self._table.name, []))
            return response.get("UnprocessedKeys")

        request = {
            "Keys": [{"series": {"S": series}, "slot": {"S": slot}} for series, slot in keys],
            "ConsistentRead": True,
        } | projection(["series", "slot", *SAMPLE_KEYS])
        self._retry_unprocessed(get, request)
        return found

    def _write(self, items: Sequence[Item]) -> None:
        def write(request_items: Any) -> Any:
            return self._table.client.batch_write_item(RequestItems=request_items).get("UnprocessedItems")

        requests = [[{"PutRequest": {"Item": item}} for item in chunk] for chunk in _chunked(items, MAX_WRITES)]
        run_concurrently(
            self._pool, CONCURRENT_REQUESTS, lambda request: self._retry_unprocessed(write, request), requests
        )

    def _retry_unprocessed(self, send: Callable[[Any], Any], request: Any) -> None:
        """Send a request for this table, then what the response calls unprocessed, until nothing is."""
        request_items = {self._table.name: request}
        try:
            for number in range(MAX_ATTEMPTS):
                request_items = send(request_items)
                if not request_items:
                    return
                self._table.clock.sleep(backoff_seconds(number, self._table.random()))
        except FAILURES as error:
            raise table_error(error, self._table.name) from error
        raise TableError(f"{self._table.description}: still throttled after {MAX_ATTEMPTS} attempts; retry later")


def _key(item: Any) -> Key:
    return item["series"]["S"], item["slot"]["S"]


def _day(item: Any) -> str:
    slot: str = item["slot"]["S"]
    return slot.partition("T")[0]


def _chunked(sequence: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [sequence[start : start + size] for start in range(0, len(sequence), size)]
