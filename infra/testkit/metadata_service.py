"""The instance's metadata service, or the container's, which hands out credentials: as EC2 and ECS run it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CREDENTIALS = {
    "Code": "Success",
    "AccessKeyId": "ASIAMETADATASERVICE0",
    "SecretAccessKey": "metadata/service/metadata/service/metada",
    "Token": "metadata-service-session-token",
    "LastUpdated": "2020-01-01T00:00:00Z",
    "Expiration": "2999-01-01T00:00:00Z",
}
CONTAINER_PATH = "/container"


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self._respond("session")

    def do_GET(self) -> None:
        is_list = self.path.endswith("/security-credentials/")
        self._respond("role" if is_list else json.dumps(CREDENTIALS))

    def _respond(self, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def metadata_service(port: int) -> Iterator[None]:
    """Run it on a port of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", port), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()
