"""A DynamoDB client for long runs, during which credentials may arrive late or be rotated."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

from handler.clock import SYSTEM, Clock
from handler.errors import CredentialsError, TableError, TransientTableError
from handler.failure_log import FailureLog
from handler.stores.dynamodb import FAILURES, dynamodb_client, table_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RENEW_SECONDS = 2.0
"""Minimum time between new clients: each costs 0.1 s of CPU and reads all sources of credentials."""

log = logging.getLogger(__name__)


class RenewingClient:
    """Puts items through a client that is replaced when its credentials are missing, expired, rejected or unreadable.

    A boto3 client keeps the credentials that it first found, even if they were rotated since, or if there were none
    (an instance's metadata service that is not up yet). Thread-safe: one thread renews, the others use the new client.
    The constructor raises TableError if AWS is configured wrongly; credentials that are missing for now are logged.
    """

    def __init__(
        self, create: "Callable[[], DynamoDBClient]" = lambda: dynamodb_client(attempts=1), *, clock: Clock = SYSTEM
    ) -> None:
        self._create = create
        self._clock = clock
        self._failures = FailureLog(log, clock)
        self._lock = Lock()
        self._client: DynamoDBClient | None = None
        self._failure: TableError | None = None
        """Why there is no usable client."""
        self._renew_at = clock.monotonic()
        try:
            self._client = create()
        except CredentialsError as error:
            self._reject(None, error)

    def put_item(self, **request: Any) -> Any:
        """Put an item. Raises what boto3 raises, or TransientTableError while there are no valid credentials."""
        client = self._usable_client()
        try:
            response = client.put_item(**request)
        except FAILURES as error:
            failure = table_error(error, request["TableName"])
            if isinstance(failure, CredentialsError):
                self._reject(client, failure)
                raise TransientTableError(str(failure)) from error
            raise
        self._failures.succeeded("not storing yet")
        return response

    def _usable_client(self) -> "DynamoDBClient":
        """The client, or a new one if the last one was rejected long enough ago. Raises TransientTableError."""
        with self._lock:
            if self._failure and self._clock.monotonic() >= self._renew_at:
                self._renew()
            if self._client is None or self._failure:
                raise TransientTableError(str(self._failure)) from self._failure
            return self._client

    def _renew(self) -> None:
        old_client = self._client
        try:
            self._client, self._failure = self._create(), None
        except TableError as error:  # a credentials file that is just being written, for example
            self._failure = error
        else:
            if old_client:
                old_client.close()
        self._renew_at = self._clock.monotonic() + RENEW_SECONDS

    def _reject(self, client: "DynamoDBClient | None", failure: TableError) -> None:
        """Stop using this client, unless another thread has already replaced it."""
        with self._lock:
            if client is self._client:
                self._failure = failure
        self._failures.failed("not storing yet", str(failure))
