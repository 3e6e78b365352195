"""`python -m infra.bench.null_table`: a DynamoDB that accepts every write at once, and discards it."""

import asyncio
import re
import sys
import zlib
from contextlib import suppress

BODY = b'{"Responses":{},"UnprocessedItems":{}}'  # each operation reads the keys that it knows
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: Server\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n"
    b"Connection: keep-alive\r\nx-amzn-RequestId: SYNTHETIC\r\nx-amz-crc32: %d\r\n\r\n%b"
) % (len(BODY), zlib.crc32(BODY), BODY)
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Respond to each request of a connection with success."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):  # the client has left
        while found := _LENGTH.search(await reader.readuntil(b"\r\n\r\n")):
            await reader.readexactly(int(found[1]))
            writer.write(RESPONSE)


async def main() -> None:
    """Serve on a free port until killed."""
    server = await asyncio.start_server(respond, "127.0.0.1", 0, backlog=1024)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
