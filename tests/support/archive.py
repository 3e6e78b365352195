"""A table on a stand-in for DynamoDB, and the program that reads it and fills it, in a process of its own."""

import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from handler.stores.items import Item, record_from_item

from handler.cli.main import main
from handler.record import Record
from handler.slots import format_timestamp
from support import program
from support.servers import AWS, aws_client, create_table

PAST = 1_704_067_200
"""2024-01-01T00:00:00Z: every slot of that day is over, in whatever year the tests run."""


@dataclass(frozen=True)
class Archive:
    """The table, a client that looks into it past the code under test, and the environment that points there."""

    name: str
    client: Any
    environment: dict[str, str]

    def start(self, *flags: str, **more: Any) -> "subprocess.Popen[str]":
        """Start the program, and leave it running."""
        return program.start(*flags, **(self.environment | more))

    def run(self, *flags: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        with self.start(*flags, **more) as process:
            return program.finished(process)

    def run_here(self, *flags: str) -> int:
        """Run the command line in this process, which spares the start of another; returns the exit code."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            return main(flags)

    def fill(self, items: Sequence[Item]) -> None:
        """Put items as they are."""
        for start in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            assert not self.client.batch_write_item(RequestItems={self.name: requests})["UnprocessedItems"]

    def items(self) -> list[Item]:
        """What the table holds, in the order of its keys."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name)
        found = [item for page in pages for item in page["Items"]]
        return sorted(found, key=lambda item: (item["series"]["S"], item["slot"]["S"]))

    def records(self) -> list[Record]:
        """The records that the table holds."""
        return [record_from_item(item) for item in self.items()]


@contextmanager
def archives(url: str) -> Iterator[Callable[[], Archive]]:
    """What makes a new table whenever it is called."""
    with aws_client("dynamodb", url) as client:

        def new() -> Archive:
            name = create_table(client)
            return Archive(name, client, AWS | {"AWS_ENDPOINT_URL_DYNAMODB": url, "OBI_TABLE": name})

        yield new


def record(minute: float = 0, symbol: str = "BTCUSDT", levels: int = 5, **values: Any) -> Record:
    """A record of so many minutes into 2024."""
    values = {"obi": 0.25, "notional_bid": 5.0, "notional_ask": 3.0, **values}
    return Record(timestamp=format_timestamp(PAST + 60 * minute + 7), symbol=symbol, levels=levels, **values)


def lines(records: Iterable[Record], *, detail: bool = False) -> str:
    """What the sampler prints of them."""
    return "".join(f"{one.to_line(detail=detail)}\n" for one in records)
