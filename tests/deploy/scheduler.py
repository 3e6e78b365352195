"""What EventBridge Scheduler does to a target's input and the emulator does not: it writes the time in."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from handler.slots import format_timestamp


def rendered(text: str, now: float) -> str:
    """The input with its placeholders filled in; a schedule's time is the minute that it was due."""
    due = format_timestamp(now // 60 * 60)
    return text.replace("<aws.scheduler.scheduled-time>", due).replace("<aws.scheduler.execution-id>", "execution-1")


@contextmanager
def rendering(invoke: Callable[[Any], Any]) -> Iterator[str]:
    """Pass events on to `invoke`, rendered; gives the URL that takes them. An error of the function is HTTP 500."""

    class Adapter(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = invoke(json.loads(rendered(event, time.time())))
            body = json.dumps(answer).encode()
            self.send_response(500 if "errorType" in answer else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Adapter) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
