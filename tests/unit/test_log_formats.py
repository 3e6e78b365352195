"""A thousand records in each format that a log or an export of one has come out again, in order.

These are written by hand, after the documentation of the tools; tests/integration/test_aws_exports.py has those that
the AWS command line writes.
"""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable, Iterable

import pytest

from handler.cli.formats import Columns, write_csv
from handler.errors import InvalidRecord
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.find_records import RecordFinder

draw = random.Random(15)
RECORDS = [
    Record(
        timestamp=format_timestamp(1_795_341_600 + 60 * number + draw.randrange(60)),
        symbol=draw.choice(["BTCUSDT", "ETHUSDT", "币安人生USDT"]),
        obi=round(draw.uniform(-1, 1), 6),
        notional_bid=round(draw.uniform(0, 1e7), 6),
        notional_ask=round(draw.uniform(0, 1e7), 6),
        levels=5,
        mid=draw.choice([None, 93_412.015]),
        host=draw.choice([None, "data-api.binance.vision"]),
    )
    for number in range(1000)
]
STREAM = "2026/11/22/[$LATEST]0a1b2c3d4e5f"
MILLISECONDS = 1_795_341_607_123
OTHERS = [
    "INIT_START Runtime Version: python:3.11.v40",
    "START RequestId: 0a1b Version: $LATEST",
    '{"time":"2026-11-22T10:00:01.100Z","type":"platform.report","record":{"metrics":{"durationMs":812.5}}}',
    '{"timestamp":"2026-11-22T10:00:00Z","level":"WARN","message":"an empty \\"book\\"","requestId":"0a"}',
    "",
]
Write = Callable[[list[str]], str | bytes]


def events(lines: list[str]) -> list[dict[str, object]]:
    """Log events as the API gives them: the end of the printed line is part of the message."""
    return [
        {"id": f"{number:056}", "timestamp": MILLISECONDS, "message": f"{line}\n"} for number, line in enumerate(lines)
    ]


def each(write: Callable[[str], object], separator: str = "\n") -> Callable[[list[str]], str]:
    def written(lines: list[str]) -> str:
        made = (write(line) for line in lines)
        return separator.join(one if isinstance(one, str) else json.dumps(one) for one in made)

    return written


def as_csv(heading: list[str], rows: Iterable[list[str]], quoting: int = csv.QUOTE_MINIMAL) -> str:
    file = io.StringIO()
    csv.writer(file, quoting=quoting).writerows([heading, *rows])  # type: ignore[arg-type]
    return file.getvalue()


def parsed(line: str) -> dict[str, object]:
    """A line as Fluent Bit's JSON parser gives it: an object, or else under `log`."""
    try:
        values: dict[str, object] = json.loads(line)
    except ValueError:
        return {"log": line}
    return values


def subscription(lines: list[str]) -> str:
    head = {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/obi", "logStream": STREAM}
    return json.dumps(head | {"subscriptionFilters": ["all"], "logEvents": events(lines)}, separators=(",", ":"))


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def pieces(lines: list[str], size: int = 50) -> list[list[str]]:
    return [lines[start : start + size] for start in range(0, len(lines), size)]


def zipped(lines: list[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, piece in enumerate(pieces(lines, 300)):
            archive.writestr(f"logs/{number}.log", "\n".join(piece))
    return file.getvalue()


FLUENT_BIT_KEYS = {"container_id": "0a", "container_name": "/obi", "source": "stdout", "ecs_cluster": "prod"}

FORMATS: dict[str, Write] = {
    "as printed": "\n".join,
    "\\r\\n": "\r\n".join,
    "\\r": "\r".join,
    "PowerShell's >": lambda lines: "\r\n".join(lines).encode("utf-16"),
    "UTF-16 without a byte order mark": lambda lines: "\r\n".join(lines).encode("utf-16-le"),
    "UTF-16, big-endian": lambda lines: "\n".join(lines).encode("utf-16-be"),
    "UTF-32": lambda lines: "\r\n".join(lines).encode("utf-32"),
    "UTF-32, big-endian": lambda lines: "\n".join(lines).encode("utf-32-be"),
    "UTF-8 with a byte order mark": lambda lines: "\n".join(lines).encode("utf-8-sig"),
    "gzip": lambda lines: gzip.compress("\n".join(lines).encode()),
    "bzip2": lambda lines: bz2.compress("\n".join(lines).encode()),
    "xz": lambda lines: lzma.compress("\n".join(lines).encode()),
    "zip": zipped,
    "gzip inside gzip": lambda lines: gzip.compress(gzip.compress("\n".join(lines).encode())),
    "xz inside bzip2": lambda lines: bz2.compress(lzma.compress("\n".join(lines).encode())),
    "zip inside gzip": lambda lines: gzip.compress(zipped(lines)),
    "indented, as by sam logs": each(lambda line: f"{STREAM} 2026-11-22T10:00:07 {json.dumps(parsed(line), indent=2)}"),
    "filter-log-events, compact": lambda lines: json.dumps({"events": events(lines)}, separators=(",", ":")),
    "filter-log-events, indented": lambda lines: json.dumps({"events": events(lines)}, indent=4),
    "filter-log-events, YAML": each(lambda line: f"- message: '{line}\n\n    '\n  timestamp: {MILLISECONDS}"),
    "aws logs tail --format detailed": each(lambda line: f"2026-11-22T10:00:07.123000+00:00 {STREAM} {line}"),
    "aws logs tail --format short": each(lambda line: f"2026-11-22T10:00:07 {line}"),
    "aws logs tail --format json": each(
        lambda line: f"2026-11-22T10:00:07+00:00 {STREAM} \n{json.dumps(parsed(line), indent=4)}"
    ),
    "Insights, JSON": lambda lines: json.dumps(
        [[{"field": "@message", "value": f"{line}\n"}, {"field": "@ptr", "value": "Co8B"}] for line in lines], indent=2
    ),
    "Insights, CSV": lambda lines: as_csv(
        ["@timestamp", "@message"], (["2026-11-22 10:00:07.123", f"{line}\n"] for line in lines)
    ),
    "Insights, CSV of the keys": lambda lines: as_csv(
        ["@timestamp", *Record._fields],
        (
            ["now", *("" if (value := parsed(line).get(key)) is None else str(value) for key in Record._fields)]
            for line in lines
            if "symbol" in line
        ),
        csv.QUOTE_ALL,
    ),
    "console, CSV": lambda lines: as_csv(
        ["timestamp", "message"], ([str(MILLISECONDS), f"{line}\n"] for line in lines)
    ),
    "export to S3": lambda lines: gzip.compress(each(lambda line: f"2026-11-22T10:00:07.123Z {line}")(lines).encode()),
    "subscription": subscription,
    "Lambda event of a subscription": lambda lines: json.dumps({"awslogs": {"data": packed(subscription(lines))}}),
    "Firehose event": lambda lines: json.dumps(
        {
            "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/obi",
            "records": [{"recordId": "49", "data": packed(subscription(piece))} for piece in pieces(lines)],
        }
    ),
    "Kinesis, not compressed": lambda lines: json.dumps(
        {"Records": [{"Data": base64.b64encode(f"{line}\n".encode()).decode()} for line in lines]}
    ),
    "subscription in base64, CSV": lambda lines: as_csv(
        ["id", "data"], (["1", packed(subscription(piece))] for piece in pieces(lines))
    ),
    "Firehose object": lambda lines: "".join(map(subscription, pieces(lines))),
    "Firehose object, gzip": lambda lines: b"".join(gzip.compress(subscription(one).encode()) for one in pieces(lines)),
    "Firehose object, gzip twice": lambda lines: gzip.compress(
        b"".join(gzip.compress(subscription(piece).encode()) for piece in pieces(lines))
    ),
    "Firehose object of Lambda's lines, decompressed": lambda lines: "".join(lines),
    "docker": each(lambda line: {"log": f"{line}\n", "stream": "stdout", "time": "2026-11-22T10:00:07.1Z"}),
    "docker compose": each(lambda line: f"\x1b[36mobi-1  |\x1b[0m {line}"),
    "containerd": each(lambda line: f"2026-11-22T10:00:07.123456789Z stdout F {line}"),
    "journald -o json": each(
        lambda line: {"__CURSOR": "s=0a;i=1", "PRIORITY": "6", "MESSAGE": line, "_SYSTEMD_UNIT": "obi.service"}
    ),
    "journald -o json, as bytes": each(
        lambda line: {"__CURSOR": "s=0a;i=1", "MESSAGE": list(f"\x1b[32m{line}\x1b[0m".encode()), "PRIORITY": "6"}
    ),
    "journald -o short": each(lambda line: f"Nov 22 10:00:07 host python[812]: {line}"),
    "Fluent Bit": each(lambda line: {"date": 1_795_341_607.123, "log": line}),
    "Fluent Bit, parsed, keys sorted": each(
        lambda line: json.dumps(parsed(line) | FLUENT_BIT_KEYS, sort_keys=True, ensure_ascii=False)
    ),
    "FireLens in filter-log-events": lambda lines: json.dumps(
        {"events": events([json.dumps({"log": line} | FLUENT_BIT_KEYS) for line in lines])}, indent=4
    ),
    "Vector": each(lambda line: json.dumps({"file": "/x", "host": "h", "message": line}, sort_keys=True)),
    "not stored, on stderr": each(lambda line: f"2026-11-22T10:00:07Z ERROR not stored: table obi: it is gone: {line}"),
    "not stored, in Lambda's JSON": each(
        lambda line: {
            "timestamp": "2026-11-22T10:00:07Z",
            "level": "ERROR",
            "message": f"not stored: it is gone: {line}",
        }
    ),
    "not stored, in docker": each(
        lambda line: {"log": f"2026-11-22T10:00:07Z ERROR not stored: it is gone: {line}\n", "stream": "stderr"}
    ),
    "not stored, in Lambda's JSON in filter-log-events": lambda lines: json.dumps(
        {"events": events([json.dumps({"level": "ERROR", "message": f"not stored: {line}"}) for line in lines])}
    ),
}


def found(data: str | bytes) -> list[Record | InvalidRecord]:
    return [what for _, what in RecordFinder().find(io.BytesIO(data.encode() if isinstance(data, str) else data))]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("detail", [True, False], ids=["with detail", "six keys"])
def test_a_thousand_records_come_out_as_they_went_in(name: str, detail: bool) -> None:
    records = RECORDS if detail else [Record(*record[:6]) for record in RECORDS]
    lines: list[str] = []
    for number, record in enumerate(records):
        lines += [record.to_line(detail=detail), OTHERS[number % len(OTHERS)]]
    assert found(FORMATS[name](lines)) == records


@pytest.mark.parametrize("name", FORMATS)
def test_other_lines_alone_are_no_records(name: str) -> None:
    assert found(FORMATS[name](OTHERS * 3)) == []


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_what_history_writes_as_csv_is_read(compress: Callable[[bytes], bytes]) -> None:
    for records, detail in ((RECORDS, True), ([Record(*record[:6]) for record in RECORDS], False)):
        lines: list[str] = []
        write_csv(records, lines.append, Columns.of_records(distances=False, other_markets=False, detail=detail))
        text = "\n".join(lines)
        assert found(compress(f"{text}\n{text}\n".encode())) == records * 2
