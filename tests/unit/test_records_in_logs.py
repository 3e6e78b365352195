"""Printed records are found in any log, invalid ones are reported, and everything else is ignored."""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import detailed_records, known, plain_records

from handler.errors import InvalidRecord
from handler.record import Record
from handler.stores.find_records import RecordFinder

STREAM = "2026/11/22/[$LATEST]0a1b2c3d4e5f"
MILLISECONDS = 1_795_341_607_123

EVENT = {"logStreamName": STREAM, "timestamp": MILLISECONDS, "message": "", "ingestionTime": MILLISECONDS + 9}

Wrapping = Callable[[str], str]


def event(line: str) -> dict[str, Any]:
    """A log event as the API gives it: the end of the printed line is part of the message."""
    return {**EVENT, "message": f"{line}\n", "eventId": "38" * 28}


def pretty(value: object, indent: int = 4) -> str:
    return json.dumps(value, indent=indent)


WRAPPINGS: dict[str, Wrapping] = {
    "printed": lambda line: line,
    "windows": lambda line: f"\N{ZERO WIDTH NO-BREAK SPACE}{line}\r",
    "aws logs filter-log-events": lambda line: pretty({"events": [event(line)], "searchedLogStreams": []}),
    "aws logs filter-log-events --output text": lambda line: (
        f"EVENTS\t{'38' * 28}\t{MILLISECONDS + 9}\t{STREAM}\t{line}\n\t{MILLISECONDS}"
    ),
    "aws logs filter-log-events --output yaml": lambda line: f"events:\n- message: '{line}\n\n    '",
    "aws logs filter-log-events --query events[].message": lambda line: pretty([f"{line}\n"]),
    "aws logs filter-log-events --query events[].message --output text": lambda line: f"{line}\n\t",
    "aws logs get-log-events": lambda line: pretty(
        {"events": [{"timestamp": MILLISECONDS, "message": f"{line}\n", "ingestionTime": MILLISECONDS}]}
    ),
    "aws logs get-log-events | jq -c": lambda line: json.dumps(
        {"events": [{"timestamp": MILLISECONDS, "message": f"{line}\n", "ingestionTime": MILLISECONDS}]},
        separators=(",", ":"),
    ),
    "aws logs get-query-results": lambda line: pretty({"results": [[{"field": "@message", "value": f"{line}\n"}]]}),
    "aws logs tail": lambda line: f"2026-11-22T10:00:07.123000+00:00 {STREAM} {line}",
    "aws logs tail --format short": lambda line: f"2026-11-22T10:00:07 {line}",
    "aws logs tail --format json": lambda line: f"2026-11-22T10:00:07+00:00 {STREAM} \n{pretty(json.loads(line))}",
    "sam logs": lambda line: f"{STREAM} 2026-11-22T10:00:07.123000 {pretty(json.loads(line), 2)}",
    "sam logs --output json": lambda line: json.dumps(event(line)),
    "export to S3": lambda line: f"2026-11-22T10:00:07.123Z {line}",
    "subscription": lambda line: json.dumps(
        {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "38", "timestamp": MILLISECONDS, "message": f"{line}\n"}]}
    ),
    "docker": lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-22T10:00:07.1Z"}),
    "not stored": lambda line: f"2026-11-22T10:00:07Z ERROR not stored: table obi: it is gone: {line}",
}

OTHERS = {
    "start": '{"time":"2026-11-22T10:00:00.100Z","type":"platform.start","record":{"requestId":"0a"}}',
    "report": '{"time":"2026-11-22T10:00:01.100Z","type":"platform.report","record":{"metrics":{"durationMs":812.5}}}',
    "plain report": "REPORT RequestId: 0a1b\tDuration: 812.50 ms\tBilled Duration: 813 ms\tMemory Size: 256 MB\t",
    "powertools": '{"level":"ERROR","location":"deliver:58","message":"not stored","timestamp":"2026-11-22 10:00:00"}',
    "powertools, time first": '{"timestamp":"2026-11-22 10:00:00","level":"INFO","message":"told","service":"handler"}',
    "runtime": '{"timestamp": "2026-11-22T10:00:00Z", "level": "ERROR", "errorType": "HandlerError", "stackTrace": []}',
    "metrics": '{"_aws":{"Timestamp":1795341607123,"CloudWatchMetrics":[]},"service":"sampler","Stored":[60.0]}',
    "empty array": "[]",
    "text": 'nothing, with a { brace and a "timestamp": here',
    "start of a string": '"{\\"level\\":\\"INFO\\"}"',
}


def found(lines: Iterable[bytes]) -> list[Record | InvalidRecord]:
    return [what for _, what in RecordFinder().find(io.BytesIO(b"".join(lines)))]


def found_in(text: str) -> list[Record | InvalidRecord]:
    return found(text.encode().splitlines(keepends=True))


@given(detailed_records, st.booleans())
def test_every_wrapping(record: Record, detail: bool) -> None:
    """A printed record is found in every wrapping."""
    line = record.to_line(detail=detail)
    printed = Record.from_line(line)
    assert {name: found_in(wrap(line)) for name, wrap in WRAPPINGS.items()} == {name: [printed] for name in WRAPPINGS}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_mixed_lines(wrapping: str) -> None:
    """Records among other lines are found, in their order."""
    records = [known(symbol=symbol) for symbol in ("A", "B", "C")]
    wrap = WRAPPINGS[wrapping]
    lines = [
        wrap(line) for record in records for line in (record.to_line(detail=False), *filter(_json, OTHERS.values()))
    ]
    assert found_in("\n".join(lines)) == records


def _json(line: str) -> bool:
    return line.startswith("{")


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("wrapping", ["printed", "aws logs filter-log-events", "aws logs tail", "export to S3"])
def test_other_lines(wrapping: str, other: str) -> None:
    """Other lines are not records, nor invalid ones."""
    assert found_in(WRAPPINGS[wrapping](OTHERS[other])) == []


@pytest.mark.parametrize("wrapping", ["sam logs", "aws logs tail --format json"])
def test_other_indented_lines(wrapping: str) -> None:
    """Other lines that are indented are not records either."""
    assert [found_in(WRAPPINGS[wrapping](other)) for other in OTHERS.values() if _json(other)].count([]) == 6


def test_several_records_on_a_line() -> None:
    """Several records on one line are all found."""
    one, other = known(symbol="A"), known(symbol="B", host="x")
    line = f"{one.to_line(detail=False)}\t{other.to_line(detail=True)}{one.to_line(detail=False)}"
    assert found_in(line) == [one, other, one]
    assert found_in(json.dumps([line.split("\t")[0], one.to_line(detail=False)])) == [one, one]


@pytest.mark.parametrize(
    "line",
    [
        '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT","obi":0.1',
        '{"timestamp":',
        '{"timestamp":"2026-11-22T10:0',
        '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT"}',
        '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT","obi":2,"notional_bid":1,"notional_ask":1,"levels":5}',
        '{"timestamp":"2026-13-22T10:00:07Z","symbol":"BTCUSDT","obi":0,"notional_bid":1,"notional_ask":1,"levels":5}',
        '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT","obi":NaN,"notional_bid":1,"notional_ask":1,"levels":5}',
        '"{\\"timestamp\\":\\"2026-11-22T10:00:07Z\\",\\"symbol\\":\\"BTC',
        '"{\\"timestamp\\":\\"2026-11-22T10:00:07Z\\",\\"symbol\\":\\"BTC"',
        '{"timestamp":' + "[" * 100_000,
        '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT","levels":' + "9" * 5000 + "}",
    ],
)
def test_invalid_record(line: str) -> None:
    """An invalid record is found as such."""
    (invalid,) = found_in(line)
    assert isinstance(invalid, InvalidRecord)


def test_undecodable_bytes() -> None:
    """A record with bytes that are not UTF-8 is invalid; such bytes around a record do no harm."""
    line = known(symbol="BTCUSDT").to_line(detail=False).encode()
    (invalid,) = found([line.replace(b"CUSD", b"\xff\xfe")])
    assert isinstance(invalid, InvalidRecord)
    assert found([b"\xff\xfe " + line + b" \xff"]) == [known()]


@given(plain_records, st.data())
def test_truncated_record(record: Record, data: st.DataObject) -> None:
    """A truncated record is invalid, and the next one is found."""
    line = record.to_line(detail=False)
    start = line[: data.draw(st.integers(len('{"timestamp":'), len(line) - 1))]
    invalid, whole = found_in(f"{start}{known().to_line(detail=True)}")
    assert isinstance(invalid, InvalidRecord)
    assert whole == known()


@pytest.mark.parametrize("lost", range(1, 7))
def test_truncated_indented_record(lost: int) -> None:
    """A truncated indented record is invalid, and the next one is found."""
    whole = WRAPPINGS["sam logs"](known().to_line(detail=False)).splitlines()
    invalid, record = found_in("\n".join([*whole[:-lost], *whole]))
    assert isinstance(invalid, InvalidRecord)
    assert record == known()


pieces = st.sampled_from(
    [
        *(known(host="x").to_line(detail=detail) for detail in (False, True)),
        json.dumps(known().to_line(detail=False)),
        *OTHERS.values(),
        '{"timestamp":',
        '{ "timestamp" : "2026-11-22T10:00:07Z" ,"symbol":',
        '"{\\"timestamp\\":',
        '{"timestamp":{"symbol":',
        *'{}[]":,\\ \n0',
        "\ud800",
    ]
)
mixtures = st.lists(pieces | st.text(max_size=5)).map(lambda parts: "".join(parts).encode(errors="surrogatepass"))


@given(st.lists(st.binary() | mixtures))
def test_any_bytes(lines: list[bytes]) -> None:
    """Any bytes are records, invalid ones, or nothing."""
    for one in found(lines):
        assert isinstance(one, InvalidRecord) or Record.from_line(one.to_line(detail=True)) == one


values = st.recursive(st.none() | st.booleans() | st.integers(-(2**2000), 2**2000) | st.floats() | st.text(), st.lists)


@given(st.sampled_from(["obi", "notional_bid", "last_update_id", "levels", "timestamp", "symbol"]), values)
def test_any_value(key: str, value: object) -> None:
    """Any value makes a record or an invalid one."""
    (one,) = found_in(json.dumps(known().values(detail=True) | {key: value}))
    assert isinstance(one, Record | InvalidRecord)


def test_huge_whole_number() -> None:
    """A whole number beyond every float makes a record invalid."""
    line = known().to_line(detail=False).replace("150000.5", "1" + "0" * 400)
    (one,) = found_in(line)
    assert isinstance(one, InvalidRecord)
