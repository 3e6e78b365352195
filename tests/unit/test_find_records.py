"""Every record that went into a log comes out once, however it is wrapped; in bounded memory and time."""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import random
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.records import detailed_records, known, plain_records

from handler.cli.formats import Columns, write_csv
from handler.errors import InvalidRecord
from handler.record import Record
from handler.stores import find_records, scan, unwrap
from handler.stores.find_records import RecordFinder
from handler.stores.quoting import MAX_LAYERS


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes, sizes: Sequence[int]) -> None:
        self._data = io.BytesIO(data)
        self._sizes = iter([])  # type: ignore[var-annotated]
        self._all_sizes = sizes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = next(self._sizes, 0)
        if not size:
            self._sizes = iter(self._all_sizes)
            size = next(self._sizes, len(buffer))
        return self._data.readinto(memoryview(buffer)[:size])


def found(data: bytes, sizes: Sequence[int] = ()) -> list[Record | InvalidRecord]:
    return [what for _, what in RecordFinder().find(Trickle(data, sizes))]


def written(records: Iterable[Record], *, detail: bool = True) -> str:
    return "".join(f"{record.to_line(detail=detail)}\n" for record in records)


def can_be_read(record: Record) -> bool:
    """Hypothesis knows more characters than this Python can print; and U+FFFD stands for bytes that are no text."""
    texts = record.symbol + (record.host or "")
    return texts.isprintable() and "\N{REPLACEMENT CHARACTER}" not in texts


six_key_records = plain_records.map(lambda record: Record(*record[:6]))
readable_records = (six_key_records | detailed_records).filter(can_be_read)

Wrapper = Callable[[str], str]

NOISE = [
    "START RequestId: 0a1b Version: $LATEST",
    '{"time":"2026-11-22T10:00:00.100Z","type":"platform.start","record":{"requestId":"0a"}}',
    '{"timestamp":"2026-11-22T10:00:00Z","level":"INFO","message":"a \\"quote\\" and a {"}',
    'nothing, with a { brace, a } and a "timestamp": here',
    '"""',
    "\\\\\\",
    "\N{SNOWMAN} 币安",
    "",
]
noise = st.sampled_from(NOISE) | st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


def as_csv(text: str) -> str:
    rows = io.StringIO()
    csv.writer(rows).writerows([["@timestamp", "@message"], ["2026-11-22 10:00:00.000", text], ["later", "nothing"]])
    return rows.getvalue()


def as_base64(text: str) -> str:
    data = base64.b64encode(gzip.compress(text.encode())).decode()
    return json.dumps({"awslogs": {"data": data}})


QUOTING: dict[str, Wrapper] = {
    "JSON": lambda text: json.dumps({"log": text, "stream": "stdout"}, separators=(",", ":")),
    "JSON, not ASCII": lambda text: json.dumps({"logEvents": [{"id": 7, "message": text}]}, ensure_ascii=False),
    "JSON, indented": lambda text: json.dumps({"results": [[{"field": "@message", "value": text}]]}, indent=4),
    "CSV": as_csv,
}
surroundings = st.builds(lambda head, tail: lambda text: f"{head}\n{text}\n{tail}", noise, noise)
prefixes = st.sampled_from(["2026-11-22T10:00:07.123Z ", "obi-1  | ", "ERROR not stored: table obi: it is gone: "])
text_wrappers = (
    st.sampled_from(list(QUOTING.values())) | surroundings | prefixes.map(lambda prefix: lambda text: f"{prefix}{text}")
)


def as_zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.log", data)
    return file.getvalue()


def as_members(compress: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Two compressed halves and zeros, as appending and tapes leave them."""
    return lambda data: compress(data[: len(data) // 2]) + compress(data[len(data) // 2 :]) + bytes(512)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip members": as_members(gzip.compress),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "xz streams": as_members(lzma.compress),
    "zip": as_zip,
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@settings(max_examples=200)
@given(
    records=st.lists(readable_records, min_size=1, max_size=4),
    wrappers=st.lists(text_wrappers, max_size=5),
    inner=st.lists(text_wrappers, max_size=2),
    is_base64=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(ENCODINGS),
    compressions=st.lists(st.sampled_from(list(COMPRESSIONS.values())), max_size=3),
    sizes=st.lists(st.integers(1, 5000), max_size=3),
)
def test_every_record_comes_out_exactly_once_however_it_is_wrapped(
    records: list[Record],
    wrappers: list[Wrapper],
    inner: list[Wrapper],
    is_base64: bool,
    ending: str,
    encoding: str,
    compressions: list[Callable[[bytes], bytes]],
    sizes: list[int],
) -> None:
    text = written(records)
    for wrapper in [*inner, *([as_base64] if is_base64 else []), *wrappers]:
        text = wrapper(text)
    data = f"a log\n{text}\n".replace("\n", ending).encode(encoding)
    for compress in compressions:
        data = compress(data)
    assert found(data, sizes) == records


@settings(max_examples=100)
@given(
    records=st.lists(
        readable_records.filter(lambda one: not set(one.symbol + (one.host or "")) & set(" ,\"\\'")),
        min_size=1,
        max_size=4,
    ),
    wrappers=st.lists(text_wrappers, max_size=5),
    ending=st.sampled_from(["\n", "\r\n"]),
    by_line=st.booleans(),
    sizes=st.lists(st.integers(1, 5000), max_size=3),
)
def test_csv_comes_out_exactly_once_however_it_is_wrapped(
    records: list[Record], wrappers: list[Wrapper], ending: str, by_line: bool, sizes: list[int]
) -> None:
    """As `history` prints it: the whole text is wrapped, or each of its lines."""
    rows: list[str] = []
    write_csv(records, rows.append, Columns.of_records(distances=True, other_markets=True, detail=True))
    texts = [f"{row}\n" for row in rows] if by_line else ["".join(f"{row}{ending}" for row in rows)]
    for wrapper in wrappers:
        texts = list(map(wrapper, texts))
    assert found("\n".join(texts).encode(), sizes) == records


@pytest.mark.parametrize("outer", COMPRESSIONS)
@pytest.mark.parametrize("inner", COMPRESSIONS)
def test_compressed_twice_and_read_byte_by_byte(inner: str, outer: str) -> None:
    text = written([known(host="x")]).encode()
    assert found(COMPRESSIONS[outer](COMPRESSIONS[inner](text)), sizes=[1]) == [known(host="x")]


def test_xz_takes_no_more_memory_than_its_highest_level_needs() -> None:
    """A head may ask for 4 GiB."""
    text = written([known(host="x")]).encode()
    assert found(lzma.compress(text, preset=9)) == [known(host="x")]
    (invalid,) = found(lzma.compress(text, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**28}]))
    assert "Memory usage limit exceeded; if it is xz, decompress it with xz -d" in str(invalid)


@pytest.mark.parametrize("following", [b"x", b"more data\n", bz2.compress(b"x")])
def test_data_after_xz_is_not_passed_over(following: bytes) -> None:
    record, invalid = found(lzma.compress(written([known(host="x")]).encode()) + following)
    assert record == known(host="x")
    assert "what follows the xz data is something else" in str(invalid)


def test_zip_with_lzma_is_not_read() -> None:
    """Its reader has no limit of memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.log", written([known(host="x")]))
    (invalid,) = found(file.getvalue())
    assert "a.log is compressed with LZMA: unpack it" in str(invalid)


@pytest.mark.parametrize("quoting", QUOTING)
def test_strings_inside_strings_up_to_the_maximum(quoting: str) -> None:
    text = written([known(host="x")])
    for _ in range(MAX_LAYERS):
        text = QUOTING[quoting](text)
    assert found(text.encode()) == [known(host="x")]
    (invalid,) = found(QUOTING[quoting](text).encode())
    assert isinstance(invalid, InvalidRecord)


@given(record=readable_records, seed=st.integers(0, 2**32))
def test_any_order_of_keys_and_unknown_keys(record: Record, seed: int) -> None:
    """Fluent Bit sorts the keys and adds its own, which may hold objects."""
    extra: dict[str, Any] = {
        "container_name": "obi",
        "kubernetes": {"labels": {"app": "obi"}},
        "log_level": None,
        "tags": [{}],
    }
    items = list({**record.values(detail=True), **extra}.items())
    random.Random(seed).shuffle(items)
    line = json.dumps(dict(items))
    assert found(f"{line}{line}\n{json.dumps({'log': line})}\n{as_csv(line)}".encode()) == [record] * 4


def test_the_end_of_a_record_that_lost_its_start_is_invalid_and_its_neighbours_are_found() -> None:
    line = known().to_line(detail=False)
    for cut in range(1, line.index('"notional_bid"')):
        first, lost, last = found(f"{line}\n{line[cut:]}\n{line}".encode())
        assert (first, last) == (known(), known())
        assert isinstance(lost, InvalidRecord)


@pytest.mark.parametrize("size", [1, 7, 100, 2**14])
@pytest.mark.parametrize("wrap", [str, json.dumps, lambda text: json.dumps(json.dumps(text)), as_csv, as_base64])
def test_one_endless_line_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch, wrap: Wrapper, size: int) -> None:
    """Firehose puts records one after the other. Small limits, and every way to cut the pieces."""
    monkeypatch.setattr(find_records, "MAX_LINE_CHARACTERS", 100)
    monkeypatch.setattr(scan, "MAX_CHARACTERS", 1500)
    held = 0
    feed = scan.Scan.feed

    def watched(self: scan.Scan, text: str, **final: bool) -> Any:
        nonlocal held
        yield from feed(self, text, **final)
        held = max(held, len(self._text))

    monkeypatch.setattr(scan.Scan, "feed", watched)
    records = [known(symbol=f"S{number}", levels=number) for number in range(1, 200 if size > 1 else 20)]
    text = "".join(wrap(record.to_line(detail=False)) for record in records)
    assert found(text.encode(), [size]) == records
    assert held <= 3000 + size


def test_a_gigantic_line_holds_no_more_than_its_window() -> None:
    """Scaled down: 50 MB without a line end, a record at each MB."""
    line = known().to_line(detail=False).encode()
    rubbish = b"x" * 2**20

    class Endless(io.RawIOBase):
        pieces = iter([rubbish, line] * 50)
        rest = b""

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.rest = self.rest or next(self.pieces, b"")
            size = min(len(buffer), len(self.rest))
            buffer[:size], self.rest = self.rest[:size], self.rest[size:]
            return size

    finder = RecordFinder()
    assert [what for _, what in finder.find(Endless())] == [known()] * 50


@pytest.mark.parametrize(
    "piece", ["[", "{", '{"a":', '{"timestamp":', '{"notional_bid":', '["', '\\"', '"notional_bid":']
)
def test_nesting_is_bounded_in_time(piece: str) -> None:
    start = time.monotonic()
    line = known().to_line(detail=False)
    for text in (piece * 100_000, f"{line}\n{piece * 100_000}\n{line}\n"):
        assert [one for one in found(text.encode()) if one == known()] == [known()] * text.count(line)
    assert time.monotonic() - start < 20


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwrap, "MAX_FREE_BYTES", 2**20)
    bomb = gzip.compress(gzip.compress(bytes(2**24)))
    (invalid,) = found(bomb)
    assert "decompression bomb" in str(invalid)
    inside = written([known()]) + json.dumps({"data": base64.b64encode(gzip.compress(bytes(2**24))).decode()})
    record, invalid = found(gzip.compress(inside.encode()))
    assert record == known()
    assert "decompression bomb" in str(invalid)


def test_compressed_too_often_is_said() -> None:
    data = written([known()]).encode()
    for _ in range(unwrap.MAX_LAYERS):
        data = gzip.compress(data)
    assert found(data) == [known()]
    (invalid,) = found(gzip.compress(data))
    assert "inside each other" in str(invalid)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_is_cut_off_gives_what_it_holds_and_an_error(compression: str) -> None:
    records = [known(symbol=f"S{number}", obi=random.Random(number).random()) for number in range(5000)]
    whole = COMPRESSIONS[compression](written(records).encode())
    *before, last = found(whole[: len(whole) // 2])
    assert isinstance(last, InvalidRecord)
    assert "cannot be read from here on" in str(last)
    assert before[:-1] == records[: len(before[:-1])]
    assert before or compression not in ("gzip", "members")  # the others come in large blocks


def test_a_zip_names_its_files() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a.log", "b/c.gz"):
            archive.writestr(name, gzip.compress(b"\n" + written([known(symbol=name)]).encode()))
    places = [where for where, _ in RecordFinder().find(io.BytesIO(file.getvalue()))]
    assert places == [":a.log:2", ":b/c.gz:2"]


def test_lines_are_numbered_and_those_without_a_record_counted() -> None:
    line = known().to_line(detail=False)
    indented = json.dumps(json.loads(line), indent=2)
    text = f"one\n\n{line}\ntwo {line} {line}\n {indented}\n\n\nthree\n{json.dumps(line)}\r\nfour\rfive\n{line}\nsix"
    for sizes in ([], [1], [50]):
        finder = RecordFinder()
        places = [where for where, _ in finder.find(Trickle(text.encode(), sizes))]
        assert places == [":3", ":4", ":4", ":5", ":16", ":19"]
        assert finder.not_records == 5


def test_a_record_of_a_pipe_is_given_before_more_is_read() -> None:
    """A line is not held until the next one comes."""
    reads = 0

    def count() -> None:
        nonlocal reads
        reads += 1

    docker = "".join(json.dumps({"log": written([known(levels=number)])}) + "\n" for number in range(1, 9))
    size = len(docker) // 8
    for number, (_, what) in enumerate(RecordFinder().find(Trickle(docker.encode(), [size]), count), start=1):
        assert (what, reads) == (known(levels=number), number)


CSV_KEYS = "timestamp,symbol,obi,notional_bid,notional_ask,levels"


@pytest.mark.parametrize(
    ("row", "is_invalid"),
    [
        ("2026-11-22T10:00:07Z,BTCUSDT,0.153847,150000.5,110000.25,5", False),
        ("2026-11-22T10:00:07Z,BTCUSDT,0.153847,150000.5,110000.25,", True),
        ("2026-11-22T10:00:07Z,BTCUSDT,nothing,150000.5,110000.25,5", True),
        ("2026-11-22T10:00:07Z,BTCUSDT,NaN,150000.5,110000.25,5", True),
    ],
)
def test_a_row_below_a_heading_is_a_record_or_invalid(row: str, is_invalid: bool) -> None:
    for heading in (CSV_KEYS, CSV_KEYS.replace(",", '","').join('""')):
        (one,) = found(f"\N{ZERO WIDTH NO-BREAK SPACE}{heading}\n{row}\n,,,,,\n{heading}\nSTART\n".encode())
        assert isinstance(one, InvalidRecord) if is_invalid else one == known()
    assert found(row.encode()) == []
