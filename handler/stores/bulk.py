"""Many records into the table at once, with the same rule: one item per series and slot, first write wins.

DynamoDB's cheap way to write many items, BatchWriteItem, takes no condition. So it is asked which slots are taken, and
only the free ones are written. Between the two another writer could take a slot; the slots that were running in the
last hour, which a sampler may be filling, are therefore put one by one with the condition.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from handler.clock import SYSTEM, Clock, backoff_seconds
from handler.concurrency import run_concurrently
from handler.errors import TableError
from handler.record import Item, Record
from handler.sinks import PutResult
from handler.slots import format_timestamp
from handler.stores.dynamodb import FAILURES, translated
from handler.stores.table import Table

MAX_GETS, MAX_WRITES = 100, 25
"""Items that one BatchGetItem and one BatchWriteItem take (DynamoDB API reference)."""
CALLS = 4
"""Calls under way at a time: they wait for the network, but each thread costs CPU."""
MAX_ATTEMPTS = 30
"""Times that a call's rest is sent again while the table throttles: two minutes."""
RECENT_SECONDS = 3600
PUT_SECONDS = 60.0
"""How long one record of the last hour is tried."""


class BulkLoader:
    """Loads records into a table."""

    def __init__(
        self,
        name: str,
        client: Any,
        *,
        interval_seconds: int = 60,
        retention_days: int = 0,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._client = client
        self._interval_seconds = interval_seconds
        self._retention_days = retention_days
        self._clock = clock
        self._random = random
        self._table = Table(
            name,
            interval_seconds=interval_seconds,
            retention_days=retention_days,
            client=client,
            clock=clock,
            random=random,
        )
        self._pool = ThreadPoolExecutor(max_workers=CALLS - 1, thread_name_prefix="load")

    def load(self, records: Sequence[Record]) -> PutResult:
        """Store a few thousand records; of two for one slot the first. Raises TableError: what is in by then stays."""
        recent: dict[tuple[str, str], Record] = {}
        items: dict[tuple[str, str], Item] = {}
        over = format_timestamp(self._clock.time() - RECENT_SECONDS - self._interval_seconds)
        for record in records:
            item = record.to_item(self._interval_seconds, self._retention_days)
            key = _, slot = item["series"]["S"], item["slot"]["S"]
            if slot > over:
                recent.setdefault(key, record)
            else:
                items.setdefault(key, item)
        # the recent ones too: a put that is tried again takes an equal item for its own
        taken = self._taken([*items, *recent])
        self._write([item for key, item in items.items() if key not in taken])
        free = [record for key, record in recent.items() if key not in taken]
        put = self._table.put(free, self._clock.monotonic() + PUT_SECONDS)
        if put.failed:
            raise put.failed[0].error
        stored = len(items.keys() - taken) + put.stored
        return PutResult(stored=stored, duplicates=len(records) - stored)

    def _taken(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        calls = run_concurrently(self._pool, CALLS, self._get, _chunked(keys, MAX_GETS))
        return {(item["series"]["S"], item["slot"]["S"]) for item in chain.from_iterable(calls)}

    def _get(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        found: list[Item] = []
        wanted = [{"series": {"S": series}, "slot": {"S": slot}} for series, slot in keys]
        request = {"Keys": wanted, "ProjectionExpression": "series, slot", "ConsistentRead": True}

        def call(rest: Any) -> Any:
            answer = self._client.batch_get_item(RequestItems=rest)
            found.extend(answer["Responses"].get(self._name, []))
            return answer.get("UnprocessedKeys")

        self._retry_unprocessed(call, {self._name: request})
        return found

    def _write(self, items: Sequence[Item]) -> None:
        def call(rest: Any) -> Any:
            return self._client.batch_write_item(RequestItems=rest).get("UnprocessedItems")

        requests = [
            {self._name: [{"PutRequest": {"Item": item}} for item in part]} for part in _chunked(items, MAX_WRITES)
        ]
        run_concurrently(self._pool, CALLS, lambda request: self._retry_unprocessed(call, request), requests)

    def _retry_unprocessed(self, call: Callable[[Any], Any], request: Any) -> None:
        """Send a request, then what the table left of it, until nothing is left."""
        try:
            for number in range(MAX_ATTEMPTS):
                request = call(request)
                if not request:
                    return
                self._clock.sleep(backoff_seconds(number, self._random()))
        except FAILURES as error:
            raise translated(error, self._name) from error
        raise TableError(f"table {self._name}: still throttled after {MAX_ATTEMPTS} attempts; retry later")


def _chunked(sequence: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [sequence[start : start + size] for start in range(0, len(sequence), size)]
