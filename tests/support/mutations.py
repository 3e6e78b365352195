"""Invalid input out of valid: a few random changes, from a flipped bit to a nesting without end. Pure."""

import random
from collections.abc import Sequence

TOKENS: Sequence[bytes] = (
    *(
        b"null",
        b"true",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"-0.0",
        b"1e999",
        b"-1",
        b"1e-320",
        b"1e308",
        b"0",
        b"1e17",
    ),
    *(b'"', b"\\", b"[", b"]", b"{", b"}", b":", b",", b"\n", b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\n"),
    *(b'""', b"[]", b"{}", b'{"timestamp":', b'\\"', b"9" * 400, b"9" * 5000, b"[" * 2000, b"0001", b"9999", b"+14:00"),
    *("٣".encode(), "ß".encode(), b"_", b" ", b"%", b"=", b"--", b"@", b"1_0", b"0x1", b"1e5", b"Z", b"T24", b"w"),
)
MAX_CHANGES = 6


def mutate(draw: random.Random, data: bytes) -> bytes:
    """The data, changed a little or a lot."""
    for _ in range(draw.randint(1, MAX_CHANGES)):
        start = draw.randrange(len(data) + 1)
        end = min(len(data), start + draw.choice((0, 1, 1, 4, 20)))
        kind = draw.randrange(6)
        if kind == 0 and data:
            place = draw.randrange(len(data))
            data = data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
        elif kind == 1:
            data = data[:start] + data[end:]
        elif kind == 2:
            data = data[:end] + data[start:end] * draw.choice((1, 2, 300)) + data[end:]
        else:
            data = data[:start] + draw.choice(TOKENS) + data[end:]
    return data


PIECES = (
    *(b"[", b'{"a":', b'{"timestamp":', b'"{\\"timestamp\\":', b'{"timestamp":[', b'{"timestamp":"', b'{"bids":['),
    *(b"9", b"1e", b"-", b" ", b"\x00", b"\\", b'"', b'\\"', b"\xff", b"a", b'["1","1"],', b"\n", b"0.", "é".encode()),
)
"""Each is repeated to any length."""
