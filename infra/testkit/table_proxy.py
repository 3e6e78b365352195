"""A proxy in front of DynamoDB that makes requests fail as the service and the network do: at random, or on demand."""

import random
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from infra.testkit.table_faults import LINGER_RESET, PUT_FAULTS, Request, Response


class TableProxy:
    """Listens on 127.0.0.1 within `with`. Without an `upstream` (URL) it accepts everything and keeps nothing.

    It forwards one request at a time, because moto checks a condition and writes in two steps.
    """

    def __init__(
        self, upstream: str | None, *, rate: float = 0.0, seed: int = 0, random_faults: Sequence[str] = PUT_FAULTS
    ) -> None:
        self.port = 0
        self.rate = rate  # the probability of a random fault
        self.faults: dict[str, deque[str]] = {}  # operation → the faults of its next requests
        self.operations: list[str] = []  # of the requests so far
        self.on_request: Callable[[int], object] = lambda _: None  # called with the number of each before it is handled
        self.expired_key = ""  # the access key whose session is over, so that it is rejected
        self.counts: Counter[str] = Counter()  # fault → how often it happened
        self._upstream = urlsplit(upstream) if upstream else None
        self._random_faults, self._random = random_faults, random.Random(seed)
        self._choosing, self._forwarding = threading.Lock(), threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "TableProxy":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, after `stop` on the same port again."""
        self._server = ProxyServer(self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Reset all connections and refuse new ones; every forwarded request is carried out then."""
        self._server.shutdown()
        self._server.stopping.set()
        for connection in tuple(self._server.connections):
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
                connection.shutdown(socket.SHUT_RD)
        self._server.server_close()
        self._thread.join()

    def choose_fault(self, operation: str, authorization: str) -> str:
        """The fault that the next request meets."""
        with self._choosing:
            self.operations.append(operation)
            self.on_request(len(self.operations))
            if self.expired_key and f"Credential={self.expired_key}/" in authorization:
                fault = "expired-key"
            elif self.faults.get(operation):
                fault = self.faults[operation].popleft()
            else:
                is_random = self._random.random() < self.rate
                fault = self._random.choice(self._random_faults) if is_random else "ok"
            self.counts[fault] += 1
        return fault

    def forward(self, headers: dict[str, str], body: bytes) -> Response:
        """Have DynamoDB carry out a request."""
        if self._upstream is None:
            return Response(200, b"{}")
        with self._forwarding, closing(HTTPConnection(self._upstream.hostname or "", self._upstream.port)) as to:
            to.request("POST", "/", body, headers)
            response = to.getresponse()
            return Response(response.status, response.read())


class ProxyServer(ThreadingHTTPServer):
    """The listening socket and the connections of a proxy, from one start to the next stop."""

    daemon_threads = False  # server_close() waits for them
    request_queue_size = 128

    def __init__(self, proxy: TableProxy) -> None:
        self.proxy = proxy
        self.connections: set[socket.socket] = set()
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", proxy.port), Request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Called for each new connection."""
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, without the FIN that would come before a reset."""
        self.connections.discard(request)
        self.close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Be quiet: the client is gone."""
