"""The parts of the local system: its file of records, its stdout, its table."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from support.archive import lines, record
from support.servers import aws_client, create_table

from handler.stores.items import Item, item_from_record
from infra.local.journal import Journal
from infra.local.output import RecordOutput
from infra.local.table_server import MAX_PAGE_ITEMS, table_server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


def test_record_is_kept_once(path: Path) -> None:
    """A record is kept once, however often it comes."""
    first = Journal(path)
    first.append([record(1), record(2)])
    first.append([record(2), record(3)])
    second = Journal(path)
    second.read_newest(1)
    second.append([record(1), record(4)])
    assert path.read_text() == lines([record(1), record(2), record(3), record(4)], detail=True)
    assert len(second) == 4


def test_newest_records(path: Path) -> None:
    """The newest records are read, and the file keeps the others."""
    path.write_text(lines([record(3), record(1), record(4), record(2)], detail=True))
    before = path.read_bytes()
    journal = Journal(path)
    assert journal.read_newest(2) == [record(3), record(4)]
    assert (len(journal), path.read_bytes()) == (4, before)


@pytest.mark.parametrize("end", ["", '{"timestamp":"2024-01-0', '{"timestamp":"2024-01-01T00:00:07Z","sym', "\0\0\0"])
def test_truncated_line(path: Path, end: str) -> None:
    """A truncated last line is skipped, and spoils no other."""
    path.write_text(lines([record(1)], detail=True) + end)
    journal = Journal(path)
    assert journal.read_newest(10) == [record(1)]
    journal.append([record(2)])
    assert path.read_text() == lines([record(1)], detail=True) + (end and f"{end}\n") + lines([record(2)], detail=True)
    assert Journal(path).read_newest(10) == [record(1), record(2)]


def test_copied_record(path: Path) -> None:
    """A record that was copied into the file without detail is not added again."""
    path.write_text(lines([record(1)]))
    journal = Journal(path)
    journal.append(journal.read_newest(10))
    assert path.read_text() == lines([record(1)])


def test_failed_write(tmp_path: Path) -> None:
    """After a line that could not be written the next one is whole."""
    journal = Journal(tmp_path / "folder/records.jsonl")
    with pytest.raises(FileNotFoundError):
        journal.append([record(1)])
    (tmp_path / "folder").mkdir()
    journal.append([record(1)])
    assert Journal(tmp_path / "folder/records.jsonl").read_newest(10) == [record(1)]


def test_function_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the function's output only records go to stdout."""
    kept: list[Any] = []
    line = record(1).to_line(detail=True)
    with (tmp_path / "stdout").open("wb") as stdout:
        output = RecordOutput(stdout.fileno(), kept.append)
        print(line, file=output, flush=True)
        print('{"_aws":{"CloudWatchMetrics":[]},"Stored":[1.0]}', "a warning of a library", sep="\n", file=output)
        print(line[:20], end="", file=output)
        print(line[20:], file=output)
    assert (tmp_path / "stdout").read_text() == f"{line}\n{line}\n"
    assert kept == [record(1), record(1)]
    assert capsys.readouterr() == ("", "a warning of a library\n")


def test_stored_records() -> None:
    """What is put into the table is passed on, and what is rejected is not."""
    stored: list[Item] = []
    name, items = _name(), [item_from_record(record(minute), 60) for minute in range(3)]
    with table_server(name, stored.extend) as url, aws_client("dynamodb", url) as client:
        create_table(client, name)
        client.put_item(TableName=name, Item=items[0], ConditionExpression="attribute_not_exists(series)")
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.put_item(TableName=name, Item=items[0], ConditionExpression="attribute_not_exists(series)")
        client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}} for item in items[1:]]})
        client.put_item(TableName=create_table(client), Item=items[0])
    assert stored == items


def test_pages() -> None:
    """A long range is read in pages short enough for any client."""
    name = _name()
    with table_server(name, len) as url, aws_client("dynamodb", url) as client:
        create_table(client, name)
        items = [item_from_record(record(minute), 60) for minute in range(MAX_PAGE_ITEMS + 1)]
        for start in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            client.batch_write_item(RequestItems={name: requests})
        pages = list(client.get_paginator("scan").paginate(TableName=name))
    assert [len(page["Items"]) for page in pages] == [MAX_PAGE_ITEMS, 1]


def _name() -> str:
    """A table's name: moto has one set of tables in a process, whatever server they were made with."""
    return f"records-{uuid.uuid4()}"
