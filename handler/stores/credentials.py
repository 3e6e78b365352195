"""A DynamoDB client for a long run, which outlives its credentials."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

from handler.clock import SYSTEM, Clock
from handler.errors import CredentialsError, TableError, TransientTableError
from handler.failure_log import FailureLog
from handler.stores.dynamodb import FAILURES, dynamodb_client, translated

RENEW_SECONDS = 2.0
"""The least time from one new client to the next: each costs 0.1 s of CPU and reads all sources of credentials."""

log = logging.getLogger(__name__)


class RenewingClient:
    """Puts items through a client that is replaced when its credentials are missing, expired, rejected or unreadable.

    boto3's own keeps what it found first, be it nothing (an instance's metadata service that is not up yet) or keys
    that were rotated since. Threads may share it: one renews, and the others use the result. Raises TableError at once
    if AWS is configured wrongly; credentials that cannot be got yet are only logged.
    """

    def __init__(
        self, create: Callable[[], Any] = lambda: dynamodb_client(attempts=1), *, clock: Clock = SYSTEM
    ) -> None:
        self._create = create
        self._clock = clock
        self._failures = FailureLog(log, clock)
        self._lock = Lock()
        self._client: Any = None
        self._failure: TableError | None = None
        """Why the client cannot be used."""
        self._renew_at = clock.monotonic()
        try:
            self._client = create()
        except CredentialsError as error:
            self._reject(None, error)

    def put_item(self, **request: Any) -> Any:
        """Put an item. Raises what boto3 raises, or TransientTableError while there are no credentials that hold."""
        client = self._usable()
        try:
            answer = client.put_item(**request)
        except FAILURES as error:
            failure = translated(error, request["TableName"])
            if isinstance(failure, CredentialsError):
                self._reject(client, failure)
                raise TransientTableError(str(failure)) from error
            raise
        self._failures.succeeded("not storing yet")
        return answer

    def _usable(self) -> Any:
        """The client, or a new one if the last one was rejected long enough ago. Raises TransientTableError."""
        with self._lock:
            if self._failure and self._clock.monotonic() >= self._renew_at:
                self._renew()
            if self._failure:
                raise TransientTableError(str(self._failure)) from self._failure
            return self._client

    def _renew(self) -> None:
        old = self._client
        try:
            self._client, self._failure = self._create(), None
        except TableError as error:  # a file of credentials that is just being written, for example
            self._failure = error
        else:
            if old:
                old.close()
        self._renew_at = self._clock.monotonic() + RENEW_SECONDS

    def _reject(self, client: Any, failure: TableError) -> None:
        """Use this client no more, unless another thread has already replaced it."""
        with self._lock:
            if client is self._client:
                self._failure = failure
        self._failures.failed("not storing yet", str(failure))
