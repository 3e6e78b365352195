"""A DynamoDB table of records: one item per pair and slot, the first measurement wins."""

import logging
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from math import ceil
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from ..clock import SYSTEM, Clock, backoff_seconds
from ..errors import CredentialsError, InvalidRecord, StoreError, TransientStoreError
from ..record import Record
from ..slots import format_timestamp
from .credentials import RenewingClient
from .dynamodb import dynamodb_client
from .dynamodb_errors import Refused
from .item import AnyItem, Item, has_expired, is_same_record, is_same_sample, item_from_record, record_from_item
from .store import FailedPut, PutResult, is_storable, total

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CONCURRENT_PUTS = 8  # they wait for the network, so more than the cores, but each thread costs CPU
READ_SECONDS = 30.0  # how long one page is asked for again

_MEASUREMENT = "attribute_not_exists(pair) OR attribute_not_exists(obi)"  # an item without obi is a reason
_REASON = "attribute_not_exists(pair)"
_OR_PLAIN = " OR (#timestamp = :timestamp AND attribute_not_exists(book))"

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)

_STORED, _DUPLICATE, _UNCOUNTED = PutResult(stored=1), PutResult(duplicates=1), PutResult()
_DIFFERENT = PutResult(duplicates=1, different=1)


class Table:
    """The table that keeps records. A record's slot is its timestamp, rounded down to its interval.

    `default_interval_seconds` is for plain records. Without `region`, AWS's own configuration names it. With
    `wait_for_credentials`, a put waits for valid ones until its deadline, and the log says so. With `replace_plain`,
    the full record of the same sample replaces a plain one, as `load` does.

        pandas.DataFrame(Table("obi").query("BTCUSDT", since=time.time() - 86400, until=time.time()))
    """

    def __init__(
        self,
        name: str,
        *,
        region: str | None = None,
        retention_days: int = 0,
        default_interval_seconds: int = 60,
        wait_for_credentials: bool = False,
        replace_plain: bool = False,
        client: "DynamoDBClient | None" = None,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.description = f"table {name}@{region}" if region else f"table {name}"
        self._retention_days = retention_days
        self._default_interval_seconds = default_interval_seconds
        self._waits = wait_for_credentials
        self._replaces = replace_plain
        self._clock = clock
        self._random = random
        create = partial(dynamodb_client, region) if client is None else lambda: client
        self._client = RenewingClient(create, self.description, clock, logs=wait_for_credentials)

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Store each record unless its slot is taken, retrying until `deadline` (monotonic clock). Never raises."""
        todo = deque(record for record in records if is_storable(record))
        results: list[PutResult] = []

        def work() -> None:
            with suppress(IndexError):  # from popleft: nothing is left, `_put` never raises
                while True:
                    results.append(self._put(todo.popleft(), deadline))

        helpers = list(_start_threads(work, min(CONCURRENT_PUTS, len(todo)) - 1))
        try:
            work()
            for helper in helpers:
                helper.join()
        finally:
            todo.clear()  # after an interrupt nothing more is begun
        return total(results)

    def query(
        self,
        pair: str,
        *,
        since: float,
        until: float,
        consistent: bool = False,
        on_damaged: Callable[[str], object] = log.warning,
    ) -> Iterator[Record]:
        """Read the records of a pair such as `usdm:BTCUSDT`, in time order: of the slots in [since, until).

        Moments are epoch seconds. Reasons are among them. An item that is no record is left out, and `on_damaged` is
        called with a sentence that names it. Raises StoreError.
        """
        for item in self.items(pair, since, until, consistent=consistent):
            try:
                yield record_from_item(item)
            except InvalidRecord as error:
                slot = item["slot"]["S"]
                on_damaged(f"{self.description}: {pair} at {slot!a:.100}: {error}; correct or delete this item")

    def items(self, pair: str, since: float, until: float, *, consistent: bool = False) -> Iterator[AnyItem]:
        """Read the items behind `query`, page by page. What has expired is left out. Raises StoreError.

        `consistent`: with everything that was stored before, at twice the read units.
        """
        first, last = ceil(since), ceil(until) - 1  # slots are whole seconds, and BETWEEN includes both ends
        if first > last:
            return
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "pair = :pair AND slot BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pair": {"S": pair},
                ":first": {"S": format_timestamp(first)},
                ":last": {"S": format_timestamp(last)},
            },
            "ConsistentRead": consistent,
        }
        while True:
            page = self._retry(lambda _: self._client.call("query", **request), self._clock.monotonic() + READ_SECONDS)
            now = self._clock.time()
            yield from (item for item in page["Items"] if not has_expired(item, now))
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _put(self, record: Record, deadline: float) -> PutResult:
        try:
            item = item_from_record(record, self._default_interval_seconds, self._retention_days)
            return self._retry(lambda is_retry: self._try_put(record, item, is_retry=is_retry), deadline)
        except StoreError as error:
            return PutResult(failed=[FailedPut(record, error)])
        except Exception as error:  # a number that cannot be packed, or memory that ran out
            failure = StoreError(f"{self.description}: {type(error).__name__}: {error}")
            return PutResult(failed=[FailedPut(record, failure)])

    def _try_put(self, record: Record, item: Item, *, is_retry: bool) -> PutResult:
        """Send one request. `is_retry`: an earlier one may have written the item although its response was lost."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "Item": item,
            "ConditionExpression": _MEASUREMENT if record.reason is None else _REASON,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if self._replaces and "book" in item:
            request["ConditionExpression"] += _OR_PLAIN
            request["ExpressionAttributeNames"] = {"#timestamp": "timestamp"}
            request["ExpressionAttributeValues"] = {":timestamp": item["timestamp"]}
        stored = _STORED if record.reason is None else _UNCOUNTED
        try:
            self._client.call("put_item", **request)
        except Refused as refused:
            if record.reason is not None or (is_retry and is_same_record(refused.item, record)):
                return stored
            return _DUPLICATE if not refused.item or is_same_sample(refused.item, record) else _DIFFERENT
        return stored

    def _retry(self, send: Callable[[bool], Answer], deadline: float) -> Answer:
        """Call `send` until it succeeds; it is told if it was called before. Raises StoreError."""
        failure: StoreError = TransientStoreError(f"{self.description}: no time was left")
        for number in count():
            if self._clock.monotonic() >= deadline:
                break
            try:
                return send(number > 0)
            except TransientStoreError as error:
                failure = error
            except CredentialsError as error:
                if number and not self._waits:  # the second call had a new client
                    raise
                failure = error
            pause = backoff_seconds(number, self._random())
            self._clock.sleep(max(min(pause, deadline - self._clock.monotonic()), 0))
        raise failure


def _start_threads(work: Callable[[], None], number: int) -> Iterator[Thread]:
    """Start threads, fewer if no more can be started: the calling thread works, too."""
    for _ in range(number):
        thread = Thread(target=work, name="put", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return
        yield thread
