"""Each record that went into a log comes out once, however it is wrapped; in bounded memory and linear time.

The wrappers are written by hand after the documentation of the tools that make them.
"""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import random
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import nth_full as full
from support.records import nth_plain as plain

from handler.errors import InvalidData, InvalidRecord
from handler.load import find as finding
from handler.load.find import Found, find_records
from handler.record import Pair, Record, no_data

STREAM = "2026/11/22/[$LATEST]0a1b2c3d4e5f"
OTHERS = [
    "INIT_START Runtime Version: python:3.11.v40",
    '{"time":"2026-11-22T10:00:01.100Z","type":"platform.report","record":{"metrics":{"durationMs":812.5}}}',
    '{"timestamp":"2026-11-22T10:00:00Z","level":"WARN","message":"an empty \\"book\\"","requestId":"0a"}',
    'nothing, with a { brace, a } and a "timestamp": here; notional_bid, too',
]
RECORDS = [full(number) if number % 2 else plain(number) for number in range(60)]
RECORDS[30:32] = [no_data("2026-11-22T10:00:00Z", Pair("BTCUSDT"), 5, 60, "timeout"), plain(31, notional_bid=1e22)]


def find(data: bytes | str, size: int = 0) -> list[Found]:
    file = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(find_records(lambda: file.read(size or 2**16)))


def records(data: bytes | str, size: int = 0) -> list[Record | InvalidData]:
    return [found.what for found in find(data, size)]


Write = Callable[[list[str]], str | bytes]


def each(write: Callable[[str], object]) -> Callable[[list[str]], str]:
    def written(lines: list[str]) -> str:
        made = (write(line) for line in lines)
        return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in made)

    return written


def as_csv(rows: Iterable[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([["@timestamp", "@message"], *rows])
    return file.getvalue()


def subscription(lines: list[str]) -> str:
    events = [{"id": f"{number:056}", "timestamp": 1, "message": f"{line}\n"} for number, line in enumerate(lines)]
    return json.dumps({"messageType": "DATA_MESSAGE", "logStream": STREAM, "logEvents": events}, separators=(",", ":"))


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def pieces(lines: list[str]) -> list[list[str]]:
    return [lines[start : start + 50] for start in range(0, len(lines), 50)]


def parsed(line: str) -> dict[str, Any]:
    """A line as Fluent Bit's JSON parser gives it: its keys, or else the text."""
    try:
        values: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"log": line}
    return values


def zipped(lines: list[str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number, piece in enumerate(pieces(lines)):
            archive.writestr(f"logs/{number}.log", "\n".join(piece))
    return file.getvalue()


def zstd(data: bytes) -> bytes:
    from backports import zstd as library

    return library.compress(data)


def halves(first: Callable[[bytes], bytes], second: Callable[[bytes], bytes]) -> Write:
    """Two ways to write in one file, one after the other."""

    def written(lines: list[str]) -> bytes:
        middle = len(lines) // 2
        return first("\n".join([*lines[:middle], ""]).encode()) + second("\n".join(lines[middle:]).encode())

    return written


def utf_16(data: bytes) -> bytes:
    return data.decode().encode("utf-16-le")


WRAPPERS: dict[str, Write] = {
    "printed": "\n".join,
    "Windows": lambda lines: "\N{ZERO WIDTH NO-BREAK SPACE}" + "\r\n".join(lines),
    "indented": each(lambda line: f"{STREAM} 10:00:07 {json.dumps(parsed(line), indent=2, ensure_ascii=False)}"),
    "Insights, CSV": lambda lines: as_csv(["now", f"{line}\n"] for line in lines),
    "Lambda event of a subscription": lambda lines: json.dumps({"awslogs": {"data": packed(subscription(lines))}}),
    "Firehose event, slashes escaped": lambda lines: json.dumps(
        {"records": [{"data": packed(subscription(piece))} for piece in pieces(lines)]}
    ).replace("/", "\\/").replace("+", "\\u002B"),
    "Kinesis, not compressed": each(lambda line: {"Data": base64.b64encode(f"{line}\n".encode()).decode()}),
    "Firehose object, gzip twice": lambda lines: gzip.compress(
        b"".join(gzip.compress(subscription(piece).encode()) for piece in pieces(lines))
    ),
    "docker": each(lambda line: {"log": f"{line}\n", "stream": "stdout", "time": "2026-11-22T10:00:07.1Z"}),
    "syslog, RFC 5424": each(
        lambda line: '<14>1 - host obi - - [x m="' + "".join("\\" * (one in '"\\]') + one for one in line) + '"]'
    ),
    "nginx": each(lambda line: '1.2.3.4 "' + line.replace('"', "\\x22") + '"'),
    "Fluent Bit, parsed and sorted": each(lambda line: json.dumps({"container": "0a"} | parsed(line), sort_keys=True)),
    "Fluent Bit, parsed beside the line": each(lambda line: parsed(line) | {"log": line}),
    "UTF-16": lambda lines: "\r\n".join(lines).encode("utf-16"),
    "UTF-8, then UTF-16": halves(bytes, utf_16),
    "UTF-16, then xz": halves(utf_16, lzma.compress),
    "zip": zipped,
    "zip of bzip2 in gzip": lambda lines: gzip.compress(zipped(lines, zipfile.ZIP_BZIP2)),
    "text, then zstd": halves(bytes, zstd),
    "gzip of UTF-16, then bzip2": halves(lambda data: gzip.compress(utf_16(data)), bz2.compress),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_record_comes_out_once(name: str) -> None:
    lines: list[str] = []
    for number, record in enumerate(RECORDS):
        lines += [record.to_line(), OTHERS[number % len(OTHERS)]]
    found = find(WRAPPERS[name](lines))
    assert [one.what for one in found] == RECORDS
    if "parsed" not in name and "indented" not in name:
        assert [one.text.decode() for one in found] == lines[::2]
    assert find(WRAPPERS[name](OTHERS * 3)) == []


TEXTS = ["docker", "Insights, CSV"]


@given(
    st.sampled_from(["printed", "Lambda event of a subscription", "UTF-16", "zip"]),
    st.lists(st.sampled_from(TEXTS), max_size=2),
    st.sampled_from([0, 64, 5000]),
)
def test_wrappers_inside_each_other(last: str, names: list[str], size: int) -> None:
    lines = [record.to_line() for record in RECORDS[1:3]]
    for name in names:
        lines = str(WRAPPERS[name](lines)).splitlines()
    assert records(WRAPPERS[last](lines), size) == RECORDS[1:3]


@given(st.lists(st.binary() | st.sampled_from([
    *(RECORDS[1].to_line().encode(), json.dumps(RECORDS[2].to_line()).encode(), b'"notional_bid":', b"{", b"}", b'""'),
    *(b"\x1f\x8b\x08", b"PK\x03\x04", b"\xfd7zXZ\0", b"BZh91AY&SY", b"(\xb5/\xfd", b"H4sI" + b"A" * 60, b"\0a" * 9),
])))  # fmt: skip
def test_any_bytes_are_records_or_invalid_or_nothing(parts: list[bytes]) -> None:
    for found in find(b"".join(parts)):
        assert isinstance(found.what, InvalidData) or Record.from_line(found.text) == found.what


@pytest.mark.parametrize("record", [plain(1), full(1)], ids=["plain", "full"])
@pytest.mark.parametrize("wrap", [str, lambda line: json.dumps(json.dumps(line))])
def test_cut_off(record: Record, wrap: Callable[[str], str]) -> None:
    """A record that is cut off is named, and its neighbours are found."""
    line, others = record.to_line(), [plain(2), plain(4)]
    for cut in range(line.index("symbol") + 8, len(line) - 1, 11):
        text = f"{others[0].to_line()}\n{wrap(line[:cut])}\n{others[1].to_line()}\n{wrap(line[cut:])}"
        found = find(text)
        assert [one.what for one in found if isinstance(one.what, Record)] == others
        torn = [2, 4] if '"notional_bid"' in line[cut:] else [2]
        assert [one.line for one in found if isinstance(one.what, InvalidRecord)] == torn


INVALID = {
    "a key is missing": lambda line: line.replace(',"levels":5', ""),
    "no number": lambda line: line.replace("110000.25", "NaN"),
    "a number beyond every float": lambda line: line.replace("110000.25", "1" + "0" * 400),
    "bytes that are not text": lambda line: line.replace("USDT", "\ud800"),
    "padded with zeros by a crash": lambda line: line[:60] + "\0" * 400,
    "nested": lambda line: line[:-1] + ',"a":' + "[" * 100_000 + "}",
}


@pytest.mark.parametrize("name", INVALID)
def test_what_looks_like_a_record_and_is_none_is_named_by_its_line(name: str) -> None:
    text = f"START\n\n{plain(0).to_line()}\n{INVALID[name](plain(1).to_line())}\n{plain(2).to_line()}\n"
    found = find(text.encode(errors="surrogatepass"))
    assert [(one.line, isinstance(one.what, Record)) for one in found] == [(3, True), (4, False), (5, True)]


def test_keys_of_a_newer_version_stay_in_the_text() -> None:
    line = plain(1).to_line()[:-1] + ',"depth_change":1.50}'
    (found,) = find(json.dumps({"log": json.dumps(json.loads(line), indent=2).replace("1.5\n", "1.50\n")}))
    assert (found.what, found.text.decode()) == (plain(1), line)


UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "gzip cut off": lambda data: gzip.compress(data)[:-9],
    "xz damaged": lambda data: lzma.compress(data)[:-30] + bytes(30),
    "zstd cut off": lambda data: zstd(data)[:-3],
    "zip, encrypted": lambda data: b"PK\x03\x04\x14\0\x01" + zipped([data.decode()])[7:],
    "compressed too often": lambda data: [data := gzip.compress(data) for _ in range(9)][-1],
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_named_and_what_stands_around_it_is_found(name: str) -> None:
    before, after = (f"{plain(number).to_line()}\n".encode() for number in (1, 2))
    noise = random.Random(5).randbytes(5000).hex().encode()
    found = records(before + UNREADABLE[name](noise) + b"\n" + after)
    assert [one for one in found if isinstance(one, Record)] == [plain(1), plain(2)]
    assert [one for one in found if isinstance(one, InvalidData)]


def test_zstd_without_a_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = zstd(plain(1).to_line().encode())
    for library in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, library, None)
    (invalid,) = records(data)
    assert "pip install backports.zstd" in str(invalid)


LONG = ['{"a":', '"notional_bid":1', '\\"', "\\", "x", "H4sI", "\0a", '""notional_bid"":']
LONG += ['{"timestamp":', '{"notional_bid":1,', "H4sI" + "A" * 600 + " ", "{" + "x" * 20_000]


@pytest.mark.parametrize("piece", LONG)
def test_a_long_line_is_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch, piece: str) -> None:
    """Scaled down: a line of 384 KB, of which less is held, with a record before and after it."""
    monkeypatch.setattr(finding, "MAX_CHUNK_BYTES", 2**14)
    line = plain(1).to_line()
    long = [(piece * (2**12 // len(piece) + 1)).encode()] * 96
    parts = iter([f"{line}\n".encode(), *long, f"\n{line}".encode()])
    tracemalloc.start()
    found = sum(found.what == plain(1) for found in find_records(lambda: next(parts, b"")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found, peak < 2**18) == (2, True)


def test_a_record_of_a_pipe_is_given_before_more_is_read() -> None:
    lines = iter([f"{json.dumps({'log': full(number).to_line()})}\n".encode() for number in range(1, 9)])
    for number, found in enumerate(find_records(lambda: next(lines, b"")), start=1):
        assert (found.what, len(list(copy(lines)))) == (full(number), 8 - number)
