"""What an input without any record looks like. Pure."""

import re

_MAX_SHOWN = 60
_KINDS = (
    (r"\(\ufffd/\ufffd", "zstd, which is not supported: decompress it first, with zstd -d"),
    (r"\x04\"M\x18", "lz4, which is not supported: decompress it first, with lz4 -d"),
    (r"7z\ufffd|Rar!", "an archive of a kind that is not supported: unpack it first"),
    (r"PAR1", "Parquet: history --from FILE reads it, and with --detail prints lines for load"),
    (r"\s*<(!doctype|\?xml|html)", "a page of HTML or XML"),
    (r".*\btime \(UTC\)\s+pair\b", "what history writes with --format table, whose numbers are rounded"),
    (r".*\"obi_mean\"|.*\bobi_mean,", "what history writes with --every: means, not samples"),
    (r"\s*\{\"series\"", "what history writes with --gaps, or series"),
    (r".*\{'timestamp'", "Python's notation, not JSON"),
    (r".*(INIT_START|START RequestId|\"platform\.)", "the log of a Lambda function that printed no record"),
    (r"timestamp,symbol,", "CSV without a row"),
    (r".*[\0\ufffd]", "binary data"),
    (r"\s*[\[{]", "JSON, but nothing in it has the keys of a record: timestamp, symbol, obi, notional_bid, …"),
)


def input_hint(beginning: str) -> str:
    """What a text with this beginning may be."""
    for pattern, kind in _KINDS:
        if re.match(pattern, beginning, re.IGNORECASE | re.DOTALL):
            return f"it looks like {kind}"
    line = beginning.splitlines()[0]
    return f"it begins with {line[:_MAX_SHOWN]!r}{'…' if len(line) > _MAX_SHOWN else ''}"
