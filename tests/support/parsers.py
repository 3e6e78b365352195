"""Every parser of the product: a function that calls it with any bytes, the errors it may raise, valid examples."""

import io
import json
from collections.abc import Callable
from typing import NamedTuple

from handler.book import Book, measure
from handler.cli.history import FLAGS as HISTORY_FLAGS
from handler.cli.parser import Parser
from handler.cli.query import Query
from handler.cli.sample import FLAGS as SAMPLE_FLAGS
from handler.errors import InvalidBook, InvalidRecord, InvalidTimestamp, UsageError
from handler.exchanges.binance import classify_response, parse_depth
from handler.invocation import slots_for_event
from handler.options import OPTIONS, Options
from handler.record import Record
from handler.settings import Settings
from handler.slots import format_timestamp, parse_moment
from handler.stores.find_records import RecordFinder
from handler.stores.items import item_from_record, record_from_item

VARIABLES = [option.variable for option in OPTIONS.values() if option.variable]
NOW = 1_795_262_400.0
LINE = (
    b'{"timestamp":"2026-11-22T10:00:00Z","symbol":"BTCUSDT","obi":0.153847,"notional_bid":150000.5,'
    b'"notional_ask":110000.25,"levels":5,"obi_quantity":null,"best_bid":1e-08,"mid":90000.0,"last_update_id":7,'
    b'"host":"127.0.0.1","latency_ms":1.5}'
)
DEPTH = b'{"lastUpdateId":7,"bids":[["90000.10000000","1.50000000"],["89999",2.5]],"asks":[["90000.2","1"]]}'


class Target(NamedTuple):
    """A parser: a function that calls it, the errors it may raise, and examples that it accepts."""

    call: Callable[[bytes], object]
    clean: tuple[type[BaseException], ...]
    examples: tuple[bytes, ...]


def _depth(data: bytes) -> None:
    book = parse_depth(data)
    Record("2026-11-22T10:00:00Z", "BTCUSDT", levels=5, **measure(book, 5)._asdict()).to_line(detail=True)


def _response(data: bytes) -> None:
    status, _, rest = data.partition(b" ")
    retry_after, _, body = rest.partition(b"\r\n")
    headers = {"retry-after": retry_after.decode("latin-1")}
    found = classify_response(int(status) if status.isdigit() and len(status) < 4 else 200, headers, body, NOW)
    if isinstance(found, Book):
        measure(found, 5)


def _check_round_trip(record: Record) -> None:
    item_from_record(record, 60, 7)
    line = record.to_line(detail=True)
    line.encode()
    if Record.from_line(line) != record:
        raise AssertionError("a record does not read back as it was written")
    record_from_item(item_from_record(record, 60))


def _line(data: bytes) -> None:
    _check_round_trip(Record.from_line(data.decode(errors="replace")))


def _log(data: bytes) -> None:
    for _, found in RecordFinder().find(io.BytesIO(data)):
        if isinstance(found, Record):
            _check_round_trip(found)


def _event(data: bytes) -> None:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = data.decode(errors="replace")
    for slot in slots_for_event(event, 60, NOW).slots:
        format_timestamp(slot)


def _moment(data: bytes) -> None:
    format_timestamp(parse_moment(data.decode(errors="surrogateescape"), NOW))


def _history(data: bytes) -> None:
    flags = Parser(" history", "", HISTORY_FLAGS).read(data.decode(errors="surrogateescape").split("\n"))
    query = Query.read(Options(flags, {}), NOW)
    format_timestamp(query.since), format_timestamp(query.until)


def _flags(data: bytes) -> None:
    flags = Parser("", "", SAMPLE_FLAGS).read(data.decode(errors="surrogateescape").split("\n"))
    Settings.read(flags, {})


def _environment(data: bytes) -> None:
    words = data.decode(errors="surrogateescape").split("\n")
    Settings.read({}, {"OBI_SYMBOLS": "BTC"} | dict(zip(VARIABLES, words, strict=False)))


TARGETS: dict[str, Target] = {
    "depth body": Target(_depth, (InvalidBook,), (DEPTH,)),
    "response": Target(
        _response,
        (),
        (
            b"200 0\r\n" + DEPTH,
            b'418 7\r\n{"code":-1003,"msg":"IP banned until 1795341600000."}',
            b'400 x\r\n{"code":1}',
        ),
    ),
    "JSON line": Target(_line, (InvalidRecord,), (LINE,)),
    "log line": Target(
        _log,
        (),
        (b"2026-11-22T10:00:01 " + LINE, b'{"message": "' + LINE.replace(b'"', b'\\"') + b'\\n"}', LINE + b"\t" + LINE),
    ),
    "event": Target(
        _event, (UsageError,), (b'{"scheduled_time":"2026-11-22T10:00:00Z"}', b'{"time":"0001-01-01T00:00:00+14:00"}')
    ),
    "--since": Target(
        _moment, (InvalidTimestamp,), (b"24h", b"2026-11-22T10:00:00+01:00", b"2026-11-22", b"999999999w")
    ),
    "history's flags": Target(_history, (UsageError,), (b"--symbol\nBTC\n--since\n7d\n--until\n2026-11-22",)),
    "flags": Target(
        _flags,
        (UsageError,),
        (b"--symbol\nBTC\nETH\n--levels\n5\n--base-url\nhttp://u:p@[::1]:80/a\n--retention-days=7\n--detail",),
    ),
    "environment": Target(
        _environment,
        (UsageError,),
        (b"BTC,ETH\nspot\n5,20\n10,50\n1000\n60\nUSDT\nhttps://a,http://b:8080/x\nmine\n365",),
    ),
}
