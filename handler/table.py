"""Where to: one DynamoDB item per series and slot, first write wins."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from itertools import count
from typing import Any

from handler.backoff import backoff_seconds
from handler.clock import SYSTEM, Clock
from handler.delivery import Stored, Unstored
from handler.dynamodb import FAILURES, PassingError, dynamodb_client, translated
from handler.errors import TableError
from handler.record import Item, Record

WRITERS = 8
"""Puts under way at a time: they wait for the network, so more than the cores, but each thread costs CPU."""


class _Put(Enum):
    STORED = "the item is in the table"
    DUPLICATE = "the slot was taken, and stays as it was"


class Table:
    """The table that keeps records. A record's slot is its timestamp, rounded down to the interval."""

    def __init__(
        self,
        name: str,
        *,
        interval_seconds: int,
        retention_days: int = 0,
        client: Any = None,
        clock: Clock = SYSTEM,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._interval_seconds = interval_seconds
        self._retention_days = retention_days
        self._client = client or dynamodb_client()
        self._clock = clock
        self._chance = chance
        self._pool = ThreadPoolExecutor(max_workers=WRITERS, thread_name_prefix="put")

    def put(self, records: Sequence[Record], deadline: float) -> Stored:
        """Store each record unless its slot is taken, trying again until `deadline` (monotonic clock). Never raises."""
        run = self._pool.map if len(records) > 1 else map
        outcomes = list(zip(records, run(lambda record: self._put(record, deadline), records), strict=True))
        return Stored(
            stored=sum(outcome is _Put.STORED for _, outcome in outcomes),
            duplicates=sum(outcome is _Put.DUPLICATE for _, outcome in outcomes),
            failed=[Unstored(record, outcome) for record, outcome in outcomes if isinstance(outcome, TableError)],
        )

    def _put(self, record: Record, deadline: float) -> _Put | TableError:
        item = record.to_item(self._interval_seconds, self._retention_days)
        failure = TableError(f"table {self._name}: no time was left to store it")
        for number in count():
            if self._clock.monotonic() >= deadline:
                break
            try:
                return self._try(item, unheard=number > 0)
            except PassingError as error:
                failure = error
            except TableError as error:
                return error
            pause = backoff_seconds(number, self._chance())
            self._clock.sleep(max(min(pause, deadline - self._clock.monotonic()), 0))
        return failure

    def _try(self, item: Item, *, unheard: bool) -> _Put:
        """One put. `unheard`: an earlier try may have written the item without our hearing of it."""
        try:
            self._client.put_item(
                TableName=self._name,
                Item=item,
                ConditionExpression="attribute_not_exists(series)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except FAILURES as error:
            answer = getattr(error, "response", {})
            if answer.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return _Put.STORED if unheard and answer.get("Item") == item else _Put.DUPLICATE
            raise translated(error, self._name) from error
        return _Put.STORED
