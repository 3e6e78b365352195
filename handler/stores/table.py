"""A DynamoDB table of records: one item per pair and slot, the first measurement wins."""

import gc
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import ceil
from random import random
from threading import Lock, Thread
from typing import Any, TypeVar

from ..clock import SYSTEM, Clock, backoff_seconds
from ..errors import CredentialsError, InvalidRecord, StoreError, TransientStoreError
from ..record import Record
from ..slots import format_timestamp
from .dynamodb import ConditionFailed, dynamodb_client, store_error
from .item import AnyItem, Item, has_expired, item_from_record, put_condition, record_from_item
from .store import FailedPut, PutResult

CONCURRENT_PUTS = 8  # they wait for the network, so more than the cores, but each thread costs CPU
READ_SECONDS = 30.0  # how long one page is requested again
RENEW_SECONDS = 2.0  # between new clients: each costs 0.1 s of CPU and reads all sources of credentials

_STORED, _DUPLICATE, _DIFFERENT, _UNCOUNTED = "stored", "duplicate", "different", "reason"

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class Table:
    """The table that keeps records. A record's slot is its timestamp, rounded down to its interval.

    `default_interval_seconds` is that of plain records, of all or by pair. Without `region`, AWS's own configuration
    names it. With `wait_for_credentials`, a put waits for valid ones until its deadline, and the log says so.

        pandas.DataFrame(Table("obi").query("BTCUSDT", since=time.time() - 86400, until=time.time()))
    """

    def __init__(
        self,
        name: str,
        *,
        region: str | None = None,
        retention_days: int = 0,
        default_interval_seconds: int | Mapping[str, int] = 60,
        wait_for_credentials: bool = False,
        client: Any = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.name = name
        self.description = f"table {name}@{region}" if region else f"table {name}"
        self._region = region
        self._retention_days = retention_days
        self._default_interval_seconds = default_interval_seconds
        self._waits = wait_for_credentials
        self._clock = clock
        self._lock = Lock()
        self._renew_at = clock.monotonic()
        self._is_logged = False
        try:
            self._client = client or dynamodb_client(region)
        except CredentialsError as error:  # they may come later
            self._client, self._credentials_error = None, error

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Store each record unless its slot is taken, retrying until `deadline` (monotonic clock). Never raises."""
        todo = deque(record for record in records if record.is_storable)
        done: list[str | FailedPut] = []

        def work() -> None:
            with suppress(IndexError):  # from popleft: nothing is left, `_put` never raises
                while True:
                    done.append(self._put(todo.popleft(), deadline))

        threads = min(CONCURRENT_PUTS, len(todo)) - 1
        helpers = [Thread(target=work, name="put", daemon=True) for _ in range(threads)]
        with suppress(RuntimeError):  # no more can be started for now: the calling thread works, too
            for helper in helpers:
                helper.start()
        work()
        for helper in helpers:
            if helper.is_alive():
                helper.join()
        different = done.count(_DIFFERENT)
        failed = [each for each in done if isinstance(each, FailedPut)]
        return PutResult(done.count(_STORED), done.count(_DUPLICATE) + different, failed, different)

    def query(
        self,
        pair: str,
        *,
        since: float,
        until: float,
        on_damaged: Callable[[str], object] = log.warning,
    ) -> Iterator[Record]:
        """Read the records of a pair such as `usdm:BTCUSDT`, in time order: of the slots in [since, until).

        Moments are epoch seconds. Reasons are among them. An item that is no record is left out, and `on_damaged` is
        called with a sentence that names it. Raises StoreError.
        """
        for item in self._items(pair, since, until):
            try:
                yield record_from_item(item)
            except InvalidRecord as error:
                where = f"{self.description}: {pair} at {item['slot']['S']!a:.100}"
                on_damaged(f"{where}: {error}; if this item is damaged, correct or delete it")

    def _items(self, pair: str, since: float, until: float) -> Iterator[AnyItem]:
        first, last = ceil(since), ceil(until) - 1  # slots are whole seconds, and BETWEEN includes both ends
        values = {":pair": pair, ":first": format_timestamp(first), ":last": format_timestamp(last)}
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "pair = :pair AND slot BETWEEN :first AND :last",
            "ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()},
        }
        while first <= last:
            page = self._retry(lambda _: self._call("query", **request), self._clock.monotonic() + READ_SECONDS)
            now = self._clock.time()
            yield from (item for item in page["Items"] if not has_expired(item, now))
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _put(self, record: Record, deadline: float) -> str | FailedPut:
        try:
            interval = self._default_interval_seconds
            default = interval if isinstance(interval, int) else interval[record.pair]
            item = item_from_record(record, default, self._retention_days)
            return self._retry(lambda is_retry: self._try_put(record, item, is_retry=is_retry), deadline)
        except Exception as error:  # also of a number that cannot be packed, or of memory that ran out
            text = f"{self.description}: {type(error).__name__}: {error}"
            return FailedPut(record, error if isinstance(error, StoreError) else StoreError(text))

    def _try_put(self, record: Record, item: Item, *, is_retry: bool) -> str:
        """Send one request. `is_retry`: an earlier one may have written the item although its response was lost."""
        request = {"TableName": self.name, "Item": item, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            self._call("put_item", **request, **put_condition(item))
        except ConditionFailed as refused:
            if record.reason is None:
                return _outcome(refused.args[0], record, is_retry=is_retry)
        return _STORED if record.reason is None else _UNCOUNTED

    def _retry(self, send: Callable[[bool], Answer], deadline: float) -> Answer:
        """Call `send(is_retry)` until it succeeds. Raises StoreError."""
        failure: StoreError = TransientStoreError(f"{self.description}: no time was left")
        number = 0
        while self._clock.monotonic() < deadline:
            try:
                return send(number > 0)
            except (TransientStoreError, CredentialsError) as error:
                if isinstance(error, CredentialsError) and number and not self._waits:  # of a new client, too
                    raise
                failure = error
            pause = backoff_seconds(number, random())
            self._clock.sleep(max(min(pause, deadline - self._clock.monotonic()), 0))
            number += 1
        raise failure

    def _call(self, operation: str, **request: Any) -> Any:
        """Send a request; after an error of its credentials the next one is sent by a new client. Raises StoreError."""
        client = self._client
        try:
            if client is None:
                raise self._credentials_error
            response = getattr(client, operation)(**request)
            if operation == "query" and "Items" not in response:
                raise StoreError(f"{self.description}: the answer is not DynamoDB's; check AWS_ENDPOINT_URL_DYNAMODB")
            if not _is_from_dynamodb(operation, response):
                raise ValueError("the response is not DynamoDB's")
        except Exception as error:  # whatever boto3's parser may raise for a response that is not DynamoDB's
            failure = store_error(error, self.description)
            if isinstance(failure, CredentialsError):
                self._renew(client, failure)
            raise failure from error
        self._is_logged = False
        return response

    def _renew(self, client: Any, failure: CredentialsError) -> None:
        """Replace a client, which keeps the credentials that it first found, unless another thread has done so."""
        with self._lock:
            if self._waits and not self._is_logged:
                log.warning("not storing yet: %s", failure)
                self._is_logged = True
            if client is self._client and self._clock.monotonic() >= self._renew_at:
                self._renew_at = self._clock.monotonic() + RENEW_SECONDS
                try:
                    self._client = dynamodb_client(self._region)
                    gc.collect()  # the old one is in reference cycles, and has megabytes
                except StoreError as error:  # a credentials file that is just being written, for example
                    self._credentials_error = CredentialsError(str(error))


def _is_from_dynamodb(operation: str, response: Any) -> bool:
    """Return False if another program answered; DynamoDB answers a put with `{}`, of which boto3 keeps the length."""
    metadata = response["ResponseMetadata"]
    is_whole = operation != "put_item" or metadata["HTTPHeaders"].get("content-length", "2") == "2"
    return "RequestId" in metadata and is_whole


def _outcome(there: AnyItem, record: Record, *, is_retry: bool) -> str:
    """Return the outcome of a refused put by the item that is there, which is empty if the server does not send it."""
    try:
        old = record_from_item(there)
    except InvalidRecord:
        return _DIFFERENT if there else _DUPLICATE
    if is_retry and old == record:
        return _STORED
    return _DUPLICATE if old.to_line(detail=False) == record.to_line(detail=False) else _DIFFERENT
