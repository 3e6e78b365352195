"""A proxy before a stand-in for DynamoDB, which fails as the service and the network do, on demand."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("throttled", "failed", "dropped", "unheard", "unprocessed")
"""Rejected for its rate; a 500; the connection cut before the request is carried out, or after; half of it done."""


class Proxy(ThreadingHTTPServer):
    """Passes requests on. Those of an operation that has faults waiting fail by them, one each."""

    daemon_threads = False  # each has one request

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(url)
        self.upstream = (parts.hostname or "", parts.port or 0)
        self.faults: dict[str, deque[str]] = {}
        """Operation → what its next requests meet with."""
        self.operations: list[str] = []
        """The operations of the requests so far."""
        self.on_request: Callable[[int], object] = lambda number: None
        """Called with the number of each request, before it is passed on."""
        self.expired_key = ""
        """The access key that is rejected because its session has expired."""
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: the client was killed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        with self.server.lock:
            self.server.operations.append(operation)
            self.server.on_request(len(self.server.operations))
            faults = self.server.faults.get(operation)
            fault = faults.popleft() if faults else ""
        if (key := self.server.expired_key) and f"Credential={key}/" in self.headers["Authorization"]:
            self._answer(400, b'{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"it is over"}')
        elif fault == "throttled":
            self._answer(400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}')
        elif fault == "failed":
            self._answer(500, b'{"__type":"com.amazon.coral.service#InternalServerError"}')
        elif fault == "unheard":
            self._pass_on(body)
        elif fault == "unprocessed":
            self._answer(*self._half(body))
        elif fault != "dropped":
            self._answer(*self._pass_on(body))

    def _half(self, body: bytes) -> tuple[int, bytes]:
        """Carry out the first half of a batch; the response hands the others back."""
        request = json.loads(body)
        ((table, batch),) = request["RequestItems"].items()
        puts = isinstance(batch, list)
        parts = batch if puts else batch["Keys"]
        done, left = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        if not done:
            return self._pass_on(body)
        request["RequestItems"][table] = done if puts else batch | {"Keys": done}
        status, answer = self._pass_on(json.dumps(request).encode())
        unprocessed = {table: left if puts else batch | {"Keys": left}}
        return status, json.dumps(
            json.loads(answer) | {"UnprocessedItems" if puts else "UnprocessedKeys": unprocessed}
        ).encode()

    def _pass_on(self, body: bytes) -> tuple[int, bytes]:
        headers = {name: value for name, value in self.headers.items() if name not in ("Host", "Content-Length")}
        with closing(HTTPConnection(*self.server.upstream)) as connection:
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("x-amzn-RequestId", "PROXY")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def proxy(url: str) -> Iterator[Proxy]:
    """A proxy before the server at this URL."""
    with Proxy(url) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
