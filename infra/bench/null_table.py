"""`python -m infra.bench.null_table`: a DynamoDB that accepts every write at once, and discards it."""

import asyncio
import sys
import zlib
from typing import cast

BODY = b'{"Responses":{},"UnprocessedItems":{}}'  # each operation reads the keys that it knows
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: Server\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n"
    b"Connection: keep-alive\r\nx-amzn-RequestId: SYNTHETIC\r\nx-amz-crc32: %d\r\n\r\n%b"
) % (len(BODY), zlib.crc32(BODY), BODY)
HEAD_END, CONTENT_LENGTH = b"\r\n\r\n", b"content-length:"


class Connection(asyncio.Protocol):
    """Responds to each request with success."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: the client has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: some bytes of a request."""
        self._buffer += data
        while (end := self._buffer.find(HEAD_END)) >= 0:
            head = self._buffer[:end].lower()
            start = head.find(CONTENT_LENGTH)
            length = int(head[start + len(CONTENT_LENGTH) :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            request_bytes = end + len(HEAD_END) + length
            if len(self._buffer) < request_bytes:
                return
            self._buffer = self._buffer[request_bytes:]
            self._transport.write(RESPONSE)


async def main() -> None:
    """Serve on a free port until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
