"""What fills memory or time: pieces that, repeated, make a nesting, a number or a line without end. Pure."""

PIECES = (
    *(b"[", b'{"a":', b'{"timestamp":', b'"{\\"timestamp\\":', b'{"timestamp":[', b'{"timestamp":"', b'{"bids":['),
    *(b"9", b"1e", b"-", b" ", b"\x00", b"\\", b'"', b'\\"', b"\xff", b"a", b'["1","1"],', b"\n", b"0.", "é".encode()),
)
"""Each is repeated to any length."""
