"""A stand-in for DynamoDB: moto, the one that pip alone installs on any Python from 3.11, and the quickest.

A wrapper reads the requests: it reports what any program stored, and pages long reads. moto takes about 2 ms for each
item that it reads, so a page as long as DynamoDB's would outlast any client's timeout.
"""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import make_server

from handler.stores.items import Item

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MAX_PAGE_ITEMS = 300
READS = ("Query", "Scan")


class ObservedTable:
    """The WSGI application of moto; `stored` is called with the items that it wrote into the table of this name."""

    def __init__(self, table: str, stored: Callable[[Sequence[Item]], object]) -> None:
        self._table = table
        self._stored = stored
        self._app: WSGIApplication = create_backend_app("dynamodb")

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            request = json.loads(body)
            items = self._items(operation, request)
            if operation in READS:
                request["Limit"] = min(request.get("Limit", MAX_PAGE_ITEMS), MAX_PAGE_ITEMS)
                body = json.dumps(request).encode()
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ):  # for moto to reject
            items = []
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        status = ""

        def start(line: str, *more: Any) -> Any:
            nonlocal status
            status = line
            return start_response(line, *more)

        answer = self._app(environ, start)
        if items and status.startswith("200"):
            self._stored(items)
        return answer

    def _items(self, operation: str, request: Any) -> list[Item]:
        """The items that a request writes into the table."""
        if operation == "PutItem" and request["TableName"] == self._table:
            return [request["Item"]]
        if operation == "BatchWriteItem":
            return [part["PutRequest"]["Item"] for part in request["RequestItems"][self._table] if "PutRequest" in part]
        return []


@contextmanager
def table_server(table: str, stored: Callable[[Sequence[Item]], object]) -> Iterator[str]:
    """Serve on 127.0.0.1 and a free port; yields the URL."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, ObservedTable(table, stored), threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
