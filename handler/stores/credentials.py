"""A DynamoDB client for long runs, during which credentials may come late, expire or be rotated."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..clock import SYSTEM, Clock
from ..errors import CredentialsError, StoreError
from .dynamodb_errors import store_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RENEW_SECONDS = 2.0  # between new clients: each costs 0.1 s of CPU and reads all sources of credentials

log = logging.getLogger(__name__)


class RenewingClient:
    """Calls a client that is replaced once its credentials are missing, expired, rejected or unreadable.

    A boto3 client keeps the credentials that it first found, even if they were rotated since, or if there were none.
    Thread-safe: one thread renews, the others use the new client. The constructor raises StoreError if AWS is
    configured wrongly; credentials that are missing for now are an error of the calls.
    """

    def __init__(
        self, create: "Callable[[], DynamoDBClient]", table: str, clock: Clock = SYSTEM, *, logs: bool = False
    ) -> None:
        self._create = create
        self._table = table  # as messages call it
        self._clock = clock
        self._logs = logs  # one line for each time without valid credentials
        self._lock = Lock()
        self._client: DynamoDBClient | None = None
        self._failure: StoreError | None = None  # why there is no usable client
        self._is_logged = False
        self._renew_at = clock.monotonic()
        try:
            self._client = create()
        except CredentialsError as error:
            self._reject(None, error)

    def call(self, operation: str, **request: Any) -> Any:
        """Send a request of an operation such as `put_item`. Raises StoreError."""
        client = self._usable_client()
        try:
            response = getattr(client, operation)(**request)
        except Exception as error:  # whatever boto3's parser may raise for a response that is not from DynamoDB
            failure = store_error(error, self._table)
            if isinstance(failure, CredentialsError):
                self._reject(client, failure)
            raise failure from error
        self._is_logged = False
        return response

    def _usable_client(self) -> "DynamoDBClient":
        with self._lock:
            if self._failure and self._clock.monotonic() >= self._renew_at:
                self._renew()
            if self._client is None or self._failure:
                raise CredentialsError(str(self._failure))
            return self._client

    def _renew(self) -> None:
        old = self._client
        try:
            self._client, self._failure = self._create(), None
        except StoreError as error:  # a credentials file that is just being written, for example
            self._failure = error
        else:
            if old is not None and old is not self._client:
                old.close()
        self._renew_at = self._clock.monotonic() + RENEW_SECONDS

    def _reject(self, client: "DynamoDBClient | None", failure: StoreError) -> None:
        """Stop using this client, unless another thread has already replaced it."""
        with self._lock:
            if client is self._client:
                self._failure = failure
            is_new, self._is_logged = not self._is_logged, True
        if is_new and self._logs:
            log.warning("not storing yet: %s", failure)
